# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a declared service would allow clients that the foreign service, whose listener it takes over, refuses."""

from __future__ import annotations

import ipaddress
import typing as t
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import Foreign, Restriction
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.restrictions import Filter, SocketMode
from ansible_collections.ondemand.superserver.plugins.module_utils._model.access import compile_access
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Endpoint, Listener, collide
from ansible_collections.ondemand.superserver.plugins.module_utils._model.hours import DAYS, parse_window
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

_DAY = 24 * 60
_WEEK = len(DAYS) * _DAY
_OTHERS, _GROUP, _OWNER = 0o002, 0o020, 0o200
_ROOT = "root"


@dataclass(frozen=True)
class Loss:
    """A restriction that would be lost: what it is called, what it does, for which service, and what would keep it."""

    word: str
    text: str
    service: str
    remedy: str


@dataclass(frozen=True)
class _Heir:
    """A declared service and those of its endpoints that take a listener over."""

    service: Service
    endpoints: tuple[tuple[Endpoint, Listener], ...]

    def of(self, listeners: Sequence[Listener]) -> _Heir:
        """With only those that take one of these over; with all, where there are none."""
        if not listeners:
            return self
        kept = [each for each in self.endpoints if any(collide(each[1], listener) for listener in listeners)]
        return _Heir(self.service, tuple(kept))


def losses(foreign: Foreign, held: Sequence[Listener], services: Iterable[Service], ipv6: bool) -> list[Loss]:
    """All restrictions that would be lost. ``held``: the listeners that it has open now."""
    theirs = [*held, *(claim for claim in foreign.claims if not any(collide(claim, other) for other in held))]
    found = []
    for service in services:
        heir = _Heir(service, tuple(zip(service.listen, service.listeners(ipv6)))).of(theirs)
        if theirs and heir.endpoints:
            found += [*_of_listeners(theirs, heir), *_of_restrictions(foreign.restrictions, heir)]
    return list(dict.fromkeys(found))


def _of_restrictions(restrictions: Iterable[Restriction], heir: _Heir) -> Iterator[Loss]:
    for restriction in restrictions:
        keeps, remedy = _COMPARISONS[restriction.kind]
        about = heir.of(restriction.listeners)
        if about.endpoints and not keeps(restriction.value, about):
            yield Loss(restriction.word, restriction.text, heir.service.name, remedy)


def _of_listeners(theirs: Sequence[Listener], heir: _Heir) -> Iterator[Loss]:
    """Where a service listens is a restriction, too."""
    for endpoint, listener in heir.endpoints:
        if listener.transport == "unix":
            continue
        replaced = [other for other in theirs if collide(listener, other)]
        if listener.wildcard and not any(other.wildcard for other in replaced):
            yield Loss(
                "address", f"listens on {_list(replaced)} only", heir.service.name, "declare the address in listen"
            )
        elif not _families([listener]) <= _families(replaced):
            yield Loss("family", f"listens on {_list(replaced)} only", heir.service.name, "declare listen.family")
        devices = {other.interface for other in replaced}
        if all(devices) and not (endpoint.interface and devices == {endpoint.interface}):
            text = f"serves only clients of the interface {' or '.join(sorted(map(str, devices)))}"
            yield Loss("interface", text, heir.service.name, "declare listen.interface")


def _families(listeners: Iterable[Listener]) -> set[str]:
    return {
        family
        for listener in listeners
        for family in (("ipv4", "ipv6") if listener.family == "dual" else (listener.family,))
    }


def _list(listeners: Iterable[Listener]) -> str:
    return " and ".join(sorted({str(listener) for listener in listeners}))


def _keeps_access(rule: Filter, heir: _Heir) -> bool:
    """Whatever the declared list lets in, the other one did. Between the borders of prefixes nothing changes."""
    listeners = [listener for _endpoint, listener in heir.endpoints if listener.transport != "unix"]
    declared = compile_access(heir.service.access.allow, heir.service.access.deny)
    for version, family in ((4, "ipv4"), (6, "ipv6")):
        if family not in _families(listeners):
            continue
        networks = [each for each in (*rule.networks, *declared.networks) if each.version == version]
        for address in _borders(networks, version):
            if declared.permits(str(address)) and not rule.permits(address):
                return False
    return True


def _borders(networks: Iterable[t.Any], version: int) -> list[t.Any]:
    """The first address of everything that lists of networks tell apart."""
    kind: t.Any = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
    last = 2 ** (32 if version == 4 else 128) - 1
    starts = {0}
    for network in networks:
        starts |= {int(network.network_address), int(network.broadcast_address) + 1}
    return [kind(start) for start in sorted(starts) if start <= last]


def _keeps_hours(minutes: frozenset[int], heir: _Heir) -> bool:
    """``minutes`` are those of a day."""
    return all(minute % _DAY in minutes for minute in _open(heir.service.access.hours))


def _open(hours: Sequence[str]) -> set[int]:
    """The minutes of a week in which a declared service is open."""
    if not hours:
        return set(range(_WEEK))
    found: set[int] = set()
    for window in map(parse_window, hours):
        start, end = _minute(window.start), _minute(window.end)
        length = end - start if end > start else end - start + _DAY
        for day in window.days:
            begin = (day - 1) * _DAY + start
            found |= {minute % _WEEK for minute in range(begin, begin + length)}
    return found


def _minute(text: str) -> int:
    return int(text[:-2]) * 60 + int(text[-2:])


def _at_most(wanted: Callable[[Service], float | None]) -> Callable[[t.Any, _Heir], bool]:
    def keeps(value: float, heir: _Heir) -> bool:
        declared = wanted(heir.service)
        return declared is not None and declared <= value

    return keeps


def _rate(service: Service) -> float | None:
    """Connections a second."""
    rate = service.connections.rate
    return rate.count / rate.interval if rate else None


def _keeps_interface(device: str, heir: _Heir) -> bool:
    return all(endpoint.interface == device for endpoint, _listener in heir.endpoints)


def _keeps_mode(socket: SocketMode, heir: _Heir) -> bool:
    """To connect is to write. root may always."""
    return all(_as_closed(socket, endpoint) for endpoint, _listener in heir.endpoints)


def _as_closed(socket: SocketMode, endpoint: Endpoint) -> bool:
    if socket.mode & _OTHERS:
        return True
    mode = int(endpoint.mode, 8)
    group_in = bool(socket.mode & _GROUP) and socket.group == endpoint.group
    owner_in = bool(socket.mode & _OWNER) and socket.owner == endpoint.owner
    return not (
        mode & _OTHERS
        or (mode & _GROUP and endpoint.group != _ROOT and not group_in)
        or (mode & _OWNER and endpoint.owner != _ROOT and not owner_in)
    )


# By kind of restriction: whether a declared service keeps it, and what would make it.
_COMPARISONS: Mapping[str, tuple[Callable[[t.Any, _Heir], bool], str]] = {
    "access": (_keeps_access, "declare access.allow or access.deny"),
    "hours": (_keeps_hours, "declare access.hours"),
    "max": (_at_most(lambda service: service.connections.max), "declare connections.max"),
    "per_source": (_at_most(lambda service: service.connections.per_source), "declare connections.per_source"),
    "rate": (_at_most(_rate), "declare connections.rate"),
    "max_load": (_at_most(lambda service: service.connections.max_load), "declare connections.max_load"),
    "interface": (_keeps_interface, "declare listen.interface"),
    "mode": (_keeps_mode, "declare listen.mode, listen.owner and listen.group"),
    "rules": (lambda _value, _heir: False, "the schema has no field for such rules; declare access.allow instead"),
}
