# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of all checks: how it is written, and that a check which is gone is told."""

from __future__ import annotations

import json
from pathlib import Path

from _checks import Part
from _parts import carried_out, lacking, places_of, read, write

PARTS = [
    Part("conformance", "tcp-dual", "sd12", 0.5),
    Part("conformance", "tcp-dual", "sd13", 0.7),
    Part("lint", "yamllint", seconds=2.0),
]


def test_a_list_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "checks.txt"
    write(places_of(PARTS), path)
    assert path.read_text(encoding="utf-8") == "conformance: tcp-dual\tsd12\tsd13\nlint: yamllint\n"
    assert read(path) == places_of(PARTS)


def test_what_is_gone_is_reported_with_its_place() -> None:
    wanted, found = places_of(PARTS), places_of(PARTS[1:2])
    assert lacking(wanted, found) == ["conformance: tcp-dual (sd12)", "lint: yamllint (here)"]
    assert lacking(found, wanted) == []


def test_parts_of_the_stages_are_found_but_those_of_the_comparison(tmp_path: Path) -> None:
    for stage, part in (("lint", PARTS[2]), ("checks", Part("checks", "all of them"))):
        record = {"parts": [part], "absent": [["unit", "Python 3.8"]] if stage == "lint" else []}
        (tmp_path / f"{stage}.json").write_text(json.dumps(record), encoding="utf-8")
    assert carried_out(tmp_path) == ([PARTS[2]], {("unit", "Python 3.8")})
