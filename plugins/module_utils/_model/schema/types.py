# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of value that a schema is made of.

Each kind checks one value and reports every problem with its path. What can be meant in one way only is brought into
one form (see :mod:`forms`). Nothing else is converted from one type to another: what YAML read is what counts,
so that ``010`` or ``yes`` never become something that nobody wrote.
"""

from __future__ import annotations

import difflib
import json
import re
import shlex
import typing as t
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.words import Guide

Report = t.Callable[[str, str], None]

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_PLANES = range(0, 0x110000, 0x10000)
# systemd drops a line that has one of these.
_NO_CHARACTER = re.compile(
    "[\ud800-\udfff\ufdd0-\ufdef" + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in _PLANES) + "]"
)
_NEWLINE = re.compile(r"[\n\r]")
_NAMES = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "a mapping"}


def type_name(value: t.Any) -> str:
    """What a value is, in YAML's terms."""
    if value is None:
        return "nothing"
    for kind, name in _NAMES.items():
        if isinstance(value, kind):
            return name
    return type(value).__name__


class WrongType(str):
    """A message about a value of another type than a field takes: an example of the field helps."""

    __slots__ = ()


class Kind:
    """One kind of value; ``check`` returns the value to keep and reports problems."""

    def check(self, value: t.Any, path: str, report: Report) -> t.Any:
        """Return the accepted value; after a report the return value means nothing."""
        raise NotImplementedError

    def describe(self) -> str:
        """The kind in words, for the schema reference."""
        raise NotImplementedError


@dataclass(frozen=True)
class Text(Kind):
    """A string. ``pattern`` must match all of it; ``checker`` raises ValueError with what would be right."""

    words: str = "string"
    pattern: str = ""
    hint: str = ""
    multiline: bool = False
    empty: bool = False
    numbers: bool = False
    checker: Callable[[str], t.Any] | None = None

    def check(self, value: t.Any, path: str, report: Report) -> t.Any:
        if self.numbers and isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            quote = "; put the value in quotes" if isinstance(value, (int, float)) else ""
            message = f"must be a string, not {type_name(value)}{quote}"
            report(path, message if quote else WrongType(message))
            return None
        value = str(value)
        problem = self._problem(value)
        if problem:
            report(path, problem)
        return value

    def _problem(self, value: str) -> str:
        if _CONTROL.search(value):
            return "must not contain control characters (some fields accept tabs or line breaks)"
        if _NO_CHARACTER.search(value):
            return "must be valid UTF-8 text without surrogates and noncharacters"
        if not self.multiline and _NEWLINE.search(value):
            return "must be one line, without line breaks"
        if not value and not self.empty:
            return "must not be empty"
        if self.pattern and not re.fullmatch(self.pattern, value):
            return self.hint or f"must match {self.pattern}"
        if self.checker:
            try:
                self.checker(value)
            except ValueError as exc:
                return str(exc)
        return ""

    def describe(self) -> str:
        return self.words


@dataclass(frozen=True)
class Number(Kind):
    """A whole number within bounds (both included); ``reader`` makes one of what people write with a unit, or raises
    ValueError with what would be right."""

    least: int
    most: int
    unit: str = ""
    fractions: bool = False
    reader: Callable[[str], int | float] | None = None

    def check(self, value: t.Any, path: str, report: Report) -> t.Any:
        if self.reader and isinstance(value, str):
            try:
                value = self.reader(value)
            except ValueError as exc:
                report(path, f'must be {exc}, not "{value}"')
                return None
        accepted = (int, float) if self.fractions else (int,)
        if isinstance(value, bool) or not isinstance(value, accepted):
            number = "a number" if self.fractions else "a whole number"
            found = value if isinstance(value, float) else type_name(value)
            message = f"must be {number} from {self.least} to {self.most}, not {found}"
            quoted = isinstance(value, str) and re.fullmatch("0|-?[1-9][0-9]{0,18}", value)
            report(path, f"{message}; write {value} without quotes" if quoted else WrongType(message))
        elif not self.least <= value <= self.most:
            report(path, f"must be from {self.least} to {self.most}, not {value}")
        return value

    def describe(self) -> str:
        return f"number from {self.least} to {self.most}" + (f", {self.unit}" if self.unit else "")


_FLAGS = {
    **dict.fromkeys(("true", "yes", "on"), "true"),
    **dict.fromkeys(("false", "no", "off"), "false"),
}


@dataclass(frozen=True)
class Flag(Kind):
    """A boolean."""

    def check(self, value: t.Any, path: str, report: Report) -> t.Any:
        if not isinstance(value, bool):
            meant = _FLAGS.get(value.lower()) if isinstance(value, str) else None
            message = f"must be true or false, not {type_name(value)}"
            report(path, f"{message}; write {meant} without quotes" if meant else WrongType(message))
        return value

    def describe(self) -> str:
        return "boolean"


@dataclass(frozen=True)
class Choice(Kind):
    """One of a few words."""

    words: Sequence[str]

    def check(self, value: t.Any, path: str, report: Report) -> t.Any:
        if not isinstance(value, str) or value not in self.words:
            shown = f'"{value}"' if isinstance(value, str) else type_name(value)
            report(path, f"must be one of {', '.join(self.words)}, not {shown}")
        return value

    def describe(self) -> str:
        return "one of " + ", ".join(f"`{word}`" for word in self.words)


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
class OneOf(Kind):
    """A scalar of any simple type, or a list of them: what raw directives are made of."""

    def check(self, value: t.Any, path: str, report: Report) -> t.Any:
        if isinstance(value, list):
            return [self._scalar(entry, f"{path}[{index}]", report) for index, entry in enumerate(value)]
        return self._scalar(value, path, report)

    def _scalar(self, value: t.Any, path: str, report: Report) -> t.Any:
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, (int, float)):
            return str(value)
        return Text(empty=True).check(value, path, report)

    def describe(self) -> str:
        return "string, number, boolean, or a list of them"


# Placeholder for a secret value.
DIGEST = "digest"
_DIGEST = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Hidden(Kind):
    """A secret text, or a digest that a host returns instead: ``{"digest": ...}``."""

    text: Text

    def check(self, value: t.Any, path: str, report: Report) -> t.Any:
        if not isinstance(value, Mapping):
            return self.text.check(value, path, report)
        digest = value.get(DIGEST)
        if set(value) != {DIGEST} or not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            report(path, "must be a string, or a mapping with only its digest, as services_info returns it")
        return {DIGEST: digest}

    def describe(self) -> str:
        return self.text.describe()


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

        def told(where: str, message: str) -> None:
            mistyped = isinstance(message, WrongType) and where == f"{path}.{name}"
            report(where, f"{message}; write for example {example}" if mistyped else message)

        return told

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


def collector(problems: list[Problem]) -> Report:
    """A ``report`` function that appends to a list."""

    def report(path: str, message: str) -> None:
        problems.append(Problem(path, message))

    return report
