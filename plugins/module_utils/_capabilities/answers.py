# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Queries of the capability table: what each backend can do."""

from __future__ import annotations

import dataclasses
import typing as t
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.cells import (
    EMULATED,
    GUARD,
    HOWS,
    IMPOSSIBLE,
    NATIVE,
    NEEDS,
    Cell,
    Row,
    impossible,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.columns import (
    COLUMNS,
    Column,
    column_of,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.rows import ROWS
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.build import build
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

__all__ = (
    "COLUMNS",
    "EMULATED",
    "GUARD",
    "HOWS",
    "IMPOSSIBLE",
    "NATIVE",
    "NEEDS",
    "ROWS",
    "Cell",
    "Column",
    "Refusal",
    "Row",
    "column_of",
    "effective",
    "enforced_by_guard",
    "refusals",
    "used_rows",
    "without",
)


def effective(cell: Cell, platform: Platform) -> Cell:
    """The cell that holds on this host: the first, along ``otherwise``, whose needs are met; else an impossible one."""
    current: Cell | None = cell
    missing = ""
    while current is not None:
        unmet = [need for need in current.needs if not platform.able(need)]
        if not unmet:
            return current
        missing = missing or f"{current.note} needs {NEEDS.get(unmet[0], unmet[0])}"
        if current.otherwise is None:
            missing = f"{current.note} needs {NEEDS.get(unmet[0], unmet[0])}"
        current = current.otherwise
    return impossible(missing)


def used_rows(service: Service) -> Iterable[Row]:
    """The rows that a service needs."""
    return (row for row in ROWS if row.used(service))


def enforced_by_guard(service: Service, platform: Platform) -> frozenset[str]:
    """The fields of a service that the nftables guard enforces on this host, e.g. ``{"access.allow"}``."""
    column = column_of(service.backend, platform)
    return frozenset(row.field for row in used_rows(service) if effective(column.cell(row), platform).how == GUARD)


@dataclass(frozen=True)
class Refusal:
    """A field that the service's backend cannot honour on this host; ``others`` are the backends that can."""

    service: Service
    row: Row
    reason: str
    others: tuple[str, ...]

    def problem(self) -> Problem:
        """The refusal as a problem with path, reason and way out."""
        top, _dot, rest = self.row.field.partition(".")
        case = f" ({self.row.case})" if self.row.case else ""
        path = self.service.path(top) + (f".{rest}" if rest else "")
        return Problem(path, f"{self.service.backend} cannot honour this{case}: {self.reason}. {self._way_out()}")

    def _way_out(self) -> str:
        if not self.others:
            return "Leave the field out."
        choice = " or ".join(f"backend: {name}" for name in self.others)
        return f'Give "{self.service.name}" {choice}, or leave the field out.'


def refusals(services: Sequence[Service], platform: Platform) -> list[Refusal]:
    """Everything that cannot be honoured: one refusal for each thing that a backend cannot do at all, and one for each
    field that the host lacks something for."""
    found = []
    for service in services:
        column = column_of(service.backend, platform)
        reasons = set()
        for row in used_rows(service):
            cell = effective(column.cell(row), platform)
            reason = (cell.note, "" if column.cell(row).how == IMPOSSIBLE else row.field)
            if not cell.possible and reason not in reasons:
                reasons.add(reason)
                found.append(Refusal(service, row, cell.note, _others(service, row, platform)))
    return found


def _others(service: Service, row: Row, platform: Platform) -> tuple[str, ...]:
    """Other backends that run on this host and honour the row there."""
    columns = [column for column in COLUMNS.values() if platform.init in column.runs_under]
    able = {column.backend for column in columns if effective(column.cell(row), platform).possible}
    return tuple(sorted(able - {service.backend}))


def without(service: Service, path: str) -> Service:
    """The service as if a droppable field had not been declared; one of a record within a record takes that along."""
    declared: dict[str, t.Any] = service.to_json()
    if path.startswith("listen."):
        name = path.split(".", 1)[1]
        declared["listen"] = [{k: v for k, v in entry.items() if k != name} for entry in declared["listen"]]
    else:
        top, _dot, rest = path.partition(".")
        if rest:
            name = rest.split(".")[0]
            declared[top] = {key: value for key, value in declared[top].items() if key != name}
        else:
            declared.pop(top)
    return dataclasses.replace(build(declared, service.backend, service.origins), secrets=service.secrets)
