# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding out what a host has. Only what the declaration needs is looked for."""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat
import sys
from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store as _files
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import ipv6_usable
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import RUNTIME, File, Process
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import (
    EXECLINE_PATH,
    PATH,
    Platform,
    Rc,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import OWN_ACCOUNT
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

SCAN_DIRECTORY = "/etc/superserver/s6"

# Its number in capabilities(7).
CAP_NET_ADMIN = 12

# Helper programs that rendered files may name.
PROGRAMS = (
    "cat",
    "chmod",
    "chown",
    "env",
    "execlineb",
    "fdmove",
    "nft",
    "nice",
    "setpriv",
    "sh",
    "stunnel",
    "s6-envuidgid",
    "s6-fdholder-delete",
    "s6-fdholder-list",
    "s6-fdholder-retrieve",
    "s6-fdholder-store",
    "s6-fdholderd",
    "s6-ipcserver",
    "s6-ipcserver-socketbinder",
    "s6-ipcserverd",
    "s6-log",
    "s6-rc",
    "s6-rc-compile",
    "s6-rc-update",
    "s6-setuidgid",
    "s6-svscan",
    "s6-svscanctl",
    "s6-tcpserver",
    "s6-tcpserver-access",
    "s6-tcpserver-socketbinder",
    "s6-tcpserver4-socketbinder",
    "s6-tcpserver4d",
    "s6-tcpserver6-socketbinder",
    "s6-tcpserver6d",
    "s6-tcpserverd",
    "systemctl",
    "tcpserver",
    "udpsvd",
    "unshare",
    "xinetd",
)
# Debian keeps execline's own programs out of PATH. Its /usr/bin/execlineb is a script that ends in the program of that
# name: four milliseconds for each script that is started, instead of one and a half.
FIRST_PATH = tuple(EXECLINE_PATH.split(":"))

# Binds a socket and sends itself a datagram: under IPAddressDeny=any the kernel forbids it, if the filter is real.
_BPF_PROBE = (
    "import socket, sys\n"
    "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
    "s.bind(('127.0.0.1', 0))\n"
    "try:\n    s.sendto(b'x', s.getsockname())\n"
    "except PermissionError:\n    sys.exit(0)\n"
    "sys.exit(9)\n"
)


def choose_backend(processes: Iterable[Process]) -> str:
    """The meaning of ``auto``: systemd where it is PID 1, else s6 where a scan directory is running, else xinetd."""
    programs = {process.pid: process.program for process in processes}
    if programs.get(1) == "systemd":
        return "systemd"
    return "s6" if "s6-svscan" in programs.values() else "xinetd"


def scan_directory(processes: Iterable[Process]) -> str:
    """The scan directory of an s6-svscan that is PID 1; else the collection's own."""
    for process in processes:
        if process.pid == 1 and process.program == "s6-svscan":
            return os.path.realpath("/proc/1/cwd")
    return SCAN_DIRECTORY


def find_programs(bin_directory: str) -> dict[str, str]:
    """Absolute paths of the helper programs that are there; those of ``bin_directory`` win."""
    folders = [folder for folder in (bin_directory, *FIRST_PATH, *PATH.split(":")) if folder]
    return {
        name: path
        for name in PROGRAMS
        for path in (next((f"{folder}/{name}" for folder in folders if os.access(f"{folder}/{name}", os.X_OK)), ""),)
        if path
    }


def s6_provider(programs: Mapping[str, str]) -> str:
    """Which provider of network servers stands beside s6."""
    if not {"s6-svscan", "execlineb"} <= programs.keys():
        return ""
    if "s6-tcpserver" in programs:
        return "s6-networking"
    return "ucspi" if "tcpserver" in programs else ""


def detect(
    services: Sequence[Service],
    processes: Sequence[Process],
    policy: str,
    bin_directory: str,
    rc: Rc | None,
    host: LocalHost,
) -> Platform:
    """The facts about this host that these services (declared, or held until now) depend on."""
    programs = find_programs(bin_directory)
    backends = {service.backend for service in services}
    managed = os.path.isdir("/run/systemd/system")
    init = next((process.program for process in processes if process.pid == 1), "")
    limited = any(_may_need_guard(service) for service in services)
    return Platform(
        init="systemd" if managed else ("s6" if init == "s6-svscan" else "other"),
        systemd=_systemd_version(host) if managed else 0,
        xinetd=_xinetd_version(programs, host) if "xinetd" in backends else "",
        s6=s6_provider(programs),
        ipv6=ipv6_usable(),
        bpf=managed and _needs_bpf(services) and _bpf(host),
        mounts=managed and _needs_mounts(services) and _mounts(host),
        syslog=any(service.log and service.log.where == "syslog" for service in services) and _syslog(),
        nft=limited and _nft(programs, host),
        policy=policy,
        python=_python(),
        scan_directory=scan_directory(processes),
        s6_path=bin_directory,
        s6_rc=rc,
        programs=programs,
        primary_groups=_primary_groups(services),
    )


def _may_need_guard(service: Service) -> bool:
    interfaces = any(endpoint.interface for endpoint in service.listen)
    return interfaces or service.uses("access") or service.uses("connections")


def _systemd_version(host: LocalHost) -> int:
    found = re.search(r"systemd (\d+)", host.run(["systemctl", "--version"]).out)
    return int(found.group(1)) if found else 0


def _xinetd_version(programs: Mapping[str, str], host: LocalHost) -> str:
    if "xinetd" not in programs:
        return ""
    result = host.run([programs["xinetd"], "-version"], check=False)
    found = re.search(r"(\d+(?:\.\d+)+)", result.out + result.err)
    return found.group(1) if found else ""


def _needs_bpf(services: Sequence[Service]) -> bool:
    return any(service.backend == "systemd" and service.uses("access") for service in services)


def _bpf(host: LocalHost) -> bool:
    """Whether systemd's address filter does anything here: a unit that is denied every address tries to send.

    Where BPF programs may not be loaded, systemd says nothing and lets everybody in.
    """
    return _proven("bpf", "IPAddressDeny=any", [_python(), "-c", _BPF_PROBE], host)


def _needs_mounts(services: Sequence[Service]) -> bool:
    hardened = (service.proxy or service.sandbox == "strict" for service in services if service.backend == "systemd")
    return any(hardened)


def _mounts(host: LocalHost) -> bool:
    """Whether systemd confines file systems here: a unit that may not write to /usr looks whether it may.

    Where no file system may be mounted, older versions say nothing and go on without.
    """
    return _proven("mounts", "ProtectSystem=strict", ["/usr/bin/test", "!", "-w", "/usr"], host)


def _proven(fact: str, directive: str, argv: Sequence[str], host: LocalHost) -> bool:
    """Whether a command in a throw-away unit with a directive ends well. The answer holds until the next boot."""
    path = f"{RUNTIME}/{fact}"
    known = host.read(path)
    if known is not None:
        return known.strip() == "yes"
    unit = ["systemd-run", "--quiet", "--wait", "--collect", f"--property={directive}"]
    result = host.run([*unit, *argv], check=False)
    _files.install(File(path, "no\n" if result.code else "yes\n", 0o600))
    return result.code == 0


def _syslog() -> bool:
    return os.path.exists("/dev/log") and stat.S_ISSOCK(os.stat("/dev/log").st_mode)


def _nft(programs: Mapping[str, str], host: LocalHost) -> bool:
    """Whether nftables works here, or would once its package is installed."""
    if "nft" not in programs:
        return may_administer_network(host)
    return host.run([programs["nft"], "list", "tables"], check=False).code == 0


def may_administer_network(host: LocalHost) -> bool:
    """Whether this process may load rules."""
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", host.read("/proc/self/status") or "", re.MULTILINE)
    return bool(found and int(found.group(1), 16) >> CAP_NET_ADMIN & 1)


def _python() -> str:
    return "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable


def _primary_groups(services: Sequence[Service]) -> dict[str, str]:
    groups = {}
    for name in {service.user for service in services} | {OWN_ACCOUNT}:
        try:
            number = pwd.getpwnam(name).pw_gid
            groups[name] = grp.getgrgid(number).gr_name
        except KeyError:
            continue
    return groups
