# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which xinetd is the host's, and when it is ready for the next thing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.backend import Xinetd
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.daemon import find, reload
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Process, SwitchFailed
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields
from ansible_collections.ondemand.superserver.tests.unit.xinetd_machine import (
    MAIN,
    UNDER_SYSTEMD,
    Machine,
    status,
)


@pytest.mark.parametrize(
    ("others", "found"),
    [
        ([], False),
        ([MAIN], True),
        ([replace(MAIN, argv=("/usr/sbin/xinetd", "-f", "/etc/xinetd.conf"))], True),
        ([replace(MAIN, argv=("/usr/sbin/xinetd", "-f", "/etc/other.conf"))], False),
        ([replace(MAIN, program="xinetd-like")], False),
        # Between fork and exec, a handler is a second xinetd.
        ([replace(MAIN, pid=200, parent=100), MAIN], True),
    ],
)
def test_finding(others: list[Process], found: bool) -> None:
    process = find(Machine(*others))
    assert (process.pid if process else None) == (100 if found else None)


@pytest.mark.parametrize("state", [status(MAIN, "\t4711"), status(MAIN, "\t4711\t1"), status(MAIN, state="Z"), ""])
def test_not_every_xinetd_is_the_hosts(state: str) -> None:
    machine = Machine(MAIN)
    machine.states[100] = state
    assert find(machine) is None


@pytest.mark.parametrize(
    ("wchan", "syscall", "done"),
    [
        ("do_poll.constprop.0", "7 0x55d0 0x15 0xffffffff", True),
        ("poll_schedule_timeout.constprop.0", "49 0x55d0 0x15 0x0", True),
        ("do_select", "17 0x8 0x7ffd 0x0 0x0 0x0", True),
        # For a process that it has killed, and for syslog.
        ("poll_schedule_timeout.constprop.0", "270 0x0 0x0 0x0 0x0 0x7ffd", False),
        ("unix_wait_for_peer", "44 0x7 0x7ffd 0x85 0x4000 0x0", False),
        ("sock_alloc_send_pskb", "44 0x7 0x7ffd 0x85 0x4000 0x0", False),
        ("0", "running", False),
        # Not every kernel tells, nor does it tell everyone.
        ("unix_wait_for_peer", None, False),
        ("0", "", True),
        (None, None, True),
        ("whatever_newer_kernels_call_it", "7 0x55d0 0x15 0xffffffff", True),
    ],
)
def test_what_it_sleeps_in(wchan: str | None, syscall: str | None, done: bool) -> None:
    machine = Machine(MAIN)
    machine.sleep = {"wchan": wchan, "syscall": syscall}
    answers: list[bool] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "wait", lambda happened, seconds: answers.append(happened()))
        reload(MAIN, machine.effects_of(hangup=machine.reads))
    assert answers == [done]


def test_a_sleep_that_ends_while_it_is_looked_at() -> None:
    machine = Machine(MAIN)
    read, answers = machine.read, []

    def wakes(path: str) -> str | None:
        text = read(path)
        if path.endswith("wchan"):
            machine.states[100] = status(MAIN, pauses=9)
        return text

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "read", wakes)
        patch.setattr(machine, "wait", lambda happened, seconds: answers.extend([happened(), happened()]))
        reload(MAIN, machine.effects_of(hangup=machine.reads))
    assert answers == [False, True]


@pytest.mark.parametrize("begin", [{"caught": "0000000000000000"}, {"state": "R"}])
def test_one_that_has_just_been_started_is_waited_for(begin: Fields) -> None:
    """A hangup would end it, or have it read its configuration before it has."""
    machine = Machine()

    def starts() -> None:
        machine.starts()
        (process,) = machine.running
        machine.states[process.pid] = status(process, **begin)

    with pytest.raises(SwitchFailed, match="does not run"):
        Xinetd().start_runtime(UNDER_SYSTEMD, machine.effects_of(restart=starts))
