# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of each case on one kind of host: it is declared and tried, or its refusal is expected.

The model and the capability table say which.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from _cases import HANDLED, Case, Refused

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.offline import honourable
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import (
    column_of,
    refusals,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration, Problem


@dataclass(frozen=True)
class Host:
    """A kind of host: the backend of its services, and what decides what that can do."""

    backend: str
    provider: str = "ucspi"
    init: str = "systemd"
    mounts: bool = True

    @property
    def platform(self) -> Platform:
        return Platform(init=self.init, s6=self.provider, nft=True, mounts=self.mounts, syslog=self.init == "systemd")

    @property
    def column(self) -> str:
        return column_of(self.backend, self.platform).name


# Who says no: the model or the table in any case, or the host as it is, whose names of ports are read before all else.
STAGES = ("model", "names", "table", "host")


@dataclass(frozen=True)
class Refusal:
    """A case that must be refused, by whom, and with which problems."""

    case: Case
    stage: str
    problems: tuple[Refused, ...]
    droppable: bool = False


@dataclass(frozen=True)
class Plan:
    """What becomes of all cases on one kind of host."""

    host: Host
    tried: tuple[Case, ...]
    refused: tuple[Refusal, ...]


def plan(cases: Iterable[Case], host: Host) -> Plan:
    """Ask the model and the table about every case."""
    tried: list[Case] = []
    refused: list[Refusal] = []
    for case in cases:
        refusal = _refusal(case, host)
        if refusal is None:
            tried.append(case)
        else:
            refused.append(refusal)
    return Plan(host, tuple(tried), tuple(refused))


def sample(planned: Plan) -> Plan:
    """Of the cases that are tried the first one of each field, those of named backends and those in HANDLED; and all
    that are refused."""
    seen: set[str] = set()
    tried: list[Case] = []
    for case in planned.tried:
        if case.name in HANDLED or "backend" in case.fields or not seen.issuperset(case.fields):
            tried.append(case)
            seen.update(case.fields)
    return replace(planned, tried=tuple(tried))


def _refusal(case: Case, host: Host) -> Refusal | None:
    expected = tuple(each for each in case.refused if not each.only or host.column in each.only)
    try:
        services = case.load(host.backend)
    except InvalidDeclaration as problem:
        return Refusal(case, "model", _expected(case, expected, problem))
    if any(isinstance(endpoint.port, str) for service in services for endpoint in service.listen):
        return Refusal(case, "names", expected)
    if any(service.backend == "systemd" for service in services) and host.init != "systemd":
        return Refusal(case, "table", ())
    problems = refusals(services, host.platform)
    if problems:
        droppable = all(problem.row.droppable for problem in problems)
        special = (each for each in expected if each.only)
        return Refusal(case, "table", (*_of_table(case, problems), *special), droppable)
    try:
        honourable(services, host.platform, "fail")
    except InvalidDeclaration as problem:
        return Refusal(case, "table", _expected(case, expected, problem))
    return Refusal(case, "host", expected) if expected else None


def _expected(case: Case, expected: tuple[Refused, ...], problem: InvalidDeclaration) -> tuple[Refused, ...]:
    if not expected:
        raise ValueError(f"{case.name} is refused, which it does not say:\n{problem}")
    return expected


def _of_table(case: Case, found: Iterable[t.Any]) -> Iterator[Refused]:
    """What the table makes of it: the field, the backend, the reason and a way out must all be told."""
    names = [service["name"] for service in case.services]
    for refusal in found:
        problem: Problem = refusal.problem()
        words = f"^{refusal.service.backend} cannot honour this.*: .{{10,}}\\. (Give|Leave) "
        yield Refused(problem.path.split("].", 1)[1], words, names.index(refusal.service.name))
