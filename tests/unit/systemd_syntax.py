# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An independent reader of unit files, after systemd.syntax(7), systemd.service(5) and systemd.exec(5).

It knows what the manager does to a value before it is used: line splitting, continuation lines, quotes and escapes,
specifiers, variables of command lines. What would be replaced by something is an error here, because nothing that the
collection writes is meant to be.
"""

from __future__ import annotations

import re
import typing as t

BLANKS = " \t\n\r"

Settings = t.List[t.Tuple[str, str]]
Unit = t.Dict[str, Settings]

_ESCAPES = dict(zip("abfnrtvs\\\"'", "\a\b\f\n\r\t\v \\\"'"))


class Surprise(Exception):
    """The manager would refuse this, or make something else of it than what stands there."""


def read_unit(text: str) -> Unit:
    """Sections with their settings in order, values as raw text without surrounding blanks."""
    unit: Unit = {}
    section: Settings | None = None
    for line in logical_lines(text):
        if line.startswith("["):
            title = re.fullmatch(r"\[([A-Za-z]+)\]", line)
            if not title:
                raise Surprise(f"not a section: {line!r}")
            section = unit.setdefault(title.group(1), [])
            continue
        key, equals, value = line.partition("=")
        if not equals or section is None:
            raise Surprise(f"not a setting: {line!r}")
        if any(_no_character(ord(char)) for char in value):
            raise Surprise(f"a line that is dropped: {line!r}")
        section.append((key.strip(BLANKS), value.strip(BLANKS)))
    return unit


def logical_lines(text: str) -> t.Iterator[str]:
    """Lines without comments and empty ones; a backslash at the end of a line joins it with the next."""
    pending = ""
    # Any of these ends a line when the manager reads a file.
    for raw in re.split("[\n\r\0]", text):
        if not pending and raw.lstrip(BLANKS)[:1] in ("", "#", ";"):
            continue
        trailing = len(raw) - len(raw.rstrip("\\"))
        if trailing % 2:
            pending += f"{raw[:-1]} "
            continue
        yield (pending + raw).strip(BLANKS)
        pending = ""
    if pending:
        raise Surprise("a continuation line at the end of the file")


def _no_character(code: int) -> bool:
    """Surrogates, and what Unicode calls noncharacters."""
    return 0xD800 <= code <= 0xDFFF or 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE


def values(unit: Unit, section: str, key: str) -> list[str]:
    """Every value of a setting."""
    return [value for name, value in unit.get(section, []) if name == key]


def words(text: str) -> list[str]:
    """A value as words, without its quotes and escapes."""
    found = []
    rest = text.lstrip(BLANKS)
    while rest:
        word, rest = _word(rest)
        found.append(word)
        rest = rest.lstrip(BLANKS)
    return found


def _word(text: str) -> tuple[str, str]:
    word, quote, index = "", "", 0
    while index < len(text):
        char = text[index]
        index += 1
        if char == "\\":
            piece, index = _escape(text, index)
            word += piece
        elif quote:
            quote, word = ("", word) if char == quote else (quote, word + char)
        elif char in "\"'":
            quote = char
        elif char in BLANKS:
            return word, text[index:]
        else:
            word += char
    if quote:
        raise Surprise(f"a quote that is not closed: {text!r}")
    return word, ""


def _escape(text: str, index: int) -> tuple[str, int]:
    char = text[index : index + 1]
    if char in _ESCAPES:
        return _ESCAPES[char], index + 1
    raise Surprise(f"an escape that nobody should need: {text[index - 1 : index + 1]!r}")


def unspecified(text: str) -> str:
    """A value without specifiers: ``%%`` is ``%``, and any other would be replaced."""
    if re.search("%", text.replace("%%", "")):
        raise Surprise(f"a specifier: {text!r}")
    return text.replace("%%", "%")


def command(value: str) -> list[str]:
    """The argument list of a command line."""
    if any(raw == ";" for raw in re.split(f"[{BLANKS}]+", _blank_quoted(value))):
        raise Surprise(f"a second command: {value!r}")
    argv = [unspecified(word) for word in words(value)]
    if not argv or not argv[0].startswith("/"):
        raise Surprise(f"a special prefix, or no absolute path: {value!r}")
    return [argv[0], *(_unexpanded(word) for word in argv[1:])]


def _blank_quoted(value: str) -> str:
    """The value with what stands in quotes or behind a backslash made harmless."""
    return re.sub(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|\\.', "q", value, flags=re.DOTALL)


# What the collection has systemd put in.
_MEANT = re.compile(r"(REMOTE_ADDR|REMOTE_PORT|LISTEN_FDS|LISTEN_PID)=\$\{\1\}")


def _unexpanded(word: str) -> str:
    if _MEANT.fullmatch(word):
        return word
    if "$" in word.replace("$$", ""):
        raise Surprise(f"a variable: {word!r}")
    return word.replace("$$", "$")


def handler(value: str) -> tuple[list[str], dict[str, str]]:
    """The argument list that a command line comes to, and the environment that it makes on the way; of what systemd
    puts in, the name stands for the value."""
    argv = command(value)
    start = next(index for index, word in enumerate(argv) if word.endswith("/env"))
    rest = argv[start + 1 :]
    script = argv[start - 1] if start and argv[start - 2] == "-c" else ""
    told = re.findall(r"\$\{(\w+):\+", script)
    if not told and rest.pop(0) != "-i":
        raise Surprise(f"an environment that is not clean: {value!r}")
    end = next(index for index, word in enumerate(rest) if "=" not in word)
    found = dict(word.split("=", 1) for word in rest[:end])
    if len(found) < end:
        raise Surprise(f"a variable that is set twice: {value!r}")
    words = rest[end:]
    if words[1:4] == ["-n", "0", "--"]:
        words = words[4:]
    return words, {**{name: f"${{{name}}}" for name in told}, **found}


def environment(unit: Unit) -> dict[str, str]:
    """The variables that a service unit gives its handler, without those of systemd."""
    (value,) = values(unit, "Service", "ExecStart")
    # A declared value may look the same.
    told = {found.partition("=")[0] for found in command(value) if _MEANT.fullmatch(found)}
    told.update(re.findall(r"\$\{(\w+):\+", " ".join(command(value))))
    return {name: text for name, text in handler(value)[1].items() if name not in told}
