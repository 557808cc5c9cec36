# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks of flock(2): taking one, and who has it, as its holder has written and as the kernel tells."""

from __future__ import annotations

import fcntl
import os
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes import table

# Every lock, and behind it, marked, who waits for it (proc_locks(5)). The pid is of the process that took it.
_LOCK = re.compile(
    r"^\d+: (?P<waits>-> )?FLOCK +\w+ +\w+ (?P<pid>\d+) [0-9a-f]+:[0-9a-f]+:(?P<inode>\d+) ", re.MULTILINE
)
_USER = re.compile(r"^Uid:\t\d+\t(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Process:
    """A process that has a lock, or waits for it. ``started`` is in clock ticks since boot; ``user`` is the account
    whose rights it has, None where it has ended and left the lock to another one."""

    pid: int
    started: int
    user: int | None
    argv: tuple[str, ...]


def take(lock: t.TextIO) -> bool:
    """Take the lock of a file; False where somebody else has it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sign(lock: t.TextIO) -> None:
    """Write into a lock which process has it."""
    lock.truncate(0)
    lock.write(f"process {os.getpid()}")
    lock.flush()


def signature(lock: t.TextIO) -> str:
    """What its holder has written into a lock."""
    lock.seek(0)
    return lock.read().strip() or "process unknown"


def waiting_and_holding(lock: int) -> tuple[list[Process], list[Process]]:
    """Who waits for the lock of a file by its descriptor, and who holds it. Files of other devices with the same number
    count, too: nobody is overlooked."""
    inode = str(os.fstat(lock).st_ino)
    found: tuple[list[Process], list[Process]] = ([], [])
    for entry in _LOCK.finditer(_text("/proc/locks")):
        if entry["inode"] == inode:
            found[entry["waits"] is None].append(_process(int(entry["pid"])))
    return found


def _process(pid: int) -> Process:
    started = table.started(pid)
    if started is None:
        return Process(pid, 0, None, ())
    try:
        user = _USER.search(_text(f"/proc/{pid}/status"))
        words = _text(f"/proc/{pid}/cmdline").split("\0")
    except OSError:
        return Process(pid, started, None, ())
    return Process(pid, started, int(user.group(1)) if user else None, tuple(words[:-1]))


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()
