# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others have of what a run wants: names, paths and ports that are taken, and services that another manager
has."""

from __future__ import annotations

import os
import typing as t
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import SocketTable
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.owners import Owner, holders
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import Manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign import adoptable
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.store import Seen
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import HEADER, File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import collide
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service


def manager_problems(manifest: Manifest, platform: Platform) -> list[Problem]:
    """Services of s6 do not pass from one manager to another."""
    if not manifest.managed or bool(manifest.s6_rc) == bool(platform.s6_rc):
        return []
    manager = "s6-rc" if manifest.s6_rc else "a scan directory"
    return [
        Problem(
            "superserver_s6_rc",
            f"the services of s6 on this host are managed by {manager}; run once without them before you change this",
        )
    ]


def name_problems(
    service: Service, manifest: Manifest, backend: Backend, platform: Platform, host: LocalHost
) -> list[Problem]:
    """Service names that foreign units and directories have."""
    held = manifest.services.get(service.name)
    if held is not None and held["backend"] == service.backend:
        return []
    for path in backend.reserved_paths(service, platform):
        if path not in manifest.files and host.exists(path) and not _ours(host.read(path)):
            return [
                Problem(
                    service.path("name"),
                    f'"{service.name}" is taken: {path} exists and does not belong to this collection; choose '
                    "another name",
                )
            ]
    return []


def file_problems(
    services: Mapping[str, Service], files: Sequence[File], seen: Mapping[str, Seen | None], manifest: Manifest
) -> list[Problem]:
    """Foreign files at the paths of wanted files."""
    problems = []
    for file in files:
        there = seen[file.path]
        if there is None or file.path in manifest.files or file.kind in ("directory", "seed"):
            continue
        same = there.kind == file.kind and there.content == os.fsencode(file.content)
        if not same and not _ours(there.text):
            service = services.get(file.service)
            path = service.path("name") if service else file.path
            problems.append(
                Problem(
                    path,
                    f"{file.path} exists and does not belong to this collection; move it away or choose another name",
                )
            )
    return problems


def _ours(text: str | None) -> bool:
    return text is not None and HEADER in text


Standing = t.Callable[[Socket, t.Tuple[str, str]], t.Optional[bool]]
# Why owners of sockets cannot be taken over, and what can be done then; empty where one can.
Objections = t.Callable[[t.Mapping[Owner, Socket]], t.Mapping[Owner, str]]


def holder_problems(
    services: Iterable[Service], possession: Possession, objections: Objections = lambda _owners: {}
) -> list[Problem]:
    """Endpoints that foreign services hold. The collection's own services release their sockets. ``objections`` has
    the owners that cannot be taken over, with the reason."""
    live = possession.live
    taken = []
    for service in services:
        if not service.enabled:
            continue
        for index, listener in enumerate(service.listeners(possession.platform.ipv6)):
            foreign = [socket for socket in live.colliding(listener) if not possession.holds(socket, service)]
            if foreign:
                taken.append((f"{service.path('listen')}[{index}]", listener, foreign[0]))
    owners = {live.owners[socket.inode]: socket for _path, _listener, socket in taken if socket.inode in live.owners}
    objected = objections(owners)
    return [
        Problem(
            path,
            f"{listener} cannot be bound: {socket} is held by {live.holder(socket)}, which does not "
            "belong to this collection; "
            f"{_way_out(live.owners.get(socket.inode), objected)}",
        )
        for path, listener, socket in taken
    ]


@dataclass(frozen=True)
class Possession:
    """What the collection holds. ``release_status`` tells for some foreign sockets whether this run releases them, None
    if it does not know."""

    have: Mapping[str, Service]
    live: SocketTable
    backends: Mapping[str, Backend]
    platform: Platform
    release_status: Standing = lambda _socket, _owner: None

    def holds(self, socket: Socket, declared: Service) -> bool:
        """Whether it holds a socket, for any of its services or for this one."""
        owner = self.live.owner(socket)
        known = self.release_status(socket, owner)
        if known is not None:
            return known
        for name, backend in self.backends.items():
            found = backend.service_of(owner)
            services = [service for service in (self.have.get(found), declared) if service and service.name == found]
            if found and any(service.backend == name for service in services):
                return True
        return socket.inode in self.live.orphans or (owner[1] == "" and self._nameless(owner[0], socket))

    def _nameless(self, backend: str, socket: Socket) -> bool:
        """A super-server also serves what has lost its file, and then nobody can tell for whom."""
        return any(service.backend == backend and self._binds(service, socket) for service in self.have.values())

    def _binds(self, service: Service, socket: Socket) -> bool:
        return any(collide(listener, socket.listener) for listener in service.listeners(self.platform.ipv6))


def _way_out(owner: Owner | None, objected: Mapping[Owner, str]) -> str:
    """What can be done about the owner of a socket."""
    objection = objected.get(owner, "") if owner else ""
    if owner and adoptable.nameable(owner) and not objection:
        return f'name "{owner.name}" in superserver_adopt to take it over, or choose another port'
    return f"{objection or 'stop and disable it'}, or choose another port"


def objections_on(host: LocalHost, own: t.Collection[str]) -> Objections:
    """What speaks against offering owners on this host. ``own`` are files of this collection."""

    def objections(owners: Mapping[Owner, Socket]) -> Mapping[Owner, str]:
        held = holders(socket.inode for socket in owners.values())
        return adoptable.objections({owner: held[socket.inode] for owner, socket in owners.items()}, own, host)

    return objections
