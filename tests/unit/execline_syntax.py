# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An independent reader of execline scripts, after execlineb's and its programs' documentation.

It splits a script into words and blocks, and follows the chain of programs up to the handler, doing to words and
environment what each of them does. What the collection never means to write is an error.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import PATH

Words = t.List[t.Any]  # of words, and of blocks, which are lists of the same kind

_ESCAPES = {**dict(zip("abtnvfr", "\a\b\t\n\v\f\r")), '"': '"', "\\": "\\"}
_TOKEN = re.compile(
    r'(?P<blank>[ \t\n\r]+)|(?P<comment>#[^\n]*)|(?P<quoted>"(?:[^"\\]|\\.)*")'
    r'|(?P<plain>[^ \t\n\r"\\{}]+)|(?P<brace>[{}])',
    re.DOTALL,
)


class Surprise(Exception):
    """execlineb would refuse this, or it is nothing that was meant to be written."""


def read_script(text: str) -> Words:
    """The words of a script, blocks as lists; its first line must name execlineb with ``-P``."""
    if not re.match(r"#!/\S+/execlineb -P\n", text):
        raise Surprise(f"not an execline script: {text[:40]!r}")
    stack: list[Words] = [[]]
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if not token:
            raise Surprise(f"cannot be read: {text[position : position + 20]!r}")
        _take(token, stack)
        position = token.end()
        if token.lastgroup in ("quoted", "plain", "brace") and text[position : position + 1] not in (*" \t\n\r", ""):
            raise Surprise(f"words run together: {text[token.start() : position + 5]!r}")
    if len(stack) != 1:
        raise Surprise("unmatched {")
    return stack[0]


def _take(token: re.Match[str], stack: list[Words]) -> None:
    kind, text = token.lastgroup, token.group()
    if kind == "plain":
        stack[-1].append(text)
    elif kind == "quoted":
        stack[-1].append(re.sub(r"\\(.)", _unescape, text[1:-1], flags=re.DOTALL))
    elif text == "{":
        stack[-1].append([])
        stack.append(stack[-1][-1])
    elif text == "}":
        stack.pop()
        if not stack:
            raise Surprise("unmatched }")


def _unescape(escape: re.Match[str]) -> str:
    if escape.group(1) not in _ESCAPES:
        raise Surprise(f"escape that was not meant: {escape.group()!r}")
    return _ESCAPES[escape.group(1)]


@dataclass
class Chain:
    """What a script comes to: the handler's ``argv``, ``environment`` and ``account`` (the arguments of setpriv), and
    ``programs`` with their arguments in between, by name, in order."""

    argv: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    account: list[str] = field(default_factory=list)
    programs: list[tuple[str, list[t.Any]]] = field(default_factory=list)

    def arguments(self, name: str) -> list[list[t.Any]]:
        """The arguments of every call of a program."""
        return [arguments for program, arguments in self.programs if program == name]


# How many words a program takes before the next one: options without and with an argument, and other arguments.
_PROGRAMS: dict[str, tuple[str, str, int]] = {
    "cd": ("", "", 1),
    "fdmove": ("c", "", 2),
    "foreground": ("", "", 1),
    "if": ("", "", 1),
    "nice": ("", "n", 0),
    "redirfd": ("r", "", 2),
    "s6-fdholder-retrieve": ("", "t", 2),
    "s6-fdholderd": ("1", "cni", 0),
    "s6-ipcserver-socketbinder": ("", "ab", 1),
    "s6-ipcserverd": ("1", "cCv", 0),
    "s6-log": ("", "", 5),
    "s6-softlimit": ("", "o", 0),
    "s6-tcpserver-access": ("HR", "ilv", 0),
    **{f"s6-tcpserver{digit}-socketbinder": ("", "b", 2) for digit in ("", "4", "6")},
    **{f"s6-tcpserver{digit}d": ("1", "cCv", 0) for digit in ("", "4", "6")},
    "tcpserver": ("1QHR", "lbc", 2),
    "umask": ("", "", 1),
}


def follow(words: Words, environment: t.Mapping[str, str]) -> Chain:
    """Follow a chain of programs to the handler, or to its end; ``environment`` is what a server adds to its own."""
    chain = Chain()
    clean = 0
    while words:
        name, rest = words[0].rpartition("/")[2], words[1:]
        if clean == 2 and words[1:3] != ["-n", "0"]:
            chain.argv, words = words, []
        elif name == "env":
            chain.environment, words = _env(rest)
            clean += 1
        elif name == "setpriv":
            end = rest.index("--")
            chain.account, words = rest[:end], rest[end + 1 :]
        elif name == "session":
            end = rest.index("--")
            chain.programs.append((name, rest[:end]))
            words = rest[end + 1 :]
        elif name == "prlimit":
            end = next(index for index, word in enumerate(rest) if not word.startswith("-"))
            chain.programs.append((name, rest[:end]))
            words = rest[end:]
        elif name == "multisubstitute":
            words = _substitute(rest[0], rest[1:], environment)
        elif name == "python3":
            words = _own(rest, chain)
            clean += chain.programs[-1][0] == "enter"
        elif name in _PROGRAMS:
            count = _length(rest, *_PROGRAMS[name])
            chain.programs.append((name, rest[:count]))
            words = rest[count:]
        else:
            chain.argv, words = words, []
    return chain


def _own(words: Words, chain: Chain) -> Words:
    """One of the collection's own programs, which Python runs; what comes behind it."""
    end, name = words.index("--"), words[1].rpartition("/")[2]
    name = words[2] if name == "environment" else name
    if name == "enter":
        chain.environment = {"PATH": PATH, **dict(word.split("=", 1) for word in words[3:end])}
    chain.programs.append((name, words[:end]))
    return words[end + 1 :]


def _env(words: Words) -> tuple[dict[str, str], Words]:
    if words[0] != "-i":
        raise Surprise("env without -i")
    end = next((index for index, word in enumerate(words) if index and "=" not in word), len(words))
    return dict(word.split("=", 1) for word in words[1:end]), words[end:]


def _length(words: Words, flags: str, options: str, others: int) -> int:
    count = 0
    while words[count : count + 1] and isinstance(words[count], str) and words[count].startswith("-"):
        letter = words[count][1:2]
        if letter in flags and letter:
            count += 1
        elif letter in options and letter:
            count += 1 if len(words[count]) > 2 else 2
        else:
            raise Surprise(f"unknown option: {words[count]}")
    return count + others


def _substitute(block: Words, words: Words, environment: t.Mapping[str, str]) -> Words:
    """The substitutions of a block of ``importas -i``, all at once."""
    values = {}
    while block:
        if block[:2] != ["importas", "-i"] or block[3] not in environment:
            raise Surprise(f"not a substitution that can be done: {block}")
        values[block[2]] = environment[block[3]]
        block = block[4:]
    names = "|".join(map(re.escape, values))

    def replaced(found: re.Match[str]) -> str:
        if found.group(1):
            raise Surprise(f"escaped substitution: {found.group()!r}")
        return values[found.group(2) or found.group(3)]

    pattern = re.compile(rf"(\\*)\$(?:\{{({names})\}}|({names})(?=[\\$\{{\}}]|\Z))")
    return [pattern.sub(replaced, word) if isinstance(word, str) else word for word in words]
