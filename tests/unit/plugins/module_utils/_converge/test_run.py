# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs on a host of their own, whose xinetd is real: what clients get, what is recorded, what is put back."""

from __future__ import annotations

import shutil
import typing as t

import pytest

from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields
from ansible_collections.ondemand.superserver.tests.unit.own_host import on_own_host
from ansible_collections.ondemand.superserver.tests.unit.own_runs import Step, outcomes

pytestmark = [on_own_host, pytest.mark.skipif(not shutil.which("xinetd"), reason="needs xinetd")]

ECHO: Fields = {"name": "echo", "listen": [{"tcp": "127.0.0.1:7"}], "exec": ["/bin/cat"], "user": "root"}
CHANGED: Fields = {**ECHO, "exec": ["/bin/sed", "s/hello/changed/"]}
# When a directory was changed says nothing: what was staged and checked there is gone.
PLACES = "/etc /usr/local /var/lib /run/superserver"
EVERYTHING: Step = ("shell", f"find {PLACES} -type d -printf '%p %m\\n' -o -printf '%p %m %s %T@ %l\\n'")


def converge(*services: Fields, **options: t.Any) -> Step:
    return "converge", {"services": services, "backend": "xinetd", **options}


def status(*services: Fields, **options: t.Any) -> Step:
    return "status", {"services": services, "backend": "xinetd", **options}


def actions(result: t.Any) -> list[tuple[str, str]]:
    return [(row["name"], row["action"]) for row in result["services"]]


def test_a_service_from_its_declaration_to_its_removal() -> None:
    made, first, again, changed, second, known, removed, last, left = outcomes(
        converge(ECHO),
        ("ask", 7),
        converge(ECHO),
        converge(CHANGED),
        ("ask", 7),
        status(CHANGED),
        converge(),
        ("ask", 7),
        ("shell", "ls /etc/xinetd.d | grep superserver; ls /var/lib/superserver"),
    )
    assert (made["changed"], actions(made)) == (True, [("echo", "create")])
    assert (again["changed"], actions(again), again["diff"]) == (False, [("echo", "none")], [])
    assert (changed["changed"], actions(changed)) == (True, [("echo", "change")])
    assert (removed["changed"], actions(removed)) == (True, [("echo", "remove")])
    assert (first, second, last) == ("hello\n", "changed\n", "")
    assert known["problems"] == []
    assert [row["exec"] for row in known["services"]] == [CHANGED["exec"]]
    # Neither a file of the service nor a journal.
    assert left.split() == ["generations", "manifest.json", "watcher.pyz"]


def test_check_mode_says_what_a_run_does_and_does_nothing() -> None:
    before, checked, after, made = outcomes(EVERYTHING, converge(ECHO, check=True), EVERYTHING, converge(ECHO))
    assert set(before.splitlines()) == set(after.splitlines())
    assert checked["changed"]
    for key in ("services", "diff", "missing"):
        assert checked[key] == made[key]


def test_what_is_not_proven_is_put_back() -> None:
    silent = {**CHANGED, "probe": {"expect": "something else", "timeout": 1}}
    _made, failed, served, known, left, again = outcomes(
        converge(ECHO),
        converge(silent),
        ("ask", 7),
        status(ECHO),
        ("shell", "ls /var/lib/superserver"),
        converge(ECHO),
    )
    assert "the new state could not be proven:\necho: " in failed["failed"]
    assert served == "hello\n"
    assert known["problems"] == []
    assert "journal.json" not in left
    assert not again["changed"]


def test_a_port_of_others_is_refused_before_anything_is_touched() -> None:
    listen = "socket.create_server(('127.0.0.1', 7))"
    script = f'python3 -c "import socket, time; s = {listen}; time.sleep(60)" >/dev/null & sleep 1'
    _started, before, refused, after = outcomes(("shell", script), EVERYTHING, converge(ECHO), EVERYTHING)
    assert "superserver_services[0].listen[0]: " in refused["failed"]
    assert "python3" in refused["failed"]
    changed = set(before.splitlines()) ^ set(after.splitlines())
    # The lock is taken before anything is looked at.
    assert {line.split()[0] for line in changed} <= {"/run/superserver", "/run/superserver/lock"}


def test_what_others_have_undone_is_told_and_repaired() -> None:
    _made, _done, undone, repaired, served, known = outcomes(
        converge(ECHO),
        ("shell", "kill $(cat /run/xinetd.pid || pidof xinetd); rm /etc/xinetd.d/superserver-echo; sleep 1"),
        status(ECHO),
        converge(ECHO),
        ("ask", 7),
        status(ECHO),
    )
    told = "\n".join(undone["problems"])
    assert "echo: tcp:127.0.0.1:7 is not open" in told
    assert "/etc/xinetd.d/superserver-echo: missing" in told
    assert [(row["name"], row["action"]) for row in undone["pending"]] == [("echo", "repair listener")]
    assert actions(repaired) == [("echo", "repair listener")]
    assert served == "hello\n"
    assert known["problems"] == []


def test_a_disabled_service_does_not_listen() -> None:
    _made, stopped, nothing, known = outcomes(
        converge(ECHO), converge({**ECHO, "state": "disabled"}), ("ask", 7), status({**ECHO, "state": "disabled"})
    )
    assert stopped["changed"]
    assert nothing == ""
    assert known["problems"] == []


def test_services_of_a_declaration_that_is_wrong_are_left_alone() -> None:
    _made, refused, served = outcomes(converge(ECHO), converge({**ECHO, "exec": ["/nowhere"]}), ("ask", 7))
    assert 'superserver_services[0].exec[0]: "/nowhere" does not exist' in refused["failed"]
    assert served == "hello\n"
