# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What speaks against paths; of directories on the way to them, test_paths has more."""

from __future__ import annotations

import os

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.objections import (
    objection_to_file,
    objection_to_reading,
)
from ansible_collections.ondemand.superserver.tests.unit.hostile import STRANGER, as_root, place

# What is there, and what is said of it as a file that root writes; nothing where that is empty.
FILES = (
    ("nothing", ""),
    ("file", ""),
    ("folder", "is not a file"),
    ("link", "is not a file"),
    ("theirs", 'belongs to "nobody"'),
    ("twice", "has a second hard link, and may be another file"),
)


@as_root
@pytest.mark.parametrize(("name", "reason"), FILES, ids=[name for name, _reason in FILES])
def test_what_root_writes(name: str, reason: str) -> None:
    with place() as top:
        for file in ("file", "theirs", "twice"):
            (top / file).touch()
        (top / "folder").mkdir()
        (top / "link").symlink_to("file")
        os.chown(top / "theirs", STRANGER, STRANGER)
        os.link(top / "twice", top / "again")
        assert objection_to_file(str(top / name)) == (f'"{top}/{name}" {reason}' if reason else "")


@as_root
def test_what_root_reads_for_others() -> None:
    with place() as top:
        (top / "secret").touch()
        (top / "theirs").symlink_to("secret")
        os.lchown(top / "theirs", STRANGER, STRANGER)
        (top / "over").symlink_to("theirs")
        for name in ("theirs", "over"):
            assert objection_to_reading(str(top / name)) == f'"{top}/theirs" belongs to "nobody"'
        for name in ("secret", "nothing", "nowhere/nothing"):
            assert objection_to_reading(str(top / name)) == ""
