# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a transaction is on the disk at each moment, should the power fail then.

The disk keeps what was synced: a file's content when the file was, what a directory holds when that was. Everything
else may get there as well, or not.
"""

from __future__ import annotations

import os
import stat
import typing as t
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import SocketTable
from ansible_collections.ondemand.superserver.plugins.module_utils._converge import report
from ansible_collections.ondemand.superserver.plugins.module_utils._converge import run as _run
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.inputs import Request, Snapshot
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery import confirm as _confirm
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery.rollback import recover
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.run import Plan, converge
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import generations, lock, progress
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import journal as _journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import manifest as _manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import Manifest, manifest_of
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Site
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.files import writes
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._programs import watcher

HOST = LocalHost(watcher.Commands())


class Disk:
    """What of a directory is on the disk. ``moments``: what happens to names, and what was there just before."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._names: dict[str, dict[str, int]] = {}
        self._contents: dict[int, bytes] = {}
        self.moments: list[tuple[str, Path, dict[str, bytes]]] = []
        for folder, _folders, files in os.walk(root):
            self._names[folder] = {entry.name: entry.inode() for entry in os.scandir(folder)}
            self._contents.update({os.stat(f"{folder}/{name}").st_ino: _read(f"{folder}/{name}") for name in files})

    def synced(self, descriptor: int) -> None:
        path, status = os.readlink(f"/proc/self/fd/{descriptor}"), os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            self._names[path] = {entry.name: entry.inode() for entry in os.scandir(path)}
        else:
            self._contents[status.st_ino] = _read(path)

    def changes(self, what: str, path: str) -> None:
        if path.startswith(f"{self._root}/"):
            self.moments.append((what, Path(path).relative_to(self._root), self.files()))

    def files(self) -> dict[str, bytes]:
        """Every file, by its path below the directory."""
        return {
            str(Path(folder, name).relative_to(self._root)): self._contents.get(inode, b"")
            for folder, names in self._names.items()
            if self._is_linked(Path(folder))
            for name, inode in names.items()
            if f"{folder}/{name}" not in self._names
        }

    def _is_linked(self, folder: Path) -> bool:
        return folder == self._root or (
            folder.name in self._names.get(str(folder.parent), ()) and self._is_linked(folder.parent)
        )

    def at(self, what: str, path: str) -> dict[str, bytes]:
        """What was there when this happened for the first time."""
        return next(files for done, where, files in self.moments if (done, str(where)) == (what, path))


def located(name: str, options: Mapping[str, t.Any]) -> str:
    """Where a name is, also one in an open directory."""
    folder = options.get("dst_dir_fd", options.get("dir_fd"))
    return os.fspath(name) if folder is None else os.path.join(os.readlink(f"/proc/self/fd/{folder}"), name)


def sync(*paths: Path) -> None:
    """Have files and directories on the disk as they are."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def _read(path: str) -> bytes:
    return Path(path).read_bytes()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory, and one for services, of which one file is there."""
    for module, name, file in (
        (_journal, "PATH", "state/journal.json"),
        (_journal, "TOLD", "state/watcher.json"),
        (_manifest, "PATH", "state/manifest.json"),
        (generations, "DIRECTORY", "state/generations"),
    ):
        monkeypatch.setattr(module, name, str(tmp_path / file))
    monkeypatch.setattr(progress, "PATH", str(tmp_path.parent / f"{tmp_path.name}-lock" / "step"))
    monkeypatch.setattr(lock, "LOCK", str(tmp_path.parent / f"{tmp_path.name}-lock" / "lock"))
    monkeypatch.setattr(_run, "arm", lambda _platform, _host: None)
    (tmp_path / "services").mkdir()
    (tmp_path / "services/changed").write_text("old")
    (tmp_path / "services/obsolete").write_text("old")
    return tmp_path


