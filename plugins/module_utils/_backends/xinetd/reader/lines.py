# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of xinetd's configuration files, as xinetd 2.3.15 reads them, whoever has written them.

There is no quoting. A comment is a line of its own, names are without regard to case, a blank is needed before an
operator and none after it.
"""

from __future__ import annotations

import bisect
import enum
import itertools
import re
from dataclasses import dataclass, field

_SPACES = " \t\v\f\r"
_ASSIGNMENT = re.compile(
    r"[ \t\v\f\r]*(?P<name>[^ \t\v\f\r=]+)[ \t\v\f\r]+(?P<operator>[+-]?=)(?P<values>.*)", re.DOTALL
)
_WORD = re.compile(r"[ \t\v\f\r]*(?P<name>[^ \t\v\f\r=]+)")
_BEYOND = re.compile(r"[= \t\n\v\f\r]")
_OPERATOR = re.compile(r"[ \t\n\v\f\r]*(?P<operator>[+-]?=)")
_SEPARATOR = re.compile(r"(?<=[^ \t])[ \t]")
INCLUDES = ("include", "includedir")
_LETTERS = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def fold(text: str) -> str:
    """A text without regard to case, which xinetd knows of letters of ASCII only."""
    return text.translate(_LETTERS)


@dataclass(frozen=True)
class Assignment:
    """One line of an entry: the attribute in lower case, ``=``, ``+=`` or ``-=``, and the values. ``path`` and ``line``
    say where it is."""

    name: str
    operator: str
    values: tuple[str, ...]
    path: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)


class End(enum.Enum):
    """What there is instead of an assignment: the closing brace, or something that ends the reading of an entry."""

    BRACE = "brace"
    ERROR = "error"


@dataclass(frozen=True)
class Head:
    """What stands between entries: a keyword, the word after it, and the numbers of its line and of the one with the
    brace, which begins with 0."""

    keyword: str
    word: str = ""
    line: int = 0
    brace: int = -1


class Reader:
    """The lines of a file, one after the other."""

    def __init__(self, text: str, path: str = "") -> None:
        self._text = text
        self._path = path
        self._newlines = [found.start() for found in re.finditer("\n", text)]
        self._next = 0
        # Where the line that was read last ends.
        self._end = 0

    @property
    def _before(self) -> int:
        """How many lines there are before the one that was read last."""
        return bisect.bisect_left(self._newlines, self._end)

    def head(self) -> Head | None:
        """The beginning of the next entry, or an ``include``; what is neither is skipped. None at the end."""
        line = self._line()
        while line is not None:
            words, number = _words(line), self._before + 1
            keyword = fold(words[0]) if words else ""
            word = words[1] if len(words) > 1 else ""
            if keyword in INCLUDES and word:
                return Head(keyword, word, number)
            if (keyword == "defaults" or (keyword == "service" and word)) and _alone(self._line(), "{"):
                return Head(keyword, word, number, self._before)
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
        number = self._before + 1
        return self._assigned(line, number) or self._beyond(line, number) or End.ERROR

    def skip(self) -> list[Assignment]:
        """Go on to the next closing brace. What xinetd skips may tell something nevertheless."""
        lines = iter(self._line, None)
        until = itertools.takewhile(lambda line: not _alone(line, "}"), lines)
        return [given for given in (self._assigned(line, self._before + 1) for line in until) if given]

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

    def _assigned(self, line: str, number: int) -> Assignment | None:
        match = _ASSIGNMENT.match(line)
        if not match:
            return None
        return Assignment(fold(match["name"]), match["operator"], tuple(_words(match["values"])), self._path, number)

    def _beyond(self, line: str, number: int) -> Assignment | None:
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
        return Assignment(fold(word["name"]), operator["operator"], tuple(_words(values)), self._path, number)

    def _put_end(self, start: int, stop: int, text: str = "\0") -> None:
        self._text = self._text[:start] + text + self._text[stop:]


def _alone(line: str | None, brace: str) -> bool:
    return line is not None and line.strip(_SPACES) == brace


def _words(line: str) -> list[str]:
    # Other blanks are letters to xinetd here, those of Unicode everywhere.
    return re.findall(r"[^ \t]+", line)
