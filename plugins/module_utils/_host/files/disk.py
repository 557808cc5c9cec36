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


def encoded(path: str) -> bytes:
    """A path as the kernel has it."""
    return os.fsencode(path)


def decoded(path: bytes) -> str:
    """A path, or a text with such, as Python has it."""
    return os.fsdecode(path)
