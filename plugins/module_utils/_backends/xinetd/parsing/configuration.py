# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""xinetd's configuration as services and findings: what the daemon makes of the files, and what it passes over."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.check import CONFIG
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.parsing.assumed import assuming
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.parsing.entries import (
    Known,
    draft_of,
    ignored,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.parsing.own import (
    is_beside,
    is_own,
    own_draft,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.parsing.source import place
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.parsing.unread import (
    OTHERS,
    is_entry,
    unread_files,
    unread_lines,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.parsing.unwritten import unwritten
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import (
    Assignment,
    Configuration,
    Entry,
    fits_somewhere,
    started,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.lines import fold
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.draft import Draft
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.findings import (
    DROPPED,
    Finding,
    Parsed,
    Place,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.hosts_access import HostsAccess
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.ports import Ports
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.texts import GivenTexts

_MAIN = posixpath.basename(CONFIG)
# The same on every host (IANA); what is not here is a name that xinetd does not find.
_PROTOCOLS = ("tcp", "udp", "ip", "icmp", "udplite", "sctp", "dccp", "ipv6", "ipv6-icmp", "mptcp")


def parse_configuration(files: GivenTexts) -> Parsed:
    """See :meth:`base.Backend.parse`."""
    main, texts = _entry_point(files)
    config = Configuration(main, texts, _check)
    ports, hosts = Ports(files), HostsAccess(files)
    lookup = assuming(config.entries, ports)
    running = {id(entry) for entry, _service in started(config.entries, config.defaults, lookup)}
    known = Known(config.defaults, ports, hosts, lookup, _check)
    drafts: list[Draft] = []
    read: list[tuple[Entry, Draft]] = []
    own: dict[str, list[Entry]] = {}
    for entry in config.entries:
        if is_own(entry, files):
            own.setdefault(entry.path, []).append(entry)
            continue
        draft = draft_of(entry, known, id(entry) in running)
        drafts.append(draft)
        read.append((entry, draft))
    drafts += [own_draft(entries, config.defaults, ports, files) for entries in own.values()]
    given = set(files.paths)
    findings = [
        *(finding for finding in unread_files(files, config) if not is_beside(finding.place.path)),
        *(finding for finding in unread_lines(texts, config) if finding.place.path in given),
        *_of_defaults(config),
        *(finding for draft in drafts for finding in draft.findings),
        *unwritten(read, config.defaults, _beginning(files, config), hosts.given),
    ]
    order = {path: number for number, path in enumerate(config.files)}
    findings.sort(key=lambda finding: (order.get(finding.place.path, len(order)), finding.place.line))
    return Parsed(tuple(service for draft in drafts for service in draft.services()), tuple(findings))


def _is_of_others(path: str) -> bool:
    return posixpath.basename(path) in OTHERS or is_beside(path)


def _check(entry: Entry, given: Assignment) -> bool:
    """Which values xinetd takes on a host that has the accounts and programs."""
    if given.name == "protocol":
        return given.values[0] in _PROTOCOLS
    return fits_somewhere(entry, given)


def _entry_point(files: GivenTexts) -> tuple[str, GivenTexts]:
    """The file that xinetd begins with; where none is given, one that includes every file."""
    mains = [path for path in files.paths if posixpath.basename(path) == _MAIN]
    if mains:
        return (CONFIG if CONFIG in mains else mains[0]), files
    included = [path for path in files.paths if is_entry(path) and not _is_of_others(path)]
    text = "".join(f"include {path}\n" for path in included)
    return CONFIG, GivenTexts({**{path: files.text(path) or "" for path in files.paths}, CONFIG: text})


def _beginning(files: GivenTexts, config: Configuration) -> Place:
    """The first file that is given."""
    return Place(next((path for path in config.files if path in files.paths), ""))


def _of_defaults(config: Configuration) -> Iterator[Finding]:
    defaults = config.defaults
    draft = Draft("", Place(defaults.path, defaults.line))
    ignored(defaults, _check, draft)
    yield from draft.findings
    for line in defaults.origins.get("v6only", ()):
        yield Finding(DROPPED, place(line), "v6only has no effect among the defaults")
    ids = {fold(entry.id) for entry in config.entries}
    for name in ("enabled", "disabled"):
        for line in defaults.origins.get(name, ()):
            for word in line.values:
                if fold(word) not in ids:
                    yield Finding(DROPPED, place(line), f"{name}: no entry has the id {word}")
