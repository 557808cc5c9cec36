# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection is tested on, as ``tests/matrix.yml`` says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

MATRIX = Path(__file__).resolve().parents[1] / "matrix.yml"
# Names of systems, with commas between, whose hosts are wanted instead of the usual ones.
SYSTEMS = "SUPERSERVER_TEST_SYSTEMS"

Hosts = dict[str, dict[str, Any]]


def matrix() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(MATRIX.read_text(encoding="utf-8"))
    return found


def hosts_of(declared: dict[str, Any], systems: list[str]) -> dict[str, Hosts]:
    """Hosts with their variables by group: of these systems, or else of the usual ones and those that are everywhere.

    Raises ValueError for a system that there is not.
    """
    unknown = set(systems) - set(declared["systems"])
    if unknown:
        raise ValueError(f"tests/matrix.yml has no system {', '.join(sorted(unknown))}")
    groups: dict[str, Hosts] = {}
    for name, system in declared["systems"].items():
        for group, hosts in system.items():
            usual = name in declared["usual"] or group in declared["everywhere"]
            if name in systems or (usual and not systems):
                groups.setdefault(group, {}).update(hosts)
    return groups


def chosen() -> dict[str, Hosts]:
    """The hosts that the environment asks for."""
    names = os.environ.get(SYSTEMS, "")
    return hosts_of(matrix(), names.split(",") if names else [])
