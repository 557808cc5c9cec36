# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which socket unit a socket of systemd's belongs to, and which unit a process belongs to.

The service manager does not tell which unit a descriptor of its own is for. Two things do: the cgroup that a TCP or UDP
socket was created in, which is the kernel's word (systemd creates it inside the unit's cgroup where it can attach BPF
programs); and the addresses of the active units. Reloading the manager closes descriptors whose address their unit no
longer has, but leaves the unit active with an address that it does not hold. So an address counts only where the cgroup
tells nothing and exactly one active unit has it.
"""

from __future__ import annotations

import ipaddress
import os
import re
import typing as t
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._host import _processes
from ansible_collections.ondemand.superserver.plugins.module_utils._host._sockets import Socket

Run = t.Callable[[t.Sequence[str]], t.Tuple[int, str, str]]

MANAGER = 1

_PROPERTIES = ("Id", "ActiveState", "Listen", "BindToDevice", "ControlGroup")
_SHOW = ("systemctl", "show", "*.socket", *(f"--property={name}" for name in _PROPERTIES))
_LISTEN = re.compile(r"^(?P<address>.*) \((?P<kind>Stream|Datagram|SequentialPacket)\)$")
_KINDS = {"Stream": "stream", "Datagram": "datagram", "SequentialPacket": "seqpacket"}
_PORT = re.compile(r"^\[?(?P<host>[^\]%]+)(%[^\]:]+)?\]?(%[^\]:]+)?:(?P<port>[0-9]+)$")
_CGROUP_ROOTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
_HIERARCHIES = ("name=systemd", "")
_MANAGER_SCOPE = "/init.scope"
# Scopes of login sessions say where a program was started from, not what it is.
_UNIT = re.compile(r"^(?!session-)(?!init\.scope$).+\.(service|scope)$")


@dataclass(frozen=True)
class SocketUnit:
    """One active socket unit. ``listens`` holds (type, address, port) as in :class:`Socket`."""

    name: str
    listens: frozenset[tuple[str, str, int]]
    interface: str
    cgroup: int | None


def is_manager() -> bool:
    """Whether systemd is the first process, as sd_booted(3) tests it."""
    return os.path.isdir("/run/systemd/system") and _processes.program(MANAGER) == "systemd"


def socket_units(run: Run) -> list[SocketUnit]:
    """Every active socket unit, by one command; empty when the command fails."""
    code, output, _errors = run(_SHOW)
    if code:
        return []
    units = [_unit(block) for block in output.split("\n\n") if block.strip()]
    return [unit for unit in units if unit]


def unit_of(entry: Socket, units: Iterable[SocketUnit]) -> str:
    """The name of the unit that a socket of the manager's belongs to; empty when that is not known for certain."""
    units = list(units)
    by_cgroup = [unit for unit in units if entry.cgroup and unit.cgroup == entry.cgroup]
    by_address = [unit for unit in units if (entry.type, entry.address, entry.port) in unit.listens]
    by_device = [unit for unit in by_address if unit.interface == (entry.interface or "")]
    for candidates in (by_cgroup, by_address, by_device):
        if len(candidates) == 1:
            return candidates[0].name
    return ""


def unit_of_process(pid: int) -> str:
    """The system's unit (service or scope) that a process runs in; empty for none."""
    hierarchy, root = _manager_hierarchy()
    path = _processes.cgroups(pid).get(hierarchy, "")
    if not path.startswith(root):
        return ""
    # A leading underscore keeps a unit's name apart from the kernel's own file names.
    names = (part[1:] if part.startswith("_") else part for part in path[len(root) :].split("/"))
    return next((name for name in names if _UNIT.match(name)), "")


def _manager_hierarchy() -> tuple[str, str]:
    """The hierarchy that the manager keeps its units in, and the path of its root there.

    That is version 2, or the one of version 1 that is named after systemd. A container may see both, with only one of
    them in use.
    """
    paths = _processes.cgroups(MANAGER)
    for hierarchy in _HIERARCHIES:
        path = paths.get(hierarchy, "")
        if path.endswith(_MANAGER_SCOPE):
            return hierarchy, path[: -len(_MANAGER_SCOPE)]
    return "", ""


def _unit(block: str) -> SocketUnit | None:
    pairs = [line.partition("=")[::2] for line in block.splitlines()]
    one = dict(pairs)
    if one.get("ActiveState") != "active":
        return None
    listens = frozenset(listens_of(value for name, value in pairs if name == "Listen"))
    return SocketUnit(one.get("Id", ""), listens, one.get("BindToDevice", ""), _cgroup_id(one.get("ControlGroup", "")))


def listens_of(values: Iterable[str]) -> Iterator[tuple[str, str, int]]:
    """Type, address and port of each value of the property ``Listen``."""
    for value in values:
        match = _LISTEN.match(value)
        if match:
            address, port = _address(match["address"])
            yield _KINDS[match["kind"]], address, port


def _address(text: str) -> tuple[str, int]:
    """``0.0.0.0:7``, ``[::]:7`` or a socket's path, as address and port."""
    match = _PORT.match(text)
    if text.startswith(("/", "@")) or not match:
        return _unescaped(text), 0
    try:
        return str(ipaddress.ip_address(match["host"])), int(match["port"])
    except ValueError:
        return text, 0


def _unescaped(path: str) -> str:
    """systemd shows paths with C escapes, in octal for all bytes that are not ASCII."""
    return os.fsdecode(os.fsencode(path).decode("unicode_escape").encode("latin-1"))


def _cgroup_id(path: str) -> int | None:
    """A cgroup's id is the inode of its directory in the hierarchy of cgroup version 2."""
    for root in _CGROUP_ROOTS:
        if path and os.path.exists(f"{root}/cgroup.controllers"):
            try:
                return os.stat(root + path).st_ino
            except OSError:
                return None
    return None
