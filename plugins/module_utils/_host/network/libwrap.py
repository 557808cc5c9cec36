# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the files of TCP wrappers keep clients of a daemon out (hosts_access(5), hosts_options(5)).

xinetd looks at them for each of its services unless it is told not to, tcpd for what it starts, and so does every
program that is linked with libwrap.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store

ALLOW, DENY = "/etc/hosts.allow", "/etc/hosts.deny"
TCPD = "tcpd"
_LIBRARY = b"libwrap.so"
# Colons of IPv6 addresses are in brackets.
_FIELDS = re.compile(r":(?![^\[]*\])")


def wraps(program: str) -> bool:
    """Whether a program looks at the files by itself."""
    if os.path.basename(program) == TCPD:
        return True
    try:
        with open(program, "rb") as file:
            return _LIBRARY in file.read()
    except OSError:
        return False


def rules(daemons: Collection[str]) -> list[str]:
    """The rules that keep somebody out of daemons of these names; the first rule that fits a client counts."""
    found = []
    for rule in split(store.text(ALLOW)):
        if not about(rule.daemons, daemons):
            continue
        if rule.options[-1:] == ["deny"]:
            found.append(f"{ALLOW}: {rule.text}")
        elif rule.clients == ["ALL"]:
            return found
    return [*found, *(f"{DENY}: {rule.text}" for rule in split(store.text(DENY)) if about(rule.daemons, daemons))]


@dataclass(frozen=True)
class Rule:
    """Daemons, clients and options of one rule, the whole of it, and the number of its first line."""

    daemons: list[str]
    clients: list[str]
    options: list[str]
    text: str
    line: int


def split(text: str) -> Iterator[Rule]:
    """The rules of a file; a backslash at its end makes a line go on."""
    number, before, first = 0, "", 1
    # The last line may end with a backslash, too.
    for line in (*text.split("\n"), ""):
        number += 1
        first = first if before else number
        if line.endswith("\\"):
            before += line[:-1] + " "
            continue
        whole, before = before + line, ""
        if not whole.strip() or whole.lstrip().startswith("#"):
            continue
        names, *rest = (part.strip() for part in _FIELDS.split(whole))
        clients, *options = rest or [""]
        lower = [option.lower() for option in options]
        yield Rule(_words(names), _words(clients), lower, " ".join(whole.split()), first)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\s,]+", text)


def about(names: list[str], daemons: Collection[str]) -> bool:
    """Whether a list of daemons has one of these. A name may be followed by a host's."""
    place = names.index("EXCEPT") if "EXCEPT" in names else len(names)
    return _has(names[:place], daemons) and not _has(names[place + 1 :], daemons)


def _has(names: list[str], daemons: Collection[str]) -> bool:
    return any(name == "ALL" or name.partition("@")[0] in daemons for name in names)
