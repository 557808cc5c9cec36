# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the plan of a run in order: the list of its steps."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS, manager
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.errors import RunFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.inputs import Request, Snapshot
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.plan import reopened
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery.rollback import way_back
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import manifest as _manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.journal import Journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import Manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Operation, Step, lines_of
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.files import writes
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.foreign import Edit
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.order import recording, switching
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.record import Record, Retire
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.runtimes import Wake
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.transition import Transition
from ansible_collections.ondemand.superserver.plugins.module_utils._handover import hold
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.plan import (
    HandoverPlan,
    candidates_of,
    handover_plan,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard.rules import RULES

if t.TYPE_CHECKING:
    from ansible_collections.ondemand.superserver.plugins.module_utils._converge.run import Plan


@dataclass(frozen=True)
class Course:
    """The steps of a run. ``switching``: from the previous state to the new one; ``recording``: after the proof;
    ``leaving``: after the commit, so that they are not undone. ``handover``: the handover. ``journal``: for the
    rollback."""

    journal: Journal
    handover: HandoverPlan
    switching: Sequence[Step]
    recording: Sequence[Step]
    leaving: Sequence[Step]

    @property
    def lines(self) -> list[str]:
        """The line of every step."""
        return [*self.journal.steps, *lines_of(self.leaving)]


def course_of(plan: Plan, request: Request, host: LocalHost) -> Course:
    """The steps of a plan. A plan without changes may still need a new manifest. Raises RunFailed."""
    snapshot = plan.snapshot
    record, journal = _record_of(plan, request), _journal_of(plan, request)
    if plan.empty:
        return Course(journal, HandoverPlan({}, {}), [], [Step(record)], _leaving(snapshot, record.new))
    handover = handover_between(plan, request, _obstacle(plan, request, host))
    there = _way_there(plan, handover, request, record)
    # Not everything is known of a runtime that is not installed yet.
    back = Transition({}) if snapshot.missing else way_back(journal, snapshot.have, snapshot.platform)
    steps, last = switching(there, back, BACKENDS, snapshot.platform), recording(there, back, snapshot.have, BACKENDS)
    journal = replace(journal, steps=tuple(lines_of([*steps, *last])))
    return Course(journal, handover, steps, last, _leaving(snapshot, record.new))


Obstacle = t.Callable[[t.Sequence[Listener]], str]


def _obstacle(plan: Plan, request: Request, host: LocalHost) -> Obstacle:
    """The function that says why this host cannot hold ports. It asks nftables itself only if the run goes on; nothing
    is in the way if nftables will be installed first."""
    snapshot = plan.snapshot
    if not (request.check or snapshot.missing):
        return lambda listeners: hold.obstacle(listeners, snapshot.platform, host)
    installed = snapshot.missing.keys() & {"guard", "hold"}
    return lambda _listeners: "" if installed else hold.lacking(snapshot.platform)


def handover_between(plan: Plan, request: Request, obstacle: Obstacle) -> HandoverPlan:
    """Choose the handover of every listener. Raises RunFailed."""
    snapshot = plan.snapshot
    again = [] if snapshot.missing else reopened(plan.changes, BACKENDS, snapshot.platform)
    passing = candidates_of(plan.actions, again, plan.guard is not None, snapshot.platform)
    try:
        return handover_plan(passing, request.handover, snapshot.live, snapshot.platform, obstacle)
    except OSError as exc:
        raise RunFailed(f"{exc}\nnothing was changed") from exc


def _journal_of(plan: Plan, request: Request) -> Journal:
    snapshot = plan.snapshot
    paths = {file.path: file.backend for file in plan.install}
    paths.update({path: snapshot.manifest.files[path]["backend"] for path in plan.remove})
    paths.update(snapshot.takeover.paths())
    return Journal(
        {path: store.look(path) for path in paths},
        paths,
        plan.changes,
        snapshot.manifest,
        RULES in snapshot.manifest.files,
        request.guard,
        request.bin_directory,
        request.s6_rc,
        snapshot.takeover.others,
    )


def _way_there(plan: Plan, handover: HandoverPlan, request: Request, record: Record) -> Transition:
    snapshot = plan.snapshot
    others, edited = snapshot.takeover.others, snapshot.takeover.edited
    return Transition(
        plan.changes,
        writes(plan.install),
        [Edit(edited)] if edited else [],
        _written(plan),
        _obsolete(plan),
        plan.guard,
        snapshot.live.left_behind(snapshot.have),
        others,
        handover.held,
        handover.sharing,
        handover.inheriting,
        request.drain_timeout,
        record,
    )


def _written(plan: Plan) -> frozenset[str]:
    """The backends that have new files to read."""
    written = {file.backend for file in plan.install}
    if any(file.path.startswith("/etc/systemd/") for file in plan.install) or plan.snapshot.takeover.others.start:
        written.add(manager())
    return frozenset(written | {name for name, change in plan.changes.items() if change.start or change.refresh})


def _obsolete(plan: Plan) -> dict[str, list[str]]:
    """The obsolete files, by backend."""
    obsolete: dict[str, list[str]] = {}
    for path in plan.remove:
        obsolete.setdefault(plan.snapshot.manifest.files[path]["backend"], []).append(path)
    for path in plan.snapshot.takeover.obsolete:
        obsolete.setdefault(plan.snapshot.takeover.kinds[path], []).append(path)
    return obsolete


def _record_of(plan: Plan, request: Request) -> Record:
    """The operation that records the new state."""
    snapshot = plan.snapshot
    changed = [*(file.path for file in plan.install), *plan.remove, *snapshot.takeover.paths()]
    return Record(snapshot.manifest, _reached(plan, request), request.generations, changed)


def _reached(plan: Plan, request: Request) -> Manifest:
    """The manifest of the new state."""
    snapshot = plan.snapshot
    used = {service.backend for service in snapshot.want.values()}
    runtimes = {**snapshot.manifest.runtimes, **dict.fromkeys(request.installed, "active")}
    runtimes.update({name: "active" for name in runtimes if name in used})
    manifest = _manifest.manifest_of(
        snapshot.want.values(),
        snapshot.files,
        runtimes,
        s6_bin_dir=request.bin_directory,
        s6_rc=request.s6_rc,
        adopted=snapshot.takeover.records,
    )
    return replace(manifest, unknown=snapshot.manifest.unknown)


def _leaving(snapshot: Snapshot, reached: Manifest) -> list[Step]:
    """Stop the runtimes that this collection installed and that have no service any more; others keep running without
    its services."""
    runtimes = reached.runtimes
    used = {service.backend for service in snapshot.want.values()}
    idle = [name for name, state in runtimes.items() if name in BACKENDS and name not in used and state == "active"]
    own = sorted({service.backend for service in snapshot.have.values()} - used - set(runtimes))
    operations: list[Operation] = [*map(Retire, idle), *map(Wake, own)]
    return [Step(operation) for operation in operations]
