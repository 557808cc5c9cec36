# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that switch connection tracking off, so that connections cannot be counted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost

# Which tables there are of the older kind, that nft does not show, and who shows them.
LEGACY = (
    ("/proc/net/ip_tables_names", "iptables-legacy-save"),
    ("/proc/net/ip6_tables_names", "ip6tables-legacy-save"),
)
ALL = ((0, 65535),)

_OFF = re.compile(r'\bnotrack\b|xt target "CT"|-j NOTRACK\b')
_TABLE = re.compile(r"table (\S+ \S+) \{")
_PORTS = re.compile(r"(?:tcp|th) [ds]port (!= )?(\{[^}]*\}|\S+)|--(?:dport|sport|dports|sports) (?P<legacy>\S+)")
# A rule that says nothing but the port.
_PLAIN = re.compile(
    r"(?:meta l4proto tcp )?(?:tcp [ds]port (?:\{[^}]*\}|\d+(?:-\d+)?) )?"
    r"(?:counter(?: packets \d+ bytes \d+)? )?notrack"
)
_RANGE = re.compile(r"(\d+)(?:[-:](\d+))?")


@dataclass(frozen=True)
class Untracked:
    """One rule: its table and text, the ports of TCP that it is about, and whether it is about every client."""

    table: str
    rule: str
    ports: tuple[tuple[int, int], ...]
    everybody: bool

    def covers(self, port: int) -> bool:
        return any(first <= port <= last for first, last in self.ports)


def untracked(nft: str, host: LocalHost) -> list[Untracked]:
    """All such rules of this host."""
    found = list(_rules(host.run([nft, "list", "ruleset"], check=False).out))
    for names, program in LEGACY:
        if "raw" in (host.read(names) or "").split():
            found += _rules(host.run(["sh", "-c", f"{program} -t raw"], check=False).out, f"raw, of {program[:-5]}")
    return found


def _rules(ruleset: str, table: str = "") -> Iterator[Untracked]:
    for raw in ruleset.splitlines():
        line = raw.strip()
        named = _TABLE.match(line)
        if named:
            table = named.group(1)
        elif _OFF.search(line) and not _of_datagrams(line):
            yield Untracked(table, line, _ports(line), bool(_PLAIN.fullmatch(line)))


def _of_datagrams(line: str) -> bool:
    return bool(re.search(r"\budp\b", line)) and not re.search(r"\btcp\b", line)


def _ports(line: str) -> tuple[tuple[int, int], ...]:
    """The ports that a rule names; all where it names none, or in a way that is not understood."""
    found = _PORTS.search(line)
    if found is None or found.group(1):
        return ALL
    words = (found.group("legacy") or found.group(2)).strip("{}").replace(",", " ").split()
    ranges = [_RANGE.fullmatch(word) for word in words]
    if not all(ranges):
        return ALL
    return tuple((int(each.group(1)), int(each.group(2) or each.group(1))) for each in ranges if each)
