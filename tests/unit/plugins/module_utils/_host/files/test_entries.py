# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is at a path, whatever it is."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import entries
from ansible_collections.ondemand.superserver.tests.unit.hostile import as_root

KINDS = ("exists", "is_file", "is_directory", "is_socket")
# What there is, and which of these are true of it.
THERE: tuple[tuple[str, set[str]], ...] = (
    ("file", {"exists", "is_file"}),
    ("folder", {"exists", "is_directory"}),
    ("socket", {"exists", "is_socket"}),
    ("fifo", {"exists"}),
    ("to file", {"exists", "is_file"}),
    ("to folder", {"exists", "is_directory"}),
    ("to socket", {"exists"}),
    ("to nothing", {"exists"}),
    ("nothing", set()),
    ("file/below", set()),
)


@pytest.fixture
def top(tmp_path: Path) -> Iterator[Path]:
    """A directory with one of each."""
    (tmp_path / "file").write_bytes(b"#!/bin/sh\n\xff")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    for name in ("file", "folder", "socket", "nothing"):
        (tmp_path / f"to {name}").symlink_to(name)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        yield tmp_path


@pytest.mark.parametrize(("name", "true"), THERE)
def test_kinds(top: Path, name: str, true: set[str]) -> None:
    found: dict[str, Callable[[str], bool]] = {kind: getattr(entries, kind) for kind in KINDS}
    assert {kind for kind, holds in found.items() if holds(str(top / name))} == true


def test_where_a_path_leads_to(top: Path) -> None:
    assert entries.destination(f"{top}/folder/../to file") == str(top.resolve() / "file")
    assert entries.destination(f"{top}/to nothing") == str(top.resolve() / "nothing")


def test_names_in_a_directory(top: Path) -> None:
    assert sorted(entries.names(str(top))) == sorted(path.name for path in top.iterdir())
    assert entries.names(str(top / "nothing")) == []
    with pytest.raises(NotADirectoryError):
        entries.names(str(top / "file"))


def test_what_a_file_holds(top: Path) -> None:
    assert entries.read(str(top / "file")) == b"#!/bin/sh\n\xff"
    assert entries.read(str(top / "nothing")) is None
    with pytest.raises(IsADirectoryError):
        entries.read(str(top / "folder"))


@pytest.mark.parametrize(("name", "text"), [("file", b"#!/b"), ("folder", b""), ("fifo", b""), ("nothing", b"")])
def test_how_a_file_begins(top: Path, name: str, text: bytes) -> None:
    """Nobody writes into the FIFO, and it is not waited for."""
    assert entries.head(str(top / name), 4) == text


@as_root
def test_file_systems_that_start_no_program(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "noexec", "tmpfs", tmp_path], check=True)
    try:
        assert entries.is_on_noexec(str(shutil.copy("/bin/true", str(tmp_path))))
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert not entries.is_on_noexec("/bin/true")
