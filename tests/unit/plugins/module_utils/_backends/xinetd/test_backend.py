# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the backend says of the running xinetd, and how it ends it."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from dataclasses import replace

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.backend import Xinetd
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Result, SwitchFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.tests.unit.declarations import service
from ansible_collections.ondemand.superserver.tests.unit.xinetd_machine import (
    DAEMON,
    MAIN,
    NOT_ENABLED,
    UNDER_SYSTEMD,
    WITHOUT,
    Machine,
    Shared,
    made,
)

XINETD = Xinetd()


@pytest.mark.parametrize(
    ("alter", "gist"),
    [
        (lambda machine: None, ""),
        (lambda machine: machine.ends(), "xinetd does not run"),
        (lambda machine: machine.files.clear(), "/etc/xinetd.conf does not exist"),
        (lambda machine: machine.answers.update(NOT_ENABLED), "xinetd is not enabled at boot"),
    ],
)
def test_health(alter: Callable[[Machine], None], gist: str) -> None:
    machine = Machine(MAIN)
    alter(machine)
    every = [made("a"), made("b"), made("c", state="disabled")]
    assert XINETD.health(every, UNDER_SYSTEMD, machine) == (dict.fromkeys("ab", gist) if gist else {})
    assert len(machine.done) <= 2


def test_health_of_disabled_services() -> None:
    machine = Machine()
    assert XINETD.health([made(state="disabled")], UNDER_SYSTEMD, machine) == {}
    assert machine.done == []


def test_health_without_systemd() -> None:
    machine = Machine(MAIN)
    assert XINETD.health([made()], WITHOUT, machine) == {}
    assert not any("systemctl" in what for what in machine.done)


def test_health_of_a_host_with_defaults_elsewhere() -> None:
    """Pitfall 6: they came after the services, or nobody would have made these."""
    machine = Machine(MAIN)
    machine.files["/etc/xinetd.d/local"] = "defaults\n{\n}\n"
    (ailment,) = tuple(XINETD.health([made()], UNDER_SYSTEMD, machine).values())
    assert "/etc/xinetd.d/local" in ailment


@pytest.mark.parametrize(
    ("files", "disabled"),
    [
        ((), "systemctl --root=/ disable xinetd.service"),
        (("/run/systemd/generator.late/xinetd.service",), "systemctl disable xinetd.service"),
    ],
)
@pytest.mark.parametrize("foreign", [True, False])
def test_retiring(foreign: bool, files: tuple[str, ...], disabled: str) -> None:
    """systemd need not read its units where none is made of an init script."""
    machine = Shared(MAIN, enabled=foreign)
    machine.files.update(dict.fromkeys(files, ""))
    machine.effects_of(stop=machine.ends)
    XINETD.stop_runtime(UNDER_SYSTEMD, machine)
    assert machine.done == ([] if foreign else ["systemctl stop xinetd.service", disabled])


@pytest.mark.parametrize(
    ("option", "text", "stays"),
    [
        ("-inetd_compat", "# time stream tcp nowait root internal\n\n", False),
        ("-inetd_compat", "time stream tcp nowait root internal\n", True),
        ("-stayalive", "time stream tcp nowait root internal\n", False),
    ],
)
def test_what_inetd_had_is_not_lost(option: str, text: str, stays: bool) -> None:
    machine = Machine(replace(MAIN, argv=(*MAIN.argv, option)))
    machine.files["/etc/inetd.conf"] = text
    XINETD.stop_runtime(UNDER_SYSTEMD, machine.effects_of(stop=machine.ends))
    assert ("systemctl stop xinetd.service" in machine.done) != stays


def test_retiring_without_systemd() -> None:
    machine = Machine(MAIN)
    XINETD.stop_runtime(WITHOUT, machine.effects_of(terminate=machine.ends))
    assert machine.done[-1] == "signal 15 to 100"


def test_retiring_that_does_not_work() -> None:
    with pytest.raises(SwitchFailed, match="does not end"):
        XINETD.stop_runtime(WITHOUT, Machine(MAIN))


def test_excerpt_of_logs() -> None:
    machine = Machine()
    argv = "journalctl --no-pager -q -n 20 -o cat -t xinetd"
    machine.answers[argv] = Result(0, "START: a\nEXIT: a\n", "")
    machine.files["/var/log/superserver/a.log"] = "".join(f"line {number}\n" for number in range(30))
    text = XINETD.log([made("a"), made("b", stderr="client")], UNDER_SYSTEMD, machine)
    assert text.split("\n")[:3] == ["START: a", "EXIT: a", "line 10"]
    assert machine.done == [argv]
    assert XINETD.log([made("b")], WITHOUT, machine) == ""


def test_a_log_that_is_about_to_be_written_is_waited_for() -> None:
    class Late(Machine):
        def wait(self, happened: t.Callable[[], bool], seconds: float) -> bool:
            assert not happened()
            self.files["/var/log/superserver/a.log"] = "at last\n"
            return happened()

    assert XINETD.log([made("a")], WITHOUT, Late(MAIN)) == "at last"


def test_what_is_missing() -> None:
    assert XINETD.missing(UNDER_SYSTEMD, Machine()) == ""
    assert XINETD.missing(replace(UNDER_SYSTEMD, xinetd=""), Machine()) == "xinetd"
    assert XINETD.reserved_paths(made(), UNDER_SYSTEMD) == []


def test_it_cuts_off_clients_of_what_it_loses_while_it_goes_on() -> None:
    plain, daemon, stays = service(name="plain"), DAEMON, service(name="stays")

    def cut(**change: t.Any) -> list[Service]:
        return XINETD.interrupted_services(Change(**change), UNDER_SYSTEMD, Shared(MAIN, enabled=False))

    assert cut(stop=(plain, daemon), kept=(stays,)) == [plain, daemon]
    # With the last one it is ended without its handlers.
    assert cut(stop=(plain, daemon)) == [daemon]
    assert cut(refresh=((daemon, daemon), (plain, plain)), kept=(plain,)) == [daemon]
