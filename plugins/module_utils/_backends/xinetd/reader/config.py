# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which service of a running xinetd a socket belongs to, as far as its configuration tells."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.grammar import (
    Entry,
    Include,
    items,
    parse,
    plain,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.services import (
    TRANSPORTS,
    XinetdService,
    enabled,
    service_from,
    started,
    wanted,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.values import (
    fits,
    literal_address,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.network.names import port_number
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import ANY

# A file that includes itself twice would be read without end.
_MOST_FILES = 10000


def read_services(path: str) -> list[XinetdService]:
    """The services that xinetd makes of a configuration file and what it includes. An unreadable file is empty."""
    return [service for _entry, service in started(*read_entries(path))]


def read_entries(path: str) -> tuple[list[Entry], Entry]:
    """The ``service`` entries of a configuration file and what it includes, enabled or not, and the defaults."""
    configuration = _Configuration()
    configuration.read(plain(path), ())
    return configuration.entries, configuration.defaults


class _Configuration:
    """What is read so far."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.defaults = Entry("")
        self._files = 0

    def read(self, path: str, within: tuple[str, ...]) -> None:
        """Read a file that was included by these."""
        self._files += 1
        if path in within or self._files > _MOST_FILES:
            return
        for item in items(_text(path), self.defaults, fits):
            if isinstance(item, Include):
                for included in _included(item):
                    self.read(included, (*within, path))
            elif item.name:
                item.path = path
                self.entries.append(item)


def _included(item: Include) -> list[str]:
    """The files that are read in place of a line, in their order; of a directory those of certain names."""
    target = plain(item.target)
    if item.keyword == "include":
        return [target]
    try:
        names = sorted(os.listdir(target), key=os.fsencode)
    except OSError:
        return []
    return [plain(f"{target}/{name}") for name in names if "." not in name and not name.endswith("~")]


def _text(path: str) -> str:
    """What a regular file has. Others have nothing, and may keep whoever opens them waiting."""
    try:
        if stat.S_ISREG(os.stat(path).st_mode):
            with open(path, "rb") as config:
                return os.fsdecode(config.read())
    except (OSError, ValueError):
        pass
    return ""


def read_inetd_services(path: str) -> list[XinetdService]:
    """The services of an inetd.conf, which xinetd serves as well under its option -inetd_compat."""
    found = []
    for line in _text(path).split("\n"):
        words = line.split()
        if len(words) >= 6 and not words[0].startswith("#") and words[2] in TRANSPORTS.values():
            found.append(XinetdService(words[0], words[2], port_number(words[0], words[2]) or 0, "", "any"))
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


__all__ = (
    "Entry",
    "Include",
    "XinetdService",
    "enabled",
    "literal_address",
    "parse",
    "read_entries",
    "read_inetd_services",
    "read_services",
    "service_from",
    "service_of",
    "started",
    "wanted",
)
