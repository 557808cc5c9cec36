# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Handover ``fdholder``: the next super-server inherits the open listening sockets, which are never closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend, Change, by_backend
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import SocketTable
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.duplication import (
    Duplicate,
    accept_beside,
    inode_of,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket, realising
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service


@dataclass(frozen=True)
class Inheriting:
    """``services`` as they are to be, whose servers of s6 get the old ``sockets``: duplicates, by what the holder calls
    them. ``backlogs``: how many connections may wait in each."""

    services: Sequence[Service] = ()
    sockets: Mapping[str, Duplicate] = field(default_factory=dict)
    backlogs: Mapping[str, int] = field(default_factory=dict)

    def hand_over(self, backends: Mapping[str, Backend], platform: Platform, host: LocalHost) -> frozenset[int]:
        """Have the new servers accept connections beside the old ones; the inodes of the sockets."""
        inodes = frozenset(map(inode_of, self.sockets.values()))
        try:
            for name, entry in self.sockets.items():
                accept_beside(entry, self.backlogs[name])
            for name, services in by_backend(self.services).items():
                kept = [each for service in services for each, *_rest in backends[name].kept_sockets(service, platform)]
                backends[name].give({each: self.sockets[each].fileno() for each in kept}, platform, host)
                backends[name].activate(Change(start=tuple(services)), platform, host)
        finally:
            for entry in self.sockets.values():
                entry.close()
        return inodes


def inheriting_of(
    services: Sequence[Service], sockets: Iterable[Duplicate], live: SocketTable, platform: Platform
) -> Inheriting:
    """Which of the duplicates each server gets."""
    duplicates = {inode_of(entry): entry for entry in sockets}
    wanted = [entry for service in services for entry in BACKENDS[service.backend].kept_sockets(service, platform)]
    return Inheriting(
        services,
        {name: duplicates[_matching(listener, live)[0].inode] for name, listener, _backlog in wanted},
        {name: backlog for name, _listener, backlog in wanted},
    )


def other_socket(old: Service, new: Service, live: SocketTable, platform: Platform) -> str:
    """Why servers of s6 cannot go on with the very sockets that a service has, in words; empty where they can."""
    backend = BACKENDS[new.backend]
    kept = [listener for _name, listener, _backlog in backend.kept_sockets(new, platform)]
    others = [str(listener) for listener in kept if not _matching(listener, live)]
    differs = f"{others[0]} has no socket of its own yet" if others else ""
    return backend.differing_socket(old, new, platform) or differs


def _matching(listener: Listener, live: SocketTable) -> list[Socket]:
    """The one socket that is exactly this listener."""
    found = realising(listener, live.near(listener))
    return found if len(found) == 1 else []
