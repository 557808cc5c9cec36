# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemctl shows of units, and what their files say that it does not show."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store as _files

# What starts a unit without being a link, what does not start without it, and what is stopped with it.
STARTING = ("WantedBy", "UpheldBy", "OnFailureOf", "OnSuccessOf")
REQUIRING = ("RequiredBy", "RequisiteOf", "BoundBy")
STOPPED = ("ConsistsOf", "PropagatesStopTo")

PROPERTIES = (
    "Id,Names,LoadState,ActiveState,UnitFileState,FragmentPath,DropInPaths,Triggers,TriggeredBy,Listen,Accept,BusName,"
    "MainPID,ExecStart,IPAddressAllow,IPAddressDeny,MaxConnections,MaxConnectionsPerSource,BindToDevice,SocketMode,"
    f"SocketUser,SocketGroup,{','.join((*STARTING, *REQUIRING, *STOPPED))}"
)
_RUNS = ("active", "activating", "reloading", "deactivating")
_SECTION = re.compile(r"\[(?P<name>[^\]]+)\]")
_COMMAND = re.compile(r"\{ path=(?P<path>.*?) ; argv\[\]=(?P<argv>.*?) ; ignore_errors=")

Show = t.Callable[[t.Sequence[str]], t.Mapping[str, "State"]]


@dataclass(frozen=True)
class State:
    """The properties of one unit; a property that is shown several times has several values."""

    values: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def one(self, name: str) -> str:
        """The value of a property; empty where it is not shown."""
        return next(iter(self.values.get(name, ())), "")

    def many(self, *names: str) -> list[str]:
        """The words of properties that are lists."""
        return [word for name in names for value in self.values.get(name, ()) for word in value.split()]

    @property
    def unit(self) -> str:
        """Its own name, whatever alias it was asked for by."""
        return self.one("Id")

    @property
    def names(self) -> frozenset[str]:
        """Its name and its aliases."""
        return frozenset(self.many("Id", "Names"))

    @property
    def exists(self) -> bool:
        """Whether the host has such a unit."""
        return self.one("LoadState") not in ("", "not-found")

    @property
    def runs(self) -> bool:
        """Whether it is started, or about to be or not to be."""
        return self.one("ActiveState") in _RUNS

    @property
    def main(self) -> int:
        """The main process of a service; 0 for none."""
        number = self.one("MainPID")
        return int(number) if number.isdigit() else 0

    @property
    def programs(self) -> list[tuple[str, str]]:
        """Path and first argument of each program that a service starts."""
        found = [_COMMAND.match(value) for value in self.values.get("ExecStart", ())]
        return [(match["path"], match["argv"].split(" ")[0]) for match in found if match]

    def written(self, section: str, name: str) -> list[str]:
        """The values of a directive in the unit's files, in their order; an empty one makes those before it void."""
        found: list[str] = []
        for path in (self.one("FragmentPath"), *self.many("DropInPaths")):
            for value in _directives(_files.text(path), section, name):
                found = [*found, value] if value else []
        return found


def states_of(output: str) -> list[State]:
    """What ``systemctl show`` has said: one block for each unit, in the order of the question."""
    return [State(_properties(block)) for block in output.split("\n\n")]


def _properties(block: str) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for line in block.strip().splitlines():
        key, _equals, value = line.partition("=")
        values.setdefault(key, []).append(value)
    return values


def _directives(text: str, section: str, name: str) -> Iterator[str]:
    """Backslashes continue lines; names of sections and directives are told apart by case."""
    inside = ""
    for line in text.replace("\\\n", " ").splitlines():
        stripped = line.strip()
        heading = _SECTION.fullmatch(stripped)
        if heading:
            inside = heading["name"]
        elif inside == section and not stripped.startswith(("#", ";")):
            key, equals, value = stripped.partition("=")
            if equals and key.rstrip() == name:
                yield value.strip()


class Survey:
    """Units by their names, asked for in as few commands as possible: several at a time, each once."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._units: dict[str, State] = {}
        self._asked: dict[str, str] = {}

    def ask(self, names: Iterable[str]) -> list[str]:
        """Look at units; the names of those that had not been looked at."""
        fresh = sorted({name for name in names if name not in self._asked})
        for name, state in (self._show(fresh) if fresh else {}).items():
            unit = state.unit or name
            self._units[unit] = state
            self._asked.update(dict.fromkeys((*state.names, name, unit), unit))
        self._asked.update({name: name for name in fresh if name not in self._asked})
        return [self._asked[name] for name in fresh]

    @property
    def units(self) -> list[str]:
        """The names of all that were looked at."""
        return list(self._units)

    def name(self, name: str) -> str:
        """A unit's own name."""
        return self._asked.get(name, name)

    def state(self, name: str) -> State:
        """One that was asked for."""
        return self._units.get(self.name(name), State())
