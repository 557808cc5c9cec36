# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the files xinetd does not read: files that nothing includes, and lines that are part of nothing."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import (
    Configuration,
    Entry,
    Include,
    items,
    take_all,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.findings import (
    DIFFERS,
    DROPPED,
    ERROR,
    Finding,
    Place,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.texts import GivenTexts, plain

# Files of others that may be given together with xinetd's.
OTHERS = {"services", "hosts.allow", "hosts.deny", "inetd.conf", "peers.modes"}
_BLANKS = " \t\v\f\r"


def is_entry(path: str) -> bool:
    """Whether ``includedir`` takes a file of this name."""
    name = posixpath.basename(path)
    return "." not in name and not name.endswith("~")


def unread_files(files: GivenTexts, config: Configuration) -> Iterator[Finding]:
    for path in files.paths:
        if path in config.files or posixpath.basename(path) in OTHERS:
            continue
        why = "no include names it" if is_entry(path) else "its name has a dot, or ~ at the end"
        yield Finding(DROPPED, Place(path), f"xinetd does not read it: {why}")


def unread_lines(path: str, texts: GivenTexts, config: Configuration) -> Iterator[Finding]:
    """What is included and not given, and lines that are part of nothing."""
    text = texts.text(path) or ""
    known = set(_known_lines(path, config))
    for item in items(text, Entry(""), take_all, path):
        if isinstance(item, Include):
            known.add(item.line)
            target = plain(item.target)
            if item.keyword == "include" and texts.text(target) is None:
                yield Finding(ERROR, Place(path, item.line), f"{target} is not among the files")
            elif not texts.names(target) and texts.text(target) is None:
                yield Finding(DROPPED, Place(path, item.line), f"no file of the directory {target} is given")
    yield from _passed_over(path, text, known)


def _known_lines(path: str, config: Configuration) -> Iterator[int]:
    for entry in (*config.entries, config.defaults):
        yield from (line.line for line in entry.given if line.path == path)
        if entry.path == path:
            yield from (entry.line, entry.brace + 1)
    yield from (part.line for part in config.parts if part.path == path)


def _passed_over(path: str, text: str, known: set[int]) -> Iterator[Finding]:
    """One finding for each run of lines that are neither read nor comments."""
    within = False
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.strip(_BLANKS)
        if not bare or bare.startswith("#") or bare in ("{", "}"):
            continue
        if number not in known and not within:
            message = "xinetd does not understand this and goes on behind the next line with } alone"
            yield Finding(DIFFERS, Place(path, number), message, written=bare, runs="nothing of it")
        within = number not in known
