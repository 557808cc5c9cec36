# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service of one entry: each attribute becomes a field, a raw directive or a finding."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.attributes import VALUES
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.parsing import (
    access,
    clients,
    listening,
    process,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.parsing.assumed import ask_for_port
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.parsing.source import (
    Source,
    place,
    written,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import (
    Assignment,
    Entry,
    Lookup,
    objections,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.grammar import (
    MODIFIABLE,
    Check,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.lines import fold
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.draft import Draft
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.findings import Place
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.hosts_access import HostsAccess
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.names import Names, renamed
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.ports import Ports

Converter = t.Callable[[Source], None]


def _told_elsewhere(_source: Source) -> None:
    """The converter of another attribute, or of the entry as a whole, reads it."""


def _limit(attribute: str) -> Converter:
    return lambda source: process.limit(source, attribute)


def _of_sensors(source: Source) -> None:
    if "sensor" not in source.folded("flags"):
        source.draft.dropped(source.at("deny_time"), "deny_time has no effect without the flag SENSOR")


def _of_port_mapper(attribute: str) -> Converter:
    text = f"{attribute} has no effect: it is about services of the type RPC"
    return lambda source: None if "rpc" in source.folded("type") else source.draft.dropped(source.at(attribute), text)


# By attribute, in the order in which they are read: some look at fields that are there already.
CONVERTERS: dict[str, Converter] = {
    "id": _told_elsewhere,
    "disable": _told_elsewhere,
    "socket_type": _told_elsewhere,
    "protocol": _told_elsewhere,
    "port": _told_elsewhere,
    "bind": _told_elsewhere,
    "interface": _told_elsewhere,
    "libwrap": _told_elsewhere,
    "type": listening.kind,
    "v6only": _told_elsewhere,
    "flags": listening.flags,
    "wait": listening.wait,
    "redirect": listening.redirect,
    "server": process.server,
    "server_args": _told_elsewhere,
    "user": process.user,
    "group": process.group,
    "groups": _told_elsewhere,
    "umask": process.umask,
    "nice": process.nice,
    "env": process.environment,
    "passenv": process.passenv,
    **{name: _limit(name) for name in sorted(VALUES) if name.startswith("rlimit_")},
    "only_from": _told_elsewhere,
    "no_access": _told_elsewhere,
    "access_times": access.hours,
    "instances": clients.instances,
    "per_source": clients.per_source,
    "cps": _told_elsewhere,
    "max_load": clients.max_load,
    "banner": _told_elsewhere,
    "banner_success": _told_elsewhere,
    "banner_fail": clients.banner_fail,
    "log_type": _told_elsewhere,
    "log_on_success": _told_elsewhere,
    "log_on_failure": _told_elsewhere,
    "deny_time": _of_sensors,
    "rpc_number": _of_port_mapper("rpc_number"),
    "rpc_version": _of_port_mapper("rpc_version"),
}
# These hold whether anything is written or not.
_ALWAYS: tuple[Converter, ...] = (
    *(listening.listen, listening.v6only, process.groups, access.access),
    *(clients.rate, clients.banner, clients.log),
)

_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_PORTLESS = {"rpc", "tcpmux", "tcpmuxplus"}
_RESERVED = ("s6rc-", "s6-rc-", "superserver-")


@dataclass(frozen=True)
class Known:
    """What an entry is read with: the defaults, the ports that are known, those that xinetd is taken to know, and which
    values it takes."""

    defaults: Entry
    ports: Ports
    hosts: HostsAccess
    lookup: Lookup
    check: Check
    names: Names = field(default_factory=Names)


def draft_of(entry: Entry, known: Known, is_started: bool) -> Draft:
    """The service that xinetd makes of an entry, whether it starts it or not."""
    wanted = name_of(entry.id)
    draft = Draft(known.names.free(wanted), Place(entry.path, entry.line))
    source = Source(entry, known.defaults, known.ports.number, draft)
    if wanted != entry.id:
        draft.differs(source.at("id"), "the name of a service has letters, digits, _ and -", entry.id, wanted)
    if draft.name != wanted:
        draft.differs(draft.place, renamed(wanted, draft.name), wanted, draft.name)
    ignored(entry, known.check, draft)
    _state(entry, known, is_started, draft)
    ask_for_port(source, known.ports)
    present = source.names()
    for name, convert in CONVERTERS.items():
        if name in present:
            convert(source)
    for convert in _ALWAYS:
        convert(source)
    process.wrapped(source, known.hosts)
    if not (draft.get("exec") or draft.get("internal") or draft.get("proxy")) and draft.expressible:
        draft.error(draft.place, "there is no service: nothing is written that could answer a client")
    return draft


def name_of(text: str) -> str:
    """A name that a service can have."""
    name = _NAME.sub("-", text).strip("-_")[:63] or "service"
    return f"x-{name}"[:63] if name.startswith(_RESERVED) else name


def _state(entry: Entry, known: Known, is_started: bool, draft: Draft) -> None:
    """Why it does not run, if it does not."""
    if is_started:
        return
    draft.runs = False
    if entry.dropped:
        return
    # What has no port of its own runs without one.
    elsewhere = bool(_PORTLESS & {fold(word) for word in entry.many("type")})
    against = [] if elsewhere else objections(entry, known.defaults, known.lookup)
    found = [*_by_lists(entry, known.defaults), *against]
    if known.defaults.marked:
        found.append("a wrong value among the defaults ends xinetd")
    if not found and not entry.marked and not elsewhere:
        found.append("another entry has its port already")
    for reason in found:
        draft.differs(draft.place, f"xinetd does not start it: {reason}", "enabled", "disabled")


def _by_lists(entry: Entry, defaults: Entry) -> Iterator[str]:
    if fold(entry.id) in {fold(word) for word in defaults.many("disabled")}:
        yield "it is in the list `disabled` of the defaults"
    if "enabled" in defaults.specified and fold(entry.id) not in {fold(word) for word in defaults.many("enabled")}:
        yield "it is not in the list `enabled` of the defaults"


def ignored(entry: Entry, check: Check, draft: Draft) -> None:
    """A finding for each line that xinetd reads and that has no effect, or another one than to be set."""
    effective = {id(line) for lines in entry.origins.values() for line in lines}
    for line in entry.given:
        if line.name == "disable" or id(line) in effective:
            if not check(entry, line) and line.name != "log_type":
                draft.differs(place(line), _wrong(entry, line), written(line), _without(entry))
            continue
        reason, runs = _reason(entry, line, check)
        draft.differs(place(line), reason, written(line), runs)


def _reason(entry: Entry, line: Assignment, check: Check) -> tuple[str, str]:
    wanted, count, nothing = VALUES.get(line.name, 0), len(line.values), "nothing of it"
    if line.name not in VALUES and not (line.name in ("enabled", "disabled") and not entry.name):
        return f"{line.name} is no attribute of xinetd, which passes over the line", nothing
    if wanted not in (0, count):
        comment = ", and # begins no comment behind a value" if any("#" in word for word in line.values) else ""
        return f"{line.name} takes {wanted} values and not {count}{comment}; the line is passed over", nothing
    once = line.name in entry.specified and not (line.name in MODIFIABLE or not entry.name)
    if not once and not check(entry, line):
        return _wrong(entry, line), _without(entry)
    if line.name in entry.specified or line.name in entry.attributes:
        return "the attribute is set by another line", f"{line.name} = {' '.join(entry.attributes.get(line.name, []))}"
    return f"{line.operator} is not for {line.name} here; xinetd passes over the line", nothing


def _wrong(entry: Entry, line: Assignment) -> str:
    return f"xinetd does not take this value of {line.name}"


def _without(entry: Entry) -> str:
    return "xinetd does not start the service" if entry.name else "xinetd ends"
