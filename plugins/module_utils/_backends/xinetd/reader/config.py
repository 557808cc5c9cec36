# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""xinetd's configuration as a whole: what a file and the files that it includes have, and which service a socket is of.

It is read from a host, or from anything else that has files by their paths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.grammar import (
    Check,
    Entry,
    Include,
    items,
    parse,
    take_all,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.lines import (
    Assignment,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.services import (
    TRANSPORTS,
    Lookup,
    XinetdService,
    effective,
    enabled,
    objections,
    service_from,
    started,
    transport,
    wanted,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.values import (
    fits,
    fits_somewhere,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import disk as _disk
from ansible_collections.ondemand.superserver.plugins.module_utils._host.network.names import (
    literal_address,
    port_number,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Texts
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import ANY
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.findings import Place
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.texts import GivenTexts, plain

# A file that includes itself twice would be read without end.
_MOST_FILES = 10000
_DISK = _disk.Disk()


def no_file(_path: str) -> bool:
    """Nothing is left out."""
    return False


class Configuration:
    """The ``service`` entries of a configuration file and what it includes, enabled or not, and the defaults.

    ``files`` are those that were read, in this order, ``directories`` those that lines with ``includedir`` name, and
    ``parts`` where the entries are that the defaults are put together of. ``check`` says which values xinetd takes.
    ``only_main``: directories are not looked into; ``left_out``: files in them that are none of the caller's business.
    An unreadable file is empty.
    """

    def __init__(
        self,
        path: str,
        files: Texts = _DISK,
        check: Check = fits,
        only_main: bool = False,
        left_out: Callable[[str], bool] = no_file,
    ) -> None:
        self.entries: list[Entry] = []
        self.defaults = Entry("")
        self.files: list[str] = []
        self.directories: list[str] = []
        self.parts: list[Place] = []
        self._texts = files
        self._check = check
        self._only_main = only_main
        self._left_out = left_out
        self._count = 0
        self._read(plain(path), ())

    def _read(self, path: str, within: tuple[str, ...]) -> None:
        """Read a file that was included by these."""
        self._count += 1
        text = None if path in within or self._count > _MOST_FILES else self._texts.text(path)
        if text is None:
            return
        self.files.append(path)
        for item in items(text, self.defaults, self._check, path):
            if isinstance(item, Include):
                for included in self._included(item):
                    self._read(included, (*within, path))
            elif item.name:
                self.entries.append(item)
            else:
                self.parts.append(Place(item.path, item.line))

    def _included(self, item: Include) -> list[str]:
        """The files that are read in place of a line, in their order; of a directory those of certain names."""
        target = plain(item.target)
        if item.keyword == "include":
            return [target]
        self.directories.append(target)
        names = [] if self._only_main else sorted(self._texts.names(target), key=_disk.encoded)
        paths = [plain(f"{target}/{name}") for name in names if "." not in name and not name.endswith("~")]
        return [path for path in paths if not self._left_out(path)]


def read_services(path: str) -> list[XinetdService]:
    """The services that xinetd makes of a configuration file of this host and what it includes."""
    return [service for _entry, service in started(*read_entries(path))]


def read_entries(path: str, files: Texts = _DISK, check: Check = fits) -> tuple[list[Entry], Entry]:
    """The entries, and the defaults."""
    found = Configuration(path, files, check)
    return found.entries, found.defaults


def read_inetd_services(path: str) -> list[XinetdService]:
    """The services of an inetd.conf, which xinetd serves as well under its option -inetd_compat."""
    found = []
    for line in (_DISK.text(path) or "").split("\n"):
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
    "Assignment",
    "Configuration",
    "Entry",
    "GivenTexts",
    "Include",
    "Lookup",
    "Place",
    "XinetdService",
    "effective",
    "enabled",
    "fits_somewhere",
    "items",
    "literal_address",
    "objections",
    "parse",
    "read_entries",
    "read_inetd_services",
    "read_services",
    "service_from",
    "service_of",
    "started",
    "take_all",
    "transport",
    "wanted",
)
