# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which service of a running xinetd a socket belongs to, as far as its configuration tells.

Only what decides over sockets is read, in the way of xinetd 2.3.15: no quoting, comments on lines of their own, names
without regard to case, the first of several assignments wins, an assignment with a wrong number of values does not
count, and a line that is none drops its service.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._host._sockets import Socket
from ansible_collections.ondemand.superserver.plugins.module_utils._model_endpoints import ANY

_SPACES = " \t\v\f\r"
_INCLUDES = ("include", "includedir")
_ASSIGNMENT = re.compile(
    r"[ \t\v\f\r]*(?P<name>[^ \t\v\f\r=]+)[ \t\v\f\r]+(?P<operator>[+-]?=)(?P<values>.*)", re.DOTALL
)
# Of those that are read here: an assignment of another number of values, or with another operator, does not count.
_SINGLE = {"socket_type", "protocol", "disable", "id", "port", "bind", "interface"}
_TRANSPORTS = {"stream": "tcp", "dgram": "udp"}
# Clients of these reach the service through another one's socket (tcpmux) or at a port of the port mapper's choice.
_PORTLESS = {"TCPMUX", "TCPMUXPLUS", "RPC"}


@dataclass
class Entry:
    """One ``service`` or ``defaults`` entry; attributes by name, in lower case, each with its values.

    ``path`` is the file that has it, ``brace`` the number of the line that opens it, from 0.
    """

    name: str
    attributes: dict[str, list[str]] = field(default_factory=dict)
    path: str = field(default="", compare=False)
    brace: int = field(default=-1, compare=False)

    @property
    def id(self) -> str:
        """What tells it from others of the same name."""
        return self.one("id") or self.name

    def one(self, attribute: str) -> str:
        """The value of an attribute that takes one; empty when it is not set, or not validly."""
        values = self.attributes.get(attribute, [])
        return values[0] if len(values) == 1 else ""

    def many(self, attribute: str) -> set[str]:
        """The words of an attribute that takes several."""
        return set(self.attributes.get(attribute, []))


@dataclass(frozen=True)
class XinetdService:
    """One service that listens. ``bind`` is literal or a host's name, empty for every address."""

    id: str
    transport: str
    port: int
    bind: str
    family: str


def read_services(path: str) -> list[XinetdService]:
    """The services that xinetd makes of a configuration file and what it includes. An unreadable file is empty."""
    entries, defaults = read_entries(path)
    found = [service_from(entry, defaults) for entry in entries if enabled(entry, defaults)]
    return [service for service in found if service]


def read_entries(path: str) -> tuple[list[Entry], Entry]:
    """The ``service`` entries of a configuration file and what it includes, enabled or not, and the defaults."""
    entries = list(_read(path, set()))
    defaults = next((entry for entry in reversed(entries) if not entry.name), Entry(""))
    return [entry for entry in entries if entry.name], defaults


def read_inetd_services(path: str) -> list[XinetdService]:
    """The services of an inetd.conf, which xinetd serves as well under its option -inetd_compat."""
    found = []
    for line in _text(path).split("\n"):
        words = line.split()
        if len(words) >= 6 and not words[0].startswith("#") and words[2] in _TRANSPORTS.values():
            found.append(XinetdService(words[0], words[2], _listed_port(words[0], words[2]), "", "any"))
    return found


def service_of(entry: Socket, services: Iterable[XinetdService]) -> str:
    """The id of the one service that may have opened a socket; empty when it is none, or not clear which."""
    same_port = [
        service
        for service in services
        if (service.transport, service.port) == (entry.transport, entry.port)
        and service.family in ("any", entry.family)
    ]
    literal = [service for service in same_port if literal_address(service.bind) == entry.address]
    everywhere = [service for service in same_port if not service.bind and entry.address == ANY.get(entry.family)]
    named = [service for service in same_port if service.bind and not literal_address(service.bind)]
    candidates = {service.id for service in literal or everywhere or named}
    return candidates.pop() if len(candidates) == 1 else ""


def parse(text: str) -> list[Entry | str]:
    """Entries, and the lines of ``include`` and ``includedir`` between them, in their order."""
    found: list[Entry | str] = []
    lines = iter([(number, line) for number, line in enumerate(text.split("\n")) if _counts(line)])
    for _, line in lines:
        words = _words(line)
        if len(words) > 1 and words[0].lower() in _INCLUDES:
            found.append(" ".join(words[:2]))
            continue
        entry = _start(words)
        if not (entry and _open(entry, lines) and _fill(entry, lines)):
            _skip(lines)
        else:
            found.append(entry)
    return found


