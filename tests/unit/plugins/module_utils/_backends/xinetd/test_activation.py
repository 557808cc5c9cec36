# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done to the running xinetd when services change."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.backend import Xinetd
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Process, SwitchFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.installed import ENDER, INTERNAL
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


def activate(machine: Machine, platform: Platform = UNDER_SYSTEMD, **change: t.Any) -> list[str]:
    XINETD.activate(Change(**change), platform, machine)
    XINETD.after_activate(Change(**change), platform, machine)
    return machine.done


CREATED: dict[str, t.Any] = {"start": (made(),), "kept": (made(),)}
REMOVED: dict[str, t.Any] = {"stop": (made(),)}


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
    XINETD.start_runtime(UNDER_SYSTEMD, machine.effects_of(restart=machine.starts))
    assert machine.done == ["systemctl reset-failed xinetd.service", "systemctl restart xinetd.service"]


def test_waking_one_that_runs() -> None:
    machine = Machine(MAIN)
    XINETD.start_runtime(UNDER_SYSTEMD, machine)
    assert machine.done == []


def test_start_that_does_not_last() -> None:
    with pytest.raises(SwitchFailed, match="does not run"):
        activate(Machine(), **CREATED)


def test_nothing_is_started_for_nothing() -> None:
    assert activate(Machine(), **REMOVED) == []
    assert activate(Machine(), stop=(made(),), kept=(made(state="disabled"),)) == []


def test_removal_needs_no_boot() -> None:
    machine = Shared(MAIN, enabled=True)
    assert activate(machine.effects_of(hangup=machine.reads), **REMOVED) == ["signal 1 to 100"]


# Children of xinetd by their command lines, and whether they are the daemon of the service.
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
    activate(machine.effects_of(quit=machine.ends), **REMOVED)
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
