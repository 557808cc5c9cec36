# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An inetd.conf as services and findings. It belongs to no backend: several daemons read it, xinetd among them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.draft import Draft
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.findings import (
    DIFFERS,
    DROPPED,
    Finding,
    Parsed,
    Place,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.hosts_access import HostsAccess
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.inetd.dialects import Dialect
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.inetd.lines import Line, lines
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.inetd.service import (
    INTERNAL,
    Known,
    Reading,
    read,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.names import renamed
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.ports import Ports
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.texts import GivenTexts

# Files of others that may be given together with it.
_OTHERS = {"services", "hosts.allow", "hosts.deny", "xinetd.conf"}
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")


def parse_inetd(files: GivenTexts, dialect: Dialect) -> Parsed:
    """What an inetd makes of the files."""
    known = Known(Ports(files), HostsAccess(files))
    drafts: list[Draft] = []
    findings: list[Finding] = []
    for path in files.paths:
        if posixpath.basename(path) in _OTHERS:
            continue
        if not _is_read(path, dialect):
            findings.append(Finding(DROPPED, Place(path), f"inetd does not read it: it reads {_read_by(dialect)}"))
            continue
        drafts += _drafts(path, list(lines(path, files.text(path) or "", dialect)), dialect, known)
    findings += [finding for draft in drafts for finding in draft.findings]
    findings += _unwritten(drafts)
    return Parsed(tuple(service for draft in drafts for service in draft.services()), tuple(findings))


def _is_read(path: str, dialect: Dialect) -> bool:
    return posixpath.basename(path) == "inetd.conf" or (
        bool(dialect.directory) and posixpath.dirname(path) == dialect.directory
    )


def _read_by(dialect: Dialect) -> str:
    return "inetd.conf" + (f" and the files in {dialect.directory}" if dialect.directory else "")


def _drafts(path: str, found: Sequence[Line], dialect: Dialect, known: Known) -> Iterator[Draft]:
    default = ""
    streams = {_base(line) for line in found if line.words[1:2] == ("stream",)}
    for line in found:
        if dialect.addresses and len(line.words) == 1 and line.words[0].endswith(":"):
            default = line.words[0][:-1]
            continue
        if line.off and len(line.words) < 6:
            continue
        wanted = _name(line, streams)
        draft = Draft(known.names.free(wanted), line.place)
        if draft.name != wanted:
            draft.differs(line.place, renamed(wanted, draft.name), wanted, draft.name)
        read(Reading(line, dialect, known, default, draft))
        yield draft


def _base(line: Line) -> str:
    """A name for the service: that of its port, or of its program with the number."""
    service = line.words[0].rpartition(":")[2]
    if service.isdigit():
        program = posixpath.basename((*line.words, *[""] * 6)[5]) or INTERNAL
        service = f"{program}-{service}"
    return _NO_NAME.sub("-", posixpath.basename(service)).strip("-_")[:58] or "service"


def _name(line: Line, streams: set[str]) -> str:
    base = _base(line)
    return f"{base}-udp" if line.words[1:2] == ("dgram",) and base in streams else base


def _unwritten(drafts: Sequence[Draft]) -> Iterator[Finding]:
    """What inetd does although nothing is written."""
    handlers = [draft for draft in drafts if draft.expressible and draft.get("exec")]
    if handlers:
        message = "a server has the whole environment of inetd; a declaration gives it PATH and what it names"
        names = ", ".join(dict.fromkeys(draft.name for draft in handlers))
        yield Finding(DIFFERS, Place(handlers[0].place.path), f"{message} ({names})", runs="environment of inetd")
