# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is looked at without being opened by mistake, and where paths lead."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import disk, entries


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a\r\n\xff\n")
    (tmp_path / "link").symlink_to("file")
    assert disk.Disk().text(str(tmp_path / "link")) == "a\r\n\udcff\n"


def test_what_is_no_file_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "nowhere").symlink_to("none")
    for name in ("fifo", "nowhere", ".", "none", "a\0b"):
        assert disk.text(str(tmp_path / name)) is None


def test_what_is_in_a_directory(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
    assert disk.Disk().names(str(tmp_path)) == ["a", "b"]
    assert disk.inodes(str(tmp_path)) == {name: (tmp_path / name).stat().st_ino for name in ("a", "b")}
    assert (disk.names(f"{tmp_path}/none"), disk.inodes(f"{tmp_path}/none")) == ([], {})


def test_links(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "nowhere").symlink_to("none")
    path = str(tmp_path / "nowhere")
    assert (entries.is_link(path), entries.exists(path), entries.is_directory(path)) == (True, True, False)
    assert entries.is_directory(str(tmp_path / "link"))
    assert not entries.exists(str(tmp_path / "none"))
    assert entries.link(path) == "none"
    with pytest.raises(OSError, match="none"):
        entries.link(str(tmp_path / "none"))
    assert entries.destination(str(tmp_path / "link/file")) == entries.target(f"{tmp_path}/x", b"link/file")
    assert entries.target(f"{tmp_path}/x", b"link/file") == str((tmp_path / "real/file").resolve())


def test_programs_and_names() -> None:
    assert entries.executable("/bin/sh")
    assert not entries.executable("/nonexistent")
    assert disk.decoded(disk.encoded("\udcff\u00fc")) == "\udcff\u00fc"
