# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd itself says of the units: they are right, and a wrong one is refused."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.backend import Systemd
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.parts import (
    UNITS,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.boot import keeper_files
from ansible_collections.ondemand.superserver.tests.unit import goldens
from ansible_collections.ondemand.superserver.tests.unit.declarations import service
from ansible_collections.ondemand.superserver.tests.unit.machine import machine
from ansible_collections.ondemand.superserver.tests.unit.plugins.module_utils._backends.systemd.test_units import (
    HOST,
    SERVICES,
    VERSIONS,
    files_of,
)


def analyzer_version() -> int:
    """Version of this machine's systemd-analyze, 0 where there is none."""
    if not shutil.which("systemd-analyze"):
        return 0
    said = subprocess.run(["systemd-analyze", "--version"], text=True, capture_output=True, check=False).stdout
    found = re.match(r"systemd (\d+)", said)
    return int(found.group(1)) if found else 0


ANALYZER = analyzer_version()
with_analyzer = pytest.mark.skipif(not ANALYZER, reason="systemd-analyze is not installed")


@with_analyzer
@pytest.mark.parametrize("version", VERSIONS)
def test_systemd_takes_the_units(version: str, tmp_path: Path) -> None:
    files = [file for name in SERVICES for file in files_of(name, VERSIONS[version])]
    goldens.stage([*files, *keeper_files(VERSIONS[version])], tmp_path)
    said = Systemd().check(str(tmp_path), files, VERSIONS[version], machine())
    # An older systemd says so of each setting that it does not know, and of nothing else.
    unknown = "Unknown key 'PollLimitIntervalSec' in section [Socket], ignoring."
    assert [line for line in said if int(version) <= ANALYZER or unknown not in line] == []


WRONG: tuple[tuple[str, str, str], ...] = (
    ("echo.socket", "Accept=yes", "Accept=perhaps"),
    ("echo.socket", "[Socket]", "[Socket]\nNonesuch=1"),
    ("echo@.service", "ExecStart=", "ExecStart=relative "),
    ("echo@.service", "/bin/cat", '/bin/cat "a'),
    ("echo@.service", "Nice=0", "Nice=99"),
)


@with_analyzer
@pytest.mark.parametrize(("unit", "old", "new"), WRONG)
def test_systemd_refuses_a_wrong_unit(unit: str, old: str, new: str, tmp_path: Path) -> None:
    files = [
        replace(file, content=file.content.replace(old, new)) if file.path.endswith(f"/{unit}") else file
        for file in files_of("echo")
    ]
    assert files != files_of("echo")
    goldens.stage(files, tmp_path)
    said = Systemd().check(str(tmp_path), files, HOST, machine())
    assert said
    assert all(str(tmp_path) not in line for line in said)


@with_analyzer
def test_absent_program_and_foreign_units_are_not_checked(tmp_path: Path) -> None:
    files = Systemd().render([service(name="e", exec=["/opt/non such"])], HOST)
    goldens.stage(files, tmp_path)
    wants = tmp_path / UNITS[1:] / "sysinit.target.wants"
    wants.mkdir()
    (wants / "stranger.service").write_text("[Unit]\nNonesuch=1\n[Service]\nExecStart=/bin/true\n")
    assert Systemd().check(str(tmp_path), files, HOST, machine()) == []
