# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks that other processes wait for; the kernel's own."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._host import _locks
from ansible_collections.ondemand.superserver.plugins.module_utils._host._locks import Locks

# Does what s6-setlock does.
WAIT = """
import fcntl, sys
with open(sys.argv[1], "rb") as file:
    fcntl.lockf(file, fcntl.LOCK_SH)
"""


def waiter(path: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WAIT, path])


def made(folder: Path, *names: str) -> list[str]:
    for name in names:
        (folder / name).touch()
    return [str(folder / name) for name in names]


def until_awaited(locks: Locks) -> None:
    deadline = time.monotonic() + 20
    while not locks.awaited():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_others_wait_until_a_file_is_unlocked(tmp_path: Path) -> None:
    locks, (one, two) = Locks(), made(tmp_path, "one", "two")
    for path in (one, one, two):
        locks.lock(path)
    assert not locks.awaited()
    with waiter(one) as first, waiter(two) as second:
        until_awaited(locks)
        locks.unlock(one)
        assert first.wait(20) == 0
        assert second.poll() is None
        assert locks.awaited()
        locks.unlock(two)
        locks.unlock(two)
        assert second.wait(20) == 0


def test_others_go_on_when_the_process_dies(tmp_path: Path) -> None:
    (path,) = made(tmp_path, "one")
    holding = f"{WAIT.replace('rb', 'r+b').replace('LOCK_SH', 'LOCK_EX')}    print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holding, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout
        assert owner.stdout.readline()
        with waiter(path) as other:
            time.sleep(0.3)
            assert other.poll() is None
            owner.kill()
            assert other.wait(20) == 0


def test_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Locks().lock(str(tmp_path / "missing"))


def test_kernel_that_tells_nothing_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locks, (path,) = Locks(), made(tmp_path, "one")
    locks.lock(path)
    monkeypatch.setattr(_locks, "TABLE", str(tmp_path / "missing"))
    assert locks.awaited()
