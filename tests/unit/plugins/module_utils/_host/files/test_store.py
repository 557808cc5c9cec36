# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and directories as wanted, whatever mask a run has and whatever became of their modes."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File

ME, MINE = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name


@contextmanager
def masked(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The collection's own directory."""
    monkeypatch.setattr(store, "OWN_DIRECTORIES", (str(tmp_path / "own"),))
    return tmp_path / "own"


def wanted(own: Path) -> list[File]:
    file = File(f"{own}/services/echo/run", "run", 0o755, owner=ME, group=MINE)
    other = File(f"{own}/logs/echo", mode=0o750, kind="directory", owner=ME, group=MINE)
    folders = store.with_folders([file, other, File("/etc/elsewhere/file")])
    return [
        File(each.path, each.content, each.mode, each.kind, ME, MINE)
        for each in folders
        if "elsewhere" not in each.path
    ]


def test_directories_come_before_what_is_in_them(own: Path) -> None:
    found = [(each.path[len(str(own)) :], each.mode) for each in wanted(own)]
    folders = [("", 0o755), ("/logs", 0o755), ("/logs/echo", 0o750), ("/services", 0o755), ("/services/echo", 0o755)]
    assert found == [*folders, ("/services/echo/run", 0o755)]


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_what_is_made_is_as_wanted_whatever_the_mask_is(own: Path, mask: int) -> None:
    with masked(mask):
        for file in wanted(own):
            store.install(file)
    assert all(store.matches(file, store.look(file.path)) for file in wanted(own))


def test_what_a_run_with_another_mask_has_left_is_repaired(own: Path) -> None:
    with masked(0o077):
        (own / "services/echo").mkdir(parents=True)
        (own / "logs/echo").mkdir(parents=True)
    dirty = [file for file in wanted(own) if not store.matches(file, store.look(file.path))]
    assert len(dirty) == 6
    for file in dirty:
        store.install(file)
    assert [mode(own / name) for name in ("", "services", "services/echo", "logs/echo")] == [0o755] * 3 + [0o750]


def test_a_directory_that_is_none_is_not_given_a_mode(own: Path) -> None:
    own.mkdir()
    (own / "logs").write_text("somebody's")
    (own / "logs").chmod(0o600)
    with pytest.raises(NotADirectoryError):
        store.install(File(f"{own}/logs", mode=0o755, kind="directory"))
    assert mode(own / "logs") == 0o600


def test_what_is_removed_is_gone_and_may_have_been_gone(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("")
    (tmp_path / "link").symlink_to("kept")
    for name in ("link", "link", "none/below", "kept/below"):
        store.unlink(str(tmp_path / name))
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    with pytest.raises(OSError, match=r"directory|permitted"):
        store.unlink(str(tmp_path))


def test_a_file_that_moves_is_on_the_disk_by_its_new_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def fsync(number: int) -> None:
        done.append(os.readlink(f"/proc/self/fd/{number}"))
        assert [path.name for path in tmp_path.iterdir()] == ["after"]

    monkeypatch.setattr(os, "fsync", fsync)
    (tmp_path / "before").write_text("text")
    store.move(str(tmp_path / "before"), "after")
    assert done == [str(tmp_path)]
    assert (tmp_path / "after").read_text() == "text"
    with pytest.raises(FileNotFoundError):
        store.move(str(tmp_path / "before"), "after")
