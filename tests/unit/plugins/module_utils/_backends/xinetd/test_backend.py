# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done to the running xinetd when services change."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.backend import Xinetd
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Process, Result, SwitchFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.installed import ENDER, INTERNAL
from ansible_collections.ondemand.superserver.tests.unit.declarations import service
from ansible_collections.ondemand.superserver.tests.unit.xinetd_machine import (
    MAIN,
    UNDER_SYSTEMD,
    WITHOUT,
    Machine,
    made,
)

XINETD = Xinetd()


def activate(machine: Machine, platform: Platform = UNDER_SYSTEMD, **change: t.Any) -> list[str]:
    XINETD.activate(Change(**change), platform, machine)
    XINETD.settle(Change(**change), platform, machine)
    return machine.done


CREATED: dict[str, t.Any] = {"start": (made(),), "kept": (made(),)}
REMOVED: dict[str, t.Any] = {"stop": (made(),)}
NOT_ENABLED = {"systemctl is-enabled xinetd.service": Result(1, "disabled\n", "")}


def test_reload() -> None:
    machine = Machine(MAIN)
    done = activate(machine.effects_of(hangup=machine.reads), **CREATED)
    assert done == ["signal 1 to 100", "systemctl is-enabled xinetd.service"]


def test_reload_is_the_first_thing_that_is_done() -> None:
    machine = Machine(MAIN)
    activate(machine.effects_of(hangup=machine.reads), **CREATED)
    assert machine.done[0] == "signal 1 to 100"


def test_reload_that_ends_xinetd() -> None:
    machine = Machine(MAIN)
    with pytest.raises(SwitchFailed, match="ended when it read its configuration"):
        activate(machine.effects_of(hangup=machine.ends), **CREATED)


def test_enabling_at_boot() -> None:
    machine = Machine(MAIN)
    machine.answers.update(NOT_ENABLED)
    done = activate(machine.effects_of(hangup=machine.reads), **CREATED)
    assert done[1:] == ["systemctl is-enabled xinetd.service", "systemctl --root=/ enable xinetd.service"]


def test_starting_under_systemd() -> None:
    machine = Machine()
    done = activate(machine.effects_of(restart=machine.starts), **CREATED)
    restart = ["systemctl reset-failed xinetd.service", "systemctl restart xinetd.service"]
    assert done == [*restart, "systemctl is-enabled xinetd.service"]


@pytest.mark.parametrize("way", ["script", "program"])
def test_starting_without_systemd(way: str) -> None:
    machine = Machine()
    if way == "script":
        machine.files["/etc/init.d/xinetd"] = "#!/bin/sh"
    machine.effects_of(**{way: machine.starts})
    assert activate(machine, WITHOUT, **CREATED) == list(machine.effects)


def test_waking() -> None:
    machine = Machine()
    XINETD.wake(UNDER_SYSTEMD, machine.effects_of(restart=machine.starts))
    assert machine.done == ["systemctl reset-failed xinetd.service", "systemctl restart xinetd.service"]


def test_waking_one_that_runs() -> None:
    machine = Machine(MAIN)
    XINETD.wake(UNDER_SYSTEMD, machine)
    assert machine.done == []


def test_start_that_does_not_last() -> None:
    with pytest.raises(SwitchFailed, match="does not run"):
        activate(Machine(), **CREATED)


def test_nothing_is_started_for_nothing() -> None:
    assert activate(Machine(), **REMOVED) == []
    assert activate(Machine(), stop=(made(),), kept=(made(state="disabled"),)) == []


class Shared(Machine):
    """With a service of somebody else's in xinetd's configuration."""

    def __init__(self, *processes: Process, enabled: bool) -> None:
        super().__init__(*processes)
        self.entry = f"service other\n{{\ndisable = {'no' if enabled else 'yes'}\n}}\n"

    def answer(self, argv: Sequence[str]) -> Result:
        return Result(0, self.entry, "") if argv[0] == "/bin/sh" else super().answer(argv)

    def happens(self, what: str) -> None:
        """Questions are not worth a note."""
        if not what.startswith("/bin/sh "):
            super().happens(what)


def test_removal_needs_no_boot() -> None:
    machine = Shared(MAIN, enabled=True)
    assert activate(machine.effects_of(hangup=machine.reads), **REMOVED) == ["signal 1 to 100"]


# Children of xinetd by their command lines, and whether they are the daemon of the service.
DAEMON = made("daemon", accept=False, exec=["/srv/run.py", "a b", ""])
CHILDREN = (
    (("/srv/run.py", "a b"), True),
    (("/usr/bin/python3", "/srv/run.py", "a b"), True),
    (("/srv/run.py", "a b", "c"), False),
    (("/srv/run.py", "a", "b"), False),
    (("/bin/cat",), False),
)
# The same when xinetd itself ends.
LEFT = (
    *CHILDREN,
    (("/usr/bin/python3", "-IS", INTERNAL, "echo", "datagram"), True),
)


