# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services of xinetd that others configure: where their entries are, and switching them off and on there.

xinetd reads no further in an entry once that is disabled, so two lines at its beginning are enough, and without them
the file is what it was, byte for byte.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import (
    At,
    CompetingServices,
    Foreign,
    ForeignServices,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd import daemon
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.check import CONFIG
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.daemon import INETD_CONFIG
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import (
    Entry,
    XinetdService,
    parse,
    read_entries,
    read_inetd_services,
    read_services,
    service_from,
    service_of,
    started,
    wanted,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.restrictions import restrictions
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import disk as _disk
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store as _files
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.entries import destination, target
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.store import Seen
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Host, SwitchFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform

_DISABLED = "\tdisable = yes"


def foreign_entries(own: Collection[str], config: str = CONFIG) -> tuple[list[Entry], Entry]:
    """Every entry of a file that is not one of ``own``, by whatever path, and the defaults."""
    entries, defaults = read_entries(config)
    ours = set(map(destination, own))
    return [entry for entry in entries if destination(entry.path) not in ours], defaults


def foreign_services(own: Collection[str], config: str = CONFIG) -> list[XinetdService]:
    """What xinetd serves for others."""
    entries, defaults = foreign_entries(own, config)
    return [service for _entry, service in started(entries, defaults)]


def look_at_services(names: Iterable[str], own: Collection[str], config: str = CONFIG) -> dict[str, Foreign]:
    """Each of the services, which are known by their ids, and by their names where no id is so."""
    entries, defaults = foreign_entries(own, config)
    return {name: _look(name, _chosen(name, entries), defaults) for name in names}


def _chosen(name: str, entries: list[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.id == name] or [entry for entry in entries if entry.name == name]


def _look(name: str, chosen: list[Entry], defaults: Entry) -> Foreign:
    if not chosen:
        return Foreign(name, "xinetd", problem=_absent(name))
    # What is wrong with an entry now may be right the next time that xinetd reads it.
    active = [entry for entry in chosen if wanted(entry, defaults)]
    services = [(entry, service) for entry in chosen for service in (service_from(entry, defaults),) if service]
    return Foreign(
        name,
        "xinetd",
        exists=True,
        owners=frozenset(("xinetd", entry.id) for entry in chosen),
        claims=tuple(service.listener for _entry, service in services),
        entries=tuple(dict.fromkeys(entry.path for entry in active)),
        restrictions=tuple(
            restriction
            for entry, service in services
            if wanted(entry, defaults)
            for restriction in restrictions(entry, defaults, (service.listener,))
        ),
    )


def _absent(name: str) -> str:
    if any(service.id == name for service in read_inetd_services(INETD_CONFIG)):
        return f"is a line of {INETD_CONFIG} and not a service of xinetd's own configuration; comment out the line"
    return (
        f"is neither a service of xinetd on this host ({CONFIG} and the files that it includes) nor a unit: names "
        'of units end in ".socket" or ".service"'
    )


def marks(name: str) -> tuple[str, str]:
    """The lines that switch an entry off."""
    return (f"\t# superserver_adopt: {name} (ondemand.superserver removes these two lines again)", _DISABLED)


def switched_off(text: str, name: str) -> str:
    """A file with the service's entries disabled."""
    entries = [item for item in parse(text) if isinstance(item, Entry) and item.name]
    lines = text.split("\n")
    for entry in reversed(_chosen(name, entries)):
        if not entry.dropped:
            lines[entry.brace + 1 : entry.brace + 1] = marks(name)
    return "\n".join(lines)


def switched_on(text: str, name: str) -> str:
    """The file without what :func:`switched_off` has put there, wherever it is now."""
    comment, disabled = marks(name)
    lines: list[str] = []
    after_comment = False
    for line in text.split("\n"):
        if not (line == comment or (after_comment and line == disabled)):
            lines.append(line)
        after_comment = line == comment
    return "\n".join(lines)


def off(seen: Seen, name: str) -> Seen:
    """The same for what was seen at a path."""
    return _edited(seen, switched_off(_disk.decoded(seen.content), name))


def on(seen: Seen, name: str) -> Seen:
    """The same for what was seen at a path."""
    return _edited(seen, switched_on(_disk.decoded(seen.content), name))


def _edited(seen: Seen, text: str) -> Seen:
    return Seen(seen.kind, _disk.encoded(text), seen.mode, seen.owner, seen.group)


def _behind(path: str, link: Seen) -> Seen | None:
    """What a link that is or was at a path leads to."""
    return _files.look(target(path, link.content))


class CompetingEntries(CompetingServices):
    """What xinetd serves for others."""

    def __init__(self, services: Sequence[XinetdService]) -> None:
        self._services = services

    def claims(self) -> Mapping[str, Sequence[Listener]]:
        return {service.id: (service.listener,) for service in self._services}

    def owner(self, socket: Socket) -> str:
        return service_of(socket, self._services)


class Entries(ForeignServices):
    """Services of xinetd; see :class:`foreign.ForeignServices` for what each method must do."""

    restrictions = ("only_from", "no_access", "access_times", "instances", "per_source", "cps", "max_load", "libwrap")
    entries = True

    def nameable(self, name: str) -> bool:
        """An id may be any word; of what is none, the list of services tells."""
        return True

    def look(self, names: Sequence[str], own: Collection[str], host: Host) -> dict[str, Foreign]:
        return look_at_services(names, own)

    def objection(self, found: Foreign) -> str:
        """xinetd may have other files, and lines of inetd."""
        if found.exists or not found.problem or INETD_CONFIG in found.problem:
            return found.problem
        return f"is neither in {CONFIG} nor in a file that this includes; disable it where it is defined"

    def competing(self, own: Collection[str], init: str, host: Host) -> CompetingServices:
        return CompetingEntries(foreign_services(own))

    def switched_off(self, foreign: Foreign, at: At) -> dict[str, Seen | None]:
        files: dict[str, Seen | None] = {}
        for path in foreign.entries:
            seen = at(path)
            if seen is not None and seen.kind == "link":
                seen = _behind(path, seen)
            if seen is not None:
                files[path] = off(seen, foreign.name)
        return files

    def switched_on(self, name: str, before: Mapping[str, Seen | None], at: At) -> dict[str, Seen | None]:
        """An entry may be in another file by now."""
        files: dict[str, Seen | None] = {}
        for path in dict.fromkeys(entry.path for entry in foreign_entries(())[0]):
            seen = at(path)
            if seen is None or seen.kind != "file":
                continue
            cleared, link = on(seen, name), before.get(path)
            behind = _behind(path, link) if link else None
            files[path] = link if behind and behind.content == cleared.content else cleared
        return files

    def read_again(self, opening: Sequence[Listener], platform: Platform, host: Host) -> None:
        """xinetd may end when nothing is left for it to serve."""
        process = daemon.find(host)
        if process is None:
            if self.opened(opening):
                daemon.start(platform, host)
            return
        try:
            daemon.reload(process, host)
        except SwitchFailed:
            if read_services(CONFIG):
                raise

    def opened(self, opening: Sequence[Listener]) -> list[Listener]:
        served = {(service.transport, service.port) for service in read_services(CONFIG)}
        return [listener for listener in opening if (listener.transport, listener.port) in served]
