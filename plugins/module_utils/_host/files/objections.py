# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What speaks against root's opening a path that a declaration names, in words."""

from __future__ import annotations

import os
import stat

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.paths import declared
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.trust import account, trusted


def objection(path: str) -> str:
    """Why root must not write at a path, in words: which directory on the way to it is the problem, and whose it is.
    Empty where nothing speaks against it, or where the directory is not there yet."""
    try:
        declared(os.path.dirname(path)).close()
    except FileNotFoundError:
        return ""
    except OSError as problem:
        return str(problem)
    return ""


def objection_to_reading(path: str) -> str:
    """Why root must not show others what it reads at a path, in words; empty where nothing speaks against it. Whoever
    can put a link there, or has put one there, chooses what that is."""
    folder, name = os.path.split(path)
    try:
        with declared(folder) as here:
            status = here.look(name)
            if status is None:
                return ""
            link = stat.S_ISLNK(status.st_mode)
            if (link or here.shared) and not trusted(status.st_uid):
                return f'"{here.at(name)}" belongs to {account(status.st_uid)}'
            target = here.at(os.readlink(name, dir_fd=here.number)) if link else ""
    except FileNotFoundError:
        return ""
    except OSError as problem:
        return str(problem)
    return objection_to_reading(target) if target else ""


def objection_to_file(path: str) -> str:
    """Why an entry of a directory that nothing speaks against cannot be written as a file of root's, in words; empty
    where it can, or is not there yet. Raises OSError."""
    folder, name = os.path.split(path)
    with declared(folder) as here:
        return here.objection(name)
