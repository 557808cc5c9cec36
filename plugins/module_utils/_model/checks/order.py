# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Order of services: ``requires`` and ``after`` name services of the declaration, or systemd units,
which have a dot in their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import Merged
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import SERVICE
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.types import Report

FIELDS = ("requires", "after")


def is_unit(name: str) -> bool:
    """Whether an entry of ``requires`` or ``after`` is a unit of systemd."""
    return "." in name


def check_order(services: Sequence[Merged], backend: str, report: Report) -> None:
    """Check that services (also those that are absent) can wait for each other. ``backend`` is the host's."""
    known = {service.fields["name"]: service for service in services}
    for service in services:
        if service.fields.get("state") == "absent":
            continue
        for field, index, name in _entries(service):
            problem = _problem(service, known.get(name), field, backend)
            if problem:
                report(f"{service.path(field)}[{index}]", f'"{name}" {problem}')
    for name in sorted(known):
        circle = _circle(name, known)
        # Once for each cycle, at the first of its services.
        if circle and name == min(circle):
            field = next(field for field, _index, other in _entries(known[name]) if other == circle[1])
            report(known[name].path(field), f"is a dependency cycle: {' -> '.join(circle)}")


def _entries(service: Merged) -> Iterator[tuple[str, int, str]]:
    """The services that a service waits for, each with the field and its place there."""
    for field in FIELDS if not service.broken else ():
        for index, name in enumerate(service.fields.get(field, ())):
            if not is_unit(name):
                yield field, index, name


def _problem(service: Merged, other: Merged | None, field: str, backend: str) -> str:
    if other is None:
        return "is not a service of this host; the name of a systemd unit has a dot, such as postgresql.service"
    state = other.fields.get("state", SERVICE.default("state"))
    if field == "requires" and state != "present" and service.fields.get("state") != "disabled":
        return f'is {state}, so that "{service.fields["name"]}" could never start; enable it, or leave it out here'
    mine, its = service.fields.get("backend") or backend, other.fields.get("backend") or backend
    if mine != its and state == "present":
        return f"is a service of {its}, and {mine} does not know when it starts; give both the same backend"
    return ""


def _circle(start: str, known: Mapping[str, Merged]) -> list[str]:
    """A cycle from a service back to itself, e.g. a, b, a; empty if there is none."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        for _field, _index, name in _entries(known[way[-1]]):
            if name == start:
                return [*way, name]
            if name in known and name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []
