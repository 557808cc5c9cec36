# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time on a host."""

from __future__ import annotations

import fcntl
import os
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager

from ansible_collections.ondemand.superserver.plugins.module_utils._converge._errors import RunFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._converge._helper_watcher import LOCK, NAME
from ansible_collections.ondemand.superserver.plugins.module_utils._host._local import LocalHost

# Watchers of runs that have ended look whether there is something to do, in seconds; undoing takes longer.
BRIEF, LONG = 2.0, 60.0


@contextmanager
def locked(check: bool, host: LocalHost, patience: float = BRIEF) -> Iterator[None]:
    """One run at a time on a host; the second one is told who the first is. Check mode changes nothing and waits for
    nobody. A watcher that is undoing what a dead run has left is waited for."""
    if check:
        yield
        return
    with _opened() as lock:
        taken = host.wait(lambda: _take(lock), patience)
        if not taken and _holder(lock) == NAME:
            taken = host.wait(lambda: _take(lock), LONG)
        if not taken:
            raise RunFailed(f"another run is at work on this host: {_holder(lock)}")
        lock.truncate(0)
        lock.write(f"process {os.getpid()}")
        lock.flush()
        yield


def _opened() -> t.TextIO:
    try:
        os.makedirs(os.path.dirname(LOCK), exist_ok=True)
        return open(LOCK, "a+", encoding="ascii")
    except OSError as exc:
        raise RunFailed(f"there is no lock to take: {exc}\nnothing was changed") from exc


def _take(lock: t.TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(lock: t.TextIO) -> str:
    lock.seek(0)
    return lock.read().strip() or "process unknown"
