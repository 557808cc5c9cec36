# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers of s6 on their way to their ports: started early, let in, and awaited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends import _s6_control as control
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._base import Host
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._s6_servers import Server
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._s6_start import threshold
from ansible_collections.ondemand.superserver.plugins.module_utils._model_platform import Platform

# How long to look at one of several servers that are awaited, in seconds.
LOOK = 1.0
# How many servers get ready at a time.
ABREAST = 4


def start_early(servers: Sequence[Server], seconds: float, platform: Platform, host: Host) -> None:
    """Start new servers, as far as they can while others have their ports: until all of them wait for :func:`let_in`,
    or for so long."""
    thresholds = [threshold(server.name, platform) for server in servers]
    try:
        for path in thresholds:
            host.lock(path)
    except OSError:
        # As where a process may not have that many files open.
        for path in thresholds:
            host.unlock(path)
        return
    control.tell_scanner(platform, control.RESCAN, host)
    host.wait(host.awaited, seconds)


def let_in(servers: Sequence[Server], platform: Platform, host: Host) -> None:
    """Let servers that wait go on, few at a time: others may still serve clients, and need the processors for that.
    Those that wait for each other, too, must not keep them out."""
    ordered = [server for server in servers if server.service.requires or server.service.after]
    for server in ordered:
        host.unlock(threshold(server.name, platform))
    waiting = [server for server in servers if server not in ordered]
    started: list[Server] = []

    def all_are_in() -> bool:
        started[:] = [server for server in started if not control.status(server.directory, host).ready]
        while waiting and len(started) < ABREAST:
            started.append(waiting.pop(0))
            host.unlock(threshold(started[-1].name, platform))
        return not waiting

    host.wait(all_are_in, LOOK)
    for server in waiting:
        host.unlock(threshold(server.name, platform))


def late(servers: Sequence[Server], before: Mapping[str, int], seconds: float, host: Host) -> list[Server]:
    """Wait for servers, while within ``seconds`` one more gets ready: a slow host may take as long as it needs. Those
    that do not get ready."""
    left = list(servers)
    idle = 0.0

    def is_late(server: Server) -> bool:
        return not _ready(server, before.get(server.name, 0), host)

    def first_is_ready() -> bool:
        return not is_late(left[0])

    while left and idle < seconds:
        # The first is looked at alone, and all of them when it takes long: s6 starts them in an order of its own.
        came = host.wait(first_is_ready, LOOK)
        now = left[1:] if came else [server for server in left if is_late(server)]
        idle = 0.0 if len(now) < len(left) else idle + LOOK
        left = now
    return left


def _ready(server: Server, before: int, host: Host) -> bool:
    now = control.status(server.directory, host)
    return now.ready and now.pid != before
