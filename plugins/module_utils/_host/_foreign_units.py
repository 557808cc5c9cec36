# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of systemd that others made: their state, and the links that have them started.

systemctl's ``disable`` and ``enable`` are nothing but such links. Here they are files like others, so that what was
there can be put back exactly as it was.
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ansible_collections.ondemand.superserver.plugins.module_utils._host import _files
from ansible_collections.ondemand.superserver.plugins.module_utils._host._files import Seen
from ansible_collections.ondemand.superserver.plugins.module_utils._host._foreign import Foreign, claim
from ansible_collections.ondemand.superserver.plugins.module_utils._host._local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host._places import placed
from ansible_collections.ondemand.superserver.plugins.module_utils._host._systemd_sockets import listens_of
from ansible_collections.ondemand.superserver.plugins.module_utils._model_endpoints import Listener

UNITS = "/etc/systemd/system"
# Where links are that an administrator, a package's scripts or a running program made.
FOLDERS = (UNITS, "/run/systemd/system")
MASK = Seen("link", os.fsencode(os.devnull), 0o777, "root", "root")

_NAME = re.compile(r"[A-Za-z0-9:_.\\@-]+\.(socket|service)")
_PULLS = (".wants", ".requires", ".upholds")
_PROPERTIES = "Id,LoadState,ActiveState,UnitFileState,FragmentPath,Triggers,Listen"
# Not started by links, but by a program, or by another unit whenever that likes.
_UNLINKED = ("static", "generated", "indirect")
_RUNS = ("active", "activating", "reloading", "deactivating")
_TRANSPORTS = {"stream": "tcp", "datagram": "udp"}


def is_unit(name: str) -> bool:
    """Whether a name is that of a unit that may listen."""
    return name.endswith((".socket", ".service"))


def look_at_units(names: Sequence[str], own: Container[str], host: LocalHost) -> dict[str, Foreign]:
    """Each of the units; two commands at the most, for any number of them."""
    found = {name: _name_problem(name) for name in names}
    asked = [name for name, problem in found.items() if not problem]
    states = _show(asked, host) if asked else {}
    links = _links(asked)
    units = {name: _unit(name, states.get(name, {}), links.get(name, {}), own) for name in asked}
    units.update({name: Foreign(name, "systemd", problem=text) for name, text in found.items() if text})
    return _with_triggered(units, states, host)


def _name_problem(name: str) -> str:
    if not _NAME.fullmatch(name):
        return "is not the name of a unit"
    return "is a template; name the instance of it that listens" if "@." in name else ""


def _show(names: Sequence[str], host: LocalHost) -> dict[str, dict[str, list[str]]]:
    """The properties of each unit, by the name asked for: systemd answers in the order of the question."""
    listing = host.run(["systemctl", "show", f"--property={_PROPERTIES}", "--", *names], check=False)
    return dict(zip(names, (_properties(block) for block in listing.out.split("\n\n"))))


def _properties(block: str) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for line in block.strip().splitlines():
        key, _equals, value = line.partition("=")
        values.setdefault(key, []).append(value)
    return values


def _one(state: Mapping[str, Sequence[str]], name: str) -> str:
    return state.get(name, [""])[0]


def _unit(name: str, state: Mapping[str, Sequence[str]], links: Mapping[str, Seen], own: Container[str]) -> Foreign:
    unit, runs = _one(state, "Id") or name, _one(state, "ActiveState") in _RUNS
    path = f"{UNITS}/{unit}"
    static = _one(state, "UnitFileState") in _UNLINKED and not os.path.lexists(path)
    return Foreign(
        name,
        "systemd",
        exists=_one(state, "LoadState") != "not-found",
        problem=_problem(unit, state, runs, own),
        owners=frozenset({("systemd", unit)}),
        claims=_claims(state),
        links=links,
        mask=path if static else "",
        running=(unit,) if runs else (),
        failed=(unit,) if _one(state, "ActiveState") == "failed" else (),
    )


def _claims(state: Mapping[str, Sequence[str]]) -> tuple[Listener, ...]:
    return tuple(
        placed(claim(_transport(address, kind), "any", address, port, kind))
        for kind, address, port in listens_of(state.get("Listen", ()))
    )


def _transport(address: str, kind: str) -> str:
    return "unix" if address.startswith(("/", "@")) else _TRANSPORTS.get(kind, "tcp")


def rivals(own: Container[str], host: LocalHost) -> dict[str, tuple[Listener, ...]]:
    """What socket units of others listen on that systemd starts at boot, by unit; one command."""
    listing = host.run(["systemctl", "show", f"--property={_PROPERTIES}", "--", "*.socket"], check=False)
    states = [_properties(block) for block in listing.out.split("\n\n")]
    return {
        _one(state, "Id"): _claims(state)
        for state in states
        if _one(state, "UnitFileState") == "enabled" and _one(state, "FragmentPath") not in own
    }


def _problem(unit: str, state: Mapping[str, Sequence[str]], runs: bool, own: Container[str]) -> str:
    load, path = _one(state, "LoadState"), _one(state, "FragmentPath")
    if path in own:
        return "is a unit of this collection"
    if load == "not-found" or not load:
        return "is no unit of this host"
    if runs and load == "masked":
        return "is masked but runs, so that it could not be started again; stop it by hand"
    if _one(state, "UnitFileState") == "transient" or (runs and not path):
        return "has no unit file, so that it could not be started again; stop it by hand"
    return ""


def _with_triggered(
    units: Mapping[str, Foreign], states: Mapping[str, Mapping[str, Sequence[str]]], host: LocalHost
) -> dict[str, Foreign]:
    """A daemon that a socket unit has started holds the socket as well."""
    triggered = {name: _one(states.get(name, {}), "Triggers").split() for name in units}
    every = sorted({unit for names in triggered.values() for unit in names if "@" not in unit})
    running = {
        name for name, state in (_show(every, host) if every else {}).items() if _one(state, "ActiveState") in _RUNS
    }
    return {
        name: replace(
            unit,
            running=(*unit.running, *(each for each in triggered[name] if each in running)),
            owners=unit.owners | {("systemd", each) for each in triggered[name]},
        )
        for name, unit in units.items()
    }


def _links(units: Sequence[str]) -> dict[str, dict[str, Seen]]:
    """By unit, the links that enable it: those that have it started, and those that give it another name."""
    found: dict[str, dict[str, Seen]] = {}
    for folder in FOLDERS if units else ():
        for path in _every_link(folder):
            seen = _files.look(path)
            if seen is None or seen.kind != "link":
                continue
            names = {os.path.basename(path), os.path.basename(os.fsdecode(seen.content))}
            # The unit's own file may be a link as well.
            wanted = (
                names & {*units} if os.path.dirname(path) != folder else names & {*units} - {os.path.basename(path)}
            )
            for unit in wanted:
                found.setdefault(unit, {})[path] = seen
    return found


def _every_link(folder: str) -> Iterator[str]:
    for name in _names(folder):
        path = f"{folder}/{name}"
        if name.endswith(_PULLS):
            yield from (f"{path}/{link}" for link in _names(path))
        elif os.path.islink(path):
            yield path


def _names(folder: str) -> Iterable[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return ()
