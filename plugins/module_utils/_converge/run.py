# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of the ``services`` module: read, plan, preflight, stage and check, switch, prove, commit."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.course import (
    Course,
    course_of,
    handover_between,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.errors import RunFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.inputs import Request, Snapshot
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.plan import (
    changes_of,
    changing,
    plan_actions,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.proof.prove import (
    prove_answers,
    prove_listeners,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery import boot
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery.confirm import (
    await_confirmation,
    required,
    settle,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery.rollback import recover, roll_back
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery.watch import arm
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.report import report, with_handovers
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.sessions import sessions, told, touched
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.snapshot import read
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import everything
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import journal as _journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.journal import Journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.leftovers import (
    STAGES,
    remove_leftovers,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.lock import locked
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Site, lines_of
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.listeners import sockets_of
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.switch import GapMeter, carry_out
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.loading import GUARD, check_guard
from ansible_collections.ondemand.superserver.plugins.module_utils._handover import hold
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.actions import Action
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.methods import HOLD
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes.own import outlive_connection
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import STATE, File, SwitchFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard.rules import RULES


@dataclass(frozen=True)
class Plan:
    """The plan of a run."""

    snapshot: Snapshot
    actions: Sequence[Action]
    changes: Mapping[str, Change]
    install: Sequence[File]
    remove: Sequence[str]
    guard: bool | None

    @property
    def empty(self) -> bool:
        """Whether the host is as declared."""
        return (
            not (self.install or self.remove or self.guard is not None)
            and all(change.empty for change in self.changes.values())
            and self.snapshot.takeover.empty
        )


class Passed(t.NamedTuple):
    """How listeners passed over and what became of clients: ``rows`` by service, and what may have cost any."""

    rows: Mapping[str, Mapping[str, t.Any]]
    warnings: Sequence[str]


def converge(request: Request, host: LocalHost) -> dict[str, t.Any]:
    """Make the host as declared and return what was done.

    Raises InvalidDeclaration before anything is touched, RunFailed after everything was put back.
    """
    with locked(request.check, host):
        if not request.check:
            remove_leftovers()
        found = everything.problems() if request.check else everything.tidy()
        recovered = _recover(request, host)
        plan = _prepare(request, host)
        course = course_of(plan, request, host)
        result = report(plan, course.lines, recovered)
        result["warnings"] += found
        if not request.check:
            result["warnings"] += _journal.told()
        if request.check or plan.snapshot.missing:
            course.handover.close()
            return result if request.check else {**result, "changed": bool(recovered)}
        site = Site(BACKENDS, plan.snapshot.platform, host)
        if plan.empty:
            for step in course.recording:
                step.do(site)
            result["warnings"] += _leave(course, site)
            return result
        waits = required(request.confirm, request.confirm_timeout, plan.changes)
        if waits:
            outlive_connection()
        passed = _carry_out(plan, course, request, site)
        if not waits:
            boot.conclude(host)
        result["warnings"] += [*passed.warnings, *_leave(course, site), *boot.gaps(plan.snapshot.platform)]
        result = with_handovers(result, passed.rows)
        if waits:
            await_confirmation(course.journal, request.confirm_timeout, result)
        return result


def _prepare(request: Request, host: LocalHost) -> Plan:
    """Everything before the first change."""
    try:
        plan = make_plan(read(request, host))
        if _lacks_hold(plan, request, host):
            missing = {**plan.snapshot.missing, "hold": "nftables"}
            plan = replace(plan, snapshot=replace(plan.snapshot, missing=missing))
        if not (plan.empty or plan.snapshot.missing):
            _check(plan, host)
    except (SwitchFailed, OSError) as exc:
        raise RunFailed(f"{exc}\nnothing was changed") from exc
    return plan


def _lacks_hold(plan: Plan, request: Request, host: LocalHost) -> bool:
    """Whether clients of a service would be refused because nftables is missing, which the caller can install."""
    snapshot = plan.snapshot
    if plan.empty or not request.installs_nftables or not hold.installable(snapshot.platform, host):
        return False
    handover = handover_between(plan, request, lambda _listeners: "")
    handover.close()
    return any(choice.method == HOLD for choice in handover.choices.values())


def make_plan(snapshot: Snapshot) -> Plan:
    """Decide what to do about what was read."""
    actions = plan_actions(snapshot.want, snapshot.have, snapshot.conditions(), BACKENDS, snapshot.platform)
    guarded = any(file.path == RULES for file in snapshot.files)
    rules_change = any(file.backend == GUARD for file in snapshot.dirty)
    guard: bool | None = None
    if guarded and (rules_change or snapshot.guard.problem):
        guard = True
    elif not guarded and RULES in snapshot.manifest.files:
        guard = False
    found = {file.path: seen.text for file in snapshot.dirty for seen in (snapshot.seen[file.path],) if seen}
    changes = {name: replace(change, replaced=found) for name, change in changes_of(actions, snapshot.want).items()}
    return Plan(snapshot, actions, changes, snapshot.dirty, snapshot.obsolete, guard)


def _recover(request: Request, host: LocalHost) -> list[str]:
    """Roll back a run that died, unless the watcher has."""
    journal = _journal.read()
    if journal is None:
        if not request.check:
            # A run that died after its commit may have left the boot program.
            boot.conclude(host)
        return []
    if request.check and journal.awaited:
        return []
    if request.check:
        paths = f"{len(journal.files)} files"
        return [f"a run was interrupted; the next run first restores {paths} to their previous state"]
    if journal.awaited:
        settle(journal, host)
        return []
    texts = recover(journal, host)
    # This run finds what could not be restored, and applies the declaration there.
    boot.conclude(host)
    return texts


def _check(plan: Plan, host: LocalHost) -> None:
    """Let every backend's own checker look at the staged files."""
    changing = list(plan.install)
    root = store.stage(list(plan.snapshot.files), STAGES)
    try:
        problems = check_guard(root, changing, plan.snapshot.platform, host)
        for name, backend in BACKENDS.items():
            mine = [file for file in changing if file.backend == name]
            # A backend that is only to let go of something reads its whole configuration again, too.
            again = plan.snapshot.takeover.read_again(backend) and not backend.missing(plan.snapshot.platform, host)
            if mine or again or not plan.changes.get(name, Change()).empty:
                problems += backend.check(root, mine, plan.snapshot.platform, host)
    finally:
        store.remove_tree(root)
        store.prune(STAGES, (STATE,))
    if problems:
        raise RunFailed("the backend's own checker refuses the new configuration:\n" + "\n".join(problems))


def _carry_out(plan: Plan, course: Course, request: Request, site: Site) -> Passed:
    """Switch, prove and record, or put everything back; the journal is left. Returns how listeners passed over."""
    platform, handover = site.platform, course.handover
    _begin(course.journal, platform, site.host)
    clients = sessions(touched(plan.changes), platform)
    stopped = [service for change in plan.changes.values() for service in change.stop]
    site.closing = sockets_of(stopped, platform)
    site.staying = plan.snapshot.takeover.others.sockets(plan.snapshot.live)
    try:
        with GapMeter({**handover.listeners, **_inherited(plan)}) as meter:
            carry_out(course.switching, site)
        served = told(clients, sessions(touched(plan.changes), platform))
        _prove(plan, request, site.host)
        carry_out(course.recording, site, len(lines_of(course.switching)))
    except (SwitchFailed, OSError) as exc:
        problems = roll_back(course.journal, site.host)
        raise RunFailed(f"{exc}\n{_outcome(problems)}") from exc
    passed = handover.told(meter.gaps())
    rows = {name: {**passed.get(name, {}), **served.get(name, {})} for name in {**passed, **served}}
    return Passed(rows, handover.warnings(meter.gaps()))


def _outcome(problems: Sequence[str]) -> str:
    if not problems:
        return "the previous state was restored"
    return (
        f"the run failed and the previous state could not be restored completely: {'; '.join(problems)}\nthe "
        "watcher tries again for half a minute; after that, the next run does"
    )


def _begin(journal: Journal, platform: Platform, host: LocalHost) -> None:
    """Prepare the rollback before the first change: watcher, boot program and journal."""
    try:
        arm(platform, host)
        boot.prepare(platform, host)
        _journal.write(journal)
    except (SwitchFailed, OSError) as exc:
        boot.conclude(host)
        what = "the watcher, which restores the host if this run is killed, could not be prepared"
        raise RunFailed(f"{what}: {exc}\nnothing was changed") from exc


def _inherited(plan: Plan) -> dict[str, list[Listener]]:
    """Listeners of new services that foreign services hold until now."""
    snapshot = plan.snapshot
    return {
        action.name: [each for each in action.new.listeners(snapshot.platform.ipv6) if snapshot.live.near(each)]
        for action in plan.actions
        if action.kind == "create" and action.new and action.new.enabled
    }


def _prove(plan: Plan, request: Request, host: LocalHost) -> None:
    snapshot = plan.snapshot
    failures = prove_listeners(list(snapshot.want.values()), BACKENDS, snapshot.platform, host)
    if not failures and request.verify:
        failures = prove_answers(changing(plan.actions), snapshot.platform)
    if failures:
        told = "\n".join(str(failure) for failure in failures)
        raise SwitchFailed(
            f"the new state could not be proven:\n{told}\n"
            f"{_logs([failure.service for failure in failures], plan, host)}"
        )


def _logs(services: Sequence[Service], plan: Plan, host: LocalHost) -> str:
    """What the backends logged of services that failed."""
    excerpts = []
    for name in sorted({service.backend for service in services}):
        mine = [service for service in services if service.backend == name]
        text = BACKENDS[name].log(mine, plan.snapshot.platform, host)
        if text:
            excerpts.append(f"{name} logged:\n{text}")
    return "\n".join(excerpts)


def _leave(course: Course, site: Site) -> list[str]:
    """Let runtimes go that hold nothing any more; what did not work of that."""
    warnings = []
    for step in course.leaving:
        try:
            step.do(site)
        except SwitchFailed as exc:
            warnings.append(str(exc))
    return warnings
