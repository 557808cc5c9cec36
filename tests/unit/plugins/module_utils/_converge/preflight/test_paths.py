# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths that a declaration names, and who could lead root elsewhere by them."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.programs import (
    program_problems,
)
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, service
from ansible_collections.ondemand.superserver.tests.unit.fake_host import FakeHost
from ansible_collections.ondemand.superserver.tests.unit.hostile import STRANGER, as_root, place


class Programs(FakeHost):
    """A host that has every program."""

    def executable(self, path: str) -> bool:
        return bool(path)


PATHS = (
    ("listen[0].unix", lambda path: {"listen": [{"unix": path}]}),
    ("log.file", lambda path: {"log": {"what": ["host"], "where": "file", "file": path}}),
    ("banner.file", lambda path: {"banner": {"file": path, "on": "connect"}}),
)


@as_root
@pytest.mark.parametrize(("field", "fields"), PATHS, ids=[field for field, _fields in PATHS])
@pytest.mark.parametrize("where", ["theirs", "theirs/below", "link", "below/link"])
def test_a_path_that_others_can_lead_elsewhere_is_refused(
    field: str, fields: t.Callable[[str], Fields], where: str
) -> None:
    with place() as top:
        (top / "theirs/below").mkdir(parents=True)
        (top / "below").mkdir()
        os.chown(top / "theirs", STRANGER, STRANGER)
        for link in (top / "link", top / "below/link"):
            link.symlink_to(top / "below")
            os.lchown(link, STRANGER, STRANGER)
        path = str(top / where / "x")
        if field == "banner.file":
            Path(path).write_text("hello")
        (problem,) = program_problems(service(**fields(path)), Programs())
        assert problem.path.endswith(f".{field}")
        culprit = str(top / where.partition("/below")[0])
        for words in (f'"{path}"', f'"{culprit}"', '"nobody"', "Let only root own"):
            assert words in problem.message
        # The same in a directory of root's.
        (top / "below/x").write_text("hello") if field == "banner.file" else None
        assert program_problems(service(**fields(str(top / "below/x"))), Programs()) == []


@as_root
@pytest.mark.parametrize(
    ("mode", "owner", "kind", "refused"),
    [
        (0o1777, STRANGER, "link", True),
        (0o1777, STRANGER, "file", True),
        (0o1777, 0, "file", False),
        (0o1777, 0, "link", False),
        (0o755, STRANGER, "file", False),
        (0o755, STRANGER, "link", True),
        (0o755, 0, "link to theirs", True),
    ],
)
def test_a_text_that_others_choose_is_not_shown_to_clients(mode: int, owner: int, kind: str, refused: bool) -> None:
    with place() as top:
        (top / "folder").mkdir()
        (top / "folder").chmod(mode)
        (top / "secret").write_text("root's own")
        (top / "theirs").symlink_to(top / "secret")
        os.lchown(top / "theirs", STRANGER, STRANGER)
        path = top / "folder/text"
        if kind == "file":
            path.write_text("hello")
        else:
            path.symlink_to("../theirs" if kind.endswith("theirs") else "../secret")
        os.lchown(path, owner, owner)
        problems = program_problems(service(banner={"file": str(path), "on": "connect"}), Programs())
        assert [problem.path.rpartition("].")[2] for problem in problems] == (["banner.file"] if refused else [])


@as_root
def test_a_log_that_somebody_else_has_made_is_refused() -> None:
    with place() as top:
        (top / "log").write_text("")
        os.chown(top / "log", STRANGER, STRANGER)
        declared = service(log={"what": ["host"], "where": "file", "file": str(top / "log")})
        (problem,) = program_problems(declared, Programs())
        assert problem.message == f'"{top}/log" belongs to "nobody"; remove it, or choose another file'