def _counts(line: str) -> bool:
    bare = line.strip(_SPACES)
    return bool(bare) and not bare.startswith("#")


def _words(line: str) -> list[str]:
    # Other blanks, of Unicode for example, are letters to xinetd.
    return re.findall(r"[^ \t]+", line)


def _start(words: list[str]) -> Entry | None:
    keyword = words[0].lower() if words else ""
    if keyword == "service" and len(words) > 1:
        return Entry(words[1])
    return Entry("") if keyword == "defaults" else None


def _open(entry: Entry, lines: Iterator[tuple[int, str]]) -> bool:
    number, line = next(lines, (-1, ""))
    entry.brace = number
    return line.strip(_SPACES) == "{"


def _fill(entry: Entry, lines: Iterator[tuple[int, str]]) -> bool:
    """Take over the lines up to the closing brace; false when one is no assignment, or the brace is missing."""
    for _, line in lines:
        if line.strip(_SPACES) == "}":
            return True
        if not _assign(entry, line):
            return False
    return False


def _skip(lines: Iterator[tuple[int, str]]) -> None:
    for _, line in lines:
        if line.strip(_SPACES) == "}":
            return


def _assign(entry: Entry, line: str) -> bool:
    """Take over one assignment; false when the line is none. A blank is needed before the operator, none after it."""
    match = _ASSIGNMENT.match(line)
    if not match:
        return False
    name, operator, values = match["name"].lower(), match["operator"], _words(match["values"])
    if name in _SINGLE and (operator != "=" or len(values) != 1):
        return True
    if operator == "=":
        entry.attributes.setdefault(name, values)
    elif operator == "+=":
        entry.attributes[name] = entry.attributes.get(name, []) + values
    else:
        entry.attributes[name] = [value for value in entry.attributes.get(name, []) if value not in values]
    return True


def _read(path: str, seen: set[str]) -> Iterator[Entry]:
    if path in seen:
        return
    seen.add(path)
    for item in parse(_text(path)):
        if isinstance(item, Entry):
            item.path = path
            yield item
            continue
        keyword, *target = item.split(maxsplit=1)
        for included in _included(keyword.lower(), "".join(target)):
            yield from _read(included, seen)


def _included(keyword: str, target: str) -> list[str]:
    """The files that an include line names; those with a dot in their names or a tilde at the end are skipped."""
    if keyword == "include":
        return [target]
    if keyword != "includedir" or not os.path.isdir(target):
        return []
    # Other parts know their files by paths without needless slashes.
    return [
        os.path.normpath(f"{target}/{name}")
        for name in sorted(os.listdir(target))
        if "." not in name and not name.endswith("~")
    ]


def _text(path: str) -> str:
    try:
        with open(path, "rb") as config:
            return os.fsdecode(config.read())
    except OSError:
        return ""


def enabled(entry: Entry, defaults: Entry) -> bool:
    """Whether xinetd listens for a service."""
    if entry.one("disable").lower() == "yes" or _PORTLESS & _upper(entry.many("type")):
        return False
    chosen = defaults.many("enabled")
    return entry.id not in defaults.many("disabled") and (not chosen or entry.id in chosen)


def service_from(entry: Entry, defaults: Entry) -> XinetdService | None:
    """The service that xinetd makes of an entry; None for one that it cannot start."""
    transport = entry.one("protocol") or _TRANSPORTS.get(entry.one("socket_type").lower(), "")
    port = _port(entry, transport)
    if not transport or not port:
        return None
    bind = entry.one("bind") or entry.one("interface") or defaults.one("bind") or defaults.one("interface")
    flags = _upper(entry.many("flags"))
    family = "ipv6" if "IPV6" in flags else "ipv4" if "IPV4" in flags else "any"
    return XinetdService(entry.id, transport, port, bind, family)


def _port(entry: Entry, transport: str) -> int:
    """The number that is set; else, for a listed service, the one of its name. 0 for none."""
    number = entry.one("port")
    if number.isdigit():
        return int(number)
    return 0 if "UNLISTED" in _upper(entry.many("type")) else _listed_port(entry.name, transport)


def _listed_port(name: str, transport: str) -> int:
    """The number of a name in /etc/services, 0 for none."""
    try:
        return socket.getservbyname(name, transport)
    except OSError:
        return 0


def literal_address(text: str) -> str:
    """An address as the kernel's table has it; empty for what is none."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def _upper(words: set[str]) -> set[str]:
    return {word.upper() for word in words}
