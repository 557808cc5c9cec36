# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of a switch to foreign services: it closes those that it takes over and opens those that it gives back."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import MASK, ForeignServices
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import SocketTable, bound
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS, foreign_services
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store as _files
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import SwitchFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener, collide
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.records import known

# How long a foreign listener may take to open again, in seconds.
PATIENCE = 10.0


@dataclass(frozen=True)
class Others:
    """``stop`` and ``start`` are what runs, by name; ``failed`` that whose failure is to be forgotten. ``reread``: the
    backends whose files change with entries of others. ``masks``: paths of links that keep something from being
    started. ``owners`` are kind and name of what is stopped or started, as its sockets show them. ``closing`` and
    ``opening`` are listeners that are open before, and afterwards."""

    stop: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    reread: frozenset[str] = frozenset()
    masks: tuple[str, ...] = ()
    owners: frozenset[tuple[str, str]] = frozenset()
    closing: tuple[Listener, ...] = ()
    opening: tuple[Listener, ...] = ()

    def reversed(self) -> Others:
        """The way back. The files are put back from the journal."""
        return replace(
            self, stop=self.start, start=self.stop, failed=(), masks=(), closing=self.opening, opening=self.closing
        )

    def sockets(self, live: SocketTable) -> frozenset[int]:
        """Inodes of the sockets that they hold, or may hold: files that alone tell whose a socket is may be newer than
        what runs."""
        return frozenset(
            socket.inode for sockets in live.sockets.values() for socket in sockets if self._may_hold(socket, live)
        )

    def _may_hold(self, socket: Socket, live: SocketTable) -> bool:
        owner = live.owner(socket)
        opens = any(collide(socket.listener, listener) for listener in self.opening)
        kind = foreign_services().get(owner[0])
        return owner in self.owners or (kind is not None and kind.entries and opens)

    def to_json(self) -> dict[str, t.Any]:
        """As it is stored."""
        return {**asdict(self), "owners": sorted(self.owners), "reread": sorted(self.reread)}


def others_from_json(value: Mapping[str, t.Any]) -> Others:
    """Read what :meth:`Others.to_json` gave. In version 1.0 there was a key that is called as the backend is."""
    units = {name: tuple(value.get(name, ())) for name in ("stop", "start", "failed", "masks")}
    return Others(
        **units,
        reread=frozenset(value.get("reread", ())) | {name for name in BACKENDS if value.get(name)},
        owners=frozenset((kind, name) for kind, name in value.get("owners", ())),
        closing=listeners_from_json(value.get("closing", ())),
        opening=listeners_from_json(value.get("opening", ())),
    )


def listeners_from_json(values: t.Iterable[Mapping[str, t.Any]]) -> tuple[Listener, ...]:
    """Read what ``dataclasses.asdict`` gave of each."""
    return tuple(Listener(**known(Listener, each)) for each in values)


def _started_here(names: Sequence[str]) -> Iterator[tuple[ForeignServices, list[str]]]:
    """What runs, by who starts and stops it."""
    for kind in foreign_services().values():
        mine = [name for name in names if kind.started_here(name)]
        if mine:
            yield kind, mine


def give_way(others: Others, host: LocalHost) -> None:
    """Stop what holds what is about to be opened."""
    stopped = set(others.stop)
    for kind, names in _started_here(list(dict.fromkeys((*others.stop, *others.failed)))):
        kind.stop([name for name in names if name in stopped], [name for name in others.failed if name in names], host)


def read_entries_again(others: Others, platform: Platform, host: LocalHost) -> None:
    """Have files with entries of others read. Raises SwitchFailed."""
    for kind in _reread(others):
        kind.read_again(others.opening, platform, host)


def opened_with_entries(others: Others) -> list[Listener]:
    """Listeners of others that are opened when files are read as they are."""
    return [listener for kind in _reread(others) for listener in kind.opened(others.opening)]


def _reread(others: Others) -> list[ForeignServices]:
    return [kind for name, kind in foreign_services().items() if name in others.reread]


def put_masks(others: Others) -> None:
    """After they were stopped: a manager forgets how to stop what it finds masked."""
    for path in others.masks:
        _files.restore(path, MASK)


def come_back(others: Others, host: LocalHost) -> None:
    """Start what is given back, and wait for the listeners. Raises SwitchFailed."""
    for kind, names in _started_here(others.start):
        kind.start(names, host)
    if not host.wait(lambda: all(bound(others.opening).values()), PATIENCE):
        closed = ", ".join(str(listener) for listener, sockets in bound(others.opening).items() if not sockets)
        raise SwitchFailed(f"listeners of services that were given back did not open again: {closed}")
