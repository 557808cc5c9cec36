# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of value that have others inside: lists, mappings with free keys, and records with known fields."""

from __future__ import annotations

import difflib
import json
import shlex
import typing as t
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.types import (
    Kind,
    Report,
    Text,
    WrongType,
    type_name,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.words import Guide


@dataclass(frozen=True)
class Listing(Kind):
    """A list of one kind; ``first`` where the first entry is of another one."""

    item: Kind
    least: int = 0
    first: Kind | None = None

    def check(self, value: t.Any, path: str, report: Report) -> t.Any:
        if not isinstance(value, list):
            if not self._stands_for_list(value):
                advice = self._advice(value)
                message = f"must be a list, not {type_name(value)}{advice}"
                report(path, message if advice else WrongType(message))
                return []
            value = [value]
        if len(value) < self.least:
            report(path, "must not be empty")
        return [self._kind(index).check(entry, f"{path}[{index}]", report) for index, entry in enumerate(value)]

    def _stands_for_list(self, value: t.Any) -> bool:
        """Whether one value can be meant as a list of it. A word with blanks may be several."""
        if isinstance(value, str):
            return self.first is None or (bool(value) and not set(value) & set(" \t\n\"'\\$"))
        kind = self.first or self.item
        if isinstance(value, Mapping):
            return isinstance(kind, Record)
        return isinstance(kind, Record) and isinstance(value, int) and not isinstance(value, bool)

    def _advice(self, value: t.Any) -> str:
        """A command line, word by word."""
        try:
            words = shlex.split(value) if self.first and isinstance(value, str) else []
        except ValueError:
            words = []
        return f"; write {json.dumps(words, ensure_ascii=False)}" if words else ""

    def _kind(self, index: int) -> Kind:
        return self.first if self.first and index == 0 else self.item

    def describe(self) -> str:
        return f"list of {self.item.describe()}"


@dataclass(frozen=True)
class Table(Kind):
    """A mapping with free keys and values of one kind."""

    key: Text
    value: Kind

    def check(self, value: t.Any, path: str, report: Report) -> t.Any:
        if not isinstance(value, Mapping):
            report(path, WrongType(f"must be a mapping, not {type_name(value)}"))
            return {}
        checked = {}
        for key, entry in value.items():
            name = self.key.check(key, f"{path}.{key}", report)
            checked[name] = self.value.check(entry, f"{path}.{key}", report)
        return checked

    def describe(self) -> str:
        return f"mapping of {self.key.describe()} to {self.value.describe()}"


@dataclass(frozen=True)
class Field:
    """One field of a record. ``default`` is what an omitted field means; None where omission has its own meaning."""

    name: str
    kind: Kind
    doc: str
    default: t.Any = None
    required: bool = False


@dataclass(frozen=True)
class Record(Kind):
    """A mapping with known fields. Only what was declared is returned: defaults are the reader's business. ``short``
    makes a mapping of what people write in its place, or raises ValueError with what would be right."""

    fields: tuple[Field, ...]
    words: str = "mapping"
    short: Callable[[t.Any], dict[str, t.Any]] | None = field(default=None, compare=False)
    guide: Guide | None = field(default=None, compare=False)
    by_name: dict[str, Field] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {entry.name: entry for entry in self.fields})

    def default(self, name: str) -> t.Any:
        """What a field means that is omitted; the only place that says so is the table."""
        return self.by_name[name].default

    def check(self, value: t.Any, path: str, report: Report, partial: bool = False) -> dict[str, t.Any]:
        """Check a mapping; ``partial`` lets required fields be absent."""
        if self.short and not isinstance(value, Mapping):
            try:
                value = self.short(value)
            except ValueError as exc:
                shown = f'"{value}"' if isinstance(value, str) else type_name(value)
                report(path, f"must be {exc}, not {shown}")
                return {}
        if not isinstance(value, Mapping):
            report(path, WrongType(f"must be a mapping, not {type_name(value)}"))
            return {}
        if "on" in self.by_name:
            # What Ansible's YAML makes of a key that is called so.
            value = {"on" if key is True else key: entry for key, entry in value.items()}
        for key in value:
            if key not in self.by_name:
                report(f"{path}.{key}", self._unknown(str(key)))
        for entry in self.fields:
            if entry.required and entry.name not in value and not partial:
                report(f"{path}.{entry.name}", f"is missing: {entry.doc}")
        return {
            entry.name: entry.kind.check(
                value[entry.name], f"{path}.{entry.name}", self._exemplified(entry.name, path, report)
            )
            for entry in self.fields
            if entry.name in value
        }

    def _exemplified(self, name: str, path: str, report: Report) -> Report:
        """``report`` with an example of the field behind what says that its type is wrong."""
        example = self.guide.example(name) if self.guide else ""
        if not example:
            return report

        def exemplified(where: str, message: str) -> None:
            mistyped = isinstance(message, WrongType) and where == f"{path}.{name}"
            report(where, f"{message}; write for example {example}" if mistyped else message)

        return exemplified

    def _unknown(self, name: str) -> str:
        unknown = "is not a field of this schema"
        close = difflib.get_close_matches(name, list(self.by_name), n=1)
        meant = self.guide.meant(name) if self.guide else ""
        if self.guide and not meant and not close:
            meant = self.guide.nearly_meant(name)
        if meant:
            return f"{unknown}: {meant}"
        if not close:
            return f"{unknown}; known are {', '.join(self.by_name)}"
        example = self.guide.example(close[0]) if self.guide else ""
        shape = f" It is written {example}" if example else ""
        return f'{unknown}; did you mean "{close[0]}"?{shape}'

    def describe(self) -> str:
        return self.words


def leaves(record: Record, prefix: str = "") -> Iterator[tuple[str, Field]]:
    """Every field that is not a record itself, with its path, e.g. ``connections.rate.count``."""
    for entry in record.fields:
        path = f"{prefix}{entry.name}"
        inner = entry.kind.item if isinstance(entry.kind, Listing) else entry.kind
        if isinstance(inner, Record):
            yield from leaves(inner, f"{path}.")
        else:
            yield path, entry
