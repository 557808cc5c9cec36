# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing execline scripts. Pure.

A script is one command line: each program runs the rest of it. execlineb reads it once; words are never split or
expanded later, and only ``importas`` and its kin replace ``$name`` and ``${name}``, in every word behind them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import NOTICE
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import EXECLINE_PATH, PATH, Platform

# Whatever began the scan directory, with whatever mask.
MASK = "umask 022"

_PLAIN = re.compile(r"[A-Za-z0-9_./:=+,@%^-]+")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def quote(word: str) -> str:
    """One word, so that it arrives byte for byte."""
    if _PLAIN.fullmatch(word):
        return word
    return '"' + "".join(_ESCAPES.get(char, char) for char in word) + '"'


def command(*words: str) -> str:
    """One line of a script."""
    return " ".join(quote(word) for word in words)


def block(program: str, *lines: str) -> str:
    """A program that takes a block of lines."""
    return "\n".join([f"{program} {{", *(f"  {line}" for line in lines), "}"])


def substitution(variables: Iterable[str], words: Sequence[str]) -> tuple[str, dict[str, str]]:
    """A line that makes environment variables available to the words that follow, and how a word refers to each.

    Every word that follows is searched for the names, so these are chosen to occur in none of ``words``.
    """
    names = {variable: _unused(variable.lower(), words) for variable in variables}
    lines = [command("importas", "-i", name, variable) for variable, name in names.items()]
    return block("multisubstitute", *lines), {variable: f"${{{name}}}" for variable, name in names.items()}


def _unused(name: str, words: Sequence[str]) -> str:
    while any(name in word for word in words):
        name += "_"
    return name


def script(lines: Iterable[str], platform: Platform, about: str = "") -> str:
    """A whole script. It begins with an environment that holds nothing but PATH, and with a mask of its own."""
    path = ":".join(folder for folder in (platform.s6_path, EXECLINE_PATH, PATH) if folder)
    return continuation([command(platform.program("env"), "-i", f"PATH={path}"), MASK, *lines], platform, about)


def continuation(lines: Iterable[str], platform: Platform, about: str = "") -> str:
    """A script that keeps the environment of whatever runs it."""
    comments = [NOTICE, *([f"# {about}"] if about else [])]
    return "\n".join([f"#!{platform.program('execlineb')} -P", *comments, *lines]) + "\n"
