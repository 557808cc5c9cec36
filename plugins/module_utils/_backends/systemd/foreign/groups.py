# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units that depend on each other: which of them are switched together, and which other units would start one of them
again, or stop with it.

A socket starts a service; paths, timers and other sockets may start the same one. They are one group, which is switched
off and on as a whole. What else names one of them in its own file is not touched, because it is there for something
else: it has to be named as well, or changed.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.foreign.states import (
    REQUIRING,
    STARTING,
    STOPPED,
    State,
    Survey,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import entries

# The kinds of units that can be named.
NAMEABLE = (".socket", ".service", ".path", ".timer")
_PULLS = {".wants": "WantedBy", ".requires": "RequiredBy", ".upholds": "UpheldBy"}
_BUS = "D-Bus"
# What is not a unit's file below /etc/systemd/system, but comes before those.
_ABOVE = (
    "/etc/systemd/system.control/",
    "/run/systemd/system.control/",
    "/run/systemd/transient/",
    "/run/systemd/generator.early/",
)


@dataclass(frozen=True)
class Group:
    """``members``: the unit that was named, first, and what goes with it. ``masked``: those that something could start
    that is not a link. ``obstacles``: what keeps it from being taken over, in words. ``related``: every unit that one
    of them is tied to."""

    members: tuple[str, ...]
    masked: tuple[str, ...] = ()
    obstacles: tuple[str, ...] = ()
    related: frozenset[str] = field(default_factory=frozenset)


def accepts(state: State) -> bool:
    """Whether a socket unit starts a service for each connection; those are clients' sessions, which go on."""
    return state.one("Accept") == "yes"


def handler_of(unit: str) -> str:
    """An instance that stands for those that a socket unit starts for connections; it is only looked at."""
    return f"{unit[: -len('.socket')].partition('@')[0]}@superserver-look.service"


def _followers(unit: str, survey: Survey) -> list[str]:
    """What a unit starts, and what starts it."""
    state = survey.state(unit)
    started = [] if accepts(state) else state.many("Triggers")
    return [survey.name(each) for each in (*started, *state.many("TriggeredBy"))]


def explore(names: Iterable[str], survey: Survey) -> None:
    """Look at all of the groups, and then at what is tied to them."""
    found = fresh = survey.ask(names)
    while fresh:
        fresh = survey.ask(each for unit in fresh for each in _followers(unit, survey))
        found = [*found, *fresh]
    tied = [each for unit in found for each in (*survey.state(unit).many(*_TIES), *installed_with(unit, survey))]
    handlers = [handler_of(unit) for unit in found if unit.endswith(".socket") and accepts(survey.state(unit))]
    survey.ask([*tied, *handlers])


_TIES = (*STARTING, *REQUIRING, *STOPPED)


def installed_with(unit: str, survey: Survey) -> list[str]:
    """The units that are enabled and disabled together with one."""
    prefix, _at, rest = unit.rpartition(".")[0].partition("@")
    known = {"%n": unit, "%N": unit.rpartition(".")[0], "%p": prefix, "%i": rest}
    text = " ".join(survey.state(unit).written("Install", "Also"))
    for specifier, value in known.items():
        text = text.replace(specifier, value)
    return text.split()


def groups(
    roots: Collection[str],
    survey: Survey,
    links: Mapping[str, Collection[str]],
    own: Container[str],
    folder: str,
) -> dict[str, Group]:
    """The group of each of the units that were named. ``links`` are those that are going to be removed, by unit;
    ``own`` the units of this collection; ``folder`` where masks are put. A unit that was named is in no other's group,
    and no unit is in two."""
    taken: set[str] = set(roots)
    found = {}
    for root in sorted(roots):
        members = _closure(root, taken, survey)
        taken |= set(members)
        found[root] = members
    everything = frozenset(unit for members in found.values() for unit in members)
    around = _Surroundings(everything, survey, links, own, folder)
    return {root: _Bounds(members, around).group() for root, members in found.items()}


def _closure(root: str, taken: Collection[str], survey: Survey) -> tuple[str, ...]:
    members: dict[str, None] = {}
    waiting = [root]
    while waiting:
        unit = waiting.pop(0)
        members[unit] = None
        waiting += [
            each
            for each in dict.fromkeys(_followers(unit, survey))
            if each not in members and each not in waiting and each not in taken and survey.state(each).exists
        ]
    return tuple(members)


@dataclass(frozen=True)
class _Surroundings:
    """What all groups are in: the units of all of them, and what :func:`groups` is given."""

    everything: frozenset[str]
    survey: Survey
    links: Mapping[str, Collection[str]]
    own: Container[str]
    folder: str


class _Bounds:
    """What is tied to a group and is not of it."""

    def __init__(self, members: Sequence[str], around: _Surroundings) -> None:
        self._members = tuple(members)
        self._around = around
        self._survey = around.survey

    def group(self) -> Group:
        obstacles = []
        masked = []
        for unit in self._members:
            starting = self._outside(unit, STARTING)
            starting += [_BUS] if self._survey.state(unit).one("BusName") else []
            starting = [] if self._survey.state(unit).one("LoadState") == "masked" else starting
            if starting and not self._unmaskable(unit):
                masked.append(unit)
            elif starting:
                obstacles += [self._starts(each, unit) for each in starting]
            obstacles += [self._told(each, f"requires {unit}") for each in self._outside(unit, REQUIRING)]
            obstacles += [
                self._told(each, f"is stopped with {unit}")
                for each in self._outside(unit, STOPPED)
                if self._survey.state(each).runs
            ]
            obstacles += [
                self._told(each, f"is enabled and disabled together with {unit} (Also=)")
                for each in map(self._survey.name, installed_with(unit, self._survey))
                if each not in self._around.everything and self._in_force(each)
            ]
        return Group(self._members, tuple(masked), tuple(dict.fromkeys(obstacles)), self._related())

    def _outside(self, unit: str, kinds: Sequence[str]) -> list[str]:
        """Other units that a unit is tied to in one of these ways, but not by a link that goes."""
        state = self._survey.state(unit)
        by_links = {(kind, self._survey.name(name)) for kind, name in map(_pulling, self._around.links.get(unit, ()))}
        handlers = set(state.many("Triggers")) if accepts(state) else set()
        found = []
        for kind in kinds:
            for each in map(self._survey.name, state.many(kind)):
                if each not in self._around.everything and each not in handlers and (kind, each) not in by_links:
                    found.append(each)
        return list(dict.fromkeys(found))

    def _unmaskable(self, unit: str) -> str:
        return unmaskable(unit, self._survey.state(unit), self._around.folder)

    def _starts(self, other: str, unit: str) -> str:
        text = f"starts {unit}, which cannot be masked because {self._unmaskable(unit)} takes precedence over a mask"
        if other == _BUS:
            name = self._survey.state(unit).one("BusName")
            return f"can be started again: D-Bus, when a program asks for {name}, {text}; stop and disable it by hand"
        return self._told(other, text)

    def _told(self, other: str, text: str) -> str:
        state = self._survey.state(other)
        if state.one("FragmentPath") in self._around.own:
            way_out = "which belongs to this collection; leave out the name, or that service"
        elif other.endswith(NAMEABLE):
            way_out = "so that both must be taken over together; name it as well, or change that"
        else:
            way_out = (
                f"and a unit of its type cannot be named; change that in {state.one('FragmentPath') or 'its file'}"
            )
        return f'is tied to "{other}": that {text}, {way_out}'

    def _in_force(self, unit: str) -> bool:
        state = self._survey.state(unit)
        return state.exists and (state.runs or state.one("UnitFileState").startswith("enabled"))

    def _related(self) -> frozenset[str]:
        found = set()
        for unit in self._members:
            found |= {*_followers(unit, self._survey), *map(self._survey.name, installed_with(unit, self._survey))}
            found |= set(map(self._survey.name, self._survey.state(unit).many(*_TIES)))
        return frozenset(found)


def unmaskable(unit: str, state: State, folder: str) -> str:
    """The file that takes precedence over a mask; empty where the mask would take effect."""
    path, there = f"{folder}/{unit}", state.one("FragmentPath")
    if entries.exists(path):
        return path
    return there if there.startswith(_ABOVE) else ""


def _pulling(path: str) -> tuple[str, str]:
    """How the unit that a link is below the directory of is shown to pull in the one that the link leads to."""
    name, suffix = posixpath.splitext(posixpath.basename(posixpath.dirname(path)))
    return _PULLS.get(suffix, ""), name


def companions(found: Mapping[str, Group]) -> dict[str, frozenset[str]]:
    """The other named units that each is tied to, at any number of removes."""
    of = {unit: root for root, group in found.items() for unit in group.members}
    near = {root: {of[unit] for unit in group.related if unit in of} - {root} for root, group in found.items()}
    for root, others in list(near.items()):
        for other in others:
            near[other] = near[other] | {root}
    return {root: frozenset(_reached(root, near) - {root}) for root in found}


def _reached(root: str, near: Mapping[str, Collection[str]]) -> set[str]:
    reached, fresh = {root}, {root}
    while fresh:
        fresh = {other for each in fresh for other in near[each]} - reached
        reached |= fresh
    return reached
