# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is answerable for a socket: the super-server and its service where there is one, else a unit or a program."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd import sockets as _systemd_sockets
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.sockets import MANAGER, Run
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import (
    XinetdService,
    read_inetd_services,
    read_services,
    service_of,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes import table as _processes
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes.table import Holder, holders
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket

_XINETD = "xinetd"
_XINETD_CONFIG = "/etc/xinetd.conf"
_INETD_CONFIG = "/etc/inetd.conf"
_SUPERVISOR = "s6-supervise"
# Keeps descriptors for others, so that any other holder is the one that serves.
_KEEPER = "s6-fdholderd"
_RANKS = ("xinetd", "s6", "systemd", "program")
_WORDS = {"systemd": "systemd unit", "xinetd": "xinetd service", "s6": "s6 service directory", "program": "program"}
# What an owner can be.
KINDS = tuple(_WORDS)


@dataclass(frozen=True)
class Owner:
    """``kind`` is ``systemd``, ``xinetd``, ``s6`` or ``program``.

    ``name`` is a unit (``echo.socket``, ``nginx.service``), an xinetd service's id, an s6 service directory, or the
    program itself; it is empty when the super-server is known and its service is not. ``pid`` and ``program`` are the
    process that holds the socket for the owner.
    """

    kind: str
    name: str
    pid: int
    program: str

    def __str__(self) -> str:
        program = "" if self.kind == "program" else f"{self.program}, "
        return f"{owner_words(self.kind, self.name)} ({program}pid {self.pid})"


def owner_words(kind: str, name: str) -> str:
    """An owner for a message, e.g. ``systemd unit echo.socket``."""
    return f"{_WORDS[kind]} {name}" if name else f"an unknown {_WORDS[kind]}"


def owners(sockets: list[Socket], run: Run, held: dict[int, list[Holder]] | None = None) -> dict[int, Owner]:
    """The owner of each socket, by inode; a socket that no visible process holds has none.

    A socket that systemd holds belongs to its socket unit, also while a service has it too. Otherwise the owner is the
    most specific that one of the holders shows: xinetd's service (by its configuration files, which may be newer than
    what it runs), the s6 service directory whose supervisor started the holder, the unit of the holder's cgroup, the
    program. A server that has outlived the super-server that started it is no longer that one's service: its unit, or
    the program, is the owner.

    ``held`` is what :func:`holders` says for the sockets, where the caller knows it already. Runs two commands at the
    most, and only when systemd holds one of the sockets.
    """
    held = holders(entry.inode for entry in sockets) if held is None else held
    survey = _Survey(run)
    found = {entry.inode: survey.owner(entry, held.get(entry.inode, [])) for entry in sockets}
    return {inode: owner for inode, owner in found.items() if owner}


class _Survey:
    """What is looked up once for all sockets, and only when one of them needs it."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._managed = _systemd_sockets.is_manager()
        self._units: list[_systemd_sockets.SocketUnit] | None = None
        self._services: dict[int, list[XinetdService]] = {}
        self._of_process: dict[int, Owner] = {}

    def owner(self, entry: Socket, held_by: list[Holder]) -> Owner | None:
        manager = next((holder for holder in held_by if holder.pid == MANAGER and self._managed), None)
        others = [holder for holder in held_by if holder is not manager]
        if manager:
            unit = _systemd_sockets.unit_of(entry, self._socket_units())
            if unit or not others:
                return Owner("systemd", unit, manager.pid, manager.program)
        found = [self._holders_owner(entry, holder) for holder in others]
        return min(found, key=lambda owner: (owner.program == _KEEPER, _RANKS.index(owner.kind)), default=None)

    def _socket_units(self) -> list[_systemd_sockets.SocketUnit]:
        if self._units is None:
            self._units = _systemd_sockets.socket_units(self._run)
        return self._units

    def _holders_owner(self, entry: Socket, holder: Holder) -> Owner:
        if holder.program == _XINETD:
            return Owner("xinetd", service_of(entry, self._xinetd_services(holder.pid)), holder.pid, holder.program)
        if holder.pid not in self._of_process:
            self._of_process[holder.pid] = self._process_owner(holder)
        return self._of_process[holder.pid]

    def _process_owner(self, holder: Holder) -> Owner:
        directory = _service_directory(holder.pid)
        if directory is not None:
            # For which service a keeper keeps something, only the process shows that serves it.
            return Owner("s6", "" if holder.program == _KEEPER else directory, holder.pid, holder.program)
        unit = _systemd_sockets.unit_of_process(holder.pid) if self._managed else ""
        if unit:
            return Owner("systemd", unit, holder.pid, holder.program)
        return Owner("program", holder.program, holder.pid, holder.program)

    def _xinetd_services(self, pid: int) -> list[XinetdService]:
        if pid not in self._services:
            self._services[pid] = _services_of_xinetd(pid)
        return self._services[pid]


def _service_directory(pid: int) -> str | None:
    """The directory of the nearest s6 supervisor above a process; None when there is none."""
    for ancestor in _processes.ancestors(pid):
        try:
            if _processes.program(ancestor) == _SUPERVISOR:
                return os.readlink(f"/proc/{ancestor}/cwd")
        except OSError:
            return None
    return None


def _services_of_xinetd(pid: int) -> list[XinetdService]:
    """What an xinetd process serves, by the configuration files that its options name."""
    try:
        words = _processes.arguments(pid)
    except OSError:
        return []
    config = next((value for option, value in zip(words, words[1:]) if option == "-f"), _XINETD_CONFIG)
    inetd = read_inetd_services(_INETD_CONFIG) if "-inetd_compat" in words else []
    return read_services(config) + inetd


__all__ = ("Holder", "Owner", "Run", "holders", "owner_words", "owners")
