# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rolls back an unfinished switch: in the run itself, in the watcher or in the next run."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend, Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import Live, look
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.detection import detect
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.plan import reopened, reverse
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.proof.prove import prove_listeners
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery import boot as _boot
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import manifest as _manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.journal import Journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.switch import Transition, end, switch
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.change import Others
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.hold import held
from ansible_collections.ondemand.superserver.plugins.module_utils._handover import hold as _hold
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.reuseport import (
    restore_migration,
    step_forward,
    withdraw,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store as _files
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import SwitchFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener, collide
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard.rules import RULES


def recover(journal: Journal, host: LocalHost) -> list[str]:
    """Roll back a run that died; returns the report."""
    problems = roll_back(journal, host)
    return [f"{_cause(journal)}; {len(journal.files)} files were restored to their previous state", *problems]


def _cause(journal: Journal) -> str:
    if journal.confirmation is None:
        return "a run was interrupted"
    return f"a change was not confirmed over a fresh connection within {journal.confirmation.within} s"


def roll_back(journal: Journal, host: LocalHost) -> list[str]:
    """Restore the state in the journal; returns the problems.

    The journal is kept where something could not be put back: the watcher tries again, and so does the next run.
    """
    restore_migration()
    step_forward(host)
    have = journal.manifest.built()
    every = [*have.values()] + [service for change in journal.changes.values() for service in change.start]
    manager = journal.manifest.manager(journal.s6_rc)
    platform = detect(every, host.processes(), journal.policy, journal.bin_directory, manager, host)
    withdraw([service for change in journal.changes.values() for service in change.start], platform)
    changes = reverse(journal.changes, have)
    others = journal.others.reversed()
    live = look([service for change in changes.values() for service in change.stop], have.values(), platform, host)
    # The run that died may have stopped a super-server but not its daemons, whose sockets nothing else closes.
    end(live.left_behind(have), host)
    back = Transition(
        changes,
        journal.restore,
        frozenset(journal.backends.values()),
        journal.surplus(),
        journal.guarded if RULES in journal.files else None,
        staying=_staying(changes, have, others, live, platform),
        others=others,
        held=_held(changes, platform, host),
    )
    problems = []
    try:
        switch(back, BACKENDS, platform, host)
    except (SwitchFailed, OSError) as exc:
        problems.append(str(exc))
    _hold.lift(platform, host)
    problems += [str(failure) for failure in prove_listeners(list(have.values()), BACKENDS, platform, host)]
    if not problems:
        # The rollback must be on the disk before the journal is removed from it.
        _files.sync_folders_of([*journal.files, _manifest.PATH])
        _boot.conclude(host)
    return problems


def _held(changes: Mapping[str, Change], platform: Platform, host: LocalHost) -> list[Listener]:
    """Listeners that are closed and opened again on the way back, where this host can keep their clients waiting."""
    again = reopened(changes, BACKENDS, platform)
    stopped, started = (
        [listener for service in services for listener in service.listeners(platform.ipv6)]
        for services in (
            [*again, *(service for change in changes.values() for service in change.stop)],
            [*again, *(service for change in changes.values() for service in change.start)],
        )
    )
    listeners = held(listener for listener in started if listener in stopped)
    return [] if _hold.obstacle(listeners, platform, host) else listeners


def _staying(
    changes: Mapping[str, Change], have: Mapping[str, Service], others: Others, live: Live, platform: Platform
) -> frozenset[int]:
    """Sockets at listeners that the switch was to open, and that still, or again, belong to whoever was before."""
    stopping = [(name, service) for name, change in changes.items() for service in change.stop]
    return others.sockets(live) | frozenset(
        socket.inode
        for name, service in stopping
        for listener in service.listeners(platform.ipv6)
        for socket in live.near(listener)
        if any(_holds(other, live.owner(socket), service.name) for other in BACKENDS.values() if other.name != name)
        or any(_had(other, socket, platform) for other in have.values() if _beside(other, name, service))
    )


def _beside(other: Service, backend: str, service: Service) -> bool:
    """Whether it is another service of the same super-server: nobody can tell which of both has a socket."""
    return other.enabled and other.backend == backend and other.name != service.name


def _had(service: Service, socket: Socket, platform: Platform) -> bool:
    return any(collide(listener, socket.listener) for listener in service.listeners(platform.ipv6))


def _holds(backend: Backend, owner: tuple[str, str], service: str) -> bool:
    """A super-server serves on what has lost its file, though nothing says under which name."""
    return owner == (backend.name, "") or backend.service_of(owner) == service
