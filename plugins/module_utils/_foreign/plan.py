# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes over listeners of foreign services, and gives them back.

A foreign service in ``superserver_adopt`` is switched off while a declared service needs one of its listeners, and
switched on again afterwards.
"""

from __future__ import annotations

import posixpath
import typing as t
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import CompetingServices, Foreign
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import SocketTable
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.owners import Holder, holders, owners
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS, foreign_services
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.draft import Draft, Holdings
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.record import Takeover, adoption_from_json
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.wishes import VARIABLE, wishes_of
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import listening
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

_NOBODYS = "is not the name of anything that can be taken over"


@dataclass(frozen=True)
class Demand:
    """What a run has to do with services of others: those that ``adopt`` names, and those ``recorded`` that were taken
    over before. ``listeners`` are what the declared ``services`` are to listen on."""

    adopt: Sequence[t.Any] = ()
    recorded: Mapping[str, Mapping[str, t.Any]] = field(default_factory=dict)
    listeners: Sequence[Listener] = ()
    services: Sequence[Service] = ()


def plan_takeover(demand: Demand, own: Collection[str], live: SocketTable, init: str, host: LocalHost) -> Takeover:
    """Decide about everything that is named, or was. ``own`` are the files of this collection."""
    records = {name: adoption_from_json(value) for name, value in demand.recorded.items()}
    wishes, wrong = wishes_of(demand.adopt)
    competing = _competing(own, init, host)
    if not (wishes or records or wrong):
        return Takeover(competing=competing)
    wished = {wish.name: wish for wish in wishes}
    found = _look([*dict.fromkeys((*wished, *records))], own, init, host)
    holdings = _holdings(found.values(), host) if any(each.in_force for each in found.values()) else Holdings()
    draft = Draft(found, demand.listeners, demand.services, holdings, records)
    for name, foreign in sorted(found.items()):
        draft.decide(foreign, wished.get(name))
    known = {*wished, *(unit for each in found.values() for unit in each.members)}
    for each in competing.values():
        draft.warn_of(each.claims(), known)
    problems = [
        *wrong,
        *(
            Problem(wished[name].path if name in wished else VARIABLE, f'"{name}" {text}')
            for name, texts in draft.problems.items()
            for text in ([_kind_problem(name, live)] if _kind_problem(name, live) else texts)
        ),
    ]
    return replace(draft.finished(problems), competing=competing)


def _competing(own: Collection[str], init: str, host: LocalHost) -> dict[str, CompetingServices]:
    return {name: kind.competing(own, init, host) for name, kind in foreign_services().items()}


def _look(names: Sequence[str], own: Collection[str], init: str, host: LocalHost) -> dict[str, Foreign]:
    """Each by its name, which tells what kind it is of."""
    found: dict[str, Foreign] = {}
    rest = list(names)
    for name, kind in foreign_services().items():
        mine = [each for each in rest if kind.nameable(each)]
        rest = [each for each in rest if each not in mine]
        absence = kind.absence(init)
        if absence:
            found.update({each: Foreign(each, name, problem=absence) for each in mine})
        elif mine:
            found.update(kind.look(mine, own, host))
    return {**found, **{each: Foreign(each, "", problem=_NOBODYS) for each in rest}}


def _holdings(found: Iterable[Foreign], host: LocalHost) -> Holdings:
    """By one look at every socket."""
    wanted = {owner for foreign in found for owner in foreign.owners}
    sockets = listening()
    held = holders(socket.inode for socket in sockets)
    known = owners(sockets, host.run_plain, held)
    listeners: dict[tuple[str, str], list[Listener]] = {}
    processes: dict[tuple[str, str], list[Holder]] = {}
    for socket in sockets:
        owner = known.get(socket.inode)
        if owner and (owner.kind, owner.name) in wanted:
            listeners.setdefault((owner.kind, owner.name), []).append(socket.listener)
            processes.setdefault((owner.kind, owner.name), []).extend(held.get(socket.inode, ()))
    return Holdings(listeners, processes)


def _kind_problem(name: str, live: SocketTable) -> str:
    """Whether a name is that of something that cannot be taken over."""
    for owner in live.owners.values():
        if owner.kind == "program" and name in (owner.program, posixpath.basename(owner.program)):
            return (
                f"is a program (pid {owner.pid}) that neither a unit nor xinetd started, so that nothing could "
                "start it again; stop it by hand"
            )
        why = BACKENDS[owner.kind].not_adoptable(owner.name) if owner.kind in BACKENDS else ""
        if why and name in (owner.name, posixpath.basename(owner.name)):
            return why
    return ""
