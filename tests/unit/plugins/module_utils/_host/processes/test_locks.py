# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks: one holder at a time, who says who it is."""

from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes.locks import (
    sign,
    signature,
    take,
    waiting_and_holding,
)


def test_one_has_it_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("a text that is longer than that of the next one")
    with path.open("r+") as first, path.open("r+") as second:
        assert [take(first), take(first), take(second)] == [True, True, False]
        sign(first)
        assert signature(second) == signature(first) == f"process {os.getpid()}"
        waiting, holding = waiting_and_holding(second.fileno())
        assert (waiting, [process.pid for process in holding]) == ([], [os.getpid()])
        first.close()
        assert take(second)


def test_a_lock_that_nobody_has_signed(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w+") as lock:
        assert signature(lock) == "process unknown"
