# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Duplication of another process's listening socket, and the transfer of its connections to a new socket of the
same port, without refusing a connection.

The old socket is made to share its port (``share``), and goes on getting every connection when the new one listens, too
(``come_first``). Once the owner of the new one can serve it, the old one gets no more connections (``step_back``),
keeps those that wait to be accepted, and can be closed when there are none left. Numbers are those of Linux's headers.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import resource
import socket
import struct
from collections.abc import Collection

from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes import pidfd

# A socket that somebody else has as well.
Duplicate = socket.socket

_ATTACH_CBPF = 51
_BIND_TO_INDEX = 62
_RETURN = 0x06  # BPF_RET | BPF_K
# Places in the group: the old socket was there when the new one joined.
_FIRST, _SECOND = 0, 1

# No interface has this index, so that nothing ever arrives for a socket that is bound to it.
NOWHERE = 0x7FFFFFFE

_SOCKET = re.compile(r"socket:\[(\d+)\]")


def duplicates(pid: int, inodes: Collection[int]) -> list[Duplicate]:
    """Sockets of a process, by their inodes. Raises OSError where that is not permitted, or one is gone."""
    _lift_limit()
    with pidfd.opened(pid) as process:
        found = _descriptors(pid)
        missing = sorted(set(inodes) - set(found))
        if missing:
            raise FileNotFoundError(errno.ENOENT, f"process {pid} has no socket {missing[0]} any more")
        return [Duplicate(fileno=pidfd.descriptor_of(process, found[inode])) for inode in inodes]


def _lift_limit() -> None:
    """Hundreds of services may have more sockets than a process may open unless it asks for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _descriptors(pid: int) -> dict[int, int]:
    """The descriptor of each socket of a process."""
    folder = f"/proc/{pid}/fd"
    found = {}
    for name in os.listdir(folder):
        try:
            target = _SOCKET.fullmatch(os.readlink(f"{folder}/{name}"))
        except FileNotFoundError:
            continue
        if target:
            found[int(target.group(1))] = int(name)
    return found


def inode_of(listener: Duplicate) -> int:
    """Its inode, which it has in common with what it is a duplicate of."""
    return os.fstat(listener.fileno()).st_ino


def accept_beside(listener: Duplicate, backlog: int) -> None:
    """Let another process accept connections from it, too, of which one may then find none. ``backlog``: how many may
    wait."""
    listener.setblocking(False)
    listener.listen(backlog)


def share(listener: Duplicate) -> None:
    """Let another socket of the same user that wants to share the port be bound to it, too."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


def come_first(listener: Duplicate) -> bool:
    """Let the old socket get every connection although a new one listens; False while both are not in one group."""
    try:
        _choose(_FIRST, listener)
    except OSError:
        return False
    return True


def step_back(listener: Duplicate) -> None:
    """Let the new socket, which must already listen, get all further connections.

    A new socket of the very same family shares a group with the old one, and the kernel is told to choose it. Else, as
    between one socket for both families and two of one family each, there is no group, and the old socket is bound to
    an interface that does not exist.
    """
    try:
        _choose(_SECOND, listener)
    except OSError:
        listener.setsockopt(socket.SOL_SOCKET, _BIND_TO_INDEX, NOWHERE)


def _choose(place: int, listener: Duplicate) -> None:
    """Have the kernel choose one socket of a group for everything that arrives. Raises OSError where there is none."""
    program = ctypes.create_string_buffer(struct.pack("HBBI", _RETURN, 0, 0, place))
    listener.setsockopt(socket.SOL_SOCKET, _ATTACH_CBPF, struct.pack("HP", 1, ctypes.addressof(program)))


def step_forward(listener: Duplicate) -> None:
    """Undo :func:`step_back`, when the new socket is closed. A group that has one member chooses that."""
    listener.setsockopt(socket.SOL_SOCKET, _BIND_TO_INDEX, 0)
