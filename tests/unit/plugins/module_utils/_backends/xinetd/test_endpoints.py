# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sockets entries for xinetd have, and whom they let in, as another reader understands them."""

from __future__ import annotations

import ipaddress
import typing as t
from dataclasses import replace

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.files import (
    listener_settings,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import Entry
from ansible_collections.ondemand.superserver.plugins.module_utils._model.access import compile_access
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields
from ansible_collections.ondemand.superserver.tests.unit.xinetd_services import (
    HOST,
    XINETD,
    made,
    read,
)


@pytest.mark.parametrize(
    ("endpoint", "ipv6", "family", "bind", "v6only"),
    [
        ({"tcp": "7"}, True, "IPv6", "::", ""),
        ({"tcp": "7"}, False, "IPv4", "0.0.0.0", ""),
        ({"tcp": "7", "family": "ipv4"}, True, "IPv4", "0.0.0.0", ""),
        ({"tcp": "7", "family": "ipv6"}, True, "IPv6", "::", "yes"),
        ({"tcp": "[::]:7"}, True, "IPv6", "::", "yes"),
        ({"tcp": "[::1]:7"}, True, "IPv6", "::1", "yes"),
        ({"tcp": "127.0.0.1:7"}, True, "IPv4", "127.0.0.1", ""),
    ],
)
def test_families(endpoint: Fields, ipv6: bool, family: str, bind: str, v6only: str) -> None:
    (entry,) = read(made("echo", listen=[endpoint]), replace(HOST, ipv6=ipv6))
    assert entry.attributes["flags"] == [family, "NOLIBWRAP"]
    assert (entry.one("bind"), entry.one("v6only")) == (bind, v6only)


@pytest.mark.parametrize(
    ("listen", "ipv6", "ids"),
    [
        ([{"tcp": "7"}], True, ["e"]),
        ([{"tcp": "7"}], False, ["e"]),
        ([{"udp": "7"}], True, ["e"]),
        ([{"tcp": "7", "family": "ipv4"}], True, ["e:tcp:0.0.0.0:7"]),
        ([{"tcp": "7", "family": "ipv6"}], True, ["e:tcp:[::]:7"]),
        ([{"tcp": "127.0.0.1:7"}], False, ["e:tcp:127.0.0.1:7"]),
        ([{"tcp": "7"}, {"tcp": "8"}], True, ["e:tcp:*:7", "e:tcp:*:8"]),
    ],
)
def test_ids(listen: list[Fields], ipv6: bool, ids: list[str]) -> None:
    host = replace(HOST, ipv6=ipv6)
    one = made("e", listen=listen)
    assert [entry.one("id") for entry in read(one, host)] == ids
    assert [XINETD.owner(one, listener, host) for listener in one.listeners(ipv6)] == [("xinetd", name) for name in ids]


def test_owner_of_somebody_elses_listener() -> None:
    (listener,) = made("other", listen=[{"tcp": "8"}]).listeners(True)
    with pytest.raises(ValueError, match="does not listen"):
        XINETD.owner(made("echo"), listener, HOST)


# Changes of one service, and whether its sockets must be closed and opened for them.
CHANGES: tuple[tuple[Fields, bool], ...] = (
    ({"listen": [{"tcp": "8"}]}, True),
    ({"listen": [{"tcp": "7", "family": "ipv6"}]}, True),
    ({"listen": [{"tcp": "127.0.0.1:7"}]}, True),
    ({"listen": [{"tcp": "7"}, {"tcp": "8"}]}, True),
    ({"accept": False}, True),
    ({"exec": ["/bin/echo"]}, False),
    ({"user": "nobody", "umask": "077", "nice": 3, "working_directory": "/srv"}, False),
    ({"access": {"allow": ["192.0.2.1"]}, "connections": {"max": 3}}, False),
    ({"exec": None, "user": None, "internal": "echo"}, False),
    ({"state": "disabled"}, False),
)


@pytest.mark.parametrize(("fields", "anew"), CHANGES)
def test_binding_anew(fields: Fields, anew: bool) -> None:
    old, new = made("echo"), made("echo", **fields)
    assert XINETD.rebinds(old, new, HOST) == anew
    assert XINETD.rebinds(new, old, HOST) == anew


# What is bound otherwise must not be an entry that xinetd would move within its reload, or would not move at all.
SOCKETS: tuple[Fields, ...] = (
    *({"tcp": "7"}, {"tcp": "7", "family": "ipv4"}, {"tcp": "7", "family": "ipv6"}, {"udp": "7"}, {"tcp": "8"}),
    *({"tcp": "127.0.0.1:7"}, {"tcp": "127.0.0.2:7"}, {"tcp": "[::1]:7"}),
)


@pytest.mark.parametrize("ipv6", [True, False])
def test_another_socket_is_another_entry(ipv6: bool) -> None:
    host = replace(HOST, ipv6=ipv6)
    known: dict[tuple[str, ...], t.Any] = {}
    for endpoint in SOCKETS:
        if not ipv6 and ("[" in str(endpoint) or endpoint.get("family") == "ipv6"):
            continue
        one = made("echo", listen=[endpoint])
        (entry,) = read(one, host)
        # What xinetd knows an entry by when it reads its configuration again.
        key = tuple(entry.one(name) for name in ("id", "protocol", "port", "wait"))
        assert known.setdefault(key, listener_settings(one, host)) == listener_settings(one, host)


@pytest.mark.parametrize(
    ("allow", "deny"),
    [
        (["192.0.2.0/24"], []),
        (["192.0.2.0/24"], ["192.0.2.128/25"]),
        (["192.0.2.1"], ["192.0.2.1"]),
        ([], ["192.0.2.0/24", "2001:db8::/32"]),
        (["::/0"], []),
        ([], ["::/0"]),
        (["::/0", "0.0.0.0/0"], []),
        (["::/0"], ["2001:db8::1"]),
        (["::1", "2001:db8::1/128"], []),
        ([], ["::/1"]),
        (["10.0.0.0/8"], ["10.0.0.1"]),
        (["10.0.0.0"], []),
        ([], ["10.0.0.0", "0.0.0.0"]),
    ],
)
def test_access(allow: list[str], deny: list[str]) -> None:
    (entry,) = read(made("echo", access={"allow": allow, "deny": deny}))
    assert not {"only_from", "no_access"} <= entry.attributes.keys()
    compiled = compile_access(allow, deny)
    for client in ("192.0.2.1", "192.0.2.129", "198.51.100.7", "2001:db8::1", "2001:db8::2", "::1", "fd00::1"):
        assert admitted(entry, client) == compiled.permits(client)
    for client in ("0.0.0.0", "10.0.0.0", "10.0.0.1", "10.0.0.2", "10.1.0.1"):
        assert admitted(entry, client) == compiled.permits(client)


def admitted(entry: Entry, client: str) -> bool:
    """xinetd's own way with the two lists, on a socket of both families."""
    address = ipaddress.ip_address(client)
    seen = ipaddress.ip_address(f"::ffff:{client}") if address.version == 4 else address

    def matches(text: str) -> bool:
        if "/" not in text and ":" in text:
            return ipaddress.ip_address(text) in (address, seen)
        if "/" not in text:
            # Zeros at its end stand for every number.
            octets = text.split(".")
            while octets and octets[-1] == "0":
                octets.pop()
            text = f"{text}/{8 * len(octets)}"
        network = ipaddress.ip_network(text)
        # It compares such a one with the client's name.
        return network.prefixlen != 128 and (address in network or seen in network)

    if "only_from" in entry.attributes:
        return any(matches(text) for text in entry.attributes["only_from"])
    return not any(matches(text) for text in entry.attributes["no_access"])


def test_wide_prefix_on_a_socket_of_one_family_stays_whole() -> None:
    (entry,) = read(made("only-ipv6", access={"allow": ["::/0"]}))
    assert entry.attributes["only_from"] == ["::/0"]
