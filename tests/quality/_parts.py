# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts that the stages have written down, and the list of them that is kept with the sources.

A line of the list is ``GROUP: NAME`` and, behind tabs, the places where that is checked: hosts, or Pythons.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from _checks import PARTS, ROOT, Part

LIST = ROOT / "tests" / "checks.txt"

STAGE = "checks"  # the stage that compares

Places = dict[str, set[str]]


def carried_out(folder: Path = PARTS) -> tuple[list[Part], set[tuple[str, str]]]:
    """Every part of the other stages that have run, and the places of stages that this machine lacks something for."""
    paths = sorted(path for path in folder.glob("*.json") if path.stem != STAGE)
    records = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    parts = [Part(*part) for record in records for part in record["parts"]]
    return parts, {(stage, place) for record in records for stage, place in record["absent"]}


def places_of(parts: Iterable[Part]) -> Places:
    """By name, where a part was carried out."""
    found: Places = {}
    for part in parts:
        found.setdefault(f"{part.group}: {part.name}", set()).add(part.place)
    return found


def read(path: Path = LIST) -> Places:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {name: set(places) or {""} for name, *places in (line.split("\t") for line in lines)}


def write(places: Places, path: Path = LIST) -> None:
    lines = ("\t".join([name, *sorted(at)] if at != {""} else [name]) for name, at in sorted(places.items()))
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def lacking(these: Places, those: Places) -> list[str]:
    """What is in these and not in those, a line for each name."""
    return [
        f"{name} ({', '.join(sorted(place or 'here' for place in missing))})"
        for name, at in sorted(these.items())
        if (missing := at - those.get(name, set()))
    ]
