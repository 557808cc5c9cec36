# Managed by ondemand.superserver
# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the standard error of a service's handlers from a pipe to a log file of limited size.

``logger prepare PIPE`` makes the pipe, in a directory that only root can enter. Who has it may open it anew for
writing, as programs do with /dev/stderr.
``logger write PIPE FILE SIZE KEEP`` writes what comes from the pipe, which is standard input; the file is put
aside once it has SIZE bytes, and KEEP old ones stay. It ends when nobody has had the pipe for a while.

There is at most one writer of a pipe: it is given the lock of a file as descriptor 8. Beside the pipe stands who that
is, in PIPE with ``.writer`` behind: its process id, and when it was started. Who opens the pipe finds it there and
alive, or starts another one. So a writer that is about to end takes its name away, and then looks for somebody who came
meanwhile.

This file is installed on hosts as a program of its own, with what it imports of the collection in its place.
"""

from __future__ import annotations

import contextlib
import os
import select
import stat
import sys
import syslog
import time

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.paths import (
    Folder,
    append,
    declared,
    private,
    put_aside,
)

SOURCE, LOCK = 0, 8
MODE = 0o640
CHUNK = 65536
# How long to stay when nobody has the pipe, and between two looks for somebody, in seconds.
IDLE, PAUSE = 60.0, 0.5


class Log:
    """A file that is put aside when it is full, at the end of a line if there is one within reach."""

    def __init__(self, path: str, size: int, keep: int) -> None:
        self.path, self.size, self.keep = path, size, keep
        self.failed = False
        with contextlib.suppress(OSError):
            self._take()

    def _take(self) -> None:
        """Put aside what somebody else has made, or has been given to an account."""
        folder, name = os.path.split(self.path)
        with declared(folder) as here:
            objection = here.objection(name)
        if objection:
            put_aside(self.path, self.keep)

    def add(self, data: bytes) -> None:
        """Write as it came. What cannot be written is lost, for the handlers not to wait for it."""
        try:
            size = append(self.path, data, MODE)
            if size >= self.size and (data.endswith(b"\n") or size >= self.size + CHUNK):
                put_aside(self.path, self.keep)
        except OSError as problem:
            if not self.failed:
                self.failed = True
                complain(f"{self.path} cannot be written: {problem}")


def complain(what: str) -> None:
    syslog.openlog("superserver-log", 0, syslog.LOG_DAEMON)
    syslog.syslog(syslog.LOG_ERR, what)


def prepared(pipe: str) -> Folder:
    """The directory of the pipe, with the pipe in it."""
    above, name = os.path.split(pipe)
    # The first of all may be the first to have anything below /run.
    private(os.path.dirname(above)).close()
    here = private(above)
    status = here.look(name)
    if status is not None and not stat.S_ISFIFO(status.st_mode):
        here.remove(name)
    with contextlib.suppress(FileExistsError):
        os.mkfifo(name, 0o600, dir_fd=here.number)
    here.grant(name, os.geteuid(), -1, 0o622)
    return here


def write(here: Folder, name: str, log: Log) -> None:
    """Write what comes until nobody has the pipe any more."""
    os.set_blocking(SOURCE, False)
    data: bytes | None = None
    while data != b"":
        announce(here, f"{name}.writer")
        log.add(data or b"")
        copy(log)
        here.remove(f"{name}.writer")
        data = read()


def announce(here: Folder, name: str) -> None:
    """Publish the identity of the writer."""
    with open("/proc/self/stat", "rb") as file:
        since = file.read().rpartition(b")")[2].split()[19]
    number = here.file(f"{name}.new", os.O_RDWR | os.O_TRUNC)
    os.write(number, b"%d %b\n" % (os.getpid(), since))
    os.close(number)
    here.rename(f"{name}.new", name)


def copy(log: Log) -> None:
    """Write what comes, for as long as somebody has the pipe and a while longer."""
    waiting = select.poll()
    waiting.register(SOURCE, select.POLLIN)
    alone = 0.0
    while alone < IDLE:
        data = read()
        if data is None:
            alone = 0.0
            waiting.poll()
        elif data:
            alone = 0.0
            log.add(data)
        else:
            alone += PAUSE
            time.sleep(PAUSE)


def read() -> bytes | None:
    """What has come; empty where nobody has the pipe, None where somebody has it and says nothing."""
    try:
        return os.read(SOURCE, CHUNK)
    except BlockingIOError:
        return None


def detach() -> None:
    """Have nothing to do with connections, nor with what ends a handler."""
    os.setsid()
    os.chdir("/")
    for number in range(3, 256):
        if number != LOCK:
            with contextlib.suppress(OSError):
                os.close(number)


def main() -> None:
    """``logger prepare`` or ``logger write``."""
    os.umask(0o077)
    role, pipe, *words = sys.argv[1:]
    if role == "write":
        detach()
    try:
        here = prepared(pipe)
        if role == "write":
            write(here, os.path.basename(pipe), Log(words[0], int(words[1]), int(words[2])))
    except OSError as problem:
        complain(f"{pipe} cannot be used: {problem}")
        raise SystemExit(1) from problem


if __name__ == "__main__":
    main()
