# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is at a path: whether anything is, of what kind, what it says and where it leads to."""

from __future__ import annotations

import os
import stat


def exists(path: str) -> bool:
    """Whether anything is there, be it a link that leads nowhere."""
    return os.path.lexists(path)


def is_file(path: str) -> bool:
    """Whether a file is there, or what leads to one."""
    return os.path.isfile(path)


def is_directory(path: str) -> bool:
    """Whether a directory is there, or what leads to one."""
    return os.path.isdir(path)


def is_socket(path: str) -> bool:
    """Whether a socket is there; what leads to one is none."""
    try:
        return stat.S_ISSOCK(os.lstat(path).st_mode)
    except OSError:
        return False


def destination(path: str) -> str:
    """Where a path leads to, without links."""
    return os.path.realpath(path)


def is_link(path: str) -> bool:
    """Whether a link is at a path."""
    return os.path.islink(path)


def link(path: str) -> str:
    """What a link has in it, be it one of the kernel's. Raises OSError where there is none."""
    return os.readlink(path)


def target(path: str, content: bytes) -> str:
    """Where a link at a path leads to that has this in it."""
    return destination(os.path.join(os.path.dirname(path), os.fsdecode(content)))


def executable(path: str) -> bool:
    """Whether the kernel lets this process execute what is at a path."""
    return os.access(path, os.X_OK)


def is_on_noexec(path: str) -> bool:
    """Whether a file is on a file system that is mounted so that no program on it is started. Raises OSError."""
    return bool(os.statvfs(path).f_flag & os.ST_NOEXEC)


def names(folder: str) -> list[str]:
    """What is in a directory; nothing where there is none. Raises OSError."""
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def read(path: str) -> bytes | None:
    """What a file holds, None where there is none. Raises OSError."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def head(path: str, size: int) -> bytes:
    """The first bytes of a file; none where it cannot be read."""
    try:
        # A FIFO, or what else is there in the place of a file, must not keep this waiting.
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(number, size)
    except OSError:
        return b""
    finally:
        os.close(number)
