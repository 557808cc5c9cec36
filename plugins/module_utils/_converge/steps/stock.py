# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rollback finds: sockets that it must not wait for, and processes that a dead super-server has left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend, Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import SocketTable, look
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Operation, Site
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.listeners import end, sockets_of
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.change import Others
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import collide
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service


@dataclass(frozen=True)
class TakeStock(Operation):
    """Find out who holds the listeners that the rollback closes, and end processes that no super-server ends.
    ``changes`` and ``others`` are those of the way back, ``have`` are the services before the run."""

    changes: Mapping[str, Change]
    have: Mapping[str, Service]
    others: Others = field(default_factory=Others)

    @property
    def line(self) -> str:
        return "end processes that dead super-servers have left"

    def run(self, site: Site) -> None:
        stopped = [service for change in self.changes.values() for service in change.stop]
        live = look(stopped, self.have.values(), site.platform, site.host)
        # The run that died may have stopped a super-server but not its daemons, whose sockets nothing else closes.
        end(live.left_behind(self.have), site.host)
        site.staying |= staying(self.changes, self.have, self.others, live, site)
        site.closing = sockets_of(stopped, site.platform)


def staying(
    changes: Mapping[str, Change], have: Mapping[str, Service], others: Others, live: SocketTable, site: Site
) -> frozenset[int]:
    """Sockets of listeners that the run was to open and that still, or again, belong to their previous owner."""
    backends, platform = site.backends, site.platform

    def is_of_before(socket: Socket, backend: str, service: Service) -> bool:
        """Whether a socket is of before the run. It cannot be told which of two services of one super-server has it."""
        owner = live.owner(socket)
        return any(_holds(other, owner, service.name) for other in backends.values() if other.name != backend) or any(
            other.backend == backend or _holds(backends[other.backend], owner, other.name)
            for other in have.values()
            if other.enabled and other.name != service.name and _had(other, socket, platform)
        )

    return others.sockets(live) | frozenset(
        socket.inode
        for name, change in changes.items()
        for service in change.stop
        for listener in service.listeners(platform.ipv6)
        for socket in live.near(listener)
        if is_of_before(socket, name, service)
    )


def _had(service: Service, socket: Socket, platform: Platform) -> bool:
    return any(collide(listener, socket.listener) for listener in service.listeners(platform.ipv6))


def _holds(backend: Backend, owner: tuple[str, str], service: str) -> bool:
    """A super-server keeps listeners of removed files open, but then their service has no name."""
    return owner == (backend.name, "") or backend.service_of(owner) == service
