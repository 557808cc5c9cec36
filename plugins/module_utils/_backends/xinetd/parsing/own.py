# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries that this collection has written, as the services that they were made of."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.attributes import OWNED
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.files import ENTRIES, HANDLERS
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.parsing import (
    access,
    clients,
    listening,
    process,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.parsing.handlers import (
    read_handler,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.parsing.source import Source
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import Entry
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import CONFIG, LIBRARY, LOGS, NOTICE
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import BACKSTOP
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.draft import Draft
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.findings import Place
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.ports import Ports
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.texts import GivenTexts
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard.rules import RULES

PREFIX = f"{ENTRIES}/superserver-"


def is_own(entry: Entry, files: GivenTexts) -> bool:
    """Whether the collection wrote the entry, and its handler is given."""
    handler = entry.one("server")
    return entry.path.startswith(PREFIX) and handler.startswith(f"{HANDLERS}/") and files.text(handler) is not None


def is_beside(path: str) -> bool:
    """Whether it is one of the files that the collection writes beside its entries."""
    return path.startswith((*(f"{root}/" for root in (LIBRARY, LOGS, CONFIG)), "/etc/systemd/"))


def own_draft(entries: Sequence[Entry], defaults: Entry, ports: Ports, files: GivenTexts) -> Draft:
    """The service of all entries of one file."""
    first = entries[0]
    draft = Draft(first.name, Place(first.path, first.line))
    listen: list[t.Any] = []
    for entry in entries:
        listening.listen(Source(entry, defaults, ports.number, draft))
        listen += draft.get("listen", [])
    draft.set("listen", listen)
    source = Source(first, defaults, ports.number, draft)
    for convert in (listening.flags, process.umask, process.nice, access.access, clients.per_source):
        convert(source)
    if source.one("instances") != str(BACKSTOP):
        clients.instances(source)
    _description(files.text(first.path) or "", draft)
    _native(source, draft)
    _handler(files, source, draft)
    draft.runs = draft.runs and not first.dropped
    if f"chain service-{draft.name} " in (files.text(RULES) or ""):
        draft.ask(
            Place(RULES),
            "the guard has rules for this service, which are not read back",
            "take them from the declaration that the files were made of",
            "do without interface, rate, and the limits and lists that xinetd cannot apply",
        )
    return draft


def _description(text: str, draft: Draft) -> None:
    head = text.split("\n\n", 1)[0].split("\n")
    lines = [line[2:] for line in head if line.startswith("# ") and line != NOTICE]
    draft.set("description", " ".join(lines))


def _native(source: Source, draft: Draft) -> None:
    for name in source.names():
        if name not in OWNED and name in source.entry.specified:
            draft.set(f"native.xinetd.{name}", " ".join(source.values(name)))


def _handler(files: GivenTexts, source: Source, draft: Draft) -> None:
    path = source.one("server")
    try:
        found = read_handler(files.text(path) or "", files.text)
    except (ValueError, IndexError, KeyError):
        draft.error(Place(path), "it is not as this collection writes it")
        return
    if found.unread:
        draft.error(Place(path), f"this collection wrote it, but {found.unread} is not read back: keep the declaration")
        return
    if "internal" not in found.fields and "user" not in found.fields:
        # xinetd itself changes to the account.
        process.user(source)
        if source.has("group"):
            process.group(source)
    accepts = source.accepts
    for name, value in found.fields.items():
        if isinstance(value, dict) and name in ("connections", "access"):
            for key, inner in value.items():
                draft.set(f"{name}.{key}", inner)
        elif name != "socket_fd" or not accepts:
            draft.set(name, value)
    if "internal" not in found.fields:
        draft.set("accept", accepts)
