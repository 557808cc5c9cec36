# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controls s6 by its FIFOs and status files, as s6-svc, s6-svscanctl and s6-svstat do, but without one command for
each service."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.fdholder import SOCKET, TIMEOUT
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import (
    is_logger,
    scan_prefix,
    server_of,
    supervised_at,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Host, Process
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform

# How long a server may take until it listens or has ended, in seconds.
PATIENCE = 8.0

SCANNER, SUPERVISOR = "s6-svscan", "s6-supervise"

# What s6-supervise does on each letter (s6-svc): bring down, bring up, bring down and up again, end when it is down.
DOWN, UP, RESTART, EXIT = b"d", b"u", b"ru", b"dx"
# Of s6-svscan (s6-svscanctl): start what is new; and drop what is gone.
RESCAN, DROP = b"a", b"an"
# Asks whether anybody listens.
NOTHING = b""

# Takes many sockets from the holder with one command.
DELETE = 'delete=$0 holder=$1; shift; for name; do "$delete" -t 5000 "$holder" "$name"; done'

_PID = slice(24, 32)
_READY = 8


@dataclass(frozen=True)
class Status:
    """What s6-supervise says about its service: the process's id, 0 for none, and whether that has said it is ready."""

    pid: int = 0
    ready: bool = False


def status(directory: str, host: Host) -> Status:
    """The status of a service directory.

    The file holds two time stamps of 12 bytes, the id as 8 bytes with the most significant first, and its last byte is
    flags, in every release from 2.11 to 2.15; what is between them differs.
    """
    text = host.read(f"{directory}/supervise/status")
    if not text:
        return Status()
    data = text.encode("utf-8", "surrogateescape")
    pid = int.from_bytes(data[_PID], "big")
    return Status(pid, bool(pid and data[-1] & _READY))


def tell(directory: str, letters: bytes, host: Host) -> bool:
    """Send commands to the supervisor of a service directory; whether there is one."""
    return host.control(f"{directory}/supervise/control", letters)


def tell_scanner(platform: Platform, letters: bytes, host: Host) -> bool:
    """Send commands to the s6-svscan of the scan directory; whether there is one."""
    return host.control(f"{platform.scan_directory}/.s6-svscan/control", letters)


def supervised(platform: Platform, host: Host) -> dict[str, bool]:
    """Names of the collection's service directories that are supervised now, those of loggers too, and whether the
    supervisor belongs to an s6-svscan; it does not when it has outlived one that was killed."""
    processes = host.processes()
    scanners = {process.pid for process in processes if process.program == SCANNER}
    prefix = scan_prefix(platform)
    found = {
        process.argv[1][len(prefix) :]: process.parent in scanners
        for process in processes
        if process.program == SUPERVISOR and len(process.argv) > 1 and process.argv[1].startswith(prefix)
    }
    return {name: owned for name, owned in found.items() if host.exists(supervised_at(name, platform))}


def service_name(directory: str) -> str:
    """The service that a service directory belongs to, by its name: a service's own name has no dot."""
    return directory.split(".", maxsplit=1)[0]


def servers_of(services: Iterable[str], platform: Platform, host: Host) -> list[str]:
    """Names of the supervised directories of these services, loggers aside, also from when a service had other
    endpoints."""
    wanted = set(services)
    return sorted(name for name in supervised(platform, host) if not is_logger(name) and service_name(name) in wanted)


def forget(whose: Callable[[str], bool], seconds: float, platform: Platform, host: Host) -> None:
    """Take from the holder what it keeps for these servers, of whatever endpoints they had, and whether or not they are
    still there.

    One that was ended while it was starting may have left a child that binds and stores a socket just now.
    """
    if not host.exists(SOCKET):
        return
    host.wait(lambda: not any(_storing(process, whose) for process in host.processes()), seconds)
    held = host.run([platform.program("s6-fdholder-list"), "-t", TIMEOUT, SOCKET], check=False).out.splitlines()
    names = [name for name in held if whose(server_of(name))]
    if names:
        delete = (platform.program("sh"), "-c", DELETE, platform.program("s6-fdholder-delete"))
        host.run([*delete, SOCKET, *names], check=False)


def _storing(process: Process, whose: Callable[[str], bool]) -> bool:
    words = process.argv
    return SOCKET in words and any(whose(server_of(word)) for word in words[words.index(SOCKET) + 1 :])
