# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What another account than root may do, as the kernel says it: modes, access lists and directories on the way."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable, Sequence

# No account of a service (systemd-nspawn(1), user_namespaces(7)).
NOBODY = 65534


def may_connect(path: str, user: str, group: str | None, groups: Sequence[str] | None) -> bool:
    """Whether an account, with a group in the place of its own and exactly these groups, or with those of the group
    database, may connect to a unix socket. One that is not there yet may be connected to."""
    entry = pwd.getpwnam(user)
    first = grp.getgrnam(group).gr_gid if group else entry.pw_gid
    others = os.getgrouplist(user, entry.pw_gid) if groups is None else [grp.getgrnam(name).gr_gid for name in groups]
    return _as(entry.pw_uid, first, others, lambda: _is_open(path))


def anybody_may_read(path: str) -> bool:
    """Whether an account that has nothing to do with a file, and no groups, may read it."""
    return _as(NOBODY, NOBODY, (), lambda: os.access(path, os.R_OK))


def _as(user: int, group: int, groups: Sequence[int], may: Callable[[], bool]) -> bool:
    child = os.fork()
    if not child:
        code = 1
        try:
            os.setgroups(groups)
            os.setgid(group)
            os.setuid(user)
            code = 0 if may() else 1
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


def _is_open(path: str) -> bool:
    try:
        os.stat(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return os.access(path, os.W_OK)
