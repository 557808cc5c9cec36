# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watcher: rolls a change of this host back when the run that makes it dies.

It is started before the first change and goes on in the background. A run holds a lock for as long as it lives,
whatever ends it; the journal that is there once the lock is free is that of a run that has not finished.

With the argument "boot" it is started by the init system before anything listens: it puts the files back, so that what
listens is what did before the run.

The code that undoes a switch lies beside this program, in the same archive; most of it is read only when it is needed.
"""

from __future__ import annotations

import fcntl
import importlib
import os
import subprocess
import sys
import syslog
import tempfile
import time
import traceback
import typing as t
from collections.abc import Mapping, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.paths import private

JOURNAL = "/var/lib/superserver/journal.json"
# In a directory that only root can enter, so that nobody else can hold it.
LOCK = "/run/superserver/lock"
# Who holds the lock, as a run that finds it taken reads it.
NAME = "the watcher"
# How often to try when a rollback fails. The next run tries again, too.
ATTEMPTS = 6
# How often to look whether a change has been confirmed, in seconds.
POLL = 0.5
# How often to try again where this itself fails, in seconds.
PAUSE = 5.0
# How long to wait before the lock is opened anew, in seconds.
AGAIN = 0.1
BOOT = "boot"
UNDO = "ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery.watch"


class Commands:
    """Runs commands as AnsibleModule does, where there is no module."""

    def run_command(
        self, args: Sequence[str], environ_update: Mapping[str, str], handle_exceptions: bool = False
    ) -> tuple[int, str, str]:
        """Code, output and errors. A daemon that a command leaves behind may keep these files open: nobody waits."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            environment = {**os.environ, **environ_update}
            code = subprocess.call(list(args), stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment)
            return code, _text(out), _text(err)


def _text(file: t.IO[bytes]) -> str:
    file.seek(0)
    return os.fsdecode(file.read())


def detach() -> None:
    """Leave the session, the directory and the files of whoever started this."""
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)


def complain(text: str) -> None:
    """Tell the host's log; nobody else is listening."""
    syslog.openlog("superserver-watcher")
    for line in text.splitlines():
        syslog.syslog(syslog.LOG_ERR, line)


def watch() -> None:
    """Wait for the end of the run, and roll back a change that was not finished, or not confirmed in time."""
    for _attempt in range(ATTEMPTS):
        try:
            seconds = attempt()
        except Exception:  # the next attempt may succeed, whatever the cause
            complain(traceback.format_exc())
            seconds = PAUSE
        if not seconds:
            return
        wait(seconds)


def attempt() -> float:
    """Wait for the lock and do what is to be done; the seconds after which to come again, 0 for never."""
    with opened(LOCK) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_current(lock, LOCK):
            return AGAIN
        if not os.path.exists(JOURNAL):
            return 0.0
        lock.truncate(0)
        lock.write(NAME)
        lock.flush()
        return float(importlib.import_module(UNDO).undo(Commands()))


def boot() -> None:
    """Put the files back. A host that cannot do that boots all the same."""
    try:
        with opened(LOCK) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            importlib.import_module(UNDO).boot(Commands())
    except Exception:
        complain(traceback.format_exc())


def opened(path: str) -> t.TextIO:
    """The lock's file, whose directory is gone after a boot. Raises OSError."""
    folder, name = os.path.split(path)
    with private(folder) as here:
        return os.fdopen(here.file(name, os.O_RDWR | os.O_APPEND), "r+", encoding="ascii")


def is_current(lock: t.TextIO, path: str) -> bool:
    """Whether this is still the lock: a run may have put another one in the place of one that others could hold."""
    try:
        return os.path.samestat(os.fstat(lock.fileno()), os.lstat(path))
    except FileNotFoundError:
        return False


def wait(seconds: float) -> None:
    """Until so many seconds have passed, or there is nothing left to wait for."""
    deadline = time.monotonic() + seconds
    while os.path.exists(JOURNAL) and time.monotonic() < deadline:
        time.sleep(POLL)


def main() -> None:
    os.umask(0o022)
    if sys.argv[1:] == [BOOT]:
        boot()
        return
    # The process that started the watcher continues now.
    if os.fork():
        return
    detach()
    watch()


if __name__ == "__main__":
    main()
