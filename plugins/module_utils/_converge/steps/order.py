# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of a run: which steps lead from one state of the host to another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._backends._base import (
    Backend,
    Change,
    Process,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._guard import GUARD
from ansible_collections.ondemand.superserver.plugins.module_utils._converge._inheriting import Inheriting
from ansible_collections.ondemand.superserver.plugins.module_utils._converge._others import Others
from ansible_collections.ondemand.superserver.plugins.module_utils._converge._sharing import Sharing
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Step
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.files import Remove
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.foreign import (
    Mask,
    ReadEntries,
    StartUnits,
    StopUnits,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.guard import Rules
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.handover import (
    Announce,
    Drain,
    Hold,
    Inherit,
    Lift,
    Migrate,
    RestoreMigration,
    Share,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.listeners import (
    Close,
    EndProcesses,
    Exchange,
    Open,
    sweeping,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.runtimes import (
    Prepare,
    Read,
    Settle,
    Wake,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model_endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model_platform import Platform


@dataclass(frozen=True)
class Transition:
    """From one state of the host to another.

    ``installs`` write every new and changed file; ``written`` are the backends that those belong to. ``obsolete`` are
    the files that have to go, by backend. ``guard``: load the rules (True), remove them (False), or leave them alone
    (None). ``orphans`` are processes that hold sockets of services and that no super-server can end any more.
    ``staying``: inodes of sockets that somebody else holds at listeners that are to be closed, as after a death before
    they were opened. ``others``: what becomes of services of others. ``held``: listeners whose clients are kept waiting
    while they are closed. ``sharing`` and ``inheriting``: what is opened before anything is closed. ``draining``: how
    long connections that are established may last before they are cut off, in seconds.
    """

    changes: Mapping[str, Change]
    installs: Sequence[Step] = ()
    written: frozenset[str] = frozenset()
    obsolete: Mapping[str, Sequence[str]] = field(default_factory=dict)
    guard: bool | None = None
    orphans: frozenset[Process] = frozenset()
    staying: frozenset[int] = frozenset()
    others: Others = field(default_factory=Others)
    held: Sequence[Listener] = ()
    sharing: Sharing = field(default_factory=Sharing)
    inheriting: Inheriting = field(default_factory=Inheriting)
    draining: float = 0.0

    def change(self, backend: Backend) -> Change:
        """What one backend has to do."""
        return self.changes.get(backend.name, Change())

    def gone(self, backend: str, below: str = "/") -> tuple[str, ...]:
        """The files of a backend that have to go, as far as they are below a directory."""
        return tuple(path for path in self.obsolete.get(backend, ()) if path.startswith(below))


def steps_of(transition: Transition, backends: Mapping[str, Backend], platform: Platform) -> list[Step]:
    """The steps of a transition, in the order that keeps every port closed for the shortest time.

    New configuration is read, and what can be started is, while the old listeners still serve. A backend that closes
    and opens in one reload comes between the closing and the opening of the others, so that ports move in either
    direction; its obsolete entries must be gone by then. Other files go last: clients may still come for what they
    belong to, and systemd closes a socket as soon as it reads that its unit is gone.
    """
    every = list(backends.values())
    return [
        *_made_ready(transition, every),
        *_opened_beside(transition),
        *_held(transition, _swapped(transition, every)),
        *_settled(transition, every),
        *_tidied(transition, every, platform),
    ]


def _made_ready(transition: Transition, backends: Sequence[Backend]) -> Iterator[Step]:
    """What is done before anything changes hands. The runtimes that listeners of others may move to are started; one
    whose own are bound anew would serve those that it had."""
    for backend in backends:
        moving = any(change.stop for name, change in transition.changes.items() if name != backend.name)
        if moving and transition.change(backend).start:
            yield Wake(backend.name)
    yield from transition.installs
    if transition.sharing.services:
        yield Announce(transition.sharing)
    for backend in _separate(backends):
        if backend.name in transition.written:
            yield Read(backend.name)
    for backend in backends:
        if not transition.change(backend).empty:
            yield Prepare(backend.name, transition.change(backend))


def _opened_beside(transition: Transition) -> Iterator[Step]:
    """What is opened while the old listeners are open; then what is about to be cut off gets its time."""
    if transition.sharing.services:
        yield Share(transition.sharing)
    if transition.inheriting.services:
        yield Inherit(transition.inheriting)
    if transition.draining and any(not change.empty for change in transition.changes.values()):
        yield Drain(transition.changes, transition.draining)


def _held(transition: Transition, steps: Iterable[Step]) -> Iterator[Step]:
    """These steps, with clients kept from being refused meanwhile."""
    if transition.sharing.services:
        yield Migrate()
    if transition.held:
        yield Hold(transition.held)
    yield from steps
    if transition.held:
        yield Lift()
    if transition.sharing.services:
        yield RestoreMigration()


def _swapped(transition: Transition, backends: Sequence[Backend]) -> Iterator[Step]:
    """What is to be closed closes, and what is to be opened opens, once the rules are loaded that it needs."""
    yield from _closed(transition, _separate(backends))
    if transition.guard is not None:
        yield Rules(transition.guard)
    yield from _exchanged(transition, _atomic(backends))
    yield from _opened(transition, _separate(backends))
    if transition.others.masks:
        yield Mask(transition.others)


def _closed(transition: Transition, separate: Iterable[Backend]) -> Iterator[Step]:
    for backend in separate:
        if transition.change(backend).stop:
            yield Close(backend.name, transition.change(backend))
    if transition.orphans:
        yield EndProcesses(transition.orphans)
    if transition.others.stop or transition.others.failed:
        yield StopUnits(transition.others)


def _exchanged(transition: Transition, atomic: Sequence[Backend]) -> Iterator[Step]:
    others = transition.others
    for backend in atomic:
        change, entries = transition.change(backend), transition.gone(backend.name, backend.entries)
        if entries or not change.empty:
            yield Exchange(backend.name, change, entries, others)
    if others.xinetd and all(transition.change(backend).empty for backend in atomic):
        yield ReadEntries(others)


def _opened(transition: Transition, separate: Iterable[Backend]) -> Iterator[Step]:
    """What is not open yet."""
    opened = [*transition.sharing.services, *transition.inheriting.services]
    for backend in separate:
        rest = transition.change(backend).without(opened)
        if rest.start or rest.refresh:
            yield Open(backend.name, rest)


def _settled(transition: Transition, backends: Sequence[Backend]) -> Iterator[Step]:
    for backend in backends:
        if not transition.change(backend).empty:
            yield Settle(backend.name, transition.change(backend))


def _tidied(transition: Transition, backends: Sequence[Backend], platform: Platform) -> Iterator[Step]:
    """What nothing uses any more is removed, and what is given back comes back."""
    unloaded = platform.init == "systemd" and _unloads_units(transition, backends)
    if transition.gone(GUARD):
        yield Remove(GUARD, transition.gone(GUARD))
    for backend in _atomic(backends):
        entries = transition.gone(backend.name, backend.entries)
        rest = tuple(path for path in transition.gone(backend.name) if path not in entries)
        if rest:
            yield Remove(backend.name, rest)
    for backend in _separate(backends):
        gone = transition.gone(backend.name)
        if gone:
            yield Remove(backend.name, gone)
        if gone or (backend.name == "systemd" and unloaded):
            yield Read(backend.name)
    yield from sweeping(transition.changes)
    if transition.others.start or transition.others.opening:
        yield StartUnits(transition.others)


def _unloads_units(transition: Transition, backends: Iterable[Backend]) -> bool:
    """Whether units go that are not of the backend systemd, and that it has to forget: drop-ins, the guard's, those
    that are masked. Clients of ports that systemd has taken over do not wait for what can be forgotten later."""
    later = {path for backend in backends for path in backend.stopping} if transition.sharing.services else set()
    gone = {path for paths in transition.obsolete.values() for path in paths} - later
    return any(path.startswith("/etc/systemd/") for path in (*gone, *transition.others.masks))


def _separate(backends: Iterable[Backend]) -> list[Backend]:
    """Those that close and open listeners one by one."""
    return [backend for backend in backends if not backend.atomic]


def _atomic(backends: Iterable[Backend]) -> list[Backend]:
    """Those that close and open listeners in one reload."""
    return [backend for backend in backends if backend.atomic]
