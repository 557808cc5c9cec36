# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of a run have in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import (
    journal,
    leftovers,
    lock,
    manifest,
    progress,
)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory of its own."""
    for module, name, file in (
        (journal, "PATH", "journal.json"),
        (journal, "TOLD", "watcher.json"),
        (manifest, "PATH", "manifest.json"),
        (lock, "LOCK", "run/lock"),
        (progress, "PATH", "run/step"),
    ):
        monkeypatch.setattr(module, name, str(tmp_path / file))
    monkeypatch.setattr(leftovers, "FOLDERS", (str(tmp_path),))
    monkeypatch.setattr(leftovers, "STAGES", str(tmp_path / "stages"))
    return tmp_path
