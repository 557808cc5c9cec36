# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that this process keeps locked, so that others wait. The kernel unlocks all of them when the process ends, in
whatever way."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable

from ansible_collections.ondemand.superserver.plugins.module_utils._host._limits import lift_limit

# Who holds locks, and who waits for them (proc_locks(5)); a line of one who waits has an arrow.
TABLE = "/proc/locks"
_INODE = -3  # which word of a line


class Locks:
    """Locks of fcntl(2). A process loses such a lock when it closes the file, however often it has that open."""

    def __init__(self) -> None:
        self._descriptors: dict[str, int] = {}

    def lock(self, path: str) -> None:
        """Lock a file for writing; waits for others. Raises OSError."""
        if path not in self._descriptors:
            lift_limit()
            self._descriptors[path] = os.open(path, os.O_RDWR)
            fcntl.lockf(self._descriptors[path], fcntl.LOCK_EX)

    def unlock(self, path: str) -> None:
        """Unlock a file; one that is not locked is no error."""
        if path in self._descriptors:
            os.close(self._descriptors.pop(path))

    def awaited(self, paths: Iterable[str]) -> bool:
        """Whether somebody waits for each of these locked files; a kernel that does not tell is not waited for."""
        try:
            with open(TABLE, encoding="ascii") as table:
                lines = [line.split() for line in table if "->" in line]
        except OSError:
            return True
        wanted = {os.fstat(self._descriptors[path]).st_ino for path in paths}
        return wanted <= {int(words[_INODE].rsplit(":", maxsplit=1)[1]) for words in lines}
