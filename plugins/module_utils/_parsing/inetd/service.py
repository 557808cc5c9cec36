# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service of one line of an inetd.conf."""

from __future__ import annotations

import ipaddress
import posixpath
import re
from dataclasses import dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.draft import Draft
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.hosts_access import HostsAccess
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.inetd.dialects import Dialect
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.inetd.lines import Line
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.names import Names
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.ports import Ports
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.tcpd import unwrap

INTERNAL = "internal"
_KINDS = {"stream": "tcp", "dgram": "udp"}
_FIELDS = 6
_MINUTE, _OFF_SECONDS, _MOST = 60, 600, 10000
_BUFFERS = re.compile(r",(?:rcvbuf|sndbuf)=[0-9]+[kKmM]?")
_PORT_NAME = re.compile(r"(?=[A-Za-z0-9-]*[A-Za-z])[A-Za-z0-9][A-Za-z0-9-]{0,62}")


@dataclass(frozen=True)
class Known:
    """What is known of the host."""

    ports: Ports
    hosts: HostsAccess
    names: Names = field(default_factory=Names)


@dataclass
class Reading:
    """One line that is being read: its first six words by name, the arguments, the addresses that lines before it have
    set, and the draft."""

    line: Line
    dialect: Dialect
    known: Known
    default: str
    draft: Draft

    def __post_init__(self) -> None:
        words = self.line.words
        self.service, self.kind, self.protocol, self.wait, self.user, self.program = (*words, *[""] * _FIELDS)[:_FIELDS]
        self.arguments = list(words[_FIELDS:])
        self.address, self.port = self._split()

    def _split(self) -> tuple[str, str]:
        """The address before the service, if there is one."""
        if self.unix or not self.dialect.addresses:
            return "", self.service
        host, colon, port = self.service.rpartition(":")
        return (host if colon else self.default), port

    @property
    def unix(self) -> bool:
        return self.protocol == "unix"

    @property
    def internal(self) -> bool:
        return self.program == INTERNAL

    @property
    def accepts(self) -> bool:
        return self.wait.startswith("nowait") and self.kind == "stream"

    def refuse(self, reason: str) -> None:
        """inetd passes over the line."""
        self.draft.expressible = False
        self.draft.differs(self.line.place, f"inetd does not take the line: {reason}", self.line.text, "nothing of it")


def read(reading: Reading) -> None:
    """Everything of one line, in its order; the first objection ends it."""
    for part in (_whole, _socket, _wait, _user, _program):
        if reading.draft.expressible:
            part(reading)
    if reading.line.off:
        reading.draft.runs = False


def _whole(reading: Reading) -> None:
    name, place, draft = reading.service, reading.line.place, reading.draft
    if len(reading.line.words) < _FIELDS:
        reading.refuse(f"it has {len(reading.line.words)} words, and {_FIELDS} are needed")
    elif reading.protocol.startswith("rpc/"):
        draft.impossible(place, "it registers with the port mapper (RPC), which no backend does")
    elif name.startswith("tcpmux/") or (name == "tcpmux" and reading.internal):
        draft.impossible(place, "it is reached through tcpmux, which no backend has; give it a port of its own")
    elif "\r" in reading.line.text:
        draft.differs(place, "the carriage return at the end belongs to the last word", reading.line.text, "with \\r")


def _socket(reading: Reading) -> None:
    if reading.kind not in _KINDS:
        if reading.kind in ("raw", "rdm", "seqpacket"):
            reading.draft.error(reading.line.place, f"no declaration has a socket of type {reading.kind}")
        else:
            reading.refuse(f"{reading.kind} is no type of a socket")
        return
    if reading.unix:
        _unix(reading)
        return
    protocol = _BUFFERS.sub("", reading.protocol)
    if protocol != reading.protocol:
        reading.draft.dropped(reading.line.place, f"{reading.protocol}: no declaration has sizes of socket buffers")
    transport, family = reading.dialect.sockets.get(protocol, ("", ""))
    if transport != _KINDS[reading.kind]:
        reading.refuse(f"{reading.protocol} is no protocol that it knows for {reading.kind}")
        return
    _network(reading, transport, family)


def _unix(reading: Reading) -> None:
    place, draft = reading.line.place, reading.draft
    if not reading.dialect.unix:
        reading.refuse("it knows no unix sockets")
        return
    path = reading.service.rpartition(":")[2]
    datagram = {"type": "datagram"} if reading.kind == "dgram" else {}
    draft.set("listen", [{"unix": path, **datagram}], place)
    draft.ask(
        place,
        "who may connect to the socket is as inetd makes it; a declaration makes it root's, with mode 0660",
        "leave it at root and its group",
        "write owner, group and mode into listen",
    )


def _network(reading: Reading, transport: str, family: str) -> None:
    port = _port(reading, transport)
    if not port:
        return
    bare = {} if family == "any" else {"family": family}
    hosts = [f"[{address}]" if ":" in address else address for address in _addresses(reading)]
    endpoints = [{transport: f"{host}:{port}"} if host else {transport: port, **bare} for host in hosts]
    reading.draft.set("listen", endpoints, reading.line.place)


