# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attendant as the program that it is, with real locks and a daemon that is a file: who starts it, and who stops
it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._programs.daemons import (
    attendant as _helper_attendant,
)
from ansible_collections.ondemand.superserver.tests.unit.programs import installed

ATTENDANT = installed(_helper_attendant)

# systemctl, for a unit that is a file.
SYSTEMCTL = """#!/bin/sh
cd {folder} || exit 1
case $1 in
show) case $3 in
    *Result) printf 'ActiveState=failed\nResult=exit-code\n' ;;
    *) [ -e running ] && echo active || echo inactive ;;
    esac ;;
start) echo start "$3" >>calls; sleep 0.2; : >running ;;
stop) echo stop "$3" >>calls; sleep 0.2; rm -f running ;;
esac
"""
# What an attendant is for: it tells what it has, passes on what it is told to ask, and what it hears.
PROGRAM = """
import os, sys
fds = sorted(int(name) for name in os.listdir("/proc/self/fd"))
print(os.getpid(), 3 in fds, os.environ["LISTEN_PID"], flush=True)
while True:
    print(os.read(0, 9), flush=True)
    if not os.read(3, 1):
        break
    os.write(0, b".")
"""


class Host:
    """Where daemons are files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "systemctl").write_text(SYSTEMCTL.format(folder=folder))
        (folder / "systemctl").chmod(0o755)

    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def runs(self) -> bool:
        return (self.folder / "running").exists()

    def eventually(self, runs: bool) -> bool:
        deadline = time.monotonic() + 5
        while self.runs() != runs and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.runs() == runs

    @contextmanager
    def program(self) -> Iterator[Program]:
        made = Program(self.folder)
        try:
            yield made
        finally:
            made.end()


class Program:
    """A program with an attendant, which has said for the first time that the daemon runs."""

    def __init__(self, folder: Path) -> None:
        paths = {"NOTES": str(folder / "run/notes"), "PATH": f"{folder}:/usr/bin:/bin"}
        code = f"import os, runpy, sys; os.environ['LISTEN_PID'] = str(os.getpid()); sys.argv[0] = {ATTENDANT!r}; "
        code += f"os.dup2(int(sys.argv.pop()), 3); m = runpy.run_path({ATTENDANT!r}); "
        code += f"m['main'].__globals__.update({paths!r}); m['main']()"
        self.orders, theirs = socket.socketpair()
        words = [
            sys.executable,
            "-IS",
            "-c",
            code,
            "systemd",
            "some.service",
            "--",
            sys.executable,
            "-IS",
            "-c",
            PROGRAM,
        ]
        self.process = subprocess.Popen(
            [*words, str(theirs.fileno())],
            env={**os.environ, "LISTEN_FDS": "1"},
            pass_fds=[theirs.fileno()],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        theirs.close()
        self.about = self.line()
        self.first = self.line()

    def line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def ask(self) -> str:
        self.orders.sendall(b"?")
        return self.line()

    def end(self) -> None:
        self.orders.close()
        self.process.wait(5)
        assert self.process.stdout
        assert self.process.stderr
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_the_process_becomes_the_program_with_its_sockets(host: Host) -> None:
    with host.program() as made:
        pid = str(made.process.pid)
        assert made.about == f"{pid} True {pid}"
        assert made.first == "b'.'"


def test_what_it_started_it_stops(host: Host) -> None:
    for _round in range(2):
        with host.program():
            assert host.runs()
        assert host.eventually(runs=False)
    assert host.calls() == ["start some.service", "stop some.service"] * 2


def test_what_ran_before_it_leaves_alone(host: Host) -> None:
    (host.folder / "running").touch()
    with host.program() as made:
        assert made.ask() == "b'.'"
    time.sleep(0.3)
    assert host.runs()
    assert host.calls() == []


def test_what_has_died_is_started_again_when_it_is_asked_for(host: Host) -> None:
    with host.program() as made:
        (host.folder / "running").unlink()
        assert made.ask() == "b'.'"
        assert host.runs()
    assert host.eventually(runs=False)
    assert host.calls() == ["start some.service"] * 2 + ["stop some.service"]


def test_a_daemon_that_does_not_stay_is_reported_once(host: Host) -> None:
    with host.program() as made:
        for _round in range(3):
            (host.folder / "running").unlink()
            assert made.ask() == "b'.'"
        made.orders.close()
        assert made.process.stderr
        told = made.process.stderr.read().splitlines()
    assert told == ["attendant: some.service was started but is failed (exit-code); it is started again"]


def test_the_last_one_stops_it_whoever_has_started_it(host: Host) -> None:
    with host.program() as second:
        with host.program():
            pass
        assert second.ask() == "b'.'"
        with host.program() as third:
            second.end()
            time.sleep(0.5)
            assert host.runs()
            assert third.ask() == "b'.'"
    assert host.eventually(runs=False)
    assert host.calls() == ["start some.service", "stop some.service"]


def test_a_program_that_is_killed_leaves_no_daemon_behind(host: Host) -> None:
    """xinetd kills what serves an entry that has gone; others tell all processes of a service to end."""
    with host.program() as made:
        os.killpg(made.process.pid, signal.SIGTERM)
        os.kill(made.process.pid, signal.SIGKILL)
        made.process.wait(5)
        assert host.eventually(runs=False)


def test_who_comes_while_it_is_being_stopped_waits_and_starts_it_again(host: Host) -> None:
    with host.program():
        pass
    with host.program():
        assert host.runs()
        time.sleep(0.3)
        assert host.runs()
    assert host.eventually(runs=False)
    assert host.calls() == ["start some.service", "stop some.service"] * 2


def test_the_mask_of_the_handler_is_not_that_of_notes(host: Host) -> None:
    before = os.umask(0o000)
    try:
        with host.program():
            notes = host.folder / "run/notes"
            assert {path.stat().st_mode & 0o777 for path in (notes.parent, notes)} == {0o700}
            assert {path.stat().st_mode & 0o777 for path in notes.iterdir()} == {0o600}
    finally:
        os.umask(before)


def test_a_link_in_the_place_of_a_note_leads_nowhere(host: Host) -> None:
    notes, prey = host.folder / "run/notes", host.folder / "prey"
    notes.mkdir(parents=True)
    prey.write_text("root's own")
    (notes / "some.service.users").symlink_to(prey)
    (notes / "some.service.turn").touch()
    with pytest.raises(subprocess.TimeoutExpired), host.program() as made:
        made.process.wait(1)
    assert prey.read_text() == "root's own"
