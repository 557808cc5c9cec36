# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Closes and opens listeners in the order that every move needs, and measures the gaps."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend, Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import ADOPTS_UNITS
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import bound, to_be_open
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.guard import apply_guard
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.sessions import drain
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.change import (
    Others,
    come_back,
    give_way,
    opened_by_xinetd,
    put_masks,
    read_entries_again,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.loading import GUARD
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.fdholder import Inheriting
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.hold import holding
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.reuseport import Sharing, migrating
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store as _files
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.paths import Folder, Unsafe
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.places import same_name
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import listening, unserved
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Process, SwitchFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# How long listeners may take to close or to open, in seconds; s6 waits a second before it starts a server again.
PATIENCE = 10.0
# How often files are read once more for a listener that was not opened, and how long it may take each time, in seconds.
AGAIN = 3
OPENING = 0.05
# How often the gap meter looks, in seconds.
SAMPLING = 0.002
# How long connections may wait for an old listener to serve them before it is closed, in seconds.
DRAINING = 0.4


@dataclass(frozen=True)
class Transition:
    """From one state of the host to another.

    ``install`` writes every new and changed file; ``written`` are the backends that those belong to. ``obsolete`` are
    the files that have to go, by backend. ``guard``: load the rules (True), remove them (False), or leave them alone
    (None). ``orphans`` are processes that hold sockets of services and that no super-server can end any more.
    ``staying``: inodes of sockets that somebody else holds at listeners that are to be closed, as after a death before
    they were opened. ``others``: what becomes of services of others. ``held``: listeners whose clients are kept waiting
    while they are closed. ``sharing`` and ``inheriting``: what is opened before anything is closed. ``draining``: how
    long connections that are established may last before they are cut off, in seconds. ``closing``: inodes of sockets
    at listeners that are to be closed, before anything was begun: a super-server that is woken may open some of these
    anew.
    """

    changes: Mapping[str, Change]
    install: Callable[[], None]
    written: frozenset[str]
    obsolete: Mapping[str, Sequence[str]]
    guard: bool | None
    orphans: frozenset[Process] = frozenset()
    staying: frozenset[int] = frozenset()
    others: Others = field(default_factory=Others)
    held: Sequence[Listener] = ()
    sharing: Sharing = field(default_factory=Sharing)
    inheriting: Inheriting = field(default_factory=Inheriting)
    draining: float = 0.0
    closing: frozenset[int] = frozenset()

    def change(self, backend: Backend) -> Change:
        """What one backend has to do."""
        return self.changes.get(backend.name, Change())


def switch(transition: Transition, backends: Mapping[str, Backend], platform: Platform, host: LocalHost) -> None:
    """Carry out a transition, in the order that keeps every port closed for the shortest time.

    New configuration is read, and what can be started is, while the old listeners still serve. A backend that closes
    and opens in one reload comes between the closing and the opening of the others, so that ports move in either
    direction; its obsolete entries must be gone by then. Other files go last: clients may still come for what they
    belong to, and systemd closes a socket as soon as it reads that its unit is gone.
    Raises SwitchFailed or OSError.
    """
    stopped = [service for change in transition.changes.values() for service in change.stop]
    transition = replace(transition, closing=_inodes(stopped, platform))
    _wake(transition, backends.values(), platform, host)
    separate = [backend for backend in backends.values() if not backend.atomic]
    atomic = [backend for backend in backends.values() if backend.atomic]
    transition.install()
    transition.sharing.announce(platform)
    for backend in separate:
        if backend.name in transition.written:
            backend.reload(platform, host)
    for backend in backends.values():
        backend.prepare(transition.change(backend), platform, host)
    if transition.sharing.services:
        new = transition.sharing.take_over(backends, platform, host)
        transition = replace(transition, staying=transition.staying | new)
    if transition.inheriting.services:
        same = transition.inheriting.hand_over(backends, platform, host)
        transition = replace(transition, staying=transition.staying | same)
    drain(transition.changes, backends, transition.draining, platform, host)
    with migrating(bool(transition.sharing.services)), holding(transition.held, platform, host):
        _drain(transition.held, host)
        _swap(transition, separate, atomic, platform, host)
    for backend in backends.values():
        if not transition.change(backend).empty:
            backend.settle(transition.change(backend), platform, host)
    _tidy(transition, separate, atomic, platform, host)


def _swap(
    transition: Transition,
    separate: Sequence[Backend],
    atomic: Sequence[Backend],
    platform: Platform,
    host: LocalHost,
) -> None:
    """Close what is to be closed, and open what is to be opened."""
    for backend in separate:
        _release(backend, transition, platform, host)
    end(transition.orphans, host)
    give_way(transition.others, host)
    if transition.guard is not None:
        apply_guard(transition.guard, platform, host)
    for backend in atomic:
        _remove(transition, backend.name, platform, backend.entries)
        _activate(backend, transition, platform, host)
    if all(transition.change(backend).empty for backend in atomic):
        read_entries_again(transition.others, platform, host)
    for backend in separate:
        _activate(backend, transition, platform, host)
    put_masks(transition.others)


def _tidy(
    transition: Transition,
    separate: Sequence[Backend],
    atomic: Sequence[Backend],
    platform: Platform,
    host: LocalHost,
) -> None:
    """Remove what nothing uses any more."""
    units_went = platform.managed and _unloads_units(transition, (*separate, *atomic))
    _remove(transition, GUARD, platform)
    for backend in atomic:
        _remove(transition, backend.name, platform)
    for backend in separate:
        removed = _remove(transition, backend.name, platform)
        if removed or (backend.adopts == ADOPTS_UNITS and units_went):
            backend.reload(platform, host)
    _sweep(transition)
    come_back(transition.others, host)


def _unloads_units(transition: Transition, backends: Iterable[Backend]) -> bool:
    """Whether units go that are not of the backend systemd, and that it has to forget: drop-ins, the guard's, those
    that are masked. Clients of ports that systemd has taken over do not wait for what can be forgotten later."""
    later = {path for backend in backends for path in backend.stopping} if transition.sharing.services else set()
    gone = {path for paths in transition.obsolete.values() for path in paths} - later
    return any(path.startswith("/etc/systemd/") for path in (*gone, *transition.others.masks))


def _wake(transition: Transition, backends: Iterable[Backend], platform: Platform, host: LocalHost) -> None:
    """Start the runtimes that listeners of others may move to; one whose own are bound anew would serve those that it
    had."""
    for backend in backends:
        moving = any(change.stop for name, change in transition.changes.items() if name != backend.name)
        if moving and transition.change(backend).start:
            backend.wake(platform, host)


def _drain(listeners: Sequence[Listener], host: LocalHost) -> None:
    """Wait until old listeners have accepted the connections from before the hold: closing a listener resets waiting
    connections."""
    inodes = {socket.inode for sockets in bound(listeners).values() for socket in sockets} if listeners else set()
    ports = {listener.port for listener in listeners}
    host.wait(lambda: not (inodes and unserved(inodes, ports)), DRAINING)


def end(processes: Iterable[Process], host: LocalHost) -> None:
    """End processes, by force those that do not end by themselves."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        left = [process for process in processes if host.lives(process)]
        for process in left:
            host.signal(process, number)
        if host.wait(lambda left=left: not any(map(host.lives, left)), PATIENCE):  # type: ignore[misc]
            return


def _activate(backend: Backend, transition: Transition, platform: Platform, host: LocalHost) -> None:
    change = transition.change(backend)
    if backend.atomic and not change.empty:
        backend.activate(change, platform, host)
        _closed(_gone(change), transition, platform, host)
        _open_rest(backend, transition, platform, host)
    rest = change.without([*transition.sharing.services, *transition.inheriting.services])
    if not backend.atomic and (rest.start or rest.refresh):
        backend.activate(rest, platform, host)


def _open_rest(backend: Backend, transition: Transition, platform: Platform, host: LocalHost) -> None:
    """A process that xinetd has just made for a client has all of its sockets until the handler is there: a port that
    goes from one entry to another in one reload may still be taken then, and xinetd gives it up."""
    change = transition.change(backend)
    wanted = [listener for service in change.start for listener in to_be_open(service, backend, platform)]
    wanted += opened_by_xinetd(transition.others)
    for _again in range(AGAIN):
        if host.wait(lambda: all(bound(wanted).values()), OPENING):
            return
        backend.activate(change, platform, host)


def own_directories(platform: Platform) -> tuple[str, ...]:
    """Directories that are removed when they are empty."""
    return (*_files.OWN_DIRECTORIES, platform.scan_directory)


def _remove(transition: Transition, backend: str, platform: Platform, below: str = "/") -> bool:
    paths = [path for path in transition.obsolete.get(backend, ()) if path.startswith(below)]
    for path in paths:
        _files.remove(path, own_directories(platform))
    return bool(paths)


def _release(backend: Backend, transition: Transition, platform: Platform, host: LocalHost) -> None:
    change = transition.change(backend)
    if not change.stop:
        return
    backend.release(change, platform, host)
    _closed(change.stop, transition, platform, host)


def _gone(change: Change) -> list[Service]:
    started = {service.name for service in change.start}
    return [service for service in change.stop if service.name not in started]


def _closed(services: Sequence[Service], transition: Transition, platform: Platform, host: LocalHost) -> None:
    """Wait until the sockets that there were are gone; others may have been bound to their ports meanwhile."""
    before = transition.closing - transition.staying
    if not host.wait(lambda: not before & _inodes(services, platform), PATIENCE):
        names = ", ".join(service.name for service in services)
        raise SwitchFailed(f"listeners were not closed within {PATIENCE:.0f} s: {names}")


def _inodes(services: Iterable[Service], platform: Platform) -> frozenset[int]:
    listeners = [listener for service in services for listener in service.listeners(platform.ipv6)]
    return frozenset(socket.inode for sockets in bound(listeners).values() for socket in sockets)


def _sweep(transition: Transition) -> None:
    """Remove the paths of unix sockets that nobody listens on any more: systemd leaves them, so that the next owner is
    not robbed of its own."""
    changes = transition.changes.values()
    kept = {same_name(endpoint.path) for change in changes for service in change.start for endpoint in service.listen}
    gone = {same_name(endpoint.path) for change in changes for service in _gone(change) for endpoint in service.listen}
    paths = gone - kept - {""}
    held = {socket.address for socket in listening() if socket.transport == "unix"} if paths else set()
    for path in paths - held:
        # In a directory that others can write, where older versions took them, they stay.
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, Unsafe):
            _remove_socket(path)


def _remove_socket(path: str) -> None:
    folder, name = os.path.split(path)
    with Folder(folder) as here:
        found = here.look(name)
        if found is not None and stat.S_ISSOCK(found.st_mode):
            here.remove(name)


class GapMeter:
    """Samples the kernel's table in a thread while listeners change hands.

    The gap of a service is the time during which any of its listeners was not bound, in milliseconds.
    """

    def __init__(self, listeners: Mapping[str, Sequence[Listener]]) -> None:
        self._listeners = {name: entries for name, entries in listeners.items() if entries}
        self._absent: dict[str, float] = {}
        self._gaps: dict[str, float] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> GapMeter:
        if self._listeners:
            self._thread.start()
        return self

    def __exit__(self, *_details: object) -> None:
        self._done.set()
        if self._listeners:
            self._thread.join()

    def _sample(self) -> None:
        while not self._done.is_set():
            found = bound(listener for listeners in self._listeners.values() for listener in listeners)
            now = time.monotonic()
            for name, listeners in self._listeners.items():
                if all(found[listener] for listener in listeners):
                    since = self._absent.pop(name, None)
                    if since is not None:
                        self._gaps[name] = self._gaps.get(name, 0.0) + now - since
                else:
                    self._absent.setdefault(name, now)
            self._done.wait(SAMPLING)

    def gaps(self) -> dict[str, float]:
        """Milliseconds by service, rounded."""
        return {name: round(self._gaps.get(name, 0.0) * 1000, 1) for name in self._listeners}
