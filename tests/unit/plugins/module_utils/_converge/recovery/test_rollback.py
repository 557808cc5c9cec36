# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run that dies leaves behind, and how it is undone: lock, journal, watcher."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
import typing as t
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import Live
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.owners import Owner
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.errors import RunFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery import confirm as _confirm
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery import watch as _watch
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery.rollback import recover, roll_back
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import journal as _journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import leftovers as _leftovers
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import lock as _lock
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import manifest as _manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import progress as _progress
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.journal import Journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import Manifest, manifest_of
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Site
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.stock import staying
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.change import Others
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store as _files
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform, Rc
from ansible_collections.ondemand.superserver.plugins.module_utils._programs import watcher as _helper_watcher
from ansible_collections.ondemand.superserver.tests.unit.declarations import service
from ansible_collections.ondemand.superserver.tests.unit.hostile import LOCKER, as_root, does, place, stranger

SSH = "192.0.2.7 50022 192.0.2.1 22"
HOST = LocalHost(_helper_watcher.Commands())


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory of its own."""
    for module, name, file in (
        (_journal, "PATH", "journal.json"),
        (_journal, "TOLD", "watcher.json"),
        (_manifest, "PATH", "manifest.json"),
        (_lock, "LOCK", "run/lock"),
        (_progress, "PATH", "run/step"),
    ):
        monkeypatch.setattr(module, name, str(tmp_path / file))
    monkeypatch.setattr(_leftovers, "FOLDERS", (str(tmp_path),))
    monkeypatch.setattr(_leftovers, "STAGES", str(tmp_path / "stages"))
    return tmp_path


@contextmanager
def held(path: Path, name: str) -> Iterator[t.TextIO]:
    """Somebody else holds the lock."""
    path.parent.mkdir()
    with path.open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(name)
        lock.flush()
        yield lock


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
    with held(state / "run/lock", _helper_watcher.NAME) as lock:
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


OLD_WATCHER = """
import fcntl, sys
with open(sys.argv[1], "a+") as lock:
    print("waits", flush=True)
    fcntl.flock(lock, fcntl.LOCK_EX)
