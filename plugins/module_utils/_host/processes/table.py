# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes as /proc shows them, and which of them hold which sockets.

A process may end at any moment: what it would have said is then missing, never an error. Other users' processes tell
nothing about their sockets to an unprivileged caller, nor do processes outside this PID namespace; nor to a root user
without CAP_SYS_PTRACE those that have other capabilities which it lacks, or that have changed their user without
running another program since.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Process

# The kernel keeps this many bytes of a program's name (TASK_COMM_LEN without the terminating NUL).
_COMM_BYTES = 15
_SOCKET_LINK = "socket:["


@dataclass(frozen=True)
class Holder:
    """One process that has a socket open. ``command`` is its arguments, joined by blanks; ``user`` is effective."""

    pid: int
    program: str
    command: str
    user: str


def holders(inodes: Iterable[int]) -> dict[int, list[Holder]]:
    """The processes that hold each of the sockets, by the socket's inode and in order of their ids; one pass.

    Every inode that was asked for is in the answer.
    """
    found: dict[int, list[Holder]] = {inode: [] for inode in inodes}
    if not found:
        return found
    for pid in _pids():
        held = found.keys() & _socket_inodes(pid)
        holder = _holder(pid) if held else None
        if holder:
            for inode in held:
                found[inode].append(holder)
    return found


def running() -> Iterator[Process]:
    """Every process that this one can see, in one pass and in order of their ids."""
    for pid in _pids():
        found = process(pid)
        if found:
            yield found


def process(pid: int) -> Process | None:
    """One process; None where it has ended."""
    try:
        fields = _status_fields(pid)
        return Process(pid, int(fields[1]), program(pid), tuple(arguments(pid)), int(fields[19]))
    except OSError:
        return None


def started(pid: int) -> int | None:
    """When a process was started, in clock ticks since boot; None where it has ended."""
    try:
        return int(_status_fields(pid)[19])
    except OSError:
        return None


def _pids() -> list[int]:
    return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())


def _status_fields(pid: int) -> list[str]:
    """The fields of proc_pid_stat(5) from the third on: the second is the program's name in parentheses, which may
    hold blanks and parentheses itself.
    """
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _socket_inodes(pid: int) -> set[int]:
    """The inodes of a process's sockets; as its own user where this one lacks CAP_SYS_PTRACE, as in a container."""
    try:
        return _visible_sockets(pid)
    except PermissionError:
        pass
    except OSError:
        return set()
    try:
        with _as_user_of(pid):
            return _visible_sockets(pid)
    except OSError:
        return set()


def _visible_sockets(pid: int) -> set[int]:
    folder = f"/proc/{pid}/fd"
    found = set()
    for descriptor in os.listdir(folder):
        try:
            target = os.readlink(f"{folder}/{descriptor}")
        except FileNotFoundError:
            continue
        if target.startswith(_SOCKET_LINK):
            found.add(int(target[len(_SOCKET_LINK) : -1]))
    return found


@contextmanager
def _as_user_of(pid: int) -> Iterator[None]:
    """Take on a process's effective user and group. Raises OSError where that is not allowed."""
    user, group, status = os.geteuid(), os.getegid(), os.stat(f"/proc/{pid}")
    os.setegid(status.st_gid)
    try:
        os.seteuid(status.st_uid)
        try:
            yield
        finally:
            os.seteuid(user)
    finally:
        os.setegid(group)


def _holder(pid: int) -> Holder | None:
    try:
        return Holder(pid, program(pid), " ".join(arguments(pid)), _user(pid))
    except OSError:
        return None


def program(pid: int) -> str:
    """A process's program name, whole where the kernel's own copy is cut. Raises OSError when it has ended."""
    name = _read(f"/proc/{pid}/comm").rstrip("\n")
    if len(os.fsencode(name)) < _COMM_BYTES:
        return name
    words = [os.path.basename(word) for word in arguments(pid)[:2]]
    return next((word for word in words if word.startswith(name)), name)


def arguments(pid: int) -> list[str]:
    """A process's arguments. Raises OSError when it has ended."""
    return _read(f"/proc/{pid}/cmdline").rstrip("\0").split("\0")


def directory(pid: int) -> str:
    """The directory that a process is in."""
    return os.path.realpath(f"/proc/{pid}/cwd")


def ancestors(pid: int) -> Iterator[int]:
    """The ids of a process's parent, its parent's parent and so on, up to the first process."""
    while pid:
        try:
            pid = int(_status_fields(pid)[1])
        except OSError:
            return
        if pid:
            yield pid


def connection_of(pid: int) -> str:
    """The connection that a process works for, as sshd describes it in ``SSH_CONNECTION``: client and server, each with
    its port. Empty where there is none. What changes the user (sudo) takes the variable away, but its parents have it.
    """
    for each in (pid, *ancestors(pid)):
        try:
            variables = _read(f"/proc/{each}/environ").split("\0")
        except OSError:
            continue
        for variable in variables:
            if variable.startswith("SSH_CONNECTION="):
                return variable.partition("=")[2]
    return ""


def cgroups(pid: int) -> dict[str, str]:
    """The paths of a process's cgroups by hierarchy: the empty name is version 2, others are the controllers or the
    name (``name=systemd``) of version 1. Empty when the process has ended.
    """
    try:
        lines = [line.split(":", 2) for line in _read(f"/proc/{pid}/cgroup").splitlines()]
    except OSError:
        return {}
    return {hierarchy: path for _number, hierarchy, path in lines}


def _user(pid: int) -> str:
    uids = next(line for line in _read(f"/proc/{pid}/status").splitlines() if line.startswith("Uid:")).split()
    try:
        return pwd.getpwuid(int(uids[2])).pw_name
    except KeyError:
        return uids[2]


def _read(path: str) -> str:
    with open(path, "rb") as entry:
        return os.fsdecode(entry.read())
