# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sockets belong to service directories of s6."""

from __future__ import annotations

import posixpath

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.ownership import Owner, Tracing
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import entries
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes import table as _processes
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes.table import Holder

_SUPERVISOR = "s6-supervise"
# Keeps descriptors for others, so that any other holder is the one that serves.
KEEPER = "s6-fdholderd"


class DirectoryTracing(Tracing):
    """A server's supervisor runs in its service directory."""

    def of_process(self, holder: Holder) -> Owner | None:
        directory = _service_directory(holder.pid)
        if directory is None:
            return None
        # For which service a keeper keeps something, only the process shows that serves it.
        return Owner("s6", "" if holder.program == KEEPER else directory, holder.pid, holder.program)


def is_directory(asked: str, found: str) -> bool:
    """Whether a service directory is the one that was asked for, by its path or by its name."""
    if "/" in asked:
        return entries.destination(asked) == entries.destination(found)
    return asked == posixpath.basename(found)


def _service_directory(pid: int) -> str | None:
    """The directory of the nearest s6 supervisor above a process; None when there is none."""
    for ancestor in _processes.ancestors(pid):
        try:
            if _processes.program(ancestor) == _SUPERVISOR:
                return entries.link(f"/proc/{ancestor}/cwd")
        except OSError:
            return None
    return None
