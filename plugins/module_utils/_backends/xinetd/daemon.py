# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running xinetd: finding it, starting it, making it read its configuration, stopping it.

What systemd says of xinetd is not asked: where the package has an init script only, systemd calls a xinetd that has
died active.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.process import runs
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd import boot
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.check import CONFIG
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.cells import takes_sockets
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Host, Process, SwitchFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import PATH, Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.installed import ENDER

INIT_SCRIPT = "/etc/init.d/xinetd"
PID_FILE = "/run/xinetd.pid"
INETD_CONFIG = "/etc/inetd.conf"

# How long xinetd may take to start or to read its configuration, in seconds; it takes up to four for each process that
# it has to kill.
PATIENCE = 10.0

# Their numbers in signal(7).
HANGUP, QUIT, TERMINATE = 1, 3, 15

_STATE = re.compile(r"^State:\t(.)", re.MULTILINE)
_PAUSES = re.compile(r"^voluntary_ctxt_switches:\t(\d+)$", re.MULTILINE)
_CAUGHT = re.compile(r"^SigCgt:\t([0-9a-f]+)$", re.MULTILINE)
_ON_A_SOCKET = re.compile(r"(unix|sock)_")
_NAMESPACES = re.compile(r"^NSpid:(.*)$", re.MULTILINE)


def find(host: Host) -> Process | None:
    """The xinetd of this host: not one of a container, not one with a configuration of its own, not a child."""
    running = {process.pid: process for process in host.processes() if process.program == "xinetd"}
    for process in running.values():
        if process.parent not in running and _config(process.argv) == CONFIG and of_this_host(process, host):
            return process
    return None


def _config(argv: Sequence[str]) -> str:
    return next((value for option, value in zip(argv, argv[1:]) if option == "-f"), CONFIG)


def of_this_host(process: Process, host: Host) -> bool:
    """A process of a container has an id in each of the nested namespaces; one that is dead is not there any more."""
    status = host.read(f"/proc/{process.pid}/status") or ""
    namespaces = _NAMESPACES.search(status)
    return _state(status) not in ("", "Z", "X") and (namespaces is None or len(namespaces.group(1).split()) == 1)


def _state(status: str) -> str:
    found = _STATE.search(status)
    return found.group(1) if found else ""


def _pauses(status: str) -> int:
    found = _PAUSES.search(status)
    return int(found.group(1)) if found else 0


def _waits(status: str) -> bool:
    """Whether it waits for clients: a hangup would not end it any more, and it has read its configuration."""
    caught = _CAUGHT.search(status)
    return bool(caught and int(caught.group(1), 16) >> (HANGUP - 1) & 1 and _state(status) == "S")


def _sleeps_on_clients(process: Process, host: Host) -> bool:
    """Whether what it sleeps in is the wait for clients, as far as the kernel tells (proc_pid_wchan(5) and
    proc_pid_syscall(5)). It also sleeps while syslog's socket is full, and for half a second at a time while handlers
    that it has killed end: that is a select(2) of nothing."""
    place, call = (_told(f"/proc/{process.pid}/{name}", host) for name in ("wchan", "syscall"))
    number_and_first = call.split()[:2]
    runs_or_pauses = number_and_first == ["running"] or number_and_first[1:] == ["0x0"]
    return not (runs_or_pauses or _ON_A_SOCKET.match(place))


def _told(path: str, host: Host) -> str:
    """What the kernel tells only those who might trace a process."""
    try:
        return (host.read(path) or "").strip()
    except PermissionError:
        return ""


def reload(process: Process, host: Host) -> None:
    """Make xinetd read its configuration, and wait until it has. Raises SwitchFailed when it ends instead.

    It does all of that at once and then waits for clients again.
    """
    path = f"/proc/{process.pid}/status"
    before = _pauses(host.read(path) or "")
    host.signal(process, HANGUP)

    def done() -> bool:
        status = host.read(path) or ""
        if _state(status) != "S":
            return _state(status) in ("", "Z", "X")
        still = _sleeps_on_clients(process, host) and _pauses(host.read(path) or "") == _pauses(status)
        return still and _pauses(status) > before

    host.wait(done, PATIENCE)
    if find(host) is None:
        raise SwitchFailed(f"xinetd ended when it read its configuration; correct the defaults entry of {CONFIG}")


def leave(process: Process, services: Sequence[Service], platform: Platform, host: Host) -> None:
    """End xinetd without its handlers, but for those that hold the sockets of its services. Were it to read that their
    services are gone, it would kill all of them, one after the other."""
    holding = _daemons(services, process, platform, host)
    host.signal(process, QUIT)
    host.wait(lambda: find(host) is None, PATIENCE)
    for each in holding:
        host.signal(each, TERMINATE)


def start(platform: Platform, host: Host) -> None:
    """Start xinetd. Raises SwitchFailed."""
    if platform.managed:
        host.run(["systemctl", "reset-failed", boot.UNIT], check=False)
        # To start it would do nothing where systemd calls it active though it has died.
        host.run(["systemctl", "restart", boot.UNIT])
    else:
        clean = [platform.program("env"), "-i", f"PATH={PATH}"]
        if host.exists(INIT_SCRIPT):
            boot.forget(host)
            host.run([*clean, INIT_SCRIPT, "start"])
        else:
            host.run([*clean, platform.program("xinetd"), "-stayalive", "-pidfile", PID_FILE])

    def waits() -> bool:
        process = find(host)
        if process is None or not _waits(host.read(f"/proc/{process.pid}/status") or ""):
            return False
        return _sleeps_on_clients(process, host)

    if not host.wait(waits, PATIENCE):
        raise SwitchFailed("xinetd was started but does not run")


def serves_inetd(host: Host) -> bool:
    """Whether xinetd serves what a file of inetd has, too; Debian's init script makes it do so."""
    process = find(host)
    lines = (host.read(INETD_CONFIG) or "").split("\n")
    return bool(process and "-inetd_compat" in process.argv) and any(line and line[0] != "#" for line in lines)


def stop(platform: Platform, host: Host) -> None:
    """Stop xinetd, and do not start it at boot any more. Raises SwitchFailed."""
    boot.retire(platform, host)
    process = find(host)
    if process:
        host.signal(process, TERMINATE)
        if not host.wait(lambda: find(host) is None, PATIENCE):
            raise SwitchFailed(f"xinetd (pid {process.pid}) does not end")
    boot.forget(host)


def stop_daemons(services: Sequence[Service], xinetd: Process, platform: Platform, host: Host) -> None:
    """End the processes that hold the sockets of services; the next client starts them anew."""
    for process in _daemons(services, xinetd, platform, host):
        host.signal(process, TERMINATE)


def _daemons(services: Sequence[Service], xinetd: Process, platform: Platform, host: Host) -> list[Process]:
    """The processes that hold sockets of services: of those with ``accept: false``, and of internal ones that take
    datagrams."""
    holding = [service for service in services if takes_sockets(service)]
    running = host.processes() if holding else []
    between = {process.pid for process in running if process.parent == xinetd.pid and ENDER in process.argv}
    return [
        process
        for process in running
        if process.parent in {xinetd.pid, *between}
        and any(runs(process.argv, service, platform, bool(service.internal)) for service in holding)
    ]
