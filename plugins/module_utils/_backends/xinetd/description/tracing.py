# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sockets belong to services of xinetd."""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.ownership import Owner, Tracing
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.check import CONFIG
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.daemon import INETD_CONFIG
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import (
    XinetdService,
    read_inetd_services,
    read_services,
    service_of,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes import table as _processes
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes.table import Holder
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket

_XINETD = "xinetd"


class EntryTracing(Tracing):
    """One process holds all sockets; for which service, its configuration files tell."""

    def __init__(self) -> None:
        super().__init__()
        self._services: dict[int, list[XinetdService]] = {}

    def of_holder(self, entry: Socket, holder: Holder) -> Owner | None:
        if holder.program != _XINETD:
            return None
        if holder.pid not in self._services:
            self._services[holder.pid] = _services_of(holder.pid)
        return Owner("xinetd", service_of(entry, self._services[holder.pid]), holder.pid, holder.program)


def _services_of(pid: int) -> list[XinetdService]:
    """What an xinetd process serves, by the configuration files that its options name."""
    try:
        words = _processes.arguments(pid)
    except OSError:
        return []
    config = next((value for option, value in zip(words, words[1:]) if option == "-f"), CONFIG)
    inetd = read_inetd_services(INETD_CONFIG) if "-inetd_compat" in words else []
    return read_services(config) + inetd
