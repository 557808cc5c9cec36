# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose entries of directories root may rely on, and what is wrong with others, in words. Like ``paths``, this file
becomes a part of programs that are installed on hosts."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat

_ROOT = 0


class Unsafe(OSError):
    """Root must not write there: ``place`` is the directory or entry that is the problem, ``reason`` says why."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(errno.EPERM, reason, place)
        self.place = place
        self.reason = reason

    def __str__(self) -> str:
        return f'"{self.place}" {self.reason}'


def trusted(user: int) -> bool:
    """Whether an account may do all that this process may: root, and whoever it runs as."""
    return user in (_ROOT, os.geteuid())


def account(user: int) -> str:
    """An account by its name, where it has one."""
    try:
        return f'"{pwd.getpwuid(user).pw_name}"'
    except KeyError:
        return f"uid {user}"


def group(number: int) -> str:
    """A group by its name, where it has one."""
    try:
        return f'"{grp.getgrgid(number).gr_name}"'
    except KeyError:
        return f"gid {number}"


def no_file_of_root(status: os.stat_result) -> str:
    """Why an entry is no file of root's, in words; empty where it is one."""
    reasons = (
        (not stat.S_ISREG(status.st_mode), "is not a file"),
        (not trusted(status.st_uid), f"belongs to {account(status.st_uid)}"),
        (status.st_nlink > 1, "has a second hard link, and may be another file"),
    )
    return next((reason for holds, reason in reasons if holds), "")
