# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What xinetd 2.3.15 makes of entries: which of them it starts, and what for a socket each has."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import claim
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.grammar import Entry
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.lines import Assignment, fold
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.values import number
from ansible_collections.ondemand.superserver.plugins.module_utils._host.network.names import (
    literal_address,
    port_number,
    protocol_number,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener, collide

# The number of a port by its name and the protocol.
Lookup = t.Callable[[str, str], t.Optional[int]]

TRANSPORTS = {"stream": "tcp", "dgram": "udp"}
# By their numbers (IANA); a listener of MPTCP has a port of TCP.
_PROTOCOLS = {"stream": (6, 262), "dgram": (17,)}
_SOCKET_TYPES = {transport: kind for kind, transport in TRANSPORTS.items()}
_KINDS = {"tcp": "stream", "udp": "datagram"}
# Clients of these reach the service through another one's socket (tcpmux) or at a port of the port mapper's choice.
_MULTIPLEXED = {"tcpmux", "tcpmuxplus"}
_PORTLESS = {*_MULTIPLEXED, "rpc"}
_INTERNAL = {
    *((name, kind) for name in ("echo", "discard", "time", "daytime", "chargen", "sensor") for kind in TRANSPORTS),
    ("tcpmux", "stream"),
}
# What an entry that has none of its own gets from the defaults when all is read.
_FROM_DEFAULTS = ("bind", "cps", "groups", "instances", "log_type", "max_load", "per_source", "umask", "v6only")


@dataclass(frozen=True)
class XinetdService:
    """One service that listens. ``bind`` is literal or a host's name, empty for every address."""

    id: str
    transport: str
    port: int
    bind: str
    family: str

    @property
    def listener(self) -> Listener:
        """What it listens on, as far as its entry tells."""
        address = literal_address(self.bind)
        return claim(self.transport, self.family, address, self.port, _KINDS[self.transport])


@dataclass(frozen=True)
class _Checked:
    """An entry that xinetd finds nothing wrong with."""

    entry: Entry
    kind: str
    protocol: int | None
    port: int
    bind: str

    @property
    def service(self) -> XinetdService | None:
        """None where the socket cannot be had, or is one without ports of TCP and UDP."""
        if _portless(self.entry) or not self.port or self.protocol not in _PROTOCOLS.get(self.kind, ()):
            return None
        family, bind = _socket_of(self.entry, self.bind)
        return XinetdService(self.entry.id, TRANSPORTS[self.kind], self.port, bind, family)

    def repeats(self, earlier: _Checked) -> bool:
        """Whether xinetd takes it for a duplicate. It looks only at earlier ones that are bound."""
        if not earlier.bind or (self.protocol, self.port) != (earlier.protocol, earlier.port):
            return False
        return not self.bind or self._address == earlier._address

    @property
    def _address(self) -> str:
        return literal_address(self.bind) or self.bind


def started(
    entries: Iterable[Entry], defaults: Entry, lookup: Lookup = port_number
) -> list[tuple[Entry, XinetdService]]:
    """What xinetd listens for, with the entries that it is from. A defaults entry with a wrong value ends it."""
    if defaults.marked:
        return []
    taken: list[_Checked] = []
    for entry in entries:
        checked = _check(entry, defaults, lookup) if _is_on(entry, defaults) else None
        if checked and not any(checked.repeats(earlier) for earlier in taken):
            taken.append(checked)
    return list(_opened(taken))


def _opened(taken: Iterable[_Checked]) -> Iterator[tuple[Entry, XinetdService]]:
    """Without those whose address the kernel refuses because another one has it; datagrams may be shared."""
    listening: list[XinetdService] = []
    for checked in taken:
        service = checked.service
        if service is None or any(_clash(service, earlier) for earlier in listening):
            continue
        if service.transport == "tcp":
            listening.append(service)
        yield checked.entry, service


def _clash(one: XinetdService, other: XinetdService) -> bool:
    """Whether the kernel refuses both addresses at once. What address a name stands for is not known here."""
    if (one.transport, one.port) != (other.transport, other.port):
        return False
    known = _is_everywhere(one) or _is_everywhere(other) or not (_is_named(one) or _is_named(other))
    return known and collide(one.listener, other.listener)


def _is_everywhere(service: XinetdService) -> bool:
    return not _is_named(service) and service.listener.wildcard and service.listener.family == "dual"


def _is_named(service: XinetdService) -> bool:
    return bool(service.bind) and not literal_address(service.bind)


def wanted(entry: Entry, defaults: Entry) -> bool:
    """Whether an entry is to have a socket of its own, whatever else keeps it from that."""
    return not _portless(entry) and _chosen(entry, defaults)


def enabled(entry: Entry, defaults: Entry) -> bool:
    """The same, and no value of it is wrong."""
    return not _portless(entry) and _is_on(entry, defaults)


def _is_on(entry: Entry, defaults: Entry) -> bool:
    """Whether xinetd goes on with an entry that it has read. A list of those that are enabled undoes wrong values."""
    return _chosen(entry, defaults) and (not entry.marked or "enabled" in defaults.specified)


def _chosen(entry: Entry, defaults: Entry) -> bool:
    """Whether neither itself nor the defaults disable it."""
    excluded = "enabled" in defaults.specified and fold(entry.id) not in _folded(defaults.many("enabled"))
    return not (entry.dropped or excluded or fold(entry.id) in _folded(defaults.many("disabled")))


def _is_multiplexed(entry: Entry, protocol: str) -> bool:
    """Whether it is a client of tcpmux, whose port, if it has one, keeps others from it."""
    types = _folded(entry.many("type"))
    return bool(_MULTIPLEXED & types) and "unlisted" in types and fold(protocol) == "tcp"


def _portless(entry: Entry) -> bool:
    return bool(_PORTLESS & _folded(entry.many("type")))


def effective(entry: Entry, defaults: Entry) -> dict[str, tuple[list[str], list[Assignment]]]:
    """The values of each attribute that an entry has in the end, and the lines that they come from."""
    from_defaults = [name for name in _FROM_DEFAULTS if name in defaults.specified and name not in entry.specified]
    sources = {**dict.fromkeys(entry.attributes, entry), **dict.fromkeys(from_defaults, defaults)}
    return {name: (source.attributes[name], source.origins[name]) for name, source in sources.items()}


def service_from(entry: Entry, defaults: Entry, lookup: Lookup = port_number) -> XinetdService | None:
    """The service that xinetd makes of an entry; None for one that it cannot start."""
    checked = _check(entry, defaults, lookup)
    return checked.service if checked else None


def _check(entry: Entry, defaults: Entry, lookup: Lookup) -> _Checked | None:
    if next(objections(entry, defaults, lookup), ""):
        return None
    kind, protocol = transport(entry)
    bind = entry.one("bind") or defaults.one("bind")
    return _Checked(entry, kind, protocol_number(protocol), _port(entry, protocol, lookup), bind)


def objections(entry: Entry, defaults: Entry, lookup: Lookup = port_number) -> Iterator[str]:
    """Why xinetd cannot start an entry whose values it takes."""
    kind, protocol = transport(entry)
    if not (kind and protocol):
        yield "neither socket_type nor protocol says what socket it is to have"
    elif _portless(entry):
        if not _is_multiplexed(entry, protocol):
            yield "it has no port of its own"
    elif not _port(entry, protocol, lookup):
        yield from _without_port(entry, protocol, lookup)
    yield from _lacks(entry, kind)
    if not _logs(entry, defaults):
        yield "log_on_success has TRAFFIC, which is known only of what is redirected"


def _without_port(entry: Entry, protocol: str, lookup: Lookup) -> Iterator[str]:
    listed = lookup(entry.name, protocol)
    if "unlisted" in _folded(entry.many("type")):
        yield "it has no port, and its type is UNLISTED"
    elif listed:
        yield f"port {entry.one('port')} is not that of {entry.name}, {listed}, and its type is not UNLISTED"
    else:
        yield f"{entry.name} is no name of a port, and its type is not UNLISTED"


def transport(entry: Entry) -> tuple[str, str]:
    """The type of the socket and the protocol as it is written; one follows from the other."""
    kind, protocol = fold(entry.one("socket_type")), entry.one("protocol")
    return kind or _SOCKET_TYPES.get(fold(protocol), ""), protocol or TRANSPORTS.get(kind, "")


def _port(entry: Entry, protocol: str, lookup: Lookup) -> int:
    """The number that is set, which has to be the one of its name for a listed service. 0 for none."""
    port = (number(entry.one("port")) or 0) if "port" in entry.attributes else None
    if "unlisted" in _folded(entry.many("type")):
        return port or 0
    listed = lookup(entry.name, protocol) or 0
    return listed if port in (None, listed) else 0


def _lacks(entry: Entry, kind: str) -> Iterator[str]:
    """What is needed to answer a client, and is not there, or is not together."""
    types, flags, given = _folded(entry.many("type")), _folded(entry.many("flags")), entry.attributes
    redirects, named = "redirect" in given, "nameinargs" in flags
    # What is redirected needs a user and no server, what xinetd does itself needs neither.
    external = "internal" not in types
    if "wait" not in given:
        yield "wait is not set"
    if external and not ("server" in given or redirects):
        yield "neither server nor redirect is set"
    if external and named and "server_args" not in given:
        yield "the flag NAMEINARGS needs server_args"
    internal = not external or "sensor" in flags
    if internal and named:
        yield "the flag NAMEINARGS is for programs only"
    elif internal and (_builtin(entry, flags), kind) not in _INTERNAL:
        yield f"xinetd has no internal service {_builtin(entry, flags)} for such a socket"
    if redirects and (kind != "stream" or named or fold(entry.one("wait")) == "yes"):
        yield "redirect is for connections that xinetd accepts (stream, wait = no) and without NAMEINARGS"
    if not internal and "user" not in given:
        yield "user is not set"


def _builtin(entry: Entry, flags: set[str]) -> str:
    return "sensor" if "sensor" in flags else fold(entry.name)


def _logs(entry: Entry, defaults: Entry) -> bool:
    """Whether its log is one that it can have: the traffic is known for what is redirected only."""
    own = "log_on_success" in entry.specified or "log_on_success" not in defaults.specified
    words = (entry if own else defaults).many("log_on_success")
    return "redirect" in entry.attributes or "traffic" not in _folded(words)


def _socket_of(entry: Entry, bind: str) -> tuple[str, str]:
    """The family and the address of its socket, where an address is set."""
    flags = _folded(entry.many("flags"))
    address = literal_address(bind)
    if "ipv6" in flags:
        # Of an address of the other family nothing is left.
        return _whole(entry), bind if ":" in address or not address else ""
    if "ipv4" in flags:
        return "ipv4", "" if ":" in address else bind
    return "any" if address and ":" not in address else _whole(entry), bind


def _whole(entry: Entry) -> str:
    """An IPv6 socket is one for IPv4 too, unless ``v6only`` is set, to whatever."""
    return "ipv6" if "v6only" in entry.specified else "any"


def _folded(words: Iterable[str]) -> set[str]:
    return {fold(word) for word in words}
