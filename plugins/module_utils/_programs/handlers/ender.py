# Managed by ondemand.superserver
# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends all processes that a handler has started when the handler ends, even those in another session.

``ender COMMAND...`` runs the command and ends as it does. What the command leaves gets SIGTERM then, and killed after
five seconds. Signals that the super-server ends a handler with are passed on.

It is what processes without a parent get as their parent (PR_SET_CHILD_SUBREAPER), so that a new session or a double
fork hides nothing. It signals nothing but its own children, whose ids are nobody else's until it has waited for them:
theirs become its own one after the other.

LISTEN_PID, where it is set, becomes the command's. This process has nothing to do with the connection.

This file is installed on hosts as a program of its own, so it imports nothing but the standard library. It is started
once for each connection.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time

# prctl(2).
SUBREAPER = 36
# How long what is left may take to end, and between two looks, in seconds.
GRACE, PAUSE = 5.0, 0.02
PASSED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


def run(command: list[str]) -> int:
    """Run a command and end what it leaves; the status to end with."""
    # Not before there is somebody to pass them on to.
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED)
    child = os.fork()
    if not child:
        become(command)
    for number in PASSED:
        signal.signal(number, lambda received, _frame: pass_on(child, received))
    let_go()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED)
    status = wait_for(child)
    for number in PASSED:
        signal.signal(number, signal.SIG_IGN)
    end_the_rest()
    return status


def become(command: list[str]) -> None:
    """Be replaced by the command."""
    if "LISTEN_PID" in os.environ:
        os.environ["LISTEN_PID"] = str(os.getpid())
    # Python ignores these, and an ignored signal stays ignored.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED)
    try:
        os.execvp(command[0], command)
    finally:
        os._exit(127)


def pass_on(child: int, number: int) -> None:
    """Its id is its own until it has been waited for, which is done with these signals blocked."""
    os.kill(child, number)


def let_go() -> None:
    """The connection ends when the handler closes it."""
    nothing = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.closerange(3, 1024)


def wait_for(child: int) -> int:
    """The status of a child, as a shell tells it. Others that end meanwhile are waited for, too."""
    while True:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        if not ended:  # only with WNOHANG
            continue
        if ended.si_pid == child:
            signal.pthread_sigmask(signal.SIG_BLOCK, PASSED)
        os.waitpid(ended.si_pid, 0)
        if ended.si_pid == child:
            return ended.si_status if ended.si_code == os.CLD_EXITED else 128 + ended.si_status


def end_the_rest() -> None:
    """End all children, and theirs as they become one's own, until there are none."""
    deadline = time.monotonic() + GRACE
    terminated: set[int] = set()
    while some_are_left():
        number = signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL
        for child in children():
            if number == signal.SIGKILL or child not in terminated:
                terminated.add(child)
                os.kill(child, number)
                # One that is stopped would not notice.
                os.kill(child, signal.SIGCONT)
        time.sleep(PAUSE)


def some_are_left() -> bool:
    """Whether any child has not ended; those that have are waited for."""
    try:
        while os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG):
            pass
    except ChildProcessError:
        return False
    return True


def children() -> list[int]:
    """Those whose parent this process is."""
    mine = os.getpid()
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if parent(pid) == mine]


def parent(pid: int) -> int:
    """The parent of a process, 0 for one that has gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except OSError:
        return 0


def main() -> None:
    """``ender COMMAND...``"""
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    os._exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
