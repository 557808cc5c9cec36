# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The handover plan: the method for each service whose listeners are open before and after a switch."""

from __future__ import annotations

import typing as t
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import SocketTable
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import (
    column_of,
    enforced_by_guard,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.hold import SECONDS, held
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.actions import Action
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.fdholder import (
    Inheriting,
    inheriting_of,
    other_socket,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.methods import (
    FDHOLDER,
    GAP,
    HOLD,
    REUSEPORT,
    Choice,
    Move,
    choose,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.reuseport import Sharing
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets import duplication
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.duplication import Duplicate
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import UNKNOWN_UID, realising
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

_FROM_OTHERS = Choice(GAP, "a foreign service held its listeners")


@dataclass(frozen=True)
class HandoverPlan:
    """``listeners`` that pass over, and the method, by service. ``sharing`` and ``inheriting``: what is taken over
    while the old listeners are open."""

    listeners: Mapping[str, Sequence[Listener]]
    choices: Mapping[str, Choice]
    sharing: Sharing = field(default_factory=Sharing)
    inheriting: Inheriting = field(default_factory=Inheriting)

    @property
    def held(self) -> list[Listener]:
        """Listeners whose clients are kept waiting while they are closed."""
        names = [name for name, choice in self.choices.items() if choice.method == HOLD]
        return held(listener for name in names for listener in self.listeners[name])

    def close(self) -> None:
        """Let go of the old sockets, where nothing passes over after all."""
        for entry in (*self.sharing.sockets, *self.inheriting.sockets.values()):
            entry.close()

    def warnings(self, gaps: Mapping[str, float]) -> list[str]:
        """Services whose clients may have been refused, together where it is for one reason."""
        names: dict[str, list[str]] = {}
        for name, each in self.told(gaps).items():
            if each["method"] == GAP or _outlasted(each["method"], each["gap_ms"]):
                names.setdefault(each.get("method_reason", ""), []).append(name)
        return [
            f"clients of {', '.join(found)} may have been refused while listeners were closed, for up to "
            f"{max(gaps[name] for name in found):g} ms ({reason})"
            for reason, found in names.items()
        ]

    def told(self, gaps: Mapping[str, float]) -> dict[str, dict[str, t.Any]]:
        """What the result says of each service; ``gaps``: for how long its listeners were closed."""
        return {name: _told(self.choices.get(name, _FROM_OTHERS), gap) for name, gap in gaps.items()}


def _told(choice: Choice, gap: float) -> dict[str, t.Any]:
    late = _outlasted(choice.method, gap)
    expired = [f"the hold ended after {SECONDS} s, and clients were refused from then on"] if late else []
    why = "; ".join([*([choice.why] if choice.why else []), *expired])
    return {"method": choice.method, **({"method_reason": why} if why else {}), "gap_ms": gap}


def _outlasted(method: str, gap: float) -> bool:
    """Whether listeners were closed for longer than their clients were held."""
    return method == HOLD and gap > SECONDS * 1000


@dataclass(frozen=True)
class Candidate:
    """One service whose listeners are open before and after. ``move`` is the same for the choice of a method."""

    old: Service
    new: Service
    listeners: Sequence[Listener]
    move: Move


def candidates_of(
    actions: Iterable[Action], reopened: Collection[Service], guard_changes: bool, platform: Platform
) -> dict[str, Candidate]:
    """The services whose listeners are open before and after, by name. ``reopened``: those that keep their super-server
    and their listeners, which close and open nevertheless."""
    moved = [action for action in actions if action.kind in ("move", "rebind") or action.new in reopened]
    found = ((action.name, _candidate(action, guard_changes, platform)) for action in moved)
    return {name: passing for name, passing in found if passing}


def handover_plan(
    passing: Mapping[str, Candidate],
    wanted: str,
    live: SocketTable,
    platform: Platform,
    obstacle: t.Callable[[Sequence[Listener]], str],
) -> HandoverPlan:
    """Choose for every service by what this host permits. ``obstacle``: what keeps it from holding such listeners, in
    words; empty where nothing does."""
    every = held(listener for found in passing.values() for listener in found.listeners)
    nftables = obstacle(every)
    choices: dict[str, Choice] = {}
    sockets: dict[str, list[Duplicate]] = {}
    for name, found in passing.items():
        same = other_socket(found.old, found.new, live, platform)
        facts = {"nftables": nftables, "duplicate": "", "same_socket": same}
        choices[name] = choose(found.move, wanted, facts)
        if choices[name].method in (REUSEPORT, FDHOLDER):
            sockets[name], facts["duplicate"] = old_sockets(found, live)
            choices[name] = choose(found.move, wanted, facts)

    def duplicated(method: str) -> tuple[list[Service], list[Duplicate]]:
        names = [name for name, choice in choices.items() if choice.method == method]
        return [passing[name].new for name in names], [entry for name in names for entry in sockets[name]]

    return HandoverPlan(
        {name: found.listeners for name, found in passing.items()},
        choices,
        Sharing(*duplicated(REUSEPORT)),
        inheriting_of(*duplicated(FDHOLDER), live, platform),
    )


def _candidate(action: Action, guard_changes: bool, platform: Platform) -> Candidate | None:
    old, new = action.old, action.new
    if old is None or new is None:
        return None
    listeners = common(old, new, platform.ipv6)
    move = Move(
        column_of(new.backend, platform).name,
        frozenset(listener.transport for listener in listeners),
        old.backend == new.backend,
        guard_changes and bool(enforced_by_guard(new, platform)),
        len(listeners) < len(new.listeners(platform.ipv6)),
    )
    return Candidate(old, new, listeners, move) if listeners else None


def common(old: Service, new: Service, ipv6: bool) -> list[Listener]:
    """Listeners that are open before and after."""
    before = old.listeners(ipv6) if old.enabled and new.enabled else ()
    return [listener for listener in new.listeners(ipv6) if listener in before]


def old_sockets(passing: Candidate, live: SocketTable) -> tuple[list[Duplicate], str]:
    """Duplicates of the sockets that a service has, or what keeps this process from having them."""
    inodes: dict[int, list[int]] = {}
    for listener in passing.listeners:
        for entry in realising(listener, live.near(listener)):
            owner = live.owners.get(entry.inode)
            if owner is None:
                return [], f"no visible process holds {listener}"
            # Only sockets of one user share a port.
            if entry.uid not in (0, UNKNOWN_UID):
                return [], f"root did not create the socket of {listener}"
            inodes.setdefault(owner.pid, []).append(entry.inode)
    try:
        return [entry for pid, own in inodes.items() for entry in duplication.duplicates(pid, own)], ""
    except OSError as exc:
        return [], f"the old socket cannot be duplicated: {exc.strerror or exc}"
