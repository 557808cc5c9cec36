# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether xinetd is started at boot, by every init system that can be asked."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends import _xinetd_boot as boot
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._base import Result
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd import Xinetd
from ansible_collections.ondemand.superserver.tests.unit.xinetd_machine import (
    MAIN,
    UNDER_SYSTEMD,
    WITHOUT,
    Machine,
    host_of,
    made,
)

DEBIAN = {"/usr/sbin/update-rc.d": "", "/etc/inittab": "# Level: 4\nid:2:initdefault:\n"}
OPENRC = {"/run/openrc/softlevel": "default"}
LINK = "/etc/runlevels/default/xinetd"
ANEW = ["/usr/sbin/update-rc.d xinetd remove", "/usr/sbin/update-rc.d xinetd defaults"]


class Linked(Machine):
    """A host whose init scripts are linked in these runlevels."""

    levels: tuple[str, ...] = ()

    def _happens(self, what: str, check: bool) -> Result:
        if what.startswith("/bin/sh -c for link in "):
            return Result(0 if what.rsplit(maxsplit=1)[-1] in self.levels else 1, "", "")
        return super()._happens(what, check)


def linked(*levels: str, **files: str) -> Linked:
    machine = Linked(MAIN)
    machine.levels = levels
    machine.files.update(files)
    return machine


HOSTS = [
    # Files beside those of the init system, the runlevels with a link, whether it starts, how it is made to and not to.
    (DEBIAN, ("2", "3"), True, ANEW, ["/usr/sbin/update-rc.d xinetd disable"]),
    (DEBIAN, ("3",), False, ANEW, []),
    ({**DEBIAN, "/etc/inittab": "id:3:initdefault:\n"}, ("3",), True, ANEW, ["/usr/sbin/update-rc.d xinetd disable"]),
    ({**DEBIAN, "/etc/inittab": "id:3:initdefault:\n"}, ("2",), False, ANEW, []),
    ({**DEBIAN, "/etc/inittab": ""}, ("2",), True, ANEW, ["/usr/sbin/update-rc.d xinetd disable"]),
    # Where OpenRC runs, links of runlevels that have numbers mean nothing.
    ({**DEBIAN, **OPENRC}, ("2",), False, ANEW, []),
    ({**DEBIAN, **OPENRC, LINK: ""}, (), True, ANEW, ["/usr/sbin/update-rc.d xinetd disable"]),
    (OPENRC, (), False, ["rc-update add xinetd default"], []),
    ({**OPENRC, LINK: ""}, (), True, [], ["rc-update --all delete xinetd"]),
    ({**OPENRC, "/etc/runlevels/boot/xinetd": ""}, (), True, [], ["rc-update --all delete xinetd"]),
    # Nobody knows.
    ({}, (), True, [], []),
    ({"/etc/inittab": "id:3:initdefault:\n"}, (), True, [], []),
]


@pytest.mark.parametrize(("files", "levels", "starts", "enable", "disable"), HOSTS)
def test_hosts_without_systemd(
    files: dict[str, str], levels: tuple[str, ...], starts: bool, enable: list[str], disable: list[str]
) -> None:
    machine = linked(*levels, **files)
    host = host_of(machine)
    assert boot.starts(WITHOUT, host) is starts
    boot.enable(WITHOUT, host)
    assert machine.done == ([] if starts else enable)
    machine.done.clear()
    boot.retire(WITHOUT, host)
    assert machine.done == disable


def test_under_s6_nobody_can_be_asked() -> None:
    machine = linked(**DEBIAN)
    host = host_of(machine)
    assert boot.starts(replace(WITHOUT, init="s6"), host)
    boot.retire(replace(WITHOUT, init="s6"), host)
    assert machine.done == []


def test_health_tells_of_it() -> None:
    gist = {"echo": "xinetd is not enabled at boot"}
    assert Xinetd().health([made()], WITHOUT, host_of(linked("4", **DEBIAN))) == gist
    assert Xinetd().health([made()], WITHOUT, host_of(linked("2", **DEBIAN))) == {}


def test_a_runtime_that_is_retired_is_not_started_any_more() -> None:
    machine = linked("2", **DEBIAN)
    Xinetd().retire(WITHOUT, host_of(machine.effects_of(terminate=machine.ends)))
    assert machine.done[-2:] == ["/usr/sbin/update-rc.d xinetd disable", "signal 15 to 100"]


def test_systemd_is_asked_itself() -> None:
    machine = linked(**DEBIAN)
    assert boot.starts(UNDER_SYSTEMD, host_of(machine))
    assert machine.done == ["systemctl is-enabled xinetd.service"]


@pytest.mark.parametrize(
    ("link", "target", "found"),
    [
        ("S01xinetd", "script", True),
        ("K01xinetd", "script", False),
        ("S20xinetd", "nowhere", False),
        ("S01xinetd2", "script", False),
        ("S01other-xinetd", "script", False),
    ],
)
def test_looking_for_a_link(tmp_path: Path, link: str, target: str, found: bool) -> None:
    (tmp_path / "script").touch()
    folder = tmp_path / "rc2.d"
    folder.mkdir()
    os.symlink(tmp_path / target, folder / link)
    look = boot.LINKED.replace("/etc/rc", f"{tmp_path}/rc")
    assert (subprocess.run(["/bin/sh", "-c", look, "sh", "2"], check=False).returncode == 0) is found
