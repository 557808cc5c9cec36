# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether xinetd is started at boot, by every init system that can be asked."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd import boot
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.backend import Xinetd
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Result, SwitchFailed
from ansible_collections.ondemand.superserver.tests.unit.xinetd_machine import (
    MAIN,
    UNDER_SYSTEMD,
    WITHOUT,
    Machine,
    made,
)

DEBIAN = {"/usr/sbin/update-rc.d": "", "/etc/inittab": "# Level: 4\nid:2:initdefault:\n"}
OPENRC = {"/run/openrc/softlevel": "default"}
LINK = "/etc/runlevels/default/xinetd"
ANEW = ["/usr/sbin/update-rc.d xinetd remove", "/usr/sbin/update-rc.d xinetd defaults"]


class Linked(Machine):
    """A host whose init scripts are linked in these runlevels; unless it is stubborn, it does what it is told."""

    levels: tuple[str, ...] = ()
    stubborn = False

    def answer(self, argv: Sequence[str]) -> Result:
        if " ".join(argv).startswith("/bin/sh -c for link in "):
            return Result(0 if argv[-1] in self.levels else 1, "", "")
        return super().answer(argv)

    def happens(self, what: str) -> None:
        if not self.stubborn:
            self._obeys(what)
        super().happens(what)

    def _obeys(self, what: str) -> None:
        if what.endswith((" defaults", "xinetd default")):
            self.levels, self.files[LINK] = ("2", "3"), ""
        elif what.endswith((" remove", " disable", "delete xinetd")):
            self.levels, self.files = (), {path: text for path, text in self.files.items() if "/runlevels/" not in path}


def linked(*levels: str, **files: str) -> Linked:
    machine = Linked(MAIN)
    machine.levels = levels
    machine.files.update(files)
    return machine


def commands(machine: Machine) -> list[str]:
    """What was run beside questions."""
    return [what for what in machine.done if not what.startswith("/bin/sh ")]


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
    assert boot.starts(WITHOUT, machine) is starts
    boot.enable(WITHOUT, machine)
    assert commands(machine) == ([] if starts else enable)
    assert boot.starts(WITHOUT, machine)
    machine = linked(*levels, **files)
    boot.retire(WITHOUT, machine)
    assert commands(machine) == disable
    # Where nobody can be asked, nobody is told.
    assert boot.starts(WITHOUT, machine) is not (bool(disable) or not starts)


def test_it_is_seen_whether_it_worked() -> None:
    machine = linked("3", **DEBIAN)
    machine.stubborn = True
    machine.answers["/usr/sbin/update-rc.d xinetd defaults"] = Result(1, "", "insserv: no\n")
    with pytest.raises(SwitchFailed, match=r"not started at boot, after /usr/sbin/update-rc.d: insserv: no"):
        boot.enable(WITHOUT, machine)
    machine = linked("2", **DEBIAN)
    machine.stubborn = True
    with pytest.raises(SwitchFailed, match="still started at boot"):
        boot.retire(WITHOUT, machine)


def test_a_complaint_is_no_failure() -> None:
    """rc-update has one for each runlevel that there was no link in."""
    machine = linked(**{**OPENRC, LINK: ""})
    machine.answers["rc-update --all delete xinetd"] = Result(1, "", "service `xinetd' is not in the runlevel `off'")
    boot.retire(WITHOUT, machine)
    assert not boot.starts(WITHOUT, machine)


def test_under_s6_nobody_can_be_asked() -> None:
    machine = linked(**DEBIAN)
    host = machine
    assert boot.starts(replace(WITHOUT, init="s6"), host)
    boot.retire(replace(WITHOUT, init="s6"), host)
    assert machine.done == []


def test_health_tells_of_it() -> None:
    gist = {"echo": "xinetd is not enabled at boot"}
    assert Xinetd().health([made()], WITHOUT, (linked("4", **DEBIAN))) == gist
    assert Xinetd().health([made()], WITHOUT, (linked("2", **DEBIAN))) == {}


def test_a_runtime_that_is_retired_is_not_started_any_more() -> None:
    machine = linked("2", **DEBIAN)
    Xinetd().stop_runtime(WITHOUT, machine.effects_of(terminate=machine.ends))
    assert commands(machine) == ["/usr/sbin/update-rc.d xinetd disable", "signal 15 to 100"]


def test_systemd_is_asked_itself() -> None:
    machine = linked(**DEBIAN)
    assert boot.starts(UNDER_SYSTEMD, machine)
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


@pytest.mark.parametrize("files", [{}, OPENRC])
def test_openrc_takes_nothing_for_started_that_has_ended(files: dict[str, str]) -> None:
    """Its script would say that xinetd has been started already, and do nothing."""
    machine = linked(**{**files, "/etc/init.d/xinetd": ""})
    machine.ends()
    Xinetd().start_runtime(WITHOUT, machine.effects_of(script=machine.starts))
    zap = ["rc-service xinetd zap"] if files else []
    assert machine.done == [*zap, *machine.effects]
    machine.done.clear()
    Xinetd().stop_runtime(WITHOUT, machine.effects_of(terminate=machine.ends))
    assert machine.done[-1:] == (zap or ["signal 15 to 100"])
