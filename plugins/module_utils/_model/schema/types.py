# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of value that a schema is made of; see :mod:`structures` for those that have others inside.

Each kind checks one value and reports every problem with its path. What can be meant in one way only is brought into
one form (see :mod:`forms`). Nothing else is converted from one type to another: what YAML read is what counts,
so that ``010`` or ``yes`` never become something that nobody wrote.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem

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


def collector(problems: list[Problem]) -> Report:
    """A ``report`` function that appends to a list."""

    def report(path: str, message: str) -> None:
        problems.append(Problem(path, message))

    return report
