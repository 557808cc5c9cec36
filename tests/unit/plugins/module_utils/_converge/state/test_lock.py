# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time on a host."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.errors import RunFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import lock as _lock
from ansible_collections.ondemand.superserver.plugins.module_utils._programs import watcher
from ansible_collections.ondemand.superserver.tests.unit.hostile import LOCKER, as_root, does, place, stranger
from ansible_collections.ondemand.superserver.tests.unit.interrupted import HOST, held

OLD_WATCHER = """
import fcntl, sys
with open(sys.argv[1], "a+") as lock:
    print("waits", flush=True)
    fcntl.flock(lock, fcntl.LOCK_EX)
"""


def test_a_second_run_is_told_who_the_first_is(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lock, "BRIEF", 0.05)
    with held(state / "run/lock", "process 42"):
        with pytest.raises(RunFailed, match="another run is active on this host: process 42"), _lock.locked(
            False, HOST
        ):
            pass
        with _lock.locked(True, HOST):  # check mode waits for nobody
            pass


def test_a_watcher_at_work_is_waited_for(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lock, "BRIEF", 0.05)
    with held(state / "run/lock", watcher.NAME) as lock:
        release = threading.Timer(0.3, lambda: fcntl.flock(lock, fcntl.LOCK_UN))
        release.start()
        with _lock.locked(False, HOST):
            assert (state / "run/lock").read_text() == f"process {os.getpid()}"
        release.join()


@as_root
def test_nobody_else_can_hold_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    with place() as top:
        monkeypatch.setattr(_lock, "LOCK", str(top / "run/lock"))
        before = os.umask(0o000)
        try:
            with _lock.locked(False, HOST):
                assert not does("open(sys.argv[1])", top / "run/lock")
                assert not does("os.open(sys.argv[1], os.O_RDONLY)", top / "run")
        finally:
            os.umask(before)
        assert (top / "run").stat().st_mode & 0o777 == 0o700
        assert (top / "run/lock").stat().st_mode & 0o777 == 0o600


@as_root
def test_who_held_the_lock_while_everybody_could_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """As version 1.0.0 made it; a watcher of that version waits for it, and would undo what is going on."""
    monkeypatch.setattr(_lock, "BRIEF", 0.05)
    with place() as top:
        lock = top / "run/lock"
        monkeypatch.setattr(_lock, "LOCK", str(lock))
        lock.parent.mkdir(mode=0o755)
        lock.touch(mode=0o644)
        argv = [sys.executable, "-c", OLD_WATCHER, str(lock), "/var/lib/superserver/watcher.pyz"]
        with stranger(LOCKER, lock), subprocess.Popen(argv, stdout=subprocess.PIPE) as old:
            assert old.stdout
            assert old.stdout.readline() == b"waits\n"
            with _lock.locked(False, HOST):
                assert lock.read_text() == f"process {os.getpid()}"
                assert old.wait(10) == -signal.SIGKILL
                # The next one waits for this one, whoever still has the other.
                told = f"another run is active on this host: process {os.getpid()}"
                with pytest.raises(RunFailed, match=told), _lock.locked(False, HOST):
                    pass


def test_a_lock_that_is_not_the_lock_any_more_is_opened_anew(state: Path) -> None:
    path = str(state / "run/lock")
    with watcher.opened(path) as lock:
        assert watcher.is_current(lock, path)
        os.unlink(path)
        assert not watcher.is_current(lock, path)
        with watcher.opened(path) as other:
            assert not watcher.is_current(lock, path)
            assert watcher.is_current(other, path)


def test_without_a_place_for_the_lock_nothing_is_changed(state: Path) -> None:
    (state / "run").write_text("in the way")
    with pytest.raises(RunFailed, match="nothing was changed"), _lock.locked(False, HOST):
        pass
