# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of a run: which steps lead from one state of the host to another, and back.

The way back has the same order as the way there: new files are read before any listener closes, listeners close before
others open, and obsolete files are removed last. So most operations are undone at their own place of the list: the
inverse of closing a listener is to open it again. The others are undone by steps that only undo.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import NOTHING, Operation, Step
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.files import Discard, Remove
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
    StepForward,
    Withdraw,
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
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.stock import TakeStock
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.transition import Transition
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.loading import GUARD
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.methods import REUSEPORT
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service


def switching(there: Transition, back: Transition, backends: Mapping[str, Backend], platform: Platform) -> list[Step]:
    """The steps from one state to another, in the order that keeps every port closed for the shortest time.

    New configuration is read, and what can be started is, while the old listeners still serve. A backend that closes
    and opens in one reload comes between the closing and the opening of the others, so that ports move in either
    direction; its obsolete entries must be gone by then. Other files go last: clients may still come for what they
    belong to, and systemd closes a socket as soon as it reads that its unit is gone.
    """
    every = list(backends.values())
    separate, atomic = _separate(every), _atomic(every)
    made = {path for operation in there.makes for path in operation.paths}
    steps = [
        *_undoing(_tidied(back, every, platform, made)),
        *_doing(_woken(there, every)),
        *_written(there, back),
        *_doing(_announced(there, separate)),
        *(Step(_prepare(there, backend), _settle(back, backend)) for backend in every),
        *_doing(_opened_beside(there)),
        *_around(there, back, _swapped(there, back, separate, atomic)),
        *(Step(_settle(there, backend), _prepare(back, backend)) for backend in every),
        *_doing(_tidied(there, every, platform)),
        *_undoing(_read(back, separate)),
    ]
    return [step for step in steps if step != Step()]


def recording(
    there: Transition, back: Transition, have: Mapping[str, Service], backends: Mapping[str, Backend]
) -> list[Step]:
    """The steps that record the new state, once it has been proven. ``have``: the services before the run.

    They are undone first, together with everything that exists only during the run.
    """
    sharing = {name for name in back.changes if name in backends and backends[name].takes_over_by(REUSEPORT)}
    shared = tuple(service for name in sharing for service in back.changes[name].stop)
    first = [RestoreMigration(), StepForward(), Withdraw(shared), TakeStock(back.changes, have, back.others)]
    return [
        Step(there.record, back.record),
        *_undoing([*first, *_woken(back, backends.values())]),
    ]


def _doing(operations: Iterable[Operation]) -> list[Step]:
    """Steps that other steps undo, or that need not be undone."""
    return [Step(operation) for operation in operations]


def _undoing(operations: Iterable[Operation]) -> list[Step]:
    """Steps that only undo; they are undone in this order."""
    return [Step(inverse=operation) for operation in reversed(list(operations))]


def _woken(transition: Transition, backends: Iterable[Backend]) -> Iterator[Operation]:
    """Start the runtimes that listeners move to. A runtime whose own listeners are bound again is not started: it would
    open the previous ones."""
    for backend in backends:
        moving = any(change.stop for name, change in transition.changes.items() if name != backend.name)
        if moving and transition.change(backend).start:
            yield Wake(backend.name)


def _written(there: Transition, back: Transition) -> Iterator[Step]:
    """A file that did not exist before is removed on the way back. Changed files have been restored by then."""
    surplus = {path for paths in back.obsolete.values() for path in paths}
    for operation in there.makes:
        made = tuple(path for path in operation.paths if path in surplus)
        yield Step(operation, Discard(made) if made else NOTHING)


def _announced(transition: Transition, separate: Iterable[Backend]) -> Iterator[Operation]:
    if transition.sharing.services:
        yield Announce(transition.sharing)
    yield from _read(transition, separate)


def _read(transition: Transition, separate: Iterable[Backend]) -> Iterator[Operation]:
    """Have backends with new files read them."""
    for backend in separate:
        if backend.name in transition.written:
            yield Read(backend.name)


def _prepare(transition: Transition, backend: Backend) -> Operation:
    change = transition.change(backend)
    return Prepare(backend.name, change) if change.start or change.refresh else NOTHING


def _settle(transition: Transition, backend: Backend) -> Operation:
    change = transition.change(backend)
    return NOTHING if change.empty else Settle(backend.name, change)


