# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Established connections during a handover."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend, Change
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import established
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service


def touched(changes: Mapping[str, Change]) -> list[Service]:
    """Services, as they were, whose listeners or handlers are going to change."""
    return [
        service
        for change in changes.values()
        for service in (*change.stop, *(old for old, _new in change.refresh))
        if service.enabled
    ]


def sessions(services: Iterable[Service], platform: Platform) -> dict[str, frozenset[int]]:
    """The TCP connections of each service, as inodes of sockets."""
    found = established()
    return {
        service.name: frozenset(
            inode
            for listener in service.listeners(platform.ipv6)
            if listener.transport == "tcp"
            for inode in found.get(listener.port, ())
        )
        for service in services
    }


def drain(
    changes: Mapping[str, Change], backends: Mapping[str, Backend], seconds: float, platform: Platform, host: LocalHost
) -> None:
    """Drain: wait for the end of connections that a change would cut off."""
    ending = [
        service
        for name, change in changes.items()
        if seconds and not change.empty
        for service in backends[name].interrupted_services(change, platform, host)
    ]
    if ending:
        waited_for = _all(sessions(ending, platform))
        host.wait(lambda: not (waited_for and waited_for & _all(sessions(ending, platform))), seconds)


def told(before: Mapping[str, frozenset[int]], after: Mapping[str, frozenset[int]]) -> dict[str, dict[str, int]]:
    """What the result says of services that had clients."""
    return {
        name: {"sessions": len(found), "sessions_ended": len(found - after.get(name, frozenset()))}
        for name, found in before.items()
        if found
    }


def _all(found: Mapping[str, frozenset[int]]) -> frozenset[int]:
    return frozenset().union(*found.values())
