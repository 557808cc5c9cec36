# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that this is."""

from __future__ import annotations

import os
import signal

from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes.table import connection_of


def own_connection() -> str:
    """The connection that it works for, see :func:`table.connection_of`."""
    return connection_of(os.getpid())


def outlive_connection() -> None:
    """Have it go on when its connection hangs up."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
