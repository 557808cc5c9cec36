# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes by descriptors: while one is open, what is done by it is done to no other process.

The system calls are those of Linux 5.3 and 5.6, which Python has since 3.9. Numbers are those of Linux's headers.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager

from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes import table

# asm-generic/unistd.h, which every architecture follows for calls as new as these; alpha alone counts from 110 on.
_SEND_SIGNAL, _OPEN, _GETFD = 424, 434, 438
_ALPHA_OFFSET = 110
# What a kernel says that does not have them, and a filter of system calls that does not know them.
_NONE = (errno.ENOSYS, errno.EPERM)


def _call(number: int, *arguments: int) -> int:
    """A system call. Raises OSError."""
    library = ctypes.CDLL(None, use_errno=True)
    offset = _ALPHA_OFFSET if platform.machine() == "alpha" else 0
    result = library.syscall(ctypes.c_long(number + offset), *(ctypes.c_long(argument) for argument in arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return int(result)


@contextmanager
def opened(pid: int) -> Iterator[int]:
    """A descriptor of a process. Raises OSError, ProcessLookupError where there is none."""
    descriptor = _call(_OPEN, pid, 0)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def descriptor_of(process: int, number: int) -> int:
    """A copy of what another process has open. Raises OSError."""
    return _call(_GETFD, process, number, 0)


class Remembered(t.Protocol):
    """A process that was seen. ``started`` is in clock ticks since boot; one of the same id that was started at another
    time is another one."""

    @property
    def pid(self) -> int: ...

    @property
    def started(self) -> int: ...


def tell(process: Remembered, number: int) -> None:
    """Send a signal to a process, and to no other that has got its id since; one that has ended is no error."""
    try:
        with opened(process.pid) as descriptor:
            if lives(process):
                _call(_SEND_SIGNAL, descriptor, number, 0, 0)
    except ProcessLookupError:
        return
    except OSError as problem:
        if problem.errno not in _NONE:
            raise
        _tell_by_id(process, number)


def _tell_by_id(process: Remembered, number: int) -> None:
    """The next best thing: there is a moment left between the look and the signal."""
    try:
        if lives(process):
            os.kill(process.pid, number)
    except ProcessLookupError:
        return


def lives(process: Remembered) -> bool:
    """Whether a process has not ended, or is not waited for by its parent yet."""
    return table.started(process.pid) == process.started
