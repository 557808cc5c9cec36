# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Golden files: what backends are to write, for people to read and for tests to compare with.

After a change that is meant, ``SUPERSERVER_RENEW_GOLDEN=1 tests/quality/unit`` writes them anew; the difference then
shows in version control, where it must be looked at.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File

GOLDEN = Path(__file__).parent / "golden"


def as_text(files: Iterable[File]) -> str:
    """All files as one text: each begins with a line that says what and where it is."""
    return "".join(
        f"==> {file.path} ({file.kind} {file.mode:04o} {file.owner}:{file.group})\n{file.content}"
        + ("" if file.content.endswith("\n") else "\n")
        for file in files
    )


def compare(name: str, files: Iterable[File]) -> None:
    """Fail unless ``golden/<name>`` holds exactly these files."""
    golden, text = GOLDEN / name, as_text(files)
    if os.environ.get("SUPERSERVER_RENEW_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text, encoding="utf-8")
        pytest.fail(f"{golden} was written anew")
    assert text == golden.read_text(encoding="utf-8")


def names(folder: str) -> set[str]:
    """The golden files of a folder, by their names."""
    return {path.name for path in (GOLDEN / folder).iterdir()}


def stage(files: Iterable[File], root: Path) -> None:
    """Write files below another root, for a backend's own checker to look at."""
    for file in files:
        if file.kind == "file":
            path = Path(f"{root}{file.path}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content.encode())
            path.chmod(file.mode)
