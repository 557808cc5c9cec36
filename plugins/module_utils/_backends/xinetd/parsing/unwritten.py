# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What xinetd does although nothing is written: one finding for all services that it does it to."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import Entry
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.lines import fold
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.draft import Draft
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.findings import DIFFERS, Finding, Place


@dataclass(frozen=True)
class _Custom:
    """What holds for services of a kind where an attribute is not set."""

    attribute: str
    holds: t.Callable[[Draft], t.Any]
    message: str
    runs: str


def _flags(entry: Entry) -> set[str]:
    return {fold(flag) for flag in entry.many("flags")}


def _handles(draft: Draft) -> bool:
    return bool(draft.get("exec") and draft.get("accept"))


_CUSTOMS = (
    _Custom(
        "passenv",
        lambda draft: draft.get("exec"),
        "without passenv a server has the whole environment of xinetd; a declaration gives it PATH and what it names",
        "environment of xinetd",
    ),
    _Custom(
        "",
        _handles,
        "xinetd tells a server the address of its client in REMOTE_HOST; a declaration in REMOTE_ADDR",
        "REMOTE_HOST",
    ),
    _Custom(
        "cps",
        lambda draft: draft.get("connections.rate"),
        "without cps xinetd closes a port for 10 seconds after 50 connections in one",
        "cps = 50 10",
    ),
    _Custom(
        "",
        lambda draft: draft.get("accept") and not draft.get("proxy") and not draft.get("connections.max"),
        "xinetd has no limit of connections here; a declaration without connections.max has 1000",
        "instances = UNLIMITED",
    ),
)


def unwritten(
    read: Sequence[tuple[Entry, Draft]], defaults: Entry, where: Place, rules_given: bool
) -> Iterator[Finding]:
    """Findings about all services together."""
    wrapped = [draft.name for entry, draft in read if draft.expressible and "nolibwrap" not in _flags(entry)]
    if wrapped and not rules_given:
        message = "xinetd applies the host's hosts.allow and hosts.deny, which are not given; a declaration does not"
        about = ", ".join(dict.fromkeys(wrapped))
        yield Finding(DIFFERS, where, f"{message} ({about})", runs="rules of libwrap")
    for custom in _CUSTOMS:
        names = [
            draft.name
            for entry, draft in read
            if draft.expressible
            and custom.holds(draft)
            and not (custom.attribute in entry.attributes or custom.attribute in defaults.specified)
        ]
        if names:
            about = ", ".join(dict.fromkeys(names))
            yield Finding(DIFFERS, where, f"{custom.message} ({about})", runs=custom.runs)