"""


def test_a_lock_that_is_not_the_lock_any_more_is_opened_anew(state: Path) -> None:
    path = str(state / "run/lock")
    with _helper_watcher.opened(path) as lock:
        assert _helper_watcher.is_current(lock, path)
        os.unlink(path)
        assert not _helper_watcher.is_current(lock, path)
        with _helper_watcher.opened(path) as other:
            assert not _helper_watcher.is_current(lock, path)
            assert _helper_watcher.is_current(other, path)


def test_without_a_place_for_the_lock_nothing_is_changed(state: Path) -> None:
    (state / "run").write_text("in the way")
    with pytest.raises(RunFailed, match="nothing was changed"), _lock.locked(False, HOST):
        pass


def journal_with(**fields: t.Any) -> Journal:
    return replace(Journal({}, {}, {}, Manifest(), False), **fields)


def test_a_journal_is_read_as_it_was_written(state: Path) -> None:
    old, new = service(backend="s6"), service(backend="s6", user="nobody")
    journal = Journal(
        {"/a": _files.Seen("file", b"\xff\0", 0o640, "root", "adm"), "/b": None},
        {"/a": "s6", "/b": "systemd"},
        {"s6": Change((old,), (new,), ((old, new),), (new,))},
        manifest_of([old], [], {"s6": "active"}, "/opt/s6/bin", Rc(("/etc/rc",), "/etc/rc/default")),
        True,
        "never",
        "/opt/s6/bin",
        Rc(("/etc/s6-rc/source",), "/etc/s6-rc/source/boot", "/run/rc", "/etc/rc"),
        Others(reread=frozenset({"xinetd"})),
        _journal.confirmation(60, SSH, {"changed": True}),
        ("write a file", "let s6 read its files"),
    )
    _journal.write(journal)
    assert _journal.read() == journal
    assert (state / "journal.json").stat().st_mode & 0o777 == 0o600
    _journal.clear()
    assert _journal.read() is None


def test_what_was_told_is_told_once(state: Path) -> None:
    _journal.tell(["put back"])
    assert _journal.told() == ["put back"]
    assert _journal.told() == []


def interrupted(state: Path) -> Journal:
    """The journal of a run that changed one file, made another, and was about to change a third."""
    changed, made, untouched = (state / name for name in ("changed", "made", "untouched"))
    for path in (changed, untouched):
        path.write_text("old")
    paths = dict.fromkeys(map(str, (changed, made, untouched)), "xinetd")
    journal = _journal.journal_of(paths, {}, Manifest(), False, "auto", "", None, Others())
    _journal.write(journal)
    changed.write_text("new")
    made.write_text("new")
    # Death came before this took the place of the file.
    untouched.with_name(f"{_files.TEMPORARY}{untouched.name}").write_text("ne")
    _manifest.save(manifest_of([service()], [], {}))
    return journal


def test_a_port_that_went_to_another_service_is_not_waited_for() -> None:
    """Nobody closes it again where the run died before its old service had."""
    two, three = (service(name=name, backend="xinetd", listen=[{"tcp": "7"}]) for name in ("two", "three"))
    socket = Socket("tcp", "ipv6", "::", 7, True, "stream", 42, 0, None, "")
    live = Live({("tcp", 7): [socket]}, {42: Owner("xinetd", "three", 99, "xinetd")})
    site = Site(BACKENDS, Platform(), HOST)
    assert staying({"xinetd": Change(stop=(three,))}, {"two": two}, Others(), live, site) == {42}
    moved = service(name="two", backend="xinetd", listen=[{"tcp": "8"}])
    assert not staying({"xinetd": Change(stop=(three,))}, {"two": moved}, Others(), live, site)


def test_files_and_manifest_are_as_they_were(state: Path) -> None:
    journal = interrupted(state)
    before = (state / "untouched").stat()
    assert recover(journal, HOST) == ["a run was interrupted; 3 files were restored to their previous state"]
    assert (state / "changed").read_text() == "old"
    assert sorted(path.name for path in state.iterdir()) == ["changed", "untouched"]
    assert (state / "untouched").stat() == before


def test_the_watcher_removes_what_a_run_was_writing(state: Path) -> None:
    interrupted(state)
    (state / "manifest.json").unlink()
    for name in ("manifest.json", "journal.json", "watcher.pyz"):
        (state / f"{_files.TEMPORARY}{name}").write_text("{")
    (state / "stages/stage-1/etc").mkdir(parents=True)
    assert _watch.undo(_helper_watcher.Commands()) == 0.0
    assert sorted(path.name for path in state.iterdir()) == ["changed", "untouched", "watcher.json"]


def test_what_could_not_be_put_back_is_tried_again(state: Path) -> None:
    journal = interrupted(state)
    (state / "changed").unlink()
    (state / "changed").mkdir()
    assert len(roll_back(journal, HOST)) == 1
    assert _journal.read() == journal
    (state / "changed").rmdir()
    assert roll_back(journal, HOST) == []
    assert (state / "changed").read_text() == "old"
    assert _journal.read() is None


# Runs the archive's own program, but for the places that it looks at, by a Python that has nothing else.
WATCHER = """
import sys, zipfile
archive, state = sys.argv[1:]
sys.path.insert(0, archive)
from ansible_collections.ondemand.superserver.plugins.module_utils._host import types
from ansible_collections.ondemand.superserver.plugins.module_utils._programs import watcher as _helper_watcher
types.STATE = state
_helper_watcher.JOURNAL = state + "/journal.json"
program = {"__name__": "watcher"}
exec(zipfile.ZipFile(archive).read("__main__.py"), program)
program.update(JOURNAL=state + "/journal.json", LOCK=state + "/run/lock")
program["watch"]()
collection = "ansible_collections.ondemand.superserver"
print(*{module.__file__.split(".pyz/")[0] for name, module in sys.modules.items() if name.startswith(collection)})
print(*[name for name in sys.modules if name.partition(".")[0] == "ansible"])
"""


def watcher(state: Path) -> subprocess.Popen[str]:
    archive = state.parent / f"{state.name}.pyz"
    archive.write_bytes(_watch.program())
    (state / "run").mkdir(exist_ok=True)
    argv = [sys.executable, "-I", "-S", "-c", WATCHER, str(archive), str(state)]
    return subprocess.Popen(argv, text=True, stdout=subprocess.PIPE)


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


def test_what_is_confirmed_stays(state: Path) -> None:
    journal = interrupted(state)
    _journal.write(replace(journal, confirmation=_journal.confirmation(60, SSH, {"changed": True})))
    run = watcher(state)
    assert _confirm.confirm(HOST) == {"changed": True}
    run.communicate(timeout=60)
    assert (state / "changed").read_text() == "new"
    with pytest.raises(RunFailed, match="no change waits"):
        _confirm.confirm(HOST)


def test_the_connection_of_the_change_confirms_nothing(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = interrupted(state)
    _journal.write(replace(journal, confirmation=_journal.confirmation(60, SSH, {})))
    monkeypatch.setattr(_confirm, "connection_of", lambda _pid: SSH)
    with pytest.raises(RunFailed, match="this is the old one"):
        _confirm.confirm(HOST)
    assert _journal.read() is not None


@pytest.mark.parametrize("lapsed", [{"deadline": 0.0}, {"boot": "another"}])
def test_it_is_too_late_to_confirm(state: Path, lapsed: dict[str, t.Any]) -> None:
    journal = interrupted(state)
    confirmation = replace(_journal.confirmation(60, SSH, {}), **lapsed)
    _journal.write(replace(journal, confirmation=confirmation))
    with pytest.raises(RunFailed, match="not confirmed over a fresh connection within 60 s; 3 files were restored"):
        _confirm.confirm(HOST)
    assert (state / "changed").read_text() == "old"


def test_a_container_that_was_started_again_has_booted(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel is the same, and so is its clock."""
    first = tmp_path / "stat"
    monkeypatch.setattr(_journal, "FIRST_PROCESS", str(first))
    first.write_text(f"1 (init) 1) S {' '.join(map(str, range(4, 23)))}")
    confirmation = _journal.confirmation(60, "", {})
    assert confirmation.boot.endswith(" 22")
    assert confirmation.left > 50
    first.write_text(f"1 (init) S {' '.join(map(str, range(4, 22)))} 23")
    assert confirmation.left == 0


