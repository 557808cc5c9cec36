# Managed by ondemand.superserver
# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adds a line to a log of connections.

``record FILE SIZE KEEP LINE`` puts the file aside once it has SIZE bytes; KEEP old ones stay. Where root must not write
there, or cannot, the line goes to syslog.

This file is installed on hosts as a program of its own, with what it imports of the collection in its place.
"""

from __future__ import annotations

import fcntl
import os
import sys
import syslog
import time

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.paths import append, private, put_aside

# Where nobody but root can take a lock: whoever has this one may put a file aside.
PRIVATE = "/run/superserver"
TURN = "logs"
MODE = 0o640


def record(path: str, size: int, keep: int, line: str) -> None:
    """Add a line to a file, and put that aside if it is full. Raises OSError."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    if append(path, os.fsencode(f"{stamp} {line}\n"), MODE) >= size:
        in_turn(path, size, keep)


def in_turn(path: str, size: int, keep: int) -> None:
    """Put a file aside, unless somebody else just has."""
    with private(PRIVATE) as here:
        turn = here.file(TURN, os.O_RDWR)
        fcntl.flock(turn, fcntl.LOCK_EX)
        if append(path, b"", MODE) >= size:
            put_aside(path, keep)
        os.close(turn)


def main() -> None:
    os.umask(0o077)
    path, size, keep, line = sys.argv[1:]
    try:
        record(path, int(size), int(keep), line)
    except OSError as problem:
        syslog.openlog("superserver-log", 0, syslog.LOG_DAEMON)
        syslog.syslog(syslog.LOG_ERR, f"{path} cannot be written: {problem}; the line was: {line}")
        raise SystemExit(1) from problem


if __name__ == "__main__":
    main()
