# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services of xinetd that others configure: where their entries are, and switching them off and on there.

xinetd reads no further in an entry once that is disabled, so two lines at its beginning are enough, and without them
the file is what it was, byte for byte.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import Foreign
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import (
    Entry,
    XinetdService,
    parse,
    read_entries,
    read_inetd_services,
    service_from,
    started,
    wanted,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.restrictions import restrictions
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.store import Seen
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener

CONFIG = "/etc/xinetd.conf"
INETD_CONFIG = "/etc/inetd.conf"

_DISABLED = "\tdisable = yes"


def foreign_entries(own: Collection[str], config: str = CONFIG) -> tuple[list[Entry], Entry]:
    """Every entry of a file that is not one of ``own``, by whatever path, and the defaults."""
    entries, defaults = read_entries(config)
    ours = set(map(os.path.realpath, own))
    return [entry for entry in entries if os.path.realpath(entry.path) not in ours], defaults


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
        claims=tuple(claim_of(service) for _entry, service in services),
        entries=tuple(dict.fromkeys(entry.path for entry in active)),
        restrictions=tuple(
            restriction
            for entry, service in services
            if wanted(entry, defaults)
            for restriction in restrictions(entry, defaults, (claim_of(service),))
        ),
    )


def _absent(name: str) -> str:
    if any(service.id == name for service in read_inetd_services(INETD_CONFIG)):
        return f"is a line of {INETD_CONFIG} and not a service of xinetd's own configuration; comment out the line"
    return (
        f"is neither a service of xinetd on this host ({CONFIG} and the files that it includes) nor a unit: names "
        'of units end in ".socket" or ".service"'
    )


def claim_of(service: XinetdService) -> Listener:
    """What a service listens on, as far as its entry tells."""
    return service.listener


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
    return _edited(seen, switched_off(os.fsdecode(seen.content), name))


def on(seen: Seen, name: str) -> Seen:
    """The same for what was seen at a path."""
    return _edited(seen, switched_on(os.fsdecode(seen.content), name))


def _edited(seen: Seen, text: str) -> Seen:
    return Seen(seen.kind, os.fsencode(text), seen.mode, seen.owner, seen.group)
