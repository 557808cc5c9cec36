# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has a lock of flock(2), as the kernel tells."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

_USER = re.compile(r"^Uid:\t\d+\t(\d+)", re.MULTILINE)
_HELD = re.compile(r"^lock:\s+\d+: FLOCK ", re.MULTILINE)


@dataclass(frozen=True)
class Opener:
    """A process that has a file open; ``user`` is the account whose rights it has."""

    pid: int
    user: int
    argv: tuple[str, ...]


def waiting_and_holding(lock: int) -> tuple[list[Opener], list[Opener]]:
    """The other processes that have the file of a descriptor open: those that do not hold its lock, and those that
    do."""
    wanted = os.fstat(lock)
    found: tuple[list[Opener], list[Opener]] = ([], [])
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        if pid == os.getpid():
            continue
        try:
            held = [_holds(pid, number) for number in _descriptors(pid, wanted)]
            if held:
                found[any(held)].append(_opener(pid))
        except OSError:
            # It has ended.
            continue
    return found


def _descriptors(pid: int, wanted: os.stat_result) -> Iterator[str]:
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            if os.path.samestat(os.stat(f"/proc/{pid}/fd/{number}"), wanted):
                yield number
        except FileNotFoundError:
            continue


def _holds(pid: int, number: str) -> bool:
    return _HELD.search(_text(f"/proc/{pid}/fdinfo/{number}")) is not None


def _opener(pid: int) -> Opener:
    user = _USER.search(_text(f"/proc/{pid}/status"))
    words = _text(f"/proc/{pid}/cmdline").split("\0")
    return Opener(pid, int(user.group(1)) if user else 0, tuple(words[:-1]))


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()
