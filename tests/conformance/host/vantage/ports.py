# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports that connections may have as their own."""

from __future__ import annotations

import fcntl
import functools
import os
import random

from vantage.common import Wrong
from vantage.sockets import sockets

OWN_PORTS = range(22700, 32700)  # neither those of the cases nor those that the kernel chooses from
SHARE = 1000  # how many of them one process has


def own_port() -> int:
    """A port that nc can have, also after connections that ended a moment ago; each only once. Nothing is bound to find
    out: a program that another thread is starting would have that socket for a moment longer."""
    taken = {each.port for each in sockets()}
    while True:
        port = _own_ports().pop()
        if port not in taken:
            return port


@functools.lru_cache(maxsize=None)
def _own_ports() -> list[int]:
    """Those of this process: several clients may run on one host, and what one has tried another could take."""
    for begin in range(OWN_PORTS.start, OWN_PORTS.stop, SHARE):
        lock = os.open(f"/run/conformance-ports-{begin}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # It is held for as long as this process lives.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        ports = [*range(begin, begin + SHARE)]
        random.shuffle(ports)
        return ports
    raise Wrong("every port that clients may have of their own belongs to another one")
