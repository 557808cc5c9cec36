# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which boot this is, and how long ago it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._host import clock


def test_time_goes_on_and_the_boot_stays() -> None:
    first, boot = clock.since_boot()
    second, same = clock.since_boot()
    assert 0 < first <= second
    assert boot == same


def test_a_boot_is_that_of_the_kernel_and_of_the_first_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("BOOT", "1-2-3\n"), ("FIRST_PROCESS", f"1 (a) b) S {' '.join(map(str, range(4, 23)))} 23")):
        (tmp_path / name).write_text(text)
        monkeypatch.setattr(clock, name, str(tmp_path / name))
    assert clock.since_boot()[1] == "1-2-3 22"
