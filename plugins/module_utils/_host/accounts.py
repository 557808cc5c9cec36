# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts and groups, as the host's databases have them."""

from __future__ import annotations

import grp
import pwd

# What is said of a name that is not there, and of what can be no name at all.
_NO_NAME = (KeyError, UnicodeError, ValueError)


def user_name(number: int) -> str | None:
    """The account that has a number, or None."""
    try:
        return pwd.getpwuid(number).pw_name
    except (KeyError, OverflowError):
        return None


def group_name(number: int) -> str | None:
    """The group that has a number, or None."""
    try:
        return grp.getgrgid(number).gr_name
    except (KeyError, OverflowError):
        return None


def is_user(name: str) -> bool:
    """Whether there is an account of this name."""
    try:
        return bool(pwd.getpwnam(name))
    except _NO_NAME:
        return False


def is_group(name: str) -> bool:
    """Whether there is a group of this name."""
    try:
        return bool(grp.getgrnam(name))
    except _NO_NAME:
        return False


def has_rights_of_root(name: str) -> bool:
    """Whether an account has root's number, or that of root's group. Raises KeyError where there is no such account."""
    entry = pwd.getpwnam(name)
    return not (entry.pw_uid and entry.pw_gid)
