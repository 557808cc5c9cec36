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


def unread_lines(texts: GivenTexts, config: Configuration) -> Iterator[Finding]:
    """What is included and not given, and lines that are part of nothing."""
    known = _known_lines(config)
    for path in config.files:
        text = texts.text(path) if path in known else None
        for item in items(text or "", Entry(""), take_all, path) if text and "include" in text.lower() else ():
            if isinstance(item, Include):
                known[path].add(item.line)
                yield from _not_given(item, texts)
        yield from _passed_over(path, text or "", known[path])


def _not_given(item: Include, texts: GivenTexts) -> Iterator[Finding]:
    target, place = plain(item.target), Place(item.path, item.line)
    if item.keyword == "include" and texts.text(target) is None:
        yield Finding(ERROR, place, f"{target} is not among the files")
    elif not texts.names(target) and texts.text(target) is None:
        yield Finding(DROPPED, place, f"no file of the directory {target} is given")


def _known_lines(config: Configuration) -> dict[str, set[int]]:
    """By file, the lines that are read as something."""
    found: dict[str, set[int]] = {path: set() for path in config.files}
    for entry in (*config.entries, config.defaults):
        for line in entry.given:
            found[line.path].add(line.line)
        if entry.path:
            found[entry.path] |= {entry.line, entry.brace + 1}
    for part in config.parts:
        found[part.path].add(part.line)
    return found


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
