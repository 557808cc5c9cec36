# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a process comes from that holds a socket: whether it is what its unit is there for, and what has started it
where it is not. cron, sshd, container managers and the manager of a user have programs of others in their units, and
what stops the unit stops all of them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes import table
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes.table import Holder

_FIRST = 1
_PARENTS = 5
_SHELLS = ("sh", "dash", "bash", "ash", "busybox", "ksh", "mksh", "zsh")
_ID = r"[0-9a-f]{12,64}"
# Names of cgroups that managers of containers and machines make.
_CONTAINERS = (
    re.compile(rf"(?P<kind>docker|libpod|crio|cri-containerd)-(?:conmon-)?(?P<name>{_ID})\.scope"),
    re.compile(rf"(?P<kind>docker|libpod_parent|lxc|kubepods[^/\n]*)/(?:.*/)?(?:libpod-)?(?P<name>{_ID})(?:/|$)", re.M),
    re.compile(r"(?P<kind>lxc)\.(?:payload|monitor)\.(?P<name>[^/\n]+)"),
    re.compile(r"/(?P<kind>machine)-(?P<name>[^/\n]+)\.scope"),
    re.compile(r"systemd-(?P<kind>nspawn)@(?P<name>[^/\n]+)\.service"),
)
# Programs that listen for containers, and the option before what they listen for.
_FORWARDERS = {
    "docker-proxy": "-container-ip",
    "conmon": "-n",
    "rootlessport": "",
    "rootlesskit": "",
    "slirp4netns": "",
    "pasta": "",
    "pasta.avx2": "",
    "passt": "",
}
_USER_UNIT = re.compile(r"/user@(?P<uid>\d+)\.service/(?:.*/)?(?P<unit>[^/\n]+\.service)")
_USER = re.compile(r"/user-(?P<uid>\d+)\.slice/(?P<unit>session-[^/\n]+\.scope|user@\d+\.service)")


@dataclass(frozen=True)
class Origin:
    """``container``, ``user`` and ``user_unit`` are empty for what is in none; ``parents`` are the process's, from the
    nearest on, without the first process of all."""

    container: str = ""
    user: str = ""
    user_unit: str = ""
    parents: Sequence[tuple[int, str]] = ()

    def __str__(self) -> str:
        words = []
        if self.container:
            words.append(f"in container {self.container}")
        if self.user_unit:
            words.append(f"in unit {self.user_unit} of user {self.user}")
        elif self.user:
            words.append(f"in a session of user {self.user}")
        if self.parents:
            words.append("started by " + ", by ".join(f"{program} (pid {pid})" for pid, program in self.parents))
        return ", ".join(words)


def origin(pid: int) -> Origin:
    """Where a process comes from, as far as that can be seen now."""
    paths = "\n".join(table.cgroups(pid).values())
    unit = _USER_UNIT.search(paths)
    user = unit or _USER.search(paths)
    return Origin(
        _container(pid, paths),
        user["uid"] if user else "",
        unit["unit"] if unit else "",
        list(_parents(pid))[:_PARENTS],
    )


def _container(pid: int, paths: str) -> str:
    matches = (pattern.search(paths) for pattern in _CONTAINERS)
    match = next((match for match in matches if match), None)
    if match:
        return f"{match['name']} ({match['kind']})"
    try:
        program, words = table.program(pid), table.arguments(pid)
    except OSError:
        return ""
    if program not in _FORWARDERS:
        return ""
    told = next((value for option, value in zip(words, words[1:]) if option == _FORWARDERS[program]), "")
    return f"{told} ({program})" if told else f"of {program}"


def _parents(pid: int) -> Iterator[tuple[int, str]]:
    for parent in table.ancestors(pid):
        if parent == _FIRST:
            return
        try:
            yield parent, table.program(parent)
        except OSError:
            return


def serves(main: int, pids: Collection[int], lenient: bool = False) -> bool:
    """Whether processes that hold a service's socket are what the service is there for: its main process among them,
    or, where systemd knows of none, one that nothing but systemd looks after. Somebody who names the service may also
    mean what a shell script has started as its last command (``lenient``)."""
    if not main:
        return any(next(table.ancestors(pid), 0) == _FIRST for pid in pids)
    if main in pids:
        return True
    return lenient and _program(main) in _SHELLS and any(next(table.ancestors(pid), 0) == main for pid in pids)


def _program(pid: int) -> str:
    try:
        return table.program(pid)
    except OSError:
        return ""


def not_its_own(unit: str, main: int, holder: Holder) -> str:
    """Why a unit cannot be taken over, and what to do instead."""
    own = f"its main process is {_program(main) or 'another'} (pid {main})" if main else "it has no main process"
    whence = str(origin(holder.pid)) or "started by another process in it"
    return (
        f"does not hold the port itself: {own}, and {holder.program} (pid {holder.pid}), which holds it, is "
        f"{whence}; to take over {unit} would stop everything in it, so {remedy(holder.pid)}"
    )


def remedy(pid: int) -> str:
    """The way out for the program that holds a port."""
    found = origin(pid)
    if found.container:
        return "stop that container, or let it publish another port"
    if found.user_unit:
        return f"stop and disable {found.user_unit} as user {found.user} (systemctl --user)"
    if found.user:
        return f"let user {found.user} end it"
    parent = found.parents[-1][1] if found.parents else ""
    return f"end it where it is started ({parent} started it)" if parent else "stop it where it is started"
