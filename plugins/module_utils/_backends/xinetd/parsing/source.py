# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the attributes of one entry are read from, and the service that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import (
    Assignment,
    Entry,
    Lookup,
    effective,
    transport,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.lines import fold
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.draft import Draft
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.findings import Place


@dataclass
class Source:
    """One entry with the defaults, and the draft of its service."""

    entry: Entry
    defaults: Entry
    lookup: Lookup
    draft: Draft

    def __post_init__(self) -> None:
        self._effective = effective(self.entry, self.defaults)

    def names(self) -> list[str]:
        """The attributes that it has in the end."""
        return list(self._effective)

    def has(self, attribute: str) -> bool:
        return attribute in self._effective

    def values(self, attribute: str) -> list[str]:
        """The values of an attribute; none where it is not set."""
        return self._effective.get(attribute, ([], []))[0]

    def one(self, attribute: str) -> str:
        values = self.values(attribute)
        return values[0] if len(values) == 1 else ""

    def folded(self, attribute: str) -> set[str]:
        return {fold(value) for value in self.values(attribute)}

    def lines(self, attribute: str) -> Sequence[Assignment]:
        return self._effective.get(attribute, ([], []))[1]

    def at(self, attribute: str) -> Place:
        """Where an attribute is set; the last line counts."""
        lines = self.lines(attribute)
        return place(lines[-1]) if lines else self.draft.place

    @property
    def stream(self) -> bool:
        return transport(self.entry)[0] == "stream"

    @property
    def accepts(self) -> bool:
        """Whether xinetd accepts the connections."""
        return fold(self.one("wait")) != "yes"

    @property
    def internal(self) -> bool:
        return "internal" in self.folded("type")


def place(line: Assignment) -> Place:
    """Where a line is."""
    return Place(line.path, line.line)


def written(line: Assignment) -> str:
    """A line as text."""
    return " ".join((line.name, line.operator, *line.values))