def test_a_run_confirms_what_was_before_it(state: Path) -> None:
    journal = replace(interrupted(state), confirmation=_journal.confirmation(60, SSH, {}))
    _journal.write(journal)
    _confirm.settle(journal, HOST)
    assert _journal.read() is None
    assert len(_journal.told()) == 1


@pytest.mark.parametrize(
    ("connection", "concerned"),
    [
        ("", False),
        ("192.0.2.7 50022 192.0.2.1 22", True),
        ("192.0.2.7 50022 192.0.2.1 2222", False),
        ("fe80::1%eth0 50022 fe80::2%eth0 22", True),
        # Forwarded by something on the host.
        ("127.0.0.1 50022 127.0.0.1 2222", True),
        ("192.0.2.1 50022 192.0.2.1 2222", True),
        ("UNKNOWN 65535 UNKNOWN 65535", True),
        ("UNKNOWN 65535 192.0.2.1 2222", True),
    ],
)
def test_a_change_concerns_a_connection(connection: str, concerned: bool) -> None:
    ssh, other = service(listen=[{"tcp": "22"}]), service(listen=[{"tcp": "7"}, {"udp": "2222"}], accept=False)
    for change in (Change(stop=(ssh,)), Change(start=(other, ssh)), Change(refresh=((ssh, ssh),))):
        assert _confirm.carried(connection, {"systemd": Change(stop=(other,)), "s6": change}) == concerned


def test_the_archive_is_the_same_each_time(tmp_path: Path) -> None:
    """It is written only when it differs."""
    first = _watch.program()
    assert _watch.program() == first
    path = tmp_path / "watcher.pyz"
    path.write_bytes(first)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert "__main__.py" in archive.namelist()
