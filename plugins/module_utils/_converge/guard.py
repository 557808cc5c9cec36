# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switching the guard on and off: its keeper is started and stopped by what is PID 1."""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.boot import STARTING, applying
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.loading import loaded
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Host, SwitchFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard.guard import NOBODY
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard.rules import TABLE


def apply_guard(wanted: bool, platform: Platform, host: Host) -> None:
    """Apply the installed rules to the kernel's table, or remove it if no service needs the guard. Raises
    SwitchFailed."""
    keeping = _keeping(platform)
    if wanted:
        # One that answers already goes on, without an effect on units that need it.
        if host.run(applying(platform, "0"), check=False).code == NOBODY and keeping:
            keeping.start_guard(platform, host)
        host.run(applying(platform, str(STARTING)))
        return
    if keeping:
        keeping.stop_guard(platform, host)
    if loaded(platform, host):
        result = host.run([platform.program("nft"), "delete", "table", "inet", TABLE], check=False)
        if result.code and loaded(platform, host):
            raise SwitchFailed(f"nft cannot delete the table inet {TABLE}: {result.err.strip()}")


def _keeping(platform: Platform) -> Backend | None:
    """The backend whose runtime is PID 1, and keeps processes of the collection running."""
    return next((backend for backend in BACKENDS.values() if backend.is_first(platform)), None)
