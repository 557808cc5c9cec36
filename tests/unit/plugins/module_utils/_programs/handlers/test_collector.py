# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that brings what handlers say into systemd's journal, as it runs."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers.collector import PROGRAM
from ansible_collections.ondemand.superserver.tests.unit.own_host import children

PATIENCE = 10.0


@pytest.fixture
def program(tmp_path: Path) -> list[str]:
    path = tmp_path / "collector"
    path.write_text(PROGRAM, encoding="utf-8")
    return ["sh", str(path)]


@pytest.fixture
def pipe(program: list[str], tmp_path: Path) -> Path:
    subprocess.run([*program, "prepare", str(tmp_path / "pipe")], check=True)
    return tmp_path / "pipe"


@pytest.fixture
def copying(program: list[str], pipe: Path, tmp_path: Path) -> t.Iterator[subprocess.Popen[bytes]]:
    """The program, with a file for the journal."""
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*program, "copy", str(pipe)], stdin=subprocess.DEVNULL, stdout=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def becomes(log: Path, text: str) -> bool:
    deadline = time.monotonic() + PATIENCE
    while log.read_text(encoding="utf-8") != text and time.monotonic() < deadline:
        time.sleep(0.02)
    return log.read_text(encoding="utf-8") == text


def readers(pipe: Path) -> list[str]:
    """The processes that have the pipe to read from, by their names."""
    found = []
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(descriptor) == str(pipe):
                found.append((descriptor.parent.parent / "comm").read_text(encoding="ascii").strip())
        except OSError:
            continue
    return sorted(found)


def test_everybody_may_write_and_nobody_read(pipe: Path) -> None:
    status = pipe.stat()
    assert stat.S_ISFIFO(status.st_mode)
    assert stat.S_IMODE(status.st_mode) == 0o622


def test_a_pipe_that_is_there_stays_and_anything_else_goes(program: list[str], pipe: Path) -> None:
    before = pipe.stat().st_ino
    subprocess.run([*program, "prepare", str(pipe)], check=True)
    assert pipe.stat().st_ino == before
    pipe.unlink()
    pipe.write_text("x", encoding="utf-8")
    subprocess.run([*program, "prepare", str(pipe)], check=True)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    subprocess.run([*program, "remove", str(pipe)], check=True)
    assert not pipe.exists()


@pytest.mark.usefixtures("copying")
def test_what_one_handler_after_the_other_says_is_copied(pipe: Path, tmp_path: Path) -> None:
    for number in range(3):
        with pipe.open("w", encoding="utf-8") as handler:
            handler.write(f"{number}\n")
        assert becomes(tmp_path / "log", "".join(f"{each}\n" for each in range(number + 1)))


def test_handlers_that_are_left_are_heard_to_their_end(
    copying: subprocess.Popen[bytes], program: list[str], pipe: Path, tmp_path: Path
) -> None:
    """systemd ends the program alone, and has the pipe removed."""
    with pipe.open("w", encoding="utf-8") as handler:
        handler.write("before\n")
        handler.flush()
        assert becomes(tmp_path / "log", "before\n")
        copying.terminate()
        copying.wait()
        subprocess.run([*program, "remove", str(pipe)], check=True)
        handler.write("after\n")
        handler.flush()
        with open(f"/proc/self/fd/{handler.fileno()}", "w", encoding="utf-8") as anew:
            anew.write("anew\n")
        assert becomes(tmp_path / "log", "before\nafter\nanew\n")
    gone = Path(f"{pipe} (deleted)")
    deadline = time.monotonic() + PATIENCE
    while readers(gone) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert readers(gone) == []


def test_a_copy_that_is_killed_is_followed_by_another(
    copying: subprocess.Popen[bytes], pipe: Path, tmp_path: Path
) -> None:
    """The handler is not: somebody has the pipe all the time."""
    with pipe.open("w", encoding="utf-8") as handler:
        handler.write("one\n")
        handler.flush()
        assert becomes(tmp_path / "log", "one\n")
        (killed,) = children(copying.pid)
        os.kill(killed, signal.SIGKILL)
        # What it has read already is lost with it.
        deadline = time.monotonic() + PATIENCE
        while killed in children(copying.pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        handler.write("two\n")
        handler.flush()
        assert becomes(tmp_path / "log", "one\ntwo\n")
