# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Undoing a switch that was not finished, by whoever finds its journal: the run itself, the watcher or the next run."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.ondemand.superserver.plugins.module_utils._backends._base import (
    Backend,
    Change,
    SwitchFailed,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._helper_rules import RULES
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._hold import held
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._converge import _boot, _hold, _manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge._journal import Journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge._live import Live, look
from ansible_collections.ondemand.superserver.plugins.module_utils._converge._others import Others
from ansible_collections.ondemand.superserver.plugins.module_utils._converge._plan import reopened, reverse
from ansible_collections.ondemand.superserver.plugins.module_utils._converge._prove import prove_listeners
from ansible_collections.ondemand.superserver.plugins.module_utils._converge._sharing import (
    restore_migration,
    step_forward,
    withdraw,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge._switch import switch
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.listeners import end
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.order import Transition
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.record import PutBack
from ansible_collections.ondemand.superserver.plugins.module_utils._host import _files, _platform
from ansible_collections.ondemand.superserver.plugins.module_utils._host._local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host._sockets import Socket
from ansible_collections.ondemand.superserver.plugins.module_utils._model import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._model_endpoints import Listener, collide
from ansible_collections.ondemand.superserver.plugins.module_utils._model_platform import Platform


def recover(journal: Journal, host: LocalHost) -> list[str]:
    """Undo what a run that died left half done; what there is to tell of it."""
    problems = roll_back(journal, host)
    return [f"{_cause(journal)}; {len(journal.files)} files were put back as they were before it", *problems]


def _cause(journal: Journal) -> str:
    if journal.confirmation is None:
        return "a run was interrupted"
    return f"a change was not confirmed over a fresh connection within {journal.confirmation.within} s"


def roll_back(journal: Journal, host: LocalHost) -> list[str]:
    """Make the host again what the journal says it was; what does not work even so.

    The journal is kept where something could not be put back: the watcher tries again, and so does the next run.
    """
    restore_migration()
    step_forward(host)
    have = journal.manifest.built()
    every = [*have.values()] + [service for change in journal.changes.values() for service in change.start]
    manager = journal.manifest.manager(journal.s6_rc)
    platform = _platform.detect(every, host.processes(), journal.policy, journal.bin_directory, manager, host)
    withdraw(journal.changes.get("systemd", Change()).start, platform)
    changes = reverse(journal.changes, have)
    others = journal.others.reversed()
    live = look([service for change in changes.values() for service in change.stop], have.values(), platform, host)
    # Whoever died may have ended a super-server, and not what that had started. Nobody waits for its sockets to close.
    end(live.left_behind(have), host)
    back = Transition(
        changes,
        [PutBack(journal)],
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
        # The journal must not be gone from the disk before what it tells has been undone there.
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
