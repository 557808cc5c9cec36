# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sockets are what a listener describes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets import table
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import (
    Listener,
    listener_of,
    parse_endpoint,
)


def row(text: str, **changes: object) -> Socket:
    """A socket as ``ADDRESS`` (``dual`` for :: with IPv4), TCP port 7."""
    address = "::" if text == "dual" else text
    family = "ipv6" if ":" in address else "ipv4"
    plain = Socket("tcp", family, address, 7, text == "dual", "stream", 1, 0, 9, "")
    return replace(plain, **changes)  # type: ignore[arg-type]


def wanted(text: str, family: str = "any", ipv6: bool = True, interface: str | None = None) -> Listener:
    endpoint = parse_endpoint("tcp", text)
    return listener_of(
        replace(endpoint, family=family if family != "any" else endpoint.family, interface=interface), ipv6
    )


@pytest.mark.parametrize(
    ("listener", "sockets"),
    [
        (wanted("7"), [row("dual")]),
        (wanted("7"), [row("0.0.0.0"), row("::")]),
        (wanted("7"), [row("dual"), row("dual", inode=2)]),
        (wanted("7", ipv6=False), [row("0.0.0.0")]),
        (wanted("7", "ipv4"), [row("0.0.0.0")]),
        (wanted("7", "ipv6"), [row("::")]),
        (wanted("127.0.0.1:7"), [row("127.0.0.1")]),
        (wanted("[::1]:7"), [row("::1")]),
        (wanted("7", interface="eth0"), [row("dual", interface="eth0")]),
        (wanted("7", interface="eth0"), [row("dual", interface=None)]),
        (wanted("7"), [row("dual", interface=None)]),
    ],
)
def test_realised(listener: Listener, sockets: list[Socket]) -> None:
    others = [row("192.0.2.1"), row("dual", port=8), row("dual", transport="udp", type="datagram")]
    assert table.realising(listener, [*others, *sockets]) == sockets


@pytest.mark.parametrize(
    ("listener", "entry"),
    [
        (wanted("7"), row("0.0.0.0")),
        (wanted("7"), row("::")),
        (wanted("7"), row("127.0.0.1")),
        (wanted("7"), row("dual", interface="eth0")),
        (wanted("7"), row("dual", transport="udp")),
        (wanted("7"), row("dual", port=70)),
        (wanted("7", ipv6=False), row("dual")),
        (wanted("7", "ipv4"), row("dual")),
        (wanted("7", "ipv4"), row("::")),
        (wanted("7", "ipv6"), row("dual")),
        (wanted("127.0.0.1:7"), row("0.0.0.0")),
        (wanted("[::1]:7"), row("dual")),
        (wanted("[::1]:7"), row("::1", interface="lo")),
        (wanted("7", interface="eth0"), row("dual")),
        (wanted("7", interface="eth0"), row("dual", interface="eth1")),
    ],
)
def test_not_realised(listener: Listener, entry: Socket) -> None:
    assert table.realising(listener, [entry]) == []


def test_unix_is_realised_by_its_path() -> None:
    listener = listener_of(parse_endpoint("unix", "/run/a"), ipv6=True)
    entry = Socket("unix", "unix", "/run/a", 0, False, "seqpacket", 1, 0, None, "")
    other = replace(entry, address="/run/b")
    assert table.realising(listener, [entry, other]) == [entry]


@pytest.mark.parametrize("text", ["7", "127.0.0.1:7", "[::1]:7", "[::]:7", "0.0.0.0:7"])
def test_a_listener_is_realised_by_the_socket_it_describes(text: str) -> None:
    listener = wanted(text)
    address = "dual" if listener.family == "dual" else listener.address
    assert row(address).listener == listener
    assert table.realising(listener, [row(address)])
