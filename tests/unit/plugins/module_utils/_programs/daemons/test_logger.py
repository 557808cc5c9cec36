# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What handlers of xinetd say on their standard error, and how much room it takes, by the script that xinetd starts."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import signal
import socket
import subprocess
import time
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.tests.unit.hostile import STRANGER, as_root
from ansible_collections.ondemand.superserver.tests.unit.plugins.module_utils._backends.xinetd.test_handler import (
    script_of,
)
from ansible_collections.ondemand.superserver.tests.unit.xinetd_services import made

SIZE, KEEP = 100000, 2
# What is read at once may be more than what is left in a file.
CHUNK = 65536
PATIENCE = 15.0


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., list[str]]:
    """What xinetd starts, for a handler that is a shell command. ``programs``: what stands for some."""
    (tmp_path / "logs").mkdir()

    def starting(command: str, programs: t.Mapping[str, str] | None = None) -> list[str]:
        others = {" 1000000 10 ": f" {SIZE} {KEEP} ", **(programs or {})}
        return ["/bin/sh", "-c", script_of(made("echo", exec=["/bin/sh", "-c", command]), tmp_path, **others)]

    return starting


def happens(what: Callable[[], t.Any]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if what():
                return True
        time.sleep(0.02)
    return False


def logged(folder: Path) -> str:
    """All that stands in the log, the oldest first; nothing while a file is put aside."""
    found = {int(path.suffix[1:].replace("log", "0")): path for path in (folder / "logs").iterdir()}
    try:
        return "".join(found[number].read_text() for number in sorted(found, reverse=True))
    except FileNotFoundError:
        return ""


def writers(folder: Path) -> list[int]:
    """The processes that write this log, unless they are about to end."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = entry.read_bytes().split(b"\0")
            if os.fsencode(folder / "logger") in words and b"write" in words:
                found.append(int(entry.parent.name))
    return found


def run(argv: list[str], client: str = "answer\n") -> None:
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, timeout=PATIENCE, check=True)
    assert done.stdout == client


def test_one_connection_cannot_fill_the_disk(script: Callable[..., list[str]], tmp_path: Path) -> None:
    run(script("seq 1000000 >&2; echo answer"))
    assert happens(lambda: logged(tmp_path).endswith("\n1000000\n"))
    files = sorted(path.name for path in (tmp_path / "logs").iterdir())
    assert set(files) <= {"echo.log", "echo.log.1", "echo.log.2"}
    assert sum(path.stat().st_size for path in (tmp_path / "logs").iterdir()) <= (KEEP + 1) * (SIZE + 2 * CHUNK)
    numbers = list(map(int, re.findall(r"\d+", logged(tmp_path).partition("\n")[2])))
    assert numbers == list(range(numbers[0], 1000001))


def test_everything_of_many_short_handlers_is_there(script: Callable[..., list[str]], tmp_path: Path) -> None:
    """Also of those that begin just when a writer ends."""
    argv = script("echo complaint >&2; echo answer")
    for number in range(12):
        run(argv)
        time.sleep(0.0 if number % 3 else 0.45)
    assert happens(lambda: logged(tmp_path) == "complaint\n" * 12)
    running = [subprocess.Popen(argv, stdout=subprocess.DEVNULL) for _number in range(12)]
    assert [process.wait(PATIENCE) for process in running] == [0] * 12
    assert happens(lambda: logged(tmp_path) == "complaint\n" * 24)


def test_a_writer_is_there_once_and_not_for_ever(script: Callable[..., list[str]], tmp_path: Path) -> None:
    argv = script("echo complaint >&2; cat >&2; echo answer")
    running = [
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) for _number in range(4)
    ]
    assert happens(lambda: logged(tmp_path) == "complaint\n" * 4)
    assert happens(lambda: len(writers(tmp_path)) == 1)
    time.sleep(1)
    assert len(writers(tmp_path)) == 1
    for process in running:
        process.communicate("more\n", PATIENCE)
    assert happens(lambda: not writers(tmp_path))
    assert logged(tmp_path) == "complaint\n" * 4 + "more\n" * 4


def test_connections_are_not_the_writers(script: Callable[..., list[str]], tmp_path: Path) -> None:
    """A client sees the end when the handler ends, and the handler has no child that it does not know."""
    mine, theirs = socket.socketpair()
    with mine, theirs:
        see = "for each in /proc/[0-9]*/stat; do read -r pid _ _ parent _ <$each; [ $parent != $$ ] || echo $pid; done"
        argv = script(f"sleep 0.3; {see} 2>/dev/null; echo complaint >&2")
        process = subprocess.Popen(argv, stdin=theirs.fileno(), stdout=theirs.fileno())
        theirs.close()
        assert process.wait(PATIENCE) == 0
        mine.settimeout(PATIENCE)
        begin = time.monotonic()
        assert mine.recv(100) == b""
        assert time.monotonic() - begin < 0.2
    assert happens(lambda: logged(tmp_path) == "complaint\n")


def test_who_kills_a_writer_loses_nothing_but_what_it_had(script: Callable[..., list[str]], tmp_path: Path) -> None:
    argv = script("echo first >&2; read -r line; echo second >&2; echo answer")
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert happens(lambda: logged(tmp_path) == "first\n")
        (writer,) = writers(tmp_path)
        os.kill(writer, signal.SIGKILL)
        assert happens(lambda: not writers(tmp_path))
        run(script("echo other >&2; echo answer"))
        assert process.communicate("go on\n", PATIENCE)[0] == "answer\n"
    assert happens(lambda: logged(tmp_path) == "first\nother\nsecond\n")


def test_a_log_that_cannot_be_written_keeps_nobody_waiting(script: Callable[..., list[str]], tmp_path: Path) -> None:
    (tmp_path / "logs").rmdir()
    (tmp_path / "logs").write_text("no directory")
    run(script("seq 100000 >&2; echo answer"))


@pytest.mark.parametrize("flaw", ["no lock", "no directory", "a file"])
def test_a_pipe_that_cannot_be_had_keeps_nobody_waiting(
    flaw: str, script: Callable[..., list[str]], tmp_path: Path
) -> None:
    argv = script("seq 100000 >&2; echo answer", {"/usr/bin/flock": "/nonesuch"} if flaw == "no lock" else None)
    if flaw == "no directory":
        (tmp_path / "run").write_text("no directory")
    elif flaw == "a file":
        (tmp_path / "run/xinetd").mkdir(parents=True)
        (tmp_path / "run/xinetd/echo").write_text("no pipe")
    run(argv)


@as_root
def test_what_an_account_was_given_is_put_aside(script: Callable[..., list[str]], tmp_path: Path) -> None:
    """Handlers wrote their logs themselves before."""
    log = tmp_path / "logs/echo.log"
    log.write_text("old\n")
    os.chown(log, STRANGER, -1)
    run(script("echo new >&2; echo answer"))
    assert happens(lambda: log.read_text() == "new\n")
    assert (tmp_path / "logs/echo.log.1").read_text() == "old\n"
    assert (log.stat().st_uid, log.stat().st_mode & 0o777) == (0, 0o640)


@as_root
def test_the_account_can_open_its_standard_error_anew(script: Callable[..., list[str]], tmp_path: Path) -> None:
    """As many programs do; and nobody else can."""
    run(script("echo complaint >&2; echo answer"))
    assert happens(lambda: logged(tmp_path) and not writers(tmp_path))
    pipe = tmp_path / "run/xinetd/echo"
    assert (pipe.stat().st_uid, pipe.stat().st_mode & 0o777, pipe.parent.stat().st_mode & 0o777) == (0, 0o622, 0o700)
    with pipe.open("rb+", buffering=0) as opened:
        command = "import os; os.setgid(65534); os.setuid(65534); open('/dev/stderr', 'w').write('anew\\n')"
        subprocess.run(["/usr/bin/python3", "-c", command], stderr=opened, check=True)
        os.set_blocking(opened.fileno(), False)
        assert os.read(opened.fileno(), 99) == b"anew\n"


@pytest.mark.parametrize("stale", ["1 1", "999999999 1", "nonsense", "", "ZOMBIE"])
def test_a_writer_that_is_not_there_any_more_is_replaced(
    stale: str, script: Callable[..., list[str]], tmp_path: Path
) -> None:
    run(script("echo first >&2; echo answer"))
    assert happens(lambda: logged(tmp_path) == "first\n" and not writers(tmp_path))
    note = tmp_path / "run/xinetd/echo.writer"
    assert not note.exists()
    with subprocess.Popen(["true"]) as ended:
        if stale == "ZOMBIE":
            assert happens(lambda: ") Z " in Path(f"/proc/{ended.pid}/stat").read_text())
            since = Path(f"/proc/{ended.pid}/stat").read_text().rpartition(")")[2].split()[19]
            stale = f"{ended.pid} {since}"
        note.write_text(f"{stale}\n")
        run(script("echo second >&2; echo answer"))
    assert happens(lambda: logged(tmp_path) == "first\nsecond\n")
    assert happens(lambda: not note.exists())


def test_a_writer_that_is_ending_is_waited_for(script: Callable[..., list[str]], tmp_path: Path) -> None:
    """It has the lock for a moment longer than its name."""
    run(script("echo first >&2; echo answer"))
    assert happens(lambda: logged(tmp_path) == "first\n" and not writers(tmp_path))
    with (tmp_path / "run/xinetd/echo.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run(script("echo second >&2; echo answer"))
        time.sleep(0.3)
    assert happens(lambda: logged(tmp_path) == "first\nsecond\n")


def test_no_program_is_started_where_somebody_writes(script: Callable[..., list[str]], tmp_path: Path) -> None:
    argv = script("echo here >&2; read -r line; echo answer")
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert happens(lambda: logged(tmp_path) == "here\n" and len(writers(tmp_path)) == 1)
        run(script("echo here >&2; echo answer", {"/usr/bin/flock -w": "/nonesuch -w", "/usr/bin/mkfifo": "/nonesuch"}))
        assert happens(lambda: logged(tmp_path) == "here\nhere\n")
        process.communicate("go on\n", PATIENCE)