def test_last_service_leaves_its_sessions_behind() -> None:
    machine = Shared(MAIN, enabled=False)
    assert activate(machine.effects_of(quit=machine.ends), **REMOVED) == ["signal 3 to 100"]


def test_last_service_does_not_leave_its_daemon_behind() -> None:
    """It would keep the sockets, which another super-server is to have."""
    echo = service(
        name="datagrams", listen=[{"udp": "127.0.0.1:7"}, {"tcp": "7"}], exec=None, internal="echo", backend="xinetd"
    )
    services = (DAEMON, echo)
    children = [Process(201 + number, 100, argv[0], argv, 9) for number, (argv, _ended) in enumerate(LEFT)]
    machine = Shared(MAIN, *children, enabled=False)
    done = activate(machine.effects_of(quit=machine.ends), stop=services)
    ended = [f"signal 15 to {201 + number}" for number, (_argv, ended) in enumerate(LEFT) if ended]
    assert done == ["signal 3 to 100", *ended]


def test_a_daemon_behind_what_ends_its_children_ends() -> None:
    """It is what has the sockets; what is between is told to end by its end."""
    between = Process(201, 100, "python3", ("/usr/bin/python3", "-IS", ENDER, "/handlers/run", "ended"), 9)
    child = Process(202, 201, "run.py", ("/srv/run.py", "a b"), 9)
    stranger = Process(203, 150, "run.py", ("/srv/run.py", "a b"), 9)
    machine = Machine(MAIN, between, child, stranger)
    changed = replace(DAEMON, exec=("/srv/run.py", "new"))
    done = activate(machine.effects_of(hangup=machine.reads), refresh=((DAEMON, changed),), kept=(changed,))
    assert [word for word in done if word.startswith("signal 15")] == ["signal 15 to 202"]


def test_removal_works_with_any_configuration() -> None:
    machine = Shared(MAIN, enabled=True)
    machine.files["/etc/xinetd.conf"] = ""
    activate(machine.effects_of(hangup=machine.reads), **REMOVED)
    with pytest.raises(SwitchFailed, match="includedir"):
        activate(machine, **CREATED)


@pytest.mark.parametrize(("argv", "ended"), CHILDREN)
def test_daemon_that_changed_ends(argv: tuple[str, ...], ended: bool) -> None:
    child, stranger = Process(201, 100, "run.py", argv, 9), Process(202, 1, "run.py", argv, 9)
    machine = Machine(MAIN, child, stranger)
    changed = replace(DAEMON, exec=("/srv/run.py", "new"))
    done = activate(machine.effects_of(hangup=machine.reads), refresh=((DAEMON, changed),), kept=(changed,))
    assert ("signal 15 to 201" in done) == ended
    assert "signal 15 to 202" not in done
    # The other way round, the next client might still be served by the old one.
    assert done[0] == "signal 1 to 100"


def test_session_of_a_handler_that_changed_lives_on() -> None:
    machine = Machine(MAIN, Process(201, 100, "cat", ("/bin/cat",), 9))
    done = activate(machine.effects_of(hangup=machine.reads), refresh=((made(), made(umask="077")),), kept=(made(),))
    assert "signal 15 to 201" not in done


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
    machine.answers["grep -Rlsiw ^[[:space:]]*defaults /etc/xinetd.d"] = Result(0, "/etc/xinetd.d/local\n", "")
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
    XINETD.retire(UNDER_SYSTEMD, machine)
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
    XINETD.retire(UNDER_SYSTEMD, machine.effects_of(stop=machine.ends))
    assert ("systemctl stop xinetd.service" in machine.done) != stays


def test_retiring_without_systemd() -> None:
    machine = Machine(MAIN)
    XINETD.retire(WITHOUT, machine.effects_of(terminate=machine.ends))
    assert machine.done[-1] == "signal 15 to 100"


def test_retiring_that_does_not_work() -> None:
    with pytest.raises(SwitchFailed, match="does not end"):
        XINETD.retire(WITHOUT, Machine(MAIN))


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
    assert XINETD.claims(made(), UNDER_SYSTEMD) == []


def test_it_cuts_off_clients_of_what_it_loses_while_it_goes_on() -> None:
    plain, daemon, stays = service(name="plain"), DAEMON, service(name="stays")

    def cut(**change: t.Any) -> list[Service]:
        return XINETD.cuts(Change(**change), UNDER_SYSTEMD, Shared(MAIN, enabled=False))

    assert cut(stop=(plain, daemon), kept=(stays,)) == [plain, daemon]
    # With the last one it is ended without its handlers.
    assert cut(stop=(plain, daemon)) == [daemon]
    assert cut(refresh=((daemon, daemon), (plain, plain)), kept=(plain,)) == [daemon]
