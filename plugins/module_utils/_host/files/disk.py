# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and directories that are only looked at, and what paths mean."""

from __future__ import annotations

import os
import stat


class Disk:
    """The host's files; implements :class:`types.Texts`."""

    def text(self, path: str) -> str | None:
        return text(path)

    def names(self, path: str) -> list[str]:
        return names(path)


def text(path: str) -> str | None:
    """What a regular file has; None for what is none, which may keep whoever opens it waiting."""
    try:
        if stat.S_ISREG(os.stat(path).st_mode):
            with open(path, "rb") as file:
                return os.fsdecode(file.read())
    except (OSError, ValueError):
        pass
    return None


def names(path: str) -> list[str]:
    """What is in a directory, in order; nothing where there is none."""
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


def inodes(path: str) -> dict[str, int]:
    """What is in a directory, each with the number of its inode; nothing where there is none."""
    try:
        with os.scandir(path) as entries:
            return {entry.name: entry.inode() for entry in entries}
    except OSError:
        return {}


def exists(path: str) -> bool:
    """Whether anything is at a path, be it a link that leads nowhere."""
    return os.path.lexists(path)


def is_link(path: str) -> bool:
    """Whether a link is at a path."""
    return os.path.islink(path)


def is_directory(path: str) -> bool:
    """Whether a path leads to a directory."""
    return os.path.isdir(path)


def real(path: str) -> str:
    """The path without links, as far as it is there."""
    return os.path.realpath(path)


def link(path: str) -> str:
    """What a link has in it, be it one of the kernel's. Raises OSError where there is none."""
    return os.readlink(path)


def target(path: str, content: bytes) -> str:
    """Where a link at a path leads to that has this in it."""
    return real(os.path.join(os.path.dirname(path), os.fsdecode(content)))


def executable(path: str) -> bool:
    """Whether the kernel lets this process execute what is at a path."""
    return os.access(path, os.X_OK)


def encoded(path: str) -> bytes:
    """A path as the kernel has it."""
    return os.fsencode(path)


def decoded(path: bytes) -> str:
    """A path, or a text with such, as Python has it."""
    return os.fsdecode(path)
