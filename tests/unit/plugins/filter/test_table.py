# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows become lines whose columns stand below each other."""

from __future__ import annotations

import typing as t

from ansible_collections.ondemand.superserver.plugins.filter.table import table


def test_columns_stand_below_each_other() -> None:
    rows: list[dict[str, t.Any]] = [
        {"host": "oak", "gap_ms": 12.5, "methods": ["gap", "hold"], "other": "not shown"},
        {"host": "birch", "gap_ms": "", "methods": [], "reason": "not proven:\n  echo"},
    ]
    assert table(rows, ["host", "gap_ms", "methods", "reason"]) == [
        "host   gap ms  methods    reason",
        "oak    12.5    gap, hold",
        "birch                     not proven: echo",
    ]


def test_columns_by_other_names() -> None:
    assert table([{"name": "echo", "gap_ms": 1}], ["name", "gap_ms"], {"name": "service"}) == [
        "service  gap ms",
        "echo     1",
    ]


def test_there_are_no_rows() -> None:
    assert table([], ["host", "outcome"]) == ["host  outcome"]


def test_nothing_is_lost_of_false_and_none() -> None:
    assert table([{"a": 0, "b": False, "c": None}], ["a", "b", "c"]) == ["a  b      c", "0  False"]
