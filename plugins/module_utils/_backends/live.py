# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's listeners beside the declared ones: who holds what, and what is wrong with that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.owners import Owner, owner_words, owners
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.process import runs
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.places import placed, same_name
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.network.addresses import has_address
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes import table as _processes
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import (
    Socket,
    listening,
    realising,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Process
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener, collide
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service


@dataclass(frozen=True)
class SocketTable:
    """Every listening socket, by port (or path), and the owner of each by inode.

    ``orphans``: by inode, the service whose daemon holds the socket though the super-server that started it is gone;
    ``daemons``: which process that is.
    """

    sockets: Mapping[tuple[str, int | str], list[Socket]]
    owners: Mapping[int, Owner]
    orphans: Mapping[int, str] = field(default_factory=dict)
    daemons: Mapping[int, Process] = field(default_factory=dict)

    def left_behind(self, have: Mapping[str, Service]) -> frozenset[Process]:
        """The processes that nobody else will end; systemd ends its own."""
        return frozenset(
            self.daemons[inode] for inode, name in self.orphans.items() if not BACKENDS[have[name].backend].ends_daemons
        )

    def near(self, listener: Listener) -> list[Socket]:
        """Sockets of the same transport and port, or of the same path."""
        return self.sockets.get(_key(listener), [])

    def colliding(self, listener: Listener) -> list[Socket]:
        """Sockets that keep ``listener`` from being bound."""
        return [socket for socket in self.near(listener) if collide(placed(listener), socket.listener)]

    def owner(self, socket: Socket) -> tuple[str, str]:
        """Kind and name of the owner; empty where nobody can be seen."""
        owner = self.owners.get(socket.inode)
        return (owner.kind, owner.name) if owner else ("", "")

    def holder(self, socket: Socket) -> str:
        """The owner in words."""
        return str(self.owners.get(socket.inode, "no visible process"))


def look(want: Iterable[Service], have: Iterable[Service], platform: Platform, host: LocalHost) -> SocketTable:
    """One pass over the kernel's table and /proc, for the ports and paths of services declared and services held."""
    services, held = [*want, *have], list(have)
    wanted = {_key(listener) for service in services for listener in service.listeners(platform.ipv6)}
    found: dict[tuple[str, int | str], list[Socket]] = {}
    for socket in listening():
        if _key(socket.listener) in wanted:
            found.setdefault(_key(socket.listener), []).append(socket)
    sockets = [socket for group in found.values() for socket in group]
    live = SocketTable(found, owners(sockets, host.run_plain))
    found_alone = list(_orphans(live, held, platform))
    return replace(
        live,
        orphans={inode: name for inode, name, _process in found_alone},
        daemons={inode: process for inode, _name, process in found_alone},
    )


def _orphans(live: SocketTable, have: Iterable[Service], platform: Platform) -> Iterator[tuple[int, str, Process]]:
    """xinetd and s6 cannot end the daemons that they have started when they are killed, and a socket unit that is
    stopped leaves its daemon running."""
    for service in have:
        for listener in service.listeners(platform.ipv6):
            for socket in live.colliding(listener):
                owner = live.owners.get(socket.inode)
                alone = owner and (owner.kind != service.backend or owner.name.endswith(".service"))
                process = _processes.process(owner.pid) if owner and alone else None
                if process and _plays(process, service, listener, platform):
                    yield socket.inode, service.name, process


def _plays(process: Process, service: Service, listener: Listener, platform: Platform) -> bool:
    datagram = listener.type == "datagram"
    return not (service.accept and not datagram) and runs(process.argv, service, platform, datagram)


def bound(listeners: Iterable[Listener]) -> dict[Listener, list[Socket]]:
    """The sockets that make up each listener just now, whoever holds them."""
    found: dict[tuple[str, int | str], list[Socket]] = {}
    for socket in listening():
        found.setdefault(_key(socket.listener), []).append(socket)
    return {listener: realising(listener, found.get(_key(listener), [])) for listener in listeners}


def _key(listener: Listener) -> tuple[str, int | str]:
    return (listener.transport, same_name(listener.path) or listener.port)


def lacks_address(listener: Listener) -> bool:
    """Whether a listener is of an address that the host does not have just now."""
    return listener.mobile and not has_address(listener.address)


def may_wait(listener: Listener, backend: Backend) -> bool:
    """Whether a listener need not be open just now, because it waits for its address."""
    return listener.freebind and not backend.binds_ahead and lacks_address(listener)


def to_be_open(service: Service, backend: Backend, platform: Platform) -> list[Listener]:
    """The listeners that an enabled service has open just now, if all is right."""
    return [listener for listener in service.listeners(platform.ipv6) if not may_wait(listener, backend)]


def _because(listener: Listener) -> str:
    return ": the host does not have the address" if lacks_address(listener) else ""


def listener_problem(service: Service, live: SocketTable, backend: Backend, platform: Platform) -> str:
    """What is wrong with a service's listeners: not bound, bound otherwise, held by another owner; of a disabled
    service: bound by its backend. Empty when all is right."""
    problems = []
    for listener in service.listeners(platform.ipv6):
        sockets = realising(listener, live.near(listener))
        others = [socket for socket in sockets if backend.service_of(live.owner(socket)) != service.name]
        if not service.enabled:
            if len(others) < len(sockets) or any(live.orphans.get(socket.inode) == service.name for socket in others):
                problems.append(f"{listener} is open though the service is disabled")
        elif not sockets and not may_wait(listener, backend):
            problems.append(f"{listener} is not open{_because(listener)}")
        elif others:
            expected = owner_words(*backend.owner(service, listener, platform))
            problems.append(f"{listener} belongs to {live.holder(others[0])}, not to {expected}")
    return "; ".join(problems)
