# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of a run have in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import journal as _journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import leftovers as _leftovers
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import lock as _lock
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import manifest as _manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import progress as _progress


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
