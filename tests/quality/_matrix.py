# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection is tested on, as ``tests/matrix.yml`` says."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import yaml
from _checks import find_python
from _environments import environment

MATRIX = Path(__file__).resolve().parents[1] / "matrix.yml"
# Names of systems, with commas between, whose hosts are wanted instead of the usual ones.
SYSTEMS = "SUPERSERVER_TEST_SYSTEMS"

# A directory where s6-networking and s6-rc are built. Their hosts are asked for like those of a system of the matrix.
PREFIX = "SUPERSERVER_TEST_S6_PREFIX"
BUILT = {"s6-networking": "s6net", "s6-rc": "s6rc"}

Hosts = dict[str, dict[str, Any]]

# If this is set, no host has a sample of the conformance cases only.
EVERY_CASE = "SUPERSERVER_TEST_EVERY_CASE"

PARTS = ("usual", "everywhere", "sampled", "systems", "newest_controller")
CONTROLLER = ("ansible-core", "pythons", "scenarios")


def matrix() -> dict[str, Any]:
    """What is declared. Raises ValueError with everything that is wrong with it."""
    found: dict[str, Any] = yaml.safe_load(MATRIX.read_text(encoding="utf-8"))
    wrong = list(problems(found))
    if wrong:
        raise ValueError("tests/matrix.yml: " + "; ".join(wrong))
    return found


def problems(declared: dict[str, Any]) -> Iterator[str]:
    """Keys that are missing or too many, names that lead nowhere, hosts that are there twice or have no image."""
    keys = [*_keys("the matrix", declared, PARTS)]
    yield from keys or _keys("newest_controller", declared["newest_controller"], CONTROLLER)
    if not keys:
        yield from _names(declared)
        yield from _hosts(declared["systems"])


def _keys(where: str, entry: dict[str, Any], wanted: Collection[str]) -> Iterator[str]:
    yield from (f"{where}: {key} is unknown" for key in entry if key not in wanted)
    yield from (f"{where}: {key} is missing" for key in wanted if key not in entry)


def _names(declared: dict[str, Any]) -> Iterator[str]:
    groups = {group: f"systems.{system}" for system, found in declared["systems"].items() for group in found}
    hosts = {name for system in declared["systems"].values() for found in system.values() for name in found}
    scenarios = {path.parent.name for path in MATRIX.parents[1].glob("molecule/*/molecule.yml")}
    yield from (f"{where}: {group} is no scenario" for group, where in groups.items() if group not in scenarios)
    for where, names, there in (
        ("usual", declared["usual"], declared["systems"]),
        ("everywhere", declared["everywhere"], groups),
        ("sampled", declared["sampled"], hosts),
        ("newest_controller", declared["newest_controller"].get("scenarios", ()), scenarios),
    ):
        yield from (f"{where}: there is no {name}" for name in names if name not in there)


def _hosts(systems: dict[str, dict[str, Hosts]]) -> Iterator[str]:
    seen: set[str] = set()
    for system, groups in systems.items():
        for name, variables in ((name, host) for hosts in groups.values() for name, host in hosts.items()):
            if name in seen:
                yield f"systems.{system}: another host is called {name}, too"
            if "lab_image" not in variables:
                yield f"systems.{system}: {name} has no lab_image"
            seen.add(name)


def hosts_of(declared: dict[str, Any], systems: list[str]) -> dict[str, Hosts]:
    """Hosts with their variables by group: of these systems, or else of the usual ones and those that are everywhere.

    Raises ValueError for a system that there is not.
    """
    unknown = set(systems) - set(declared["systems"]) - set(BUILT)
    if unknown:
        raise ValueError(f"tests/matrix.yml has no system {', '.join(sorted(unknown))}")
    groups: dict[str, Hosts] = {}
    for name, system in declared["systems"].items():
        for group, hosts in system.items():
            usual = name in declared["usual"] or group in declared["everywhere"]
            if name in systems or (usual and not systems):
                groups.setdefault(group, {}).update(hosts)
    return groups


def asked() -> list[str]:
    """The systems that the environment names."""
    names = os.environ.get(SYSTEMS, "")
    return names.split(",") if names else []


def chosen() -> dict[str, Hosts]:
    """The hosts that the environment asks for, less those that programs have to be built for."""
    return hosts_of(matrix(), asked())


def built() -> dict[str, str]:
    """The conformance suite's hosts for which s6's programs have to be built, by system, where they are built."""
    names = asked() or list(BUILT)
    return {name: host for name, host in BUILT.items() if name in names} if os.environ.get(PREFIX) else {}


def sampled() -> list[str]:
    """The hosts that have a sample of the conformance cases, where the environment does not ask for every case."""
    return [] if os.environ.get(EVERY_CASE) else matrix()["sampled"]


def systems_of(group: str) -> list[str]:
    """The systems of the hosts of a group that the environment asks for."""
    wanted = chosen().get(group, {})
    found = [name for name, groups in matrix()["systems"].items() if set(groups.get(group, {})) & set(wanted)]
    return found + (list(built()) if group == "s6" else [])


def newest_controller() -> Path | None:
    """The programs of the newest ansible-core of the matrix, or None on a machine without a Python for it.

    Raises CannotInstall.
    """
    wanted = matrix()["newest_controller"]
    python = next(filter(None, map(find_python, wanted["pythons"])), None)
    if python is None:
        return None
    return environment("newest-controller", python, [f"ansible-core=={wanted['ansible-core']}", "jmespath"])
