# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one name of a unix socket: a path may lead through links, and the kernel keeps the very words that it was bound
by."""

from __future__ import annotations

import os
from dataclasses import replace

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.paths import declared
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import UNIX_PATH_BYTES, Listener


def resolved(path: str) -> str:
    """Where the path of a socket leads to, whether or not its directories are there yet. A path on which others than
    root could lead elsewhere stays as it is, and is refused as such; so does one that the kernel had no room for."""
    folder, name = os.path.split(path)
    beyond = [name]
    while True:
        try:
            with declared(folder) as here:
                found = os.path.join(here.path, *beyond)
                return found if len(os.fsencode(found)) <= UNIX_PATH_BYTES else path
        except FileNotFoundError:
            folder, name = os.path.split(folder)
            beyond.insert(0, name)
        except OSError:
            return path


def same_name(path: str) -> str:
    """What every path to the same entry of the same directory has in common. Names of other kinds, such as abstract
    ones, stay as they are, and so does a path through a link that is removed meanwhile, as descriptors in /proc are."""
    if not path.startswith("/"):
        return path
    folder, name = os.path.split(path)
    try:
        return os.path.join(os.path.realpath(folder), name)
    except OSError:
        return path


def placed(listener: Listener) -> Listener:
    """A listener by the one name that its socket has."""
    if not listener.path:
        return listener
    path = same_name(listener.path)
    return replace(listener, address=path, path=path)
