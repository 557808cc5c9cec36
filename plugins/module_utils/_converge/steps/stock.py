# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run that is undone finds: sockets that are nobody's business, and processes that have been left alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend, Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import Live, look
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Operation, Site
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.listeners import end, sockets_of
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.change import Others
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import collide
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service


@dataclass(frozen=True)
class TakeStock(Operation):
    """Find out whose sockets are at the listeners that are closed on the way back, and end what nobody else would end.
    ``changes`` and ``others`` are those of the way back, ``have`` the services that there were before the run."""

    changes: Mapping[str, Change]
    have: Mapping[str, Service]
    others: Others = field(default_factory=Others)

    @property
    def line(self) -> str:
        return "end what super-servers that died have left"

    def run(self, site: Site) -> None:
        stopped = [service for change in self.changes.values() for service in change.stop]
        live = look(stopped, self.have.values(), site.platform, site.host)
        # Whoever died may have ended a super-server, and not what that had started. Nobody waits for its sockets to
        # close.
        end(live.left_behind(self.have), site.host)
        site.staying |= staying(self.changes, self.have, self.others, live, site)
        site.closing = sockets_of(stopped, site.platform)


def staying(
    changes: Mapping[str, Change], have: Mapping[str, Service], others: Others, live: Live, site: Site
) -> frozenset[int]:
    """Sockets at listeners that the run was to open, and that still, or again, belong to whoever was before."""
    backends, platform = site.backends, site.platform

    def is_of_before(socket: Socket, backend: str, service: Service) -> bool:
        """Of two services of one super-server nobody can tell which of them has a socket."""
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
    """A super-server serves on what has lost its file, though nothing says under which name."""
    return owner == (backend.name, "") or backend.service_of(owner) == service
