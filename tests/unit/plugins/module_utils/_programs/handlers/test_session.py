# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that logs connections, as it runs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import record as _helper_record
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers.session import PROGRAM
from ansible_collections.ondemand.superserver.tests.unit.hostile import LOCKER, STRANGER, as_root, place, stranger
from ansible_collections.ondemand.superserver.tests.unit.programs import installed

EVERYTHING = "host,pid,exit,duration,refused"


@pytest.fixture
def argv(tmp_path: Path) -> list[str]:
    """The command, without what is logged."""
    program = tmp_path / "session"
    program.write_text(PROGRAM, encoding="utf-8")
    return ["bash", "-p", str(program), "-n", "echo", "-f", str(tmp_path / "log"), "-k", "2", *recorder(tmp_path)]


def recorder(folder: Path) -> list[str]:
    """Who writes lines, with its lock somewhere else than on hosts."""
    text = Path(installed(_helper_record)).read_text(encoding="utf-8")
    (folder / "record").write_text(text.replace("/run/superserver", f"{folder}/run"), encoding="utf-8")
    return ["-p", sys.executable, "-a", str(folder / "record")]


def lines(folder: Path) -> list[str]:
    """The log's lines, without the time in front."""
    text = (folder / "log").read_text(encoding="utf-8")
    return [re.sub(r"^[0-9-]{10}T[0-9:]{8}[+-][0-9]{4} ", "", line) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("variables", "host"),
    [
        ({"REMOTE_ADDR": "192.0.2.1"}, "192.0.2.1"),
        ({"TCPREMOTEIP": "2001:db8::1"}, "2001:db8::1"),
        ({"REMOTE_HOST": "::ffff:192.0.2.1"}, "192.0.2.1"),
        ({"REMOTE_HOST": "fe80::1%eth0"}, "fe80::1"),
        ({"REMOTE_ADDR": "/tmp/a host=192.0.2.1"}, "-"),
        ({}, "-"),
    ],
)
def test_both_lines(argv: list[str], tmp_path: Path, variables: dict[str, str], host: str) -> None:
    command = [*argv, "-s", "9999", "-w", EVERYTHING, "--", "/bin/sh", "-c", "cat; sleep 0.2; exit 3"]
    done = subprocess.run(command, env=variables, input=b"a\0b\n", stdout=subprocess.PIPE, check=False)
    assert (done.returncode, done.stdout) == (3, b"a\0b\n")
    begin, end = lines(tmp_path)
    assert re.fullmatch(rf"echo connect host={re.escape(host)} pid=\d+", begin)
    assert re.fullmatch(rf"echo end host={re.escape(host)} pid=\d+ exit=3 duration=0\.[2-9]\d", end)


@pytest.mark.parametrize(("what", "count"), [("host", 1), ("exit", 1), ("pid,duration", 2), ("refused", 0)])
def test_only_what_is_wanted(argv: list[str], tmp_path: Path, what: str, count: int) -> None:
    (tmp_path / "log").touch()
    subprocess.run([*argv, "-s", "9999", "-w", what, "--", "/bin/true"], check=True)
    assert len(lines(tmp_path)) == count


@pytest.mark.parametrize(("code", "expected"), [(0, []), (1, ["echo refused host=192.0.2.1"]), (2, [])])
def test_refused(argv: list[str], tmp_path: Path, code: int, expected: list[str]) -> None:
    (tmp_path / "log").touch()
    command = [*argv, "-s", "9999", "-w", EVERYTHING, "-r", "--", "/bin/sh", "-c", f"exit {code}"]
    assert subprocess.run(command, env={"REMOTE_ADDR": "192.0.2.1"}, check=False).returncode == code
    assert lines(tmp_path) == expected


def test_rotation(argv: list[str], tmp_path: Path) -> None:
    for _number in range(5):
        subprocess.run([*argv, "-s", "10", "-w", "exit", "--", "/bin/true"], check=True)
    assert sorted(path.name for path in tmp_path.glob("log*")) == ["log.1", "log.2"]
    assert (tmp_path / "log.2").read_text(encoding="utf-8").count("\n") == 1
    assert (tmp_path / "log.1").stat().st_mode & 0o777 == 0o640


def test_signals_reach_the_handler(argv: list[str], tmp_path: Path) -> None:
    with subprocess.Popen([*argv, "-s", "9999", "-w", "host,exit", "--", "/bin/sleep", "60"]) as process:
        while not (tmp_path / "log").exists():
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(10) == 128 + signal.SIGTERM
    assert lines(tmp_path)[1] == "echo end host=- exit=143"


def test_a_signal_after_the_end_of_the_handler_loses_no_line(argv: list[str], tmp_path: Path) -> None:
    count = 40
    for number in range(count):
        command = [*argv, "-s", "9999", "-w", "exit", "--", "/bin/sh", "-c", "exit 3"]
        with subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.read()
            time.sleep(number / 10000)
            os.killpg(process.pid, signal.SIGTERM)
    found = lines(tmp_path)
    assert len(found) == count
    assert set(found) <= {"echo end exit=3", "echo end exit=143"}  # the second where bash has lost the first


def test_handler_ignores_no_more_than_the_session(argv: list[str]) -> None:
    command = ["/bin/grep", "SigIgn", "/proc/self/status"]
    alone = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    logged = subprocess.run([*argv, "-s", "9999", "-w", "host", "--", *command], stdout=subprocess.PIPE, check=True)
    assert logged.stdout == alone


def test_connection_ends_when_the_handler_closes_it(argv: list[str]) -> None:
    handler = "exec </dev/null >/dev/null 2>&1; exec sleep 60"
    command = [*argv, "-s", "9999", "-w", "host", "--", "/bin/sh", "-c", handler]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.read() == b""
        assert process.poll() is None
        process.terminate()


def logged(folder: Path, log: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    """A connection that is logged, from its begin to its end."""
    program = folder / "session"
    program.write_text(PROGRAM, encoding="utf-8")
    where = ["-f", str(log), "-s", "10", "-k", "2", *recorder(folder)]
    command = ["bash", "-p", str(program), "-n", "echo", *where, "-w", "exit", "--", *(words or ("/bin/true",))]
    return subprocess.run(command, check=False, stdout=subprocess.PIPE, timeout=10)


@as_root
def test_a_link_in_the_place_of_a_log_leads_nowhere(tmp_path: Path) -> None:
    with place() as top:
        theirs, target = top / "theirs", top / "target"
        for folder in (theirs, target):
            folder.mkdir()
        os.chown(theirs, STRANGER, STRANGER)
        (theirs / "log").symlink_to(target / "made")
        # Who is connected is served all the same.
        assert logged(tmp_path, theirs / "log", "/bin/echo", "served").stdout == b"served\n"
        (theirs / "log").unlink()
        (theirs / "log").write_text("long enough")
        (theirs / "log.1").write_text("a program")
        (theirs / "log.2").symlink_to(target)
        assert logged(tmp_path, theirs / "log").returncode == 0
        assert list(target.iterdir()) == []


@as_root
def test_a_lock_on_the_directory_keeps_nobody_waiting(tmp_path: Path) -> None:
    with place() as top, stranger(LOCKER, top):
        begun = time.monotonic()
        for _number in range(2):
            assert logged(tmp_path, top / "log").returncode == 0
        assert time.monotonic() - begun < 5
        assert sorted(path.name for path in top.glob("log*")) == ["log.1", "log.2"]
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700


def test_the_mask_is_the_handlers(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        assert logged(tmp_path, tmp_path / "log", "/bin/sh", "-c", "umask").stdout == b"0027\n"
    finally:
        os.umask(before)
