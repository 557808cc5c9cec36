# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of a switch to foreign services: it closes those that it takes over and opens those that it gives back."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import ADOPTS_ENTRIES
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import Live, bound
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import adopter
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.foreign.units import MASK
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd import daemon as _xinetd_daemon
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.foreign import CONFIG
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import read_services
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
    """``stop`` and ``start`` are units; ``failed`` those that systemd is to forget the failure of. ``xinetd``: whether
    entries of it change. ``masks``: paths of links that keep units from being started. ``owners`` are kind and name of
    what is stopped or started, as its sockets show them. ``closing`` and ``opening`` are listeners that are open
    before, and afterwards."""

    stop: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    xinetd: bool = False
    masks: tuple[str, ...] = ()
    owners: frozenset[tuple[str, str]] = frozenset()
    closing: tuple[Listener, ...] = ()
    opening: tuple[Listener, ...] = ()

    def reversed(self) -> Others:
        """The way back. The files are put back from the journal."""
        return replace(
            self, stop=self.start, start=self.stop, failed=(), masks=(), closing=self.opening, opening=self.closing
        )

    def sockets(self, live: Live) -> frozenset[int]:
        """Inodes of the sockets that they hold, or may hold: whose a socket of xinetd is, only its files tell, and they
        may be newer than what it runs."""
        return frozenset(
            socket.inode for sockets in live.sockets.values() for socket in sockets if self._may_hold(socket, live)
        )

    def _may_hold(self, socket: Socket, live: Live) -> bool:
        owner = live.owner(socket)
        opens = any(collide(socket.listener, listener) for listener in self.opening)
        return owner in self.owners or (owner[0] == adopter(ADOPTS_ENTRIES) and opens)

    def to_json(self) -> dict[str, t.Any]:
        """As it is stored."""
        return {**asdict(self), "owners": sorted(self.owners)}


def others_from_json(value: Mapping[str, t.Any]) -> Others:
    """Read what :meth:`Others.to_json` gave."""
    units = {name: tuple(value.get(name, ())) for name in ("stop", "start", "failed", "masks")}
    return Others(
        **units,
        xinetd=bool(value.get("xinetd", False)),
        owners=frozenset((kind, name) for kind, name in value.get("owners", ())),
        closing=listeners_from_json(value.get("closing", ())),
        opening=listeners_from_json(value.get("opening", ())),
    )


def listeners_from_json(values: t.Iterable[Mapping[str, t.Any]]) -> tuple[Listener, ...]:
    """Read what ``dataclasses.asdict`` gave of each."""
    return tuple(Listener(**known(Listener, each)) for each in values)


def give_way(others: Others, host: LocalHost) -> None:
    """Stop units that hold what is about to be opened."""
    if others.stop:
        host.run(["systemctl", "stop", *others.stop])
    if others.failed:
        host.run(["systemctl", "reset-failed", *others.failed], check=False)


def read_entries_again(others: Others, platform: Platform, host: LocalHost) -> None:
    """Have xinetd read its files. It may end when nothing is left for it to serve."""
    if not others.xinetd:
        return
    process = _xinetd_daemon.find(host)
    if process is None:
        if opened_by_xinetd(others):
            _xinetd_daemon.start(platform, host)
        return
    try:
        _xinetd_daemon.reload(process, host)
    except SwitchFailed:
        if read_services(CONFIG):
            raise


def opened_by_xinetd(others: Others) -> list[Listener]:
    """Listeners of others that xinetd opens when it reads its files as they are."""
    served = {(service.transport, service.port) for service in read_services(CONFIG)} if others.xinetd else set()
    return [listener for listener in others.opening if (listener.transport, listener.port) in served]


def put_masks(others: Others) -> None:
    """After the units were stopped: systemd forgets how to stop a unit that it finds masked."""
    for path in others.masks:
        _files.restore(path, MASK)


def come_back(others: Others, host: LocalHost) -> None:
    """Start units, and wait for the listeners. Raises SwitchFailed."""
    if others.start:
        host.run(["systemctl", "start", *others.start])
    if not host.wait(lambda: all(bound(others.opening).values()), PATIENCE):
        closed = ", ".join(str(listener) for listener, sockets in bound(others.opening).items() if not sockets)
        raise SwitchFailed(f"listeners of services that were given back did not open again: {closed}")
