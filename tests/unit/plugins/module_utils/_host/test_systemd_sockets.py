# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which socket unit a socket belongs to, by what the service manager prints."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._host import _systemd_sockets
from ansible_collections.ondemand.superserver.plugins.module_utils._host._sockets import Socket
from ansible_collections.ondemand.superserver.plugins.module_utils._host._systemd_sockets import SocketUnit, unit_of

# Printed by systemd 252 and, but for the order of the units, by 257.
SHOWN = """\
BindToDevice=
Listen=[::]:7 (Stream)
ControlGroup=/system.slice/dual.socket
Id=dual.socket
ActiveState=active

BindToDevice=
Listen=127.0.0.1:15 (Stream)
Listen=[::1]:15 (Stream)
Listen=[::1]:16 (Datagram)
ControlGroup=/system.slice/several.socket
Id=several.socket
ActiveState=active

BindToDevice=eth0
Listen=[::]:17 (Stream)
ControlGroup=/system.slice/device.socket
Id=device.socket
ActiveState=active

BindToDevice=
Listen=/run/with blank (and more).sock (Stream)
Listen=/run/\\"a\\" \\'b\\' \\\\ \\303\\274 %n (Stream)
Listen=/run/datagram (Datagram)
Listen=/run/packets (SequentialPacket)
Listen=@abstract (Stream)
Listen=/run/initctl (FIFO)
Listen=kobject-uevent 1 (Netlink)
ControlGroup=/system.slice/unix.socket
Id=unix.socket
ActiveState=active

BindToDevice=
Listen=[::]:19 (Stream)
ControlGroup=
Id=stopped.socket
ActiveState=inactive
"""


def shown(_argv: Sequence[str]) -> tuple[int, str, str]:
    return 0, SHOWN, ""


def entry(address: str, port: int = 0, kind: str = "stream", **changes: object) -> Socket:
    family = "unix" if address[0] in "/@" else "ipv6" if ":" in address else "ipv4"
    transport = "unix" if family == "unix" else "tcp" if kind == "stream" else "udp"
    found = Socket(transport, family, address, port, address == "::", kind, 1, 0, None, "")
    return replace(found, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (entry("::", 7), "dual.socket"),
        (entry("127.0.0.1", 15), "several.socket"),
        (entry("/run/\"a\" 'b' \\ \xfc %n"), "unix.socket"),
        (entry("::1", 15), "several.socket"),
        (entry("::1", 16, "datagram"), "several.socket"),
        (entry("::", 17, interface="eth0"), "device.socket"),
        (entry("/run/with blank (and more).sock"), "unix.socket"),
        (entry("/run/datagram", kind="datagram"), "unix.socket"),
        (entry("/run/packets", kind="seqpacket"), "unix.socket"),
        (entry("@abstract"), "unix.socket"),
        (entry("0.0.0.0", 7), ""),
        (entry("::", 7, "datagram"), ""),
        (entry("::1", 16), ""),
        (entry("::", 19), ""),
        (entry("/run/initctl"), ""),
    ],
)
def test_the_unit_of_an_address(found: Socket, expected: str) -> None:
    assert unit_of(found, _systemd_sockets.socket_units(shown)) == expected


def unit(name: str, port: int = 7, interface: str = "", cgroup: int | None = None) -> SocketUnit:
    return SocketUnit(name, frozenset({("stream", "::", port)}), interface, cgroup)


@pytest.mark.parametrize(
    ("found", "units", "expected"),
    [
        (entry("::", 7), [unit("a"), unit("b")], ""),
        (entry("::", 7, interface="lo"), [unit("a"), unit("b", interface="lo")], "b"),
        (entry("::", 7), [unit("a"), unit("b", interface="lo")], "a"),
        (entry("::", 7, interface=None), [unit("a"), unit("b", interface="lo")], "a"),
        (entry("::", 7, cgroup=12), [unit("a", cgroup=11), unit("b", cgroup=12)], "b"),
        (entry("::", 7, cgroup=12), [unit("a", cgroup=11), unit("b", port=8, cgroup=12)], "b"),
        (entry("::", 7, cgroup=13), [unit("a", cgroup=11)], "a"),
        (entry("::", 7, cgroup=None), [unit("a", cgroup=None)], "a"),
    ],
)
def test_which_of_several_units(found: Socket, units: list[SocketUnit], expected: str) -> None:
    assert unit_of(found, units) == expected


def test_a_manager_that_does_not_answer() -> None:
    assert _systemd_sockets.socket_units(lambda _argv: (1, SHOWN, "Failed to connect to bus")) == []


def test_this_machine_is_managed_or_not() -> None:
    first = Path("/proc/1/comm").read_text().strip()
    assert _systemd_sockets.is_manager() == (first == "systemd" and os.path.isdir("/run/systemd/system"))
