# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the kernel, by the paths below /proc/sys that have them."""

from __future__ import annotations

from contextlib import suppress

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store


def setting(path: str) -> str:
    """What is set; empty where this kernel has no such setting."""
    return store.text(path).strip()


def change_setting(path: str, value: str) -> None:
    """Set it, where that is allowed: in a container it may be there for reading only."""
    with suppress(OSError), open(path, "w", encoding="ascii") as file:
        file.write(value)
