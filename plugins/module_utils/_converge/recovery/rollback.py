# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rolls back an unfinished switch: in the run itself, in the watcher or in the next run."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.detection import Settings, detect
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.plan import reopened, reverse
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.proof.prove import prove_listeners
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery import boot
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import manifest, progress
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.journal import Journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Site, Step
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.order import recording, switching
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.record import PutBack
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.transition import Transition
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.switch import undo_all
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.hold import held
from ansible_collections.ondemand.superserver.plugins.module_utils._handover import hold
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import SwitchFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard.rules import RULES


def recover(journal: Journal, host: LocalHost) -> list[str]:
    """Roll back a run that died; returns the report."""
    reached = _reached(journal)
    problems = roll_back(journal, host)
    return [f"{_cause(journal)}; {len(journal.files)} files were restored to their previous state{reached}", *problems]


def _reached(journal: Journal) -> str:
    """The last step that the run began, in words; empty if it is not known."""
    number, every = progress.begun(), len(journal.steps)
    if journal.confirmation or not 0 < number <= every:
        return ""
    return f"; the run had reached step {number} of {every}: {journal.steps[number - 1]}"


def _cause(journal: Journal) -> str:
    if journal.confirmation is None:
        return "a run was interrupted"
    return f"a change was not confirmed over a fresh connection within {journal.confirmation.within} s"


def roll_back(journal: Journal, host: LocalHost) -> list[str]:
    """Restore the state in the journal; returns the problems.

    The journal is kept where something could not be put back: the watcher tries again, and so does the next run.
    """
    have = journal.manifest.built()
    every = [*have.values()] + [service for change in journal.changes.values() for service in change.start]
    manager = journal.manifest.manager(journal.s6_rc)
    platform = detect(every, host.processes(), Settings(journal.policy, journal.bin_directory, manager), host)
    problems = []
    try:
        undo_all(steps_back(journal, have, platform), Site(BACKENDS, platform, host))
    except (SwitchFailed, OSError) as exc:
        problems.append(str(exc))
    hold.lift(platform, host)
    problems += [str(failure) for failure in prove_listeners(list(have.values()), BACKENDS, platform, host)]
    if not problems:
        # The rollback must be on the disk before the journal is removed from it.
        store.sync_folders_of([*journal.files, manifest.PATH])
        boot.conclude(host)
    return problems


def steps_back(journal: Journal, have: Mapping[str, Service], platform: Platform) -> list[Step]:
    """The steps of the run that wrote a journal, as far as they undo."""
    there, back = Transition({}), way_back(journal, have, platform)
    return [*switching(there, back, BACKENDS, platform), *recording(there, back, have, BACKENDS)]


def way_back(journal: Journal, have: Mapping[str, Service], platform: Platform) -> Transition:
    """From whatever a run has reached to the state before it, in which there were these services."""
    changes = reverse(journal.changes, have)
    return Transition(
        changes,
        written=frozenset(journal.backends.values()),
        obsolete=journal.surplus(),
        guard=journal.guarded if RULES in journal.files else None,
        others=journal.others.reversed(),
        held=_held(changes, platform),
        record=PutBack(journal),
    )


def _held(changes: Mapping[str, Change], platform: Platform) -> list[Listener]:
    """Listeners that are closed and opened again on the way back."""
    again = reopened(changes, BACKENDS, platform)
    stopped, started = (
        [listener for service in services for listener in service.listeners(platform.ipv6)]
        for services in (
            [*again, *(service for change in changes.values() for service in change.stop)],
            [*again, *(service for change in changes.values() for service in change.start)],
        )
    )
    return held(listener for listener in started if listener in stopped)
