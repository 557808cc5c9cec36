# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This machine, as backends see a host."""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._programs import watcher as _helper_watcher


def machine() -> LocalHost:
    """A host that runs commands and has files."""
    return LocalHost(_helper_watcher.Commands())