def _opened_beside(transition: Transition) -> Iterator[Operation]:
    """Open what can be open beside the old listeners; then let connections end that would be cut off."""
    if transition.sharing.services:
        yield Share(transition.sharing)
    if transition.inheriting.services:
        yield Inherit(transition.inheriting)
    if transition.draining and any(not change.empty for change in transition.changes.values()):
        yield Drain(transition.changes, transition.draining)


def _around(there: Transition, back: Transition, steps: Iterable[Step]) -> Iterator[Step]:
    """These steps, and what keeps clients from being refused meanwhile, on both ways."""
    if there.sharing.services:
        yield Step(Migrate())
    if there.held or back.held:
        yield Step(Hold(there.held) if there.held else NOTHING, Lift())
    yield from steps
    if there.held or back.held:
        held_back = Hold(back.held, tried=False) if back.held else NOTHING
        yield Step(Lift() if there.held else NOTHING, held_back)
    if there.sharing.services:
        yield Step(RestoreMigration())


def _swapped(
    there: Transition, back: Transition, separate: Sequence[Backend], atomic: Sequence[Backend]
) -> Iterator[Step]:
    """Close listeners, load the rules of the guard, and open listeners."""
    for backend in separate:
        yield Step(_close(there, backend), _open(back, backend))
    if there.orphans:
        yield Step(EndProcesses(there.orphans))
    yield from _doing([*_stopped(there), *_ruled(there)])
    for backend in atomic:
        yield Step(_exchange(there, backend), _exchange(back, backend))
    yield Step(_read_entries(there, atomic), _read_entries(back, atomic))
    yield from _undoing([*_stopped(back), *_ruled(back)])
    for backend in separate:
        yield Step(_open(there, backend), _close(back, backend))
    if there.others.masks:
        # On the way back they go with everything else that was not there, before systemd reads that they are gone.
        yield Step(Mask(there.others))


def _close(transition: Transition, backend: Backend) -> Operation:
    change = transition.change(backend)
    return Close(backend.name, change) if change.stop else NOTHING


def _open(transition: Transition, backend: Backend) -> Operation:
    """Open the listeners that are not open yet."""
    opened = [*transition.sharing.services, *transition.inheriting.services]
    rest = transition.change(backend).without(opened)
    return Open(backend.name, rest) if rest.start or rest.refresh else NOTHING


def _stopped(transition: Transition) -> Iterator[Operation]:
    if transition.others.stop or transition.others.failed:
        yield StopUnits(transition.others)


def _ruled(transition: Transition) -> Iterator[Operation]:
    if transition.guard is not None:
        yield Rules(transition.guard)


def _exchange(transition: Transition, backend: Backend) -> Operation:
    change, entries = transition.change(backend), transition.gone(backend.name, backend.entries)
    if change.empty and not entries:
        return NOTHING
    return Exchange(backend.name, change, entries, transition.others)


def _read_entries(transition: Transition, atomic: Iterable[Backend]) -> Operation:
    alone = transition.others.reread and all(transition.change(backend).empty for backend in atomic)
    return ReadEntries(transition.others) if alone else NOTHING


def _tidied(
    transition: Transition, backends: Sequence[Backend], platform: Platform, but: Collection[str] = ()
) -> Iterator[Operation]:
    """Remove obsolete files, and give foreign services back. ``but``: files that other steps remove."""
    unloaded = platform.managed and _unloads_units(transition, backends)
    yield from _removed(GUARD, transition.gone(GUARD), but)
    for backend in _atomic(backends):
        entries = transition.gone(backend.name, backend.entries)
        yield from _removed(backend.name, transition.gone(backend.name), {*but, *entries})
    for backend in _separate(backends):
        gone = transition.gone(backend.name)
        yield from _removed(backend.name, gone, but)
        if gone or (backend.manages_units and unloaded):
            yield Read(backend.name)
    yield from sweeping(transition.changes)
    if transition.others.start or transition.others.opening:
        yield StartUnits(transition.others)


def _removed(backend: str, paths: Iterable[str], but: Collection[str]) -> Iterator[Operation]:
    rest = tuple(path for path in paths if path not in but)
    if rest:
        yield Remove(backend, rest)


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
