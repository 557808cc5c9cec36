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
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.ownership import Run
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.foreign.states import states_of
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import disk as _disk
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import entries
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes import table as _processes
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket

MANAGER = 1

# To show properties of every socket unit takes systemctl some twenty times as long as to list them.
_LIST = ("systemctl", "list-sockets", "--show-types", "--full", "--plain", "--no-legend", "--no-pager")
_SHOW = ("systemctl", "show", "--property=Id", "--property=BindToDevice", "--")
_LISTED = re.compile(r"^(?P<address>.*\S) +(?P<kind>\w+) +(?P<unit>\S+\.socket)(?: |$)")
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
    """One active socket unit. ``listens`` holds (type, address, port) as in :class:`Socket`; ``interface`` is known
    where another unit has the same address."""

    name: str
    listens: frozenset[tuple[str, str, int]]
    interface: str
    cgroup: int | None


def is_manager() -> bool:
    """Whether systemd is the first process, as sd_booted(3) tests it."""
    return entries.is_directory("/run/systemd/system") and _processes.program(MANAGER) == "systemd"


def socket_units(run: Run) -> list[SocketUnit]:
    """Every active socket unit, by one command, and one more where units differ by their interface alone; empty when
    the command fails."""
    code, output, _errors = run(_LIST)
    if code:
        return []
    values: dict[str, list[str]] = {}
    for match in filter(None, map(_LISTED.match, output.splitlines())):
        values.setdefault(match["unit"], []).append(f"{match['address']} ({match['kind']})")
    listens = {unit: frozenset(listens_of(found)) for unit, found in values.items()}
    count = Counter(address for addresses in listens.values() for address in addresses)
    alike = [unit for unit, addresses in listens.items() if any(count[address] > 1 for address in addresses)]
    interfaces, cgroups = _interfaces(alike, run), _cgroups()
    return [SocketUnit(unit, found, interfaces.get(unit, ""), cgroups.get(unit)) for unit, found in listens.items()]


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
    names = map(_unit_name, path[len(root) :].split("/"))
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


def _interfaces(names: Sequence[str], run: Run) -> dict[str, str]:
    """The network interface that each of these units is bound to, where it is to one."""
    if not names:
        return {}
    _code, output, _errors = run((*_SHOW, *names))
    return {state.unit: state.one("BindToDevice") for state in states_of(output)}


def _cgroups() -> dict[str, int]:
    """By the name of each socket unit that has a cgroup, its id: the inode of the directory in version 2."""
    _hierarchy, root = _manager_hierarchy()
    tops = [top + root for top in _CGROUP_ROOTS if entries.exists(f"{top}/cgroup.controllers")]
    return {name: inode for top in tops for name, inode in _below(top)}


def _below(slice_: str) -> Iterator[tuple[str, int]]:
    """Units have their cgroups in those of slices, and slices in each other's."""
    for name, inode in _disk.inodes(slice_).items():
        if name.endswith(".socket"):
            yield _unit_name(name), inode
        elif name.endswith(".slice"):
            yield from _below(f"{slice_}/{name}")


def _unit_name(part: str) -> str:
    """A leading underscore keeps a unit's name apart from the kernel's own file names."""
    return part[1:] if part.startswith("_") else part


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
    return _disk.decoded(_disk.encoded(path).decode("unicode_escape").encode("latin-1"))
