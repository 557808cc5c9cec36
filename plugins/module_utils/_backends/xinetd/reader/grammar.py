# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The entries of xinetd's configuration files, as xinetd 2.3.15 reads them, whoever has written them. What is no entry
is skipped up to the next closing brace."""

from __future__ import annotations

import itertools
import typing as t
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.attributes import VALUES
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.lines import (
    INCLUDES,
    Assignment,
    End,
    Head,
    Reader,
    fold,
)

# What a defaults entry may have. There, and in services, these take several operators.
_OF_DEFAULTS = {
    *("banner", "banner_fail", "banner_success", "bind", "cps", "disabled", "enabled", "groups", "instances"),
    *("interface", "log_on_failure", "log_on_success", "log_type", "max_load", "no_access", "only_from", "passenv"),
    *("per_source", "umask", "v6only"),
}
MODIFIABLE = {"env", "log_on_failure", "log_on_success", "no_access", "only_from", "passenv"}
_MODIFIABLE_IN_DEFAULTS = {*MODIFIABLE, "disabled", "enabled", "log_type"}
# What a service has from the defaults that were read before it; everything else is looked up when all is read.
_COPIED = (
    *("log_on_success", "log_on_failure", "only_from", "no_access", "passenv"),
    *("banner", "banner_success", "banner_fail"),
)
# A wrong word among the values of these does not undo the words before it.
_FLAGS = ("flags", "type")
# These do not look at the operator.
_ONLY_ADD = ("disabled", "enabled")
# Two names of one attribute.
_SAME = {"interface": "bind"}


@dataclass(frozen=True)
class Include:
    """``include`` or ``includedir``, and what it names. ``path`` and ``line`` say where it is."""

    keyword: str
    target: str
    path: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)


# Whether an attribute takes the values of an assignment.
Check = t.Callable[["Entry", Assignment], bool]


def take_all(entry: Entry, given: Assignment) -> bool:
    """No value is looked at."""
    return True


@dataclass
class Entry:
    """One ``service`` or ``defaults`` entry; attributes by name, in lower case, each with its values.

    ``path`` is the file that has it, ``line`` the number of its first line there, ``brace`` that of the line that opens
    it, which begins with 0. ``given`` are its lines as they stand, ``origins`` those that each attribute comes from,
    some of them the defaults'. xinetd takes an entry back when it comes to ``disable = yes`` in it (``dropped``), and
    has not started one with a wrong value (``marked``) unless ``disable = no`` follows, or the list of those that are
    enabled has it. A defaults entry with a wrong value ends xinetd.
    """

    name: str
    attributes: dict[str, list[str]] = field(default_factory=dict)
    path: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)
    brace: int = field(default=-1, compare=False)
    given: list[Assignment] = field(default_factory=list, compare=False, repr=False)
    origins: dict[str, list[Assignment]] = field(default_factory=dict, compare=False, repr=False)
    specified: set[str] = field(default_factory=set, compare=False, repr=False)
    marked: bool = field(default=False, compare=False)
    dropped: bool = field(default=False, compare=False)

    @property
    def id(self) -> str:
        """What tells it from others of the same name."""
        return self.one("id") or self.name

    def one(self, attribute: str) -> str:
        """The value of an attribute that takes one; empty when it is not set, or not validly."""
        values = self.attributes.get(attribute, [])
        return values[0] if len(values) == 1 else ""

    def many(self, attribute: str) -> set[str]:
        """The words of an attribute that takes several."""
        return set(self.attributes.get(attribute, []))

    def assign(self, given: Assignment, check: Check) -> None:
        """Take over a line, if xinetd does: the first of several counts, and the number of values has to be right."""
        self.given.append(given)
        name = _SAME.get(given.name, given.name)
        if not self._counts(given, name):
            return
        fits = check(self, given)
        if fits:
            self.specified.add(name)
            self._set(name, self._operator(given), given.values, given)
        elif name in _FLAGS:
            self._set(name, "+=", self._first_flags(given, check), given)
        if not fits:
            self.marked = True
        elif name == "disable":
            self.marked = fold(given.values[0]) != "no"

    def _counts(self, given: Assignment, name: str) -> bool:
        if given.name not in (VALUES if self.name else _OF_DEFAULTS):
            return False
        if not self._modifiable(given) and (given.operator != "=" or name in self.specified):
            return False
        return VALUES.get(name, 0) in (0, len(given.values))

    def _modifiable(self, given: Assignment) -> bool:
        return given.name in (MODIFIABLE if self.name else _MODIFIABLE_IN_DEFAULTS)

    def _operator(self, given: Assignment) -> str:
        adds = given.operator == "=" and not self.name and self._modifiable(given)
        return "+=" if adds or given.name in _ONLY_ADD else given.operator

    def _set(self, name: str, operator: str, values: Sequence[str], origin: Assignment) -> None:
        before = self.attributes.get(name, [])
        adds = operator != "=" or name in _FLAGS
        self.origins[name] = [*(self.origins.get(name, ()) if adds else ()), origin]
        if operator == "-=":
            self.attributes[name] = [value for value in before if value not in values]
        else:
            self.attributes[name] = [*(before if adds else ()), *values]

    def _first_flags(self, given: Assignment, check: Check) -> list[str]:
        words = [Assignment(given.name, given.operator, (word,)) for word in given.values]
        return [word.values[0] for word in itertools.takewhile(lambda word: check(self, word), words)]


def parse(text: str) -> list[Entry | Include]:
    """What a file has, in its order, without regard to values."""
    return list(items(text, Entry(""), take_all))


def items(text: str, defaults: Entry, check: Check, path: str = "") -> Iterator[Entry | Include]:
    """What a file has, in its order. The defaults are one entry, which grows from file to file: where it is, is where
    its last part is."""
    reader = Reader(text, path)
    found = False
    for head in iter(reader.head, None):
        if head.keyword in INCLUDES:
            yield Include(head.keyword, head.word, path, head.line)
        elif head.keyword == "service":
            entry = _service(reader, head, defaults, check)
            if entry:
                entry.path = path
                yield entry
        elif found:
            reader.skip()
        elif _fill(defaults, reader, check):
            found = True
            defaults.path, defaults.line = path, head.line
            yield defaults


def _service(reader: Reader, head: Head, defaults: Entry, check: Check) -> Entry | None:
    copied = {name: list(defaults.attributes[name]) for name in _COPIED if name in defaults.attributes}
    entry = Entry(head.word, copied, line=head.line, brace=head.brace)
    entry.origins = {name: list(defaults.origins[name]) for name in copied}
    if _fill(entry, reader, check):
        return entry
    reader.skip()
    return None


def _fill(entry: Entry, reader: Reader, check: Check) -> bool:
    """Read the lines up to the closing brace; false when one is no assignment, or the brace is missing."""
    for given in iter(reader.assignment, End.BRACE):
        if not isinstance(given, Assignment):
            return False
        entry.assign(given, check)
        if entry.name and given.name == "disable" and entry.marked:
            entry.dropped = True
            for further in reader.skip():
                entry.assign(further, check)
            return True
    return True
