# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign services: their parts that are switched off and on again."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.store import Seen
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import ANY, Listener

# What foreign services consist of that can be taken over: units of the host's manager, and entries in the files that a
# super-server reads again.
ADOPTS_UNITS, ADOPTS_ENTRIES = "units", "entries"


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
    """An xinetd service or a systemd unit by its name, as it is on the host.

    ``members`` are the units that go with a unit: what it starts, and what starts it; ``companions`` other names that
    were asked for and that belong to it. ``owners`` is what its sockets show as their owner; ``claims`` what it listens
    on by its configuration. ``problem`` says why it cannot be switched off, or not so that it could be switched on
    again; ``obstacles`` what else has to be named, or changed, before it is. ``mains`` are the main processes of
    services. ``restrictions`` keep clients out. The other fields are what keeps it in force: ``entries``, files with
    entries of xinetd; ``links`` that start a unit, at boot or for another unit; ``masks``, where a link would keep a
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
