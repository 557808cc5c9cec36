# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which programs are found, and what has booted the host."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._host import platform

NAMES = ("execlineb", "nft", "xinetd")


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Three folders that have an execlineb each, and what stands in PATH alone."""
    found = {}
    for name in ("named", "first", "path"):
        folder = tmp_path / name
        folder.mkdir()
        found[name] = str(folder)
        for program in ("execlineb", *(["nft"] if name == "path" else [])):
            (folder / program).touch(0o755)
    monkeypatch.setattr(platform, "FIRST_PATH", (found["first"],))
    monkeypatch.setattr(platform, "PATH", found["path"])
    return found


@pytest.mark.parametrize("expected", ["named", "first"])
def test_program_itself_is_preferred_to_what_starts_it(folders: dict[str, str], expected: str) -> None:
    found = platform.find_programs(folders["named"] if expected == "named" else "", NAMES)
    assert found == {"execlineb": f"{folders[expected]}/execlineb", "nft": f"{folders['path']}/nft"}


def test_what_cannot_be_run_is_no_program(folders: dict[str, str]) -> None:
    (Path(folders["first"]) / "execlineb").chmod(0o644)
    assert platform.find_programs("", NAMES)["execlineb"] == f"{folders['path']}/execlineb"


@pytest.mark.parametrize("there", [True, False])
def test_systemd_has_booted_where_it_says_so(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "isdir", lambda path: there and path == "/run/systemd/system")
    assert platform.booted_by_systemd() is there
