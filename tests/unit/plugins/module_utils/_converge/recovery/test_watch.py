# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watcher, as a program of its own, undoes what a dead run has left."""

from __future__ import annotations

import fcntl
import subprocess
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery import watch
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import journal as _journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import lock as _lock
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._programs import watcher as _helper_watcher
from ansible_collections.ondemand.superserver.tests.unit.interrupted import HOST, SSH, held, interrupted, watcher


def test_the_watcher_removes_what_a_run_was_writing(state: Path) -> None:
    interrupted(state)
    (state / "manifest.json").unlink()
    for name in ("manifest.json", "journal.json", "watcher.pyz"):
        (state / f"{store.TEMPORARY}{name}").write_text("{")
    (state / "stages/stage-1/etc").mkdir(parents=True)
    assert watch.undo(_helper_watcher.Commands()) == 0.0
    assert sorted(path.name for path in state.iterdir()) == ["changed", "untouched", "watcher.json"]


def test_the_watcher_undoes_what_a_dead_run_has_left(state: Path) -> None:
    interrupted(state)
    run = watcher(state)
    out, _err = run.communicate(timeout=60)
    assert run.returncode == 0
    # All that it ran came from the archive, and it needs nothing of Ansible's.
    assert out.splitlines() == [str(state.parent / state.name), ""]
    assert (state / "changed").read_text() == "old"
    assert not (state / "made").exists()
    assert _journal.told() == ["a run was interrupted; 3 files were restored to their previous state"]
    assert (state / "run/lock").read_text() == _helper_watcher.NAME


def test_the_watcher_tries_again(state: Path) -> None:
    interrupted(state)
    (state / "changed").unlink()
    (state / "changed").mkdir()
    run = watcher(state)
    deadline = time.monotonic() + 30
    while not (state / "watcher.json").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    (state / "changed").rmdir()
    run.communicate(timeout=60)
    assert (state / "changed").read_text() == "old"
    assert _journal.told() == ["a run was interrupted; 3 files were restored to their previous state"]


def test_the_watcher_waits_for_the_run(state: Path) -> None:
    interrupted(state)
    with held(state / "run/lock", "process 42") as lock:
        run = watcher(state)
        with pytest.raises(subprocess.TimeoutExpired):
            run.wait(timeout=2)
        assert (state / "changed").read_text() == "new"
        # The run has come to its end.
        _journal.clear()
        fcntl.flock(lock, fcntl.LOCK_UN)
        run.communicate(timeout=60)
    assert (state / "changed").read_text() == "new"
    assert _journal.told() == []


def test_the_watcher_gives_time_to_confirm(state: Path) -> None:
    journal = interrupted(state)
    _journal.write(replace(journal, confirmation=_journal.confirmation(3, SSH, {})))
    run = watcher(state)
    with pytest.raises(subprocess.TimeoutExpired):
        run.wait(timeout=2)
    assert (state / "changed").read_text() == "new"
    with _lock.locked(False, HOST):  # which is free meanwhile
        pass
    run.communicate(timeout=60)
    assert (state / "changed").read_text() == "old"
    told = (
        "a change was not confirmed over a fresh connection within 3 s; 3 files were restored to their previous state"
    )
    assert _journal.told() == [told]


def test_the_archive_is_the_same_each_time(tmp_path: Path) -> None:
    """It is written only when it differs."""
    first = watch.program()
    assert watch.program() == first
    path = tmp_path / "watcher.pyz"
    path.write_bytes(first)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert "__main__.py" in archive.namelist()