def _port(reading: Reading, transport: str) -> str:
    name, place, draft = reading.port, reading.line.place, reading.draft
    number = int(name) if name.isascii() and name.isdigit() else reading.known.ports.number(name, transport)
    if number:
        return str(number)
    if reading.known.ports.certain or not _PORT_NAME.fullmatch(name):
        reading.refuse(f"{name} is no name of a port")
        return ""
    draft.ask(
        place,
        f"the port of {name} is in /etc/services of the host, which is not given",
        "leave the name, which every host of the service must know",
        "write the number into listen",
    )
    return name


def _addresses(reading: Reading) -> list[str]:
    """Literal ones; an empty one is every address. Without any of those that are written, none is left to open."""
    words = reading.address.split(",") if reading.address else ["*"]
    found = [_literal(word.strip("[]")) for word in words]
    for word, address in zip(words, found):
        if address is None:
            ask = reading.draft.ask if any(one is not None for one in found) else reading.draft.ask_closed
            ask(
                reading.line.place,
                f"{word} is no address, and a declaration has addresses",
                f"write the address of {word} into listen",
                f"do without {word}",
            )
    return [address for address in found if address is not None] or [""]


def _literal(text: str) -> str | None:
    if text == "*":
        return ""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return "" if address.is_unspecified else str(address)


def _wait(reading: Reading) -> None:
    place, draft, dialect = reading.line.place, reading.draft, reading.dialect
    mark = dialect.limits or "./"
    word, given, limit = (reading.wait[:6], reading.wait[6:7], reading.wait[7:])
    waits = re.fullmatch(r"wait(?:[./][0-9]+)?", reading.wait)
    if not waits and not (word == "nowait" and (not given or given in mark)):
        reading.refuse(f"{reading.wait} is neither wait nor nowait")
        return
    if given and not dialect.limits and word == "nowait":
        draft.differs(place, "this inetd does not take the limit", reading.wait, "nowait")
        limit = ""
    if reading.internal:
        return
    if reading.accepts:
        draft.set("stderr", "client", place)
        _rate(reading, limit)
    elif reading.wait.startswith("nowait"):
        draft.runs = False
        draft.differs(
            place, "for one datagram servers are started without end", "nowait for datagrams", "the service is disabled"
        )
    else:
        draft.set("accept", False, place)
        draft.set("socket_fd", "stdin", place)


def _rate(reading: Reading, limit: str) -> None:
    """FreeBSD counts children, and connections of each address; the others starts in a minute."""
    numbers = [int(part) if part.isdigit() else 0 for part in limit.split("/")] if limit else []
    if reading.dialect.limits == "/":
        most, per_minute, of_source = (*numbers, 0, 0, 0)[:3]
        if most:
            reading.draft.set("connections.max", most, reading.line.place)
        if of_source:
            reading.draft.set("connections.per_source", of_source, reading.line.place)
        if per_minute:
            reading.draft.ask(
                reading.line.place,
                f"each address may connect {per_minute} times a minute, and a declaration limits all together",
                "do without that",
                "limit all connections with connections.rate",
            )
        numbers = []
    if reading.unix:
        reading.draft.dropped(reading.line.place, "no backend limits the connections of a unix socket in a minute")
        return
    count = next(iter(numbers), 0) or reading.dialect.rate
    if 0 < count <= _MOST:
        rate = {"count": count, "interval": _MINUTE, "pause": _OFF_SECONDS}
        reading.draft.set("connections.rate", rate, reading.line.place)


def _user(reading: Reading) -> None:
    if reading.internal:
        return
    name, _slash, login = reading.user.partition("/")
    group = ""
    for mark in reading.dialect.groups:
        if mark in name:
            name, _mark, group = name.partition(mark)
            break
    if ":" in name:
        reading.refuse(f"{name} is no account")
        return
    if login:
        reading.draft.dropped(reading.line.place, f"the login class {login} is nothing that Linux has")
    reading.draft.set("user", name, reading.line.place)
    if group:
        reading.draft.set("group", group, reading.line.place)


def _program(reading: Reading) -> None:
    draft, place, words = reading.draft, reading.line.place, reading.arguments
    if reading.internal:
        _internal(reading)
        return
    most = reading.dialect.words
    if most and len(words) > most:
        draft.differs(place, f"only {most} arguments count, with argv[0]", " ".join(words), " ".join(words[:most]))
        words = words[:most]
    program = reading.program
    if not program.startswith("/") and reading.dialect.searches:
        draft.expressible = False
        draft.ask(place, f"inetd looks for {program} along its PATH", "write a service with the path of the program")
        return
    if not program.startswith("/"):
        draft.differs(place, "inetd starts it in the root directory", program, f"/{program}")
        program = f"/{program}"
    called = words[0] if words else posixpath.basename(program)
    draft.set("exec", [program, *words[1:]], place)
    if called != program:
        draft.set("argv0", called, place)
    unwrap(draft, reading.known.hosts, place)


def _internal(reading: Reading) -> None:
    name = reading.port
    if name not in reading.dialect.internals:
        reading.refuse(f"it has no internal service {name}")
    elif name == "auth":
        reading.draft.impossible(reading.line.place, "no backend has an internal service auth")
    else:
        reading.draft.set("internal", name, reading.line.place)
