# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts and groups of the host."""

from __future__ import annotations

import grp
import pwd


def is_user(name: str) -> bool:
    """Whether there is an account of this name."""
    try:
        pwd.getpwnam(name)
    except (KeyError, UnicodeError, ValueError):
        return False
    return True


def is_group(name: str) -> bool:
    """Whether there is a group of this name."""
    try:
        grp.getgrnam(name)
    except (KeyError, UnicodeError, ValueError):
        return False
    return True
