# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of what was tried on what: ``tests/record.json``.

``parts``, by name: how many checks passed, on which ``date``, and the ``controller``. ``hosts``, by name: the ``date``,
their ``versions``, and for those of the conformance suite their ``column``, the number of ``steps``, and the fields of
the ``served`` and ``refused`` cases.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from _checks import RESULTS, ROOT

RECORD = ROOT / "tests" / "record.json"


def load(path: Path = RECORD) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {"parts": {}, "hosts": {}, **found}


def add(name: str, part: Mapping[str, Any], hosts: Mapping[str, Any], path: Path = RECORD) -> None:
    """Puts a part that has passed, and its hosts, in the place of what was known of them."""
    record = load(path)
    record["parts"][name] = part
    record["hosts"].update({host: {**found, "date": part["date"]} for host, found in hosts.items()})
    path.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def hosts_seen(results: Path = RESULTS) -> dict[str, Any]:
    """What the last scenarios have kept of their hosts."""
    found: dict[str, Any] = {}
    for path in sorted((results / "versions").glob("*.json")):
        found[path.stem] = {"versions": json.loads(path.read_text(encoding="utf-8"))}
    for path in sorted((results / "conformance").glob("*.json")):
        found[path.stem] = conformance(json.loads(path.read_text(encoding="utf-8")))
    return found


def conformance(host: Mapping[str, Any]) -> dict[str, Any]:
    """The part of what tests/conformance/judge has kept of a host that is worth a record."""
    refused = {each["case"]: each["fields"] for stage in host["refusals"] for each in stage["expected"]}
    return {
        "versions": host["versions"],
        "column": host["column"],
        "steps": len(host["results"]),
        "served": host["cases"],
        "refused": refused,
    }
