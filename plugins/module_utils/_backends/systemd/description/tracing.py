# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sockets belong to units."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.ownership import Owner, Run, Tracing
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.sockets import (
    MANAGER,
    SocketUnit,
    is_manager,
    socket_units,
    unit_of,
    unit_of_process,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes.table import Holder
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket


class UnitTracing(Tracing):
    """The manager holds the sockets of socket units; whoever else holds one may be a service's process."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run
        self._managed = is_manager()
        self._units: list[SocketUnit] | None = None

    def of_socket(self, entry: Socket, held_by: Sequence[Holder]) -> Owner | None:
        manager = next(filter(self.passes_on, held_by), None)
        if manager is None:
            return None
        unit = unit_of(entry, self._socket_units())
        alone = all(holder is manager for holder in held_by)
        return Owner("systemd", unit, manager.pid, manager.program) if unit or alone else None

    def passes_on(self, holder: Holder) -> bool:
        return self._managed and holder.pid == MANAGER

    def of_process(self, holder: Holder) -> Owner | None:
        unit = unit_of_process(holder.pid) if self._managed else ""
        return Owner("systemd", unit, holder.pid, holder.program) if unit else None

    def _socket_units(self) -> list[SocketUnit]:
        if self._units is None:
            self._units = socket_units(self._run)
        return self._units
