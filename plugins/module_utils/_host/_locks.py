# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that this process keeps locked, so that others wait. The kernel unlocks all of them when the process ends, in
whatever way."""

from __future__ import annotations

import fcntl
import os

from ansible_collections.ondemand.superserver.plugins.module_utils._host._limits import lift_limit

# Who holds locks, and who waits for them (proc_locks(5)): the line of one who waits has the number of the lock that he
# waits for, and an arrow.
TABLE = "/proc/locks"
# Which words of a line.
_ID, _PID = 0, -4


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

    def awaited(self) -> bool:
        """Whether somebody waits for each of the locked files; a kernel that does not tell is not waited for."""
        try:
            with open(TABLE, encoding="ascii") as table:
                lines = [line.split() for line in table]
        except OSError:
            return True
        # Inodes do not tell: those of an overlay may have other numbers here.
        own = {words[_ID] for words in lines if words[_PID] == str(os.getpid()) and "POSIX" in words}
        return len(own & {words[_ID] for words in lines if "->" in words}) >= len(self._descriptors)
