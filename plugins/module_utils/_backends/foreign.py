# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign services: their parts that are switched off and on again, and what a backend knows of those of its kind."""

from __future__ import annotations

import abc
import typing as t
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.store import Seen
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Host
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import ANY, Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform

# A link in the place of a file that keeps a manager from starting what the file is for.
MASK = Seen("link", b"/dev/null", 0o777, "root", "root")

# What is at a path, with what was decided about it before.
At = t.Callable[[str], t.Optional[Seen]]


@dataclass(frozen=True)
class Restriction:
    """One thing that keeps clients out of a service.

    ``word`` is what its configuration calls it, ``text`` says what that does. ``kind`` and ``value`` are what it is
    compared by. It is about ``listeners``; about all of the service's where there are none.
    """

    word: str
    text: str
    kind: str
    value: t.Any = None
    listeners: tuple[Listener, ...] = ()


@dataclass(frozen=True)
class Foreign:
    """A service of others by its name, as it is on the host. ``kind`` is the backend whose kind it is of.

    ``members`` are the units that go with a unit: what it starts, and what starts it; ``companions`` other names that
    were asked for and that belong to it. ``owners`` is what its sockets show as their owner; ``claims`` what it listens
    on by its configuration. ``problem`` says why it cannot be switched off, or not so that it could be switched on
    again; ``obstacles`` what else has to be named, or changed, before it is. ``mains`` are the main processes of
    services. ``restrictions`` keep clients out. The other fields are what keeps it in force: ``entries``, files that
    have it in entries; ``links`` that start a unit, at boot or for another unit; ``masks``, where a link would keep a
    unit from being started by what is not a link; ``running`` and ``failed`` units.
    """

    name: str
    kind: str
    exists: bool = False
    problem: str = ""
    owners: frozenset[tuple[str, str]] = frozenset()
    claims: tuple[Listener, ...] = ()
    entries: tuple[str, ...] = ()
    links: Mapping[str, Seen] = field(default_factory=dict)
    masks: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    companions: frozenset[str] = frozenset()
    obstacles: tuple[str, ...] = ()
    mains: Mapping[str, int] = field(default_factory=dict)
    restrictions: tuple[Restriction, ...] = ()

    @property
    def in_force(self) -> str:
        """The parts that have to be switched off, in words; empty if there are none."""
        words = [*(f"{unit} runs" for unit in self.running), *(f"{path} enables it" for path in self.entries)]
        words += [f"{path} starts it" for path in self.links]
        return ", ".join(words) or ("nothing prevents its start" if self.masks else "")


def claim(transport: str, family: str, address: str, port: int, kind: str) -> Listener:
    """A listener as configuration files have it; without an address it is for every one."""
    if transport == "unix":
        return Listener("unix", "unix", address, 0, address, kind)
    wanted = "ipv6" if ":" in address else "ipv4" if address else {"any": "dual"}.get(family, family)
    everywhere = ANY["ipv4" if wanted == "ipv4" else "ipv6"]
    if address == ANY["ipv6"] and family != "ipv6":
        wanted = "dual"
    return Listener(transport, wanted, address or everywhere, port, "", kind)


def same(one: Seen | None, other: Seen | None) -> bool:
    """Whether one is as good as the other: the mode of a link means nothing."""
    if one is None or other is None or one.kind != "link":
        return one == other
    return (one.kind, one.content) == (other.kind, other.content)


class CompetingServices:
    """Services of one kind that others have now, named or not. By default there are none."""

    def claims(self) -> Mapping[str, Sequence[Listener]]:
        """What each listens on once it is started."""
        return {}

    def owner(self, socket: Socket) -> str:
        """The name of the one whose a socket is; empty where it is nobody's, or not certain."""
        return ""


class ForeignServices(abc.ABC):
    """Services of one backend's kind that others made, and that can be taken over. A kind leaves as it is here what is
    about parts that its services do not have."""

    # What its restrictions of clients are called.
    restrictions: t.ClassVar[tuple[str, ...]] = ()
    # Whether one process holds the sockets of all, so that only the files that it reads again tell whose each is.
    entries: t.ClassVar[bool] = False

    @abc.abstractmethod
    def nameable(self, name: str) -> bool:
        """Whether a name may be that of one. Of several kinds the first one counts."""

    def absence(self, init: str) -> str:
        """Why a host with such a PID 1 has none of them, in words; empty where it may have some."""
        return ""

    @abc.abstractmethod
    def look(self, names: Sequence[str], own: Collection[str], host: Host) -> dict[str, Foreign]:
        """Each of these by its name. ``own`` are files of this collection."""

    def objection(self, found: Foreign) -> str:
        """Why one that holds a port cannot be named, in words; empty where it can."""
        return found.problem

    def competing(self, own: Collection[str], init: str, host: Host) -> CompetingServices:
        """All of them that this collection has not made."""
        return CompetingServices()

    @abc.abstractmethod
    def switched_off(self, foreign: Foreign, at: At) -> dict[str, Seen | None]:
        """What has to be at which paths, so that one is not in force any more."""

    @abc.abstractmethod
    def switched_on(self, name: str, before: Mapping[str, Seen | None], at: At) -> dict[str, Seen | None]:
        """The same, so that one is in force again. ``before`` has what was at paths and cannot be made out of what is
        there now."""

    def started_here(self, name: str) -> bool:
        """Whether what runs under such a name is started and stopped by :meth:`start` and :meth:`stop`."""
        return False

    def stop(self, names: Sequence[str], failed: Sequence[str], host: Host) -> None:
        """Stop these, and have it forgotten that some have ``failed``."""

    def start(self, names: Sequence[str], host: Host) -> None:
        """Start these."""

    def read_again(self, opening: Sequence[Listener], platform: Platform, host: Host) -> None:
        """Have files with entries read again; these listeners are to be opened. Raises SwitchFailed."""

    def opened(self, opening: Sequence[Listener]) -> list[Listener]:
        """Those listeners that are opened when files with entries are read as they are."""
        return []
