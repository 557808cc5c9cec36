# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of ``superserver_adopt``: a name, or a name with the restrictions that may be lost."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem

VARIABLE = "superserver_adopt"
# What restrictions are called that are in where a service listens.
_PLACES = ("address", "family", "interface")
_EXAMPLE = "{name: check_mk, without: [only_from]}"


@dataclass(frozen=True)
class Wish:
    """One entry: its place, the name, and the restrictions that it is taken over without."""

    path: str
    name: str
    without: frozenset[str] = frozenset()


def wishes_of(entries: Sequence[t.Any]) -> tuple[list[Wish], list[Problem]]:
    """The valid entries, and the problems of the others."""
    wishes: list[Wish] = []
    problems: list[Problem] = []
    for index, entry in enumerate(entries):
        path = f"{VARIABLE}[{index}]"
        wrong = list(_wrong(path, entry))
        problems += wrong
        if wrong:
            continue
        wish = _wish(path, entry)
        if any(wish.name == other.name for other in wishes):
            problems.append(Problem(path, f'"{wish.name}" is named twice; name it once'))
        else:
            wishes.append(wish)
    return wishes, problems


def _wish(path: str, entry: t.Any) -> Wish:
    if isinstance(entry, Mapping):
        return Wish(path, str(entry["name"]), frozenset(entry.get("without", ())))
    return Wish(path, str(entry))


def _wrong(path: str, entry: t.Any) -> t.Iterator[Problem]:
    if not isinstance(entry, Mapping):
        if isinstance(entry, bool) or not isinstance(entry, (str, int)):
            yield Problem(path, f"must be a name, or a mapping such as {_EXAMPLE}")
        return
    if not isinstance(entry.get("name"), str):
        yield Problem(f"{path}.name", "must be a name: the id of an xinetd service, or the name of a unit")
    for key in entry:
        if key not in ("name", "without"):
            yield Problem(f"{path}.{key}", f"is not a known key; write for example {_EXAMPLE}")
    without = entry.get("without", [])
    if not isinstance(without, (list, tuple)):
        yield Problem(f"{path}.without", f"must be a list, as in {_EXAMPLE}")
        return
    known = restrictions()
    for index, word in enumerate(without):
        if word not in known:
            names = ", ".join(known)
            yield Problem(f"{path}.without[{index}]", f'"{word}" is not a known restriction; known are {names}')


def restrictions() -> tuple[str, ...]:
    """What restrictions are called: by each kind, and where all say it by what they listen on."""
    backends = sorted(BACKENDS.values(), key=lambda backend: backend.owner_rank)
    return (*(word for backend in backends if backend.foreign for word in backend.foreign.restrictions), *_PLACES)
