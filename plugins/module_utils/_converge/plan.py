# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must happen for the host to be as declared. Pure: everything known about the host is handed in."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend, Change
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.actions import (
    REFRESHES,
    STARTS,
    STOPS,
    Action,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service


@dataclass(frozen=True)
class Condition:
    """How one service is found on the host.

    ``files``: paths of its files that are not as wanted. ``listeners``: what is wrong with its listeners, in words;
    empty when each is held by the right owner (of a disabled service: by nobody). ``health``: what else is wrong.
    """

    files: tuple[str, ...] = ()
    listeners: str = ""
    health: str = ""


def plan_actions(
    want: Mapping[str, Service],
    have: Mapping[str, Service],
    conditions: Mapping[str, Condition],
    backends: Mapping[str, Backend],
    platform: Platform,
) -> list[Action]:
    """One action for each service that is declared or held, in order of name."""
    actions = []
    for name in sorted({*want, *have}):
        old, new = have.get(name), want.get(name)
        kind, reason = _decide(old, new, conditions.get(name, Condition()), backends, platform)
        actions.append(Action(name, kind, reason, old, new))
    return actions


def _decide(
    old: Service | None,
    new: Service | None,
    found: Condition,
    backends: Mapping[str, Backend],
    platform: Platform,
) -> tuple[str, str]:
    if old is None or new is None:
        return ("create", "newly declared") if new else ("remove", "not declared any more")
    if old.backend != new.backend:
        return "move", f"from {old.backend} to {new.backend}"
    if old.enabled != new.enabled:
        return ("enable", "not disabled any more") if new.enabled else ("disable", "declared disabled")
    changed = f"changed: {_differences(old, new)}"
    causes = (
        ("rebind", changed if new.enabled and backends[new.backend].rebinds(old, new, platform) else ""),
        ("repair listener" if new.enabled else "disable", found.listeners),
        ("change", changed if old.to_json() != new.to_json() else ""),
        ("repair file", f"changed or missing: {', '.join(found.files)}" if found.files else ""),
        ("repair listener", found.health),
    )
    return next(((kind, reason) for kind, reason in causes if reason), ("none", ""))


def _differences(old: Service, new: Service) -> str:
    before, after = old.to_json(), new.to_json()
    return ", ".join(sorted(key for key in {*before, *after} if before.get(key) != after.get(key)))


def changing(actions: Iterable[Action]) -> list[Service]:
    """Declared services that something happens to."""
    return [action.new for action in actions if action.kind != "none" and action.new]


def changes_of(actions: Sequence[Action], want: Mapping[str, Service]) -> dict[str, Change]:
    """What each backend has to do, by its name; a move is a stop for one and a start for another."""
    lists: dict[str, dict[str, list[t.Any]]] = {}

    def note(backend: str, slot: str, entry: t.Any) -> None:
        lists.setdefault(backend, {"stop": [], "start": [], "refresh": []})[slot].append(entry)

    for action in actions:
        old, new = action.old, action.new
        if action.kind in STOPS and old is not None:
            note(old.backend, "stop", old)
        if action.kind in STARTS and new is not None and new.enabled:
            note(new.backend, "start", new)
        if action.kind in REFRESHES and old is not None and new is not None and new.enabled:
            note(new.backend, "refresh", (old, new))
    return {
        backend: Change(
            tuple(slots["stop"]),
            tuple(slots["start"]),
            tuple(slots["refresh"]),
            tuple(service for service in want.values() if service.backend == backend),
        )
        for backend, slots in lists.items()
    }


def reopened(changes: Mapping[str, Change], backends: Mapping[str, Backend], platform: Platform) -> list[Service]:
    """Services that keep their super-server and their listeners, which it closes and opens nevertheless."""
    return [service for name, change in changes.items() for service in backends[name].reopens(change, platform)]


def reverse(changes: Mapping[str, Change], have: Mapping[str, Service]) -> dict[str, Change]:
    """The way back: what was started is stopped, what was stopped is started, for the services held before."""
    return {
        backend: replace(
            change,
            stop=change.start,
            start=tuple(service for service in change.stop if service.enabled),
            refresh=tuple((new, old) for old, new in change.refresh),
            kept=tuple(service for service in have.values() if service.backend == backend),
        )
        for backend, change in changes.items()
    }
