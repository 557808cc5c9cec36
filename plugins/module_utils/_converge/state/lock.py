# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time on a host."""

from __future__ import annotations

import contextlib
import signal
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.errors import RunFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes import pidfd
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes.locks import (
    sign,
    signature,
    take,
    waiting_and_holding,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.watcher import (
    LOCK,
    NAME,
    is_current,
    opened,
)

# Watchers of runs that have ended look whether there is something to do, in seconds; undoing takes longer.
BRIEF, LONG = 2.0, 60.0


@contextmanager
def locked(check: bool, host: LocalHost, patience: float = BRIEF) -> Iterator[None]:
    """One run at a time on a host; the second one is told who the first is. Check mode changes nothing and waits for
    nobody. A watcher that is undoing what a dead run has left is waited for."""
    if check:
        yield
        return
    with contextlib.ExitStack() as stack:
        lock = stack.enter_context(_opened())
        if not _taken(lock, host, patience) and _held_by_others(lock):
            lock = stack.enter_context(_renewed())
        if not _taken(lock, host, 0.0):
            raise RunFailed(f"another run is active on this host: {signature(lock)}")
        sign(lock)
        yield


def _opened() -> t.TextIO:
    try:
        return opened(LOCK)
    except OSError as exc:
        raise RunFailed(f"the lock of this host cannot be taken: {exc}\nnothing was changed") from exc


def _taken(lock: t.TextIO, host: LocalHost, patience: float) -> bool:
    """Take the lock if that is possible, also once more."""
    if host.wait(lambda: _take(lock), patience):
        return True
    return signature(lock) == NAME and patience > 0 and host.wait(lambda: _take(lock), LONG)


def _take(lock: t.TextIO) -> bool:
    return take(lock) and is_current(lock, LOCK)


def _held_by_others(lock: t.TextIO) -> bool:
    """Whether somebody holds the lock who has no business with it: until version 1.0.0 everybody could open it, and
    keep it open since."""
    _waiting, holding = waiting_and_holding(lock.fileno())
    return bool(holding) and all(process.user != 0 for process in holding)


def _renewed() -> t.TextIO:
    """A lock of its own in the place of one that others hold. Watchers of that version would wait for the old one, and
    then undo whatever is going on; what they are to undo, this run does first."""
    with _opened() as old:
        store.unlink(LOCK)
        waiting, _holding = waiting_and_holding(old.fileno())
    for process in waiting:
        if process.user == 0 and any(word.endswith("/watcher.pyz") for word in process.argv):
            pidfd.tell(process, signal.SIGKILL)
    return _opened()
