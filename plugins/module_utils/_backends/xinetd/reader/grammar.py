# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The grammar of xinetd's configuration files, as xinetd 2.3.15 reads them, whoever has written them.

There is no quoting. A comment is a line of its own, names are without regard to case, a blank is needed before an
operator and none after it. What is no entry is skipped up to the next closing brace.
"""

from __future__ import annotations

import enum
import itertools
import re
import typing as t
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.attributes import VALUES

_SPACES = " \t\v\f\r"
_ASSIGNMENT = re.compile(
    r"[ \t\v\f\r]*(?P<name>[^ \t\v\f\r=]+)[ \t\v\f\r]+(?P<operator>[+-]?=)(?P<values>.*)", re.DOTALL
)
_WORD = re.compile(r"[ \t\v\f\r]*(?P<name>[^ \t\v\f\r=]+)")
_BEYOND = re.compile(r"[= \t\n\v\f\r]")
_OPERATOR = re.compile(r"[ \t\n\v\f\r]*(?P<operator>[+-]?=)")
_SEPARATOR = re.compile(r"(?<=[^ \t])[ \t]")
_INCLUDES = ("include", "includedir")
_LETTERS = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}

# What a defaults entry may have. There, and in services, these take several operators.
_OF_DEFAULTS = {
    *("banner", "banner_fail", "banner_success", "bind", "cps", "disabled", "enabled", "groups", "instances"),
    *("interface", "log_on_failure", "log_on_success", "log_type", "max_load", "no_access", "only_from", "passenv"),
    *("per_source", "umask", "v6only"),
}
_MODIFIABLE = {"env", "log_on_failure", "log_on_success", "no_access", "only_from", "passenv"}
_MODIFIABLE_IN_DEFAULTS = {*_MODIFIABLE, "disabled", "enabled", "log_type"}
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


def fold(text: str) -> str:
    """A text without regard to case, which xinetd knows of letters of ASCII only."""
    return text.translate(_LETTERS)


def plain(path: str) -> str:
    """A path without needless slashes, as xinetd takes it, whose working directory is /."""
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


@dataclass(frozen=True)
class Assignment:
    """One line of an entry: the attribute in lower case, ``=``, ``+=`` or ``-=``, and the values."""

    name: str
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Include:
    """``include`` or ``includedir``, and what it names."""

    keyword: str
    target: str


# Whether an attribute takes the values of an assignment.
Check = t.Callable[["Entry", Assignment], bool]


def take_all(entry: Entry, given: Assignment) -> bool:
    """No value is looked at."""
    return True


@dataclass
class Entry:
    """One ``service`` or ``defaults`` entry; attributes by name, in lower case, each with its values.

    ``path`` is the file that has it, ``brace`` the number of the line that opens it, from 0. ``given`` are its lines as
    they stand. xinetd takes an entry back when it comes to ``disable = yes`` in it (``dropped``), and has not started
    one with a wrong value (``marked``) unless ``disable = no`` follows, or the list of those that are enabled has it.
    A defaults entry with a wrong value ends xinetd.
    """

    name: str
    attributes: dict[str, list[str]] = field(default_factory=dict)
    path: str = field(default="", compare=False)
    brace: int = field(default=-1, compare=False)
    given: list[Assignment] = field(default_factory=list, compare=False, repr=False)
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
            self._set(name, self._operator(given), given.values)
        elif name in _FLAGS:
            self._set(name, "+=", self._first_flags(given, check))
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
        return given.name in (_MODIFIABLE if self.name else _MODIFIABLE_IN_DEFAULTS)

    def _operator(self, given: Assignment) -> str:
        adds = given.operator == "=" and not self.name and self._modifiable(given)
        return "+=" if adds or given.name in _ONLY_ADD else given.operator

    def _set(self, name: str, operator: str, values: Sequence[str]) -> None:
        before = self.attributes.get(name, [])
        if operator == "-=":
            self.attributes[name] = [value for value in before if value not in values]
        else:
            self.attributes[name] = [*(before if operator == "+=" or name in _FLAGS else ()), *values]

    def _first_flags(self, given: Assignment, check: Check) -> list[str]:
        words = [Assignment(given.name, given.operator, (word,)) for word in given.values]
        return [word.values[0] for word in itertools.takewhile(lambda word: check(self, word), words)]


def parse(text: str) -> list[Entry | Include]:
    """What a file has, in its order, without regard to values."""
    return list(items(text, Entry(""), take_all))


def items(text: str, defaults: Entry, check: Check) -> Iterator[Entry | Include]:
    """What a file has, in its order. The defaults are one entry, which grows from file to file."""
    reader = Reader(text)
    found = False
    for head in iter(reader.head, None):
        if head.keyword in _INCLUDES:
            yield Include(head.keyword, head.word)
        elif head.keyword == "service":
            entry = _service(reader, head, defaults, check)
            if entry:
                yield entry
        elif found:
            reader.skip()
        elif _fill(defaults, reader, check):
            found = True
            yield defaults


def _service(reader: Reader, head: Head, defaults: Entry, check: Check) -> Entry | None:
    copied = {name: list(defaults.attributes[name]) for name in _COPIED if name in defaults.attributes}
    entry = Entry(head.word, copied, brace=head.brace)
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


class End(enum.Enum):
    """What there is instead of an assignment: the closing brace, or something that ends the reading of an entry."""

    BRACE = "brace"
    ERROR = "error"


@dataclass(frozen=True)
class Head:
    """What stands between entries: a keyword, the word after it, and the number of the line with the brace."""

    keyword: str
    word: str = ""
    brace: int = -1


class Reader:
    """The lines of a file, one after the other."""

    def __init__(self, text: str) -> None:
        self._original = self._text = text
        self._next = 0
        # Where the line that was read last ends.
        self._end = 0

    def head(self) -> Head | None:
        """The beginning of the next entry, or an ``include``; what is neither is skipped. None at the end."""
        line = self._line()
        while line is not None:
            words = _words(line)
            keyword = fold(words[0]) if words else ""
            word = words[1] if len(words) > 1 else ""
            if keyword in _INCLUDES and word:
                return Head(keyword, word)
            if (keyword == "defaults" or (keyword == "service" and word)) and _alone(self._line(), "{"):
                return Head(keyword, word, self._original.count("\n", 0, self._end))
            self.skip()
            line = self._line()
        return None

    def assignment(self) -> Assignment | End:
        """The next line of an entry."""
        line = self._line()
        if line is None:
            return End.ERROR
        if _alone(line, "}"):
            return End.BRACE
        return _assignment(line) or self._beyond(line) or End.ERROR

    def skip(self) -> list[Assignment]:
        """Go on to the next closing brace. What xinetd skips may tell something nevertheless."""
        lines = iter(self._line, None)
        until = itertools.takewhile(lambda line: not _alone(line, "}"), lines)
        return [given for given in map(_assignment, until) if given]

    def _line(self) -> str | None:
        """The next line that is neither empty nor a comment."""
        while self._next < len(self._text):
            start = self._next
            newline = self._text.find("\n", start)
            stop = len(self._text) if newline < 0 else newline
            nul = self._text.find("\0", start, stop)
            self._next, self._end = stop + 1, stop if nul < 0 else nul
            line = self._text[start : self._end]
            if 0 <= nul < newline:
                self._put_end(newline, newline + 1)
            if line.strip(_SPACES) and not line.lstrip(_SPACES).startswith("#"):
                return line
        return None

    def _beyond(self, line: str) -> Assignment | None:
        """A word without a blank after it. xinetd looks for the blank beyond the end of the line, and leaves an end
        there that the next lines have from then on."""
        word = _WORD.fullmatch(line)
        at = _BEYOND.search(self._text, self._end + 1)
        if not word or not at:
            return None
        self._put_end(at.start(), at.start() + 1)
        operator = _OPERATOR.match(self._text, at.end())
        if at.group() == "=" or not operator:
            return None
        start, nul = operator.end(), self._text.find("\0", operator.end())
        values = self._text[start : len(self._text) if nul < 0 else nul]
        self._put_end(start, start + len(values), _SEPARATOR.sub("\0", values))
        return Assignment(fold(word["name"]), operator["operator"], tuple(_words(values)))

    def _put_end(self, start: int, stop: int, text: str = "\0") -> None:
        self._text = self._text[:start] + text + self._text[stop:]


def _alone(line: str | None, brace: str) -> bool:
    return line is not None and line.strip(_SPACES) == brace


def _words(line: str) -> list[str]:
    # Other blanks are letters to xinetd here, those of Unicode everywhere.
    return re.findall(r"[^ \t]+", line)


def _assignment(line: str) -> Assignment | None:
    match = _ASSIGNMENT.match(line)
    return Assignment(fold(match["name"]), match["operator"], tuple(_words(match["values"]))) if match else None
