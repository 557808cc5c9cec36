# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of systemd that others made: their state, and the links that have them started.

systemctl's ``disable`` and ``enable`` are nothing but such links. Here they are files like others, so that what was
there can be put back exactly as it was.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import Foreign, claim
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.foreign.groups import (
    NAMEABLE,
    Group,
    accepts,
    companions,
    explore,
    groups,
    handler_of,
    unmaskable,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.foreign.restrictions import (
    restrictions,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.foreign.states import (
    PROPERTIES,
    State,
    Survey,
    states_of,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.sockets import listens_of
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import disk as _disk
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import entries
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store as _files
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.places import placed
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.store import Seen
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Host
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener

UNITS = "/etc/systemd/system"
# Where links are that an administrator, a package's scripts or a running program made.
FOLDERS = (UNITS, "/run/systemd/system")

_NAME = re.compile(r"[A-Za-z0-9:_.\\@-]+\.(socket|service|path|timer)")
_PULLS = (".wants", ".requires", ".upholds")
_SHOWN = "Id,UnitFileState,FragmentPath,Listen"
# Not started by links, but by a program, or by another unit whenever that likes.
_UNLINKED = ("static", "generated", "indirect")
_RUNTIME = "/run/"
_BARRED = "cannot be masked, because {} takes precedence over a mask; stop and disable it by hand"
_TRANSPORTS = {"stream": "tcp", "datagram": "udp"}


def is_unit(name: str) -> bool:
    """Whether a name is that of a unit that may listen, or have another one listen."""
    return name.endswith(NAMEABLE)


def look_at_units(names: Sequence[str], own: Container[str], host: Host) -> dict[str, Foreign]:
    """Each of the units, with those that go with it: two commands for any number of them, and one more for each
    further unit that one leads to over the others."""
    found = {name: _name_problem(name) for name in names}
    asked = [name for name, problem in found.items() if not problem]
    survey = Survey(lambda units: show(units, host))
    explore(asked, survey)
    roots = {name: survey.name(name) for name in asked}
    aliases = {alias: unit for unit in survey.units for alias in (unit, *survey.state(unit).names)}
    links = _links(aliases) if asked else {}
    joined = groups(set(roots.values()), survey, links, own, UNITS)
    near = companions(joined)
    units = {name: _unit(name, joined[root], survey, links, own) for name, root in roots.items()}
    units = {
        name: replace(unit, companions=frozenset(each for each in asked if roots[each] in near[roots[name]]))
        for name, unit in units.items()
    }
    units.update({name: Foreign(name, "systemd", problem=text) for name, text in found.items() if text})
    return units


def _name_problem(name: str) -> str:
    if not _NAME.fullmatch(name):
        return "is not the name of a unit"
    return "is a template; name the instance of it that listens" if "@." in name else ""


def show(names: Sequence[str], host: Host) -> dict[str, State]:
    """The properties of each unit, by the name asked for: systemd answers in the order of the question."""
    listing = host.run(["systemctl", "show", f"--property={PROPERTIES}", "--", *names], check=False)
    return dict(zip(names, states_of(listing.out)))


def _unit(
    name: str, group: Group, survey: Survey, links: Mapping[str, Mapping[str, Seen]], own: Container[str]
) -> Foreign:
    states = {unit: survey.state(unit) for unit in group.members}
    root = group.members[0]
    static = states[root].one("UnitFileState") in _UNLINKED
    barrier = unmaskable(root, states[root], UNITS) if static else ""
    masked = dict.fromkeys((*([root] if static and not barrier else []), *group.masked))
    handlers = {unit: survey.state(handler_of(unit)) for unit, state in states.items() if accepts(state)}
    problems = {unit: _problem(unit, state, own, survey) for unit, state in states.items()}
    alone = problems.pop(root)
    return Foreign(
        name,
        "systemd",
        exists=states[root].one("LoadState") != "not-found",
        problem=alone or next((f"goes with {unit}, which {text}" for unit, text in problems.items() if text), ""),
        owners=frozenset(("systemd", unit) for unit in states),
        claims=tuple(listener for state in states.values() for listener in _claims(state.values)),
        links={path: seen for unit in states for path, seen in links.get(unit, {}).items()},
        masks=tuple(f"{UNITS}/{unit}" for unit in masked if states[unit].one("LoadState") != "masked"),
        running=tuple(unit for unit, state in states.items() if state.runs),
        failed=tuple(unit for unit, state in states.items() if state.one("ActiveState") == "failed"),
        members=group.members[1:],
        obstacles=(*group.obstacles, *([_BARRED.format(barrier)] if barrier.startswith(_RUNTIME) else [])),
        mains={unit: state.main for unit, state in states.items() if unit.endswith(".service")},
        restrictions=restrictions(states, handlers, {unit: _claims(state.values) for unit, state in states.items()}),
    )


def _claims(state: Mapping[str, Sequence[str]]) -> tuple[Listener, ...]:
    return tuple(
        placed(claim(_transport(address, kind), "any", address, port, kind))
        for kind, address, port in listens_of(state.get("Listen", ()))
    )


def _transport(address: str, kind: str) -> str:
    return "unix" if address.startswith(("/", "@")) else _TRANSPORTS.get(kind, "tcp")


def competing_sockets(own: Container[str], host: Host) -> dict[str, tuple[Listener, ...]]:
    """What socket units of others listen on that systemd starts at boot, by unit; one command."""
    listing = host.run(["systemctl", "show", f"--property={_SHOWN}", "--", "*.socket"], check=False)
    return {
        state.unit: _claims(state.values)
        for state in states_of(listing.out)
        if state.one("UnitFileState") == "enabled" and state.one("FragmentPath") not in own
    }


def _problem(unit: str, state: State, own: Container[str], survey: Survey) -> str:
    load, path = state.one("LoadState"), state.one("FragmentPath")
    if path in own:
        return "is a unit of this collection"
    if load == "not-found" or not load:
        return "is not a unit of this host"
    sessions = [each for each in state.many("TriggeredBy") if accepts(survey.state(each))]
    if sessions:
        return f"serves one connection of {sessions[0]}; name that unit instead"
    if state.runs and load == "masked":
        return "is masked but runs, so that it could not be started again; stop it by hand"
    if state.one("UnitFileState") == "transient" or (state.runs and not path):
        return "has no unit file, so that it could not be started again; stop it by hand"
    return ""


def _links(aliases: Mapping[str, str]) -> dict[str, dict[str, Seen]]:
    """By unit, the links that enable it: those that have it started, and those that give it another name. ``aliases``
    are the units' names, and whose each is."""
    found: dict[str, dict[str, Seen]] = {}
    for folder in FOLDERS:
        for path in _every_link(folder):
            seen = _files.look(path)
            if seen is None or seen.kind != "link":
                continue
            name, target = posixpath.basename(path), posixpath.basename(_disk.decoded(seen.content))
            units = {aliases[each] for each in (name, target) if each in aliases}
            # The unit's own file may be a link as well.
            for unit in units if posixpath.dirname(path) != folder else units - {name}:
                found.setdefault(unit, {})[path] = seen
    return found


def _every_link(folder: str) -> Iterator[str]:
    for name in _disk.names(folder):
        path = f"{folder}/{name}"
        if name.endswith(_PULLS):
            yield from (f"{path}/{link}" for link in _disk.names(path))
        elif entries.is_link(path):
            yield path