@pytest.fixture
def disk(root: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """A disk on which everything is that there was so far; what is done goes on being done."""
    disk = Disk(root)

    def watched(name: str, where: int) -> None:
        real: Callable[..., t.Any] = getattr(os, name)

        def call(*arguments: t.Any, **options: t.Any) -> t.Any:
            disk.changes(name, located(arguments[where], options))
            return real(*arguments, **options)

        monkeypatch.setattr(os, name, call)

    def fsync(descriptor: int, real: Callable[[int], None] = os.fsync) -> None:
        real(descriptor)
        disk.synced(descriptor)

    for name, where in (("replace", 1), ("rename", 0), ("unlink", 0)):
        watched(name, where)
    monkeypatch.setattr(os, "fsync", fsync)
    return disk


def run(root: Path, monkeypatch: pytest.MonkeyPatch, confirm: str = "never") -> None:
    """A run that changes one file, makes another one and removes a third. What it decides is given; what it does is its
    own."""
    files = [
        File(str(root / "services/changed"), "new"),
        File(str(root / "services/deep/made"), "new"),
    ]
    obsolete = str(root / "services/obsolete")
    entry = {"service": "", "backend": "xinetd", "kind": "file", "digest": ""}
    seen = dict.fromkeys((file.path for file in files), None)
    manifest = Manifest(files={obsolete: entry})
    snapshot = Snapshot({}, {}, Platform(init="none"), manifest, files, seen, SocketTable({}, {}), {}, {}, [])
    plan = Plan(snapshot, [], {}, files, [obsolete], None)
    monkeypatch.setattr(_run, "_prepare", lambda _request, _host: plan)
    monkeypatch.setattr(report, "_diff", lambda _plan: [])
    converge(Request([], confirm=confirm, confirm_timeout=60), HOST)


def test_nothing_changes_before_the_way_back_is_on_the_disk(
    root: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(root, monkeypatch)
    first = next(files for _what, path, files in disk.moments if path.parts[0] == "services")
    assert b'"backends"' in first["state/journal.json"]
    assert first["services/changed"] == b"old"


@pytest.mark.parametrize("confirm", ["never", "always"])
def test_the_journal_goes_when_everything_else_is_on_the_disk(
    root: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch, confirm: str
) -> None:
    run(root, monkeypatch, confirm)
    if confirm == "always":
        assert b'"within": 60' in disk.files()["state/journal.json"]
        _confirm.confirm(HOST)
    end = disk.at("unlink", "state/journal.json")
    assert (end["services/changed"], end["services/deep/made"]) == (b"new", b"new")
    assert "services/obsolete" not in end
    assert b"services/deep/made" in end["state/manifest.json"]
    assert "state/journal.json" not in disk.files()


def test_what_was_undone_is_on_the_disk_before_the_journal_goes(root: Path, disk: Disk) -> None:
    paths = {str(root / "services" / name): "xinetd" for name in ("changed", "made", "obsolete")}
    journal = _journal.Journal({path: store.look(path) for path in paths}, paths, {}, Manifest(), False)
    _journal.write(journal)
    (root / "services/changed").write_text("new")
    (root / "services/made").write_text("new")
    (root / "services/obsolete").unlink()
    _manifest.save(manifest_of([], [], {}))
    sync(root / "services", root / "services/changed", root / "services/made")
    assert disk.files()["services/changed"] == b"new"
    recover(journal, HOST)
    end = disk.at("unlink", "state/journal.json")
    assert (end["services/changed"], end["services/obsolete"]) == (b"old", b"old")
    assert {"services/made", "state/manifest.json"}.isdisjoint(end)
    assert "state/journal.json" not in disk.files()


def test_what_is_set_aside_is_on_the_disk(root: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "state").mkdir()
    (root / "state/manifest.json").write_text("")
    sync(root, root / "state")
    run(root, monkeypatch)
    assert [name for name in disk.files() if name.startswith("state/manifest.json.")]


def test_what_services_share_is_written_before_what_makes_them_use_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients come while files are written."""
    written: list[str] = []
    monkeypatch.setattr(store, "install", lambda file: written.append(file.path))
    files = [File("/service/run", service="a"), File("/library/program"), File("/service/handler", service="a")]
    for operation in writes(files):
        operation.run(Site({}, Platform(init="none"), HOST))
    assert written == ["/library/program", "/service/run", "/service/handler"]
