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

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd import sockets as _systemd_sockets
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.sockets import SocketUnit, unit_of
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket

# Printed by systemd 252 and, but for the order of the lines and the width of columns, by 257.
LISTED = """\
/run/\\"a\\" \\'b\\' \\\\ \\303\\274 %n Stream           unix.socket                     unix.service
/run/datagram                   Datagram         unix.socket                     unix.service
/run/dbus/system_bus_socket     Stream           dbus.socket                     dbus.service
/run/initctl                    FIFO             unix.socket                     unix.service
/run/packets                    SequentialPacket unix.socket                     unix.service
/run/with blank (and more).sock Stream           unix.socket                     unix.service
127.0.0.1:15                    Stream           several.socket                  several.service
@abstract                       Stream           unix.socket                     unix.service
[::1]:15                        Stream           several.socket                  several.service
[::1]:16                        Datagram         several.socket                  several.service
[::]:17                         Stream           other.socket                    other.service
[::]:17                         Stream           device.socket                   device.service
[::]:7                          Stream           dual.socket                     dual.service
kobject-uevent 1                Netlink          unix.socket                     unix.service
"""
SHOWN = """\
BindToDevice=lo
Id=other.socket

BindToDevice=eth0
Id=device.socket
"""


def printed(argv: Sequence[str]) -> tuple[int, str, str]:
    if argv[1] == "show":
        assert sorted(argv[-2:]) == ["device.socket", "other.socket"]
        return 0, SHOWN, ""
    return 0, LISTED, ""


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
        (entry("::", 17, interface="lo"), "other.socket"),
        (entry("::", 17), ""),
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
    assert unit_of(found, _systemd_sockets.socket_units(printed)) == expected


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
    assert _systemd_sockets.socket_units(lambda _argv: (1, LISTED, "Failed to connect to bus")) == []


def test_interfaces_are_asked_for_only_where_addresses_are_alike() -> None:
    asked: list[str] = []

    def run(argv: Sequence[str]) -> tuple[int, str, str]:
        asked.append(argv[1])
        return 0, "\n".join(line for line in LISTED.splitlines() if "device" not in line), ""

    assert unit_of(entry("::", 17), _systemd_sockets.socket_units(run)) == "other.socket"
    assert asked == ["list-sockets"]


def test_units_are_known_by_their_cgroups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = ("several.socket", "system.slice/dual.socket", "system.slice/system-more.slice/_unix.socket")
    for path in (*paths, "system.slice/some.service/device.socket"):
        (tmp_path / "inner" / path).mkdir(parents=True)
    (tmp_path / "cgroup.controllers").touch()
    monkeypatch.setattr(_systemd_sockets, "_CGROUP_ROOTS", (str(tmp_path), str(tmp_path / "unified")))
    monkeypatch.setattr(_systemd_sockets, "_manager_hierarchy", lambda: ("", "/inner"))
    found = {unit.name: unit.cgroup for unit in _systemd_sockets.socket_units(printed)}
    inodes = {path: (tmp_path / "inner" / path).stat().st_ino for path in paths}
    assert {name: cgroup for name, cgroup in found.items() if cgroup} == {
        "several.socket": inodes[paths[0]],
        "dual.socket": inodes[paths[1]],
        "unix.socket": inodes[paths[2]],
    }


def test_a_manager_that_tells_no_interfaces() -> None:
    def run(argv: Sequence[str]) -> tuple[int, str, str]:
        return (1, "Failed to do anything", "") if argv[1] == "show" else printed(argv)

    assert unit_of(entry("::", 7), _systemd_sockets.socket_units(run)) == "dual.socket"
    assert unit_of(entry("::", 17), _systemd_sockets.socket_units(run)) == ""


def test_a_path_that_looks_like_more_columns() -> None:
    line = "/run/a Stream b.socket c    Stream   odd.socket  odd.service\n"
    (found,) = _systemd_sockets.socket_units(lambda _argv: (0, line, ""))
    assert found.name == "odd.socket"
    assert found.listens == {("stream", "/run/a Stream b.socket c", 0)}


def test_this_machine_is_managed_or_not() -> None:
    first = Path("/proc/1/comm").read_text().strip()
    assert _systemd_sockets.is_manager() == (first == "systemd" and os.path.isdir("/run/systemd/system"))
