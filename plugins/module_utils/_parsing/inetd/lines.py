# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of an inetd.conf as words, also those that update-inetd has switched off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.findings import Place
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.inetd.dialects import Dialect

_OFF = re.compile(r"#\s*<off>#[ \t]*")
_WORD = re.compile(r"[^ \t]+")
_QUOTED = re.compile(r"\"(?P<double>[^\"]*)\"?|'(?P<single>[^']*)'?|(?P<plain>[^ \t]+)")


@dataclass(frozen=True)
class Line:
    """The words of one service, or of a line that sets the default address."""

    words: tuple[str, ...]
    place: Place
    off: bool = False

    @property
    def text(self) -> str:
        return " ".join(self.words)


def lines(path: str, text: str, dialect: Dialect) -> Iterator[Line]:
    """What is neither empty nor a comment."""
    pending: Line | None = None
    for number, raw in enumerate(text.split("\n"), 1):
        continues = dialect.continued and pending is not None and raw[:1] in (" ", "\t") and raw.strip()
        if pending and not continues:
            yield pending
            pending = None
        if pending and continues:
            pending = Line((*pending.words, *_words(raw, dialect)), pending.place, pending.off)
            continue
        off = _OFF.match(raw)
        bare = raw[off.end() :] if off else raw
        words = tuple(_words(bare, dialect))
        if words and not words[0].startswith("#"):
            pending = Line(words, Place(path, number), bool(off))
    if pending:
        yield pending


def _words(line: str, dialect: Dialect) -> Iterator[str]:
    """Words between blanks; a carriage return belongs to the last one."""
    if not dialect.quotes:
        yield from _WORD.findall(line)
        return
    for match in _QUOTED.finditer(line):
        yield next((group for group in match.groups() if group is not None), "")
