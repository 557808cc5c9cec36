# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start of s6 servers: supervise them, start them, and wait until they listen; and of a program when the host boots."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.boot import EarlyProgram, Means
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6 import control
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6 import servers as _servers
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.fdholder import NAME as HOLDER
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import (
    RUN_IMAGE,
    Server,
    logger_of,
    supervised_at,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File, Host
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# How long to look at one of several servers that are awaited, in seconds.
LOOK = 1.0
# How many servers get ready at a time, and how long that is kept up, in seconds.
ABREAST = 4
PACED = 0.3
# Where s6-svscan is PID 1, the scan directory that becomes of the image.
_BOOTED = "/run/service"
_AT_ONCE = (
    "s6-svscan starts everything at once: after a power failure during a change, or before its confirmation, this "
    "host restores its previous state only after the boot, and listeners of the new state may be open until then"
)


def down_file(name: str, platform: Platform) -> str:
    """The file that keeps a supervisor from starting its service."""
    return f"{supervised_at(name, platform)}/down"


def supervise(servers: Sequence[Server], seconds: float, platform: Platform, host: Host) -> None:
    """Have new servers and their loggers supervised, and wait for that so long; the servers do not start."""
    host.run(["touch", "--", *(down_file(server.name, platform) for server in servers)])
    control.tell_scanner(platform, control.RESCAN, host)
    names = [name for server in servers for name in (server.name, logger_of(server.name, platform))]
    directories = [supervised_at(name, platform) for name in names]
    host.wait(lambda: all(control.tell(directory, control.NOTHING, host) for directory in directories), seconds)


def bring_up(servers: Sequence[Server], host: Host) -> None:
    """Bring servers up, few at a time: others may still serve clients, and need the processors for that."""
    waiting = list(servers)
    started: list[Server] = []

    def all_are_told() -> bool:
        started[:] = [server for server in started if not control.status(server.directory, host).ready]
        while waiting and len(started) < ABREAST:
            started.append(waiting.pop(0))
            control.tell(started[-1].directory, control.UP, host)
        return not waiting

    host.wait(all_are_told, PACED)
    for server in waiting:
        control.tell(server.directory, control.UP, host)


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


def early(program: EarlyProgram) -> Means:
    """A service that s6-svscan starts together with all others. A code of 125 means that it is not to be started
    again."""
    directory = f"{RUN_IMAGE}/service/{program.name}"
    run = f"#!/bin/sh\n{program.note}\n[ ! -e {program.wanted} ] || {shlex.join(program.argv)}\n"
    finish = f"#!/bin/sh\n{program.note}\nexit 125\n"
    return Means(
        lambda platform: platform.supervised and platform.scan_directory == _BOOTED,
        (File(f"{directory}/finish", finish, 0o755), File(f"{directory}/run", run, 0o755)),
        folders=(directory,),
        gap=_AT_ONCE,
    )


def allow(services: Sequence[Service], platform: Platform, host: Host) -> None:
    """Remove what keeps servers from being started at the next boot, also what is foreign."""
    found = [server for service in services for server in _servers.servers(service, platform)]
    names = [server.name for server in found] + [HOLDER for server in found if server.kept][:1]
    files = [path for path in (down_file(name, platform) for name in names) if host.exists(path)]
    if files:
        host.run(["rm", "-f", "--", *files])
