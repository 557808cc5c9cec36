# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The columns of the capability table. Each backend brings its own; the registry of backends puts them here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.cells import (
    GUARD,
    Cell,
    Row,
    impossible,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform


@dataclass(frozen=True)
class Column:
    """What one backend, or one provider of its servers, can do.

    ``cells`` are by the names of rows; of a row that it does not have, what is common holds, and where nothing is, the
    field is refused. ``runs_under``: the kinds of PID 1 that it works under. ``guarded``: what the guard needs to have
    its rules loaded before the backend listens. ``handover``: methods by which it can take a port over that are not for
    everybody. ``holds``: whether it is this one of the backend's columns that counts
    on a host.
    """

    name: str
    backend: str
    cells: Mapping[str, Cell]
    runs_under: tuple[str, ...]
    guarded: tuple[str, ...] = ("nft", "keeper")
    handover: frozenset[str] = frozenset()
    holds: Callable[[Platform], bool] = lambda _platform: True
    # What was asked for already: rendering asks for the same rows for every service.
    _found: dict[str, Cell] = field(default_factory=dict, init=False, compare=False, repr=False)

    def cell(self, row: Row) -> Cell:
        """The cell of one row."""
        if row.name not in self._found:
            self._found[row.name] = self.cells.get(row.name) or self._common(row)
        return self._found[row.name]

    def _common(self, row: Row) -> Cell:
        common = row.common or impossible(f"{self.backend} has nothing for it")
        return replace(common, needs=self.guarded) if common.how == GUARD else common


# By name, in the order of the backends.
COLUMNS: dict[str, Column] = {}


def register(columns: Iterable[Column]) -> None:
    """Put the columns of a backend into the table, in the order in which they are asked whether they hold."""
    COLUMNS.update({column.name: column for column in columns})


def column_of(backend: str, platform: Platform) -> Column:
    """The column that holds for a backend on a host."""
    return next(column for column in COLUMNS.values() if column.backend == backend and column.holds(platform))
