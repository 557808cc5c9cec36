# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detects the properties of a host that the declaration depends on."""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat
import sys
from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import ipv6_usable
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Process
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import (
    EXECLINE_PATH,
    OTHER,
    PATH,
    S6,
    SYSTEMD,
    Platform,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import OWN_ACCOUNT
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# Its number in capabilities(7).
CAP_NET_ADMIN = 12

# Programs that every backend may name in what it renders.
PROGRAMS = ("env", "nft", "nice", "prlimit", "setpriv", "sh", "stunnel", "timeout")
# Debian keeps execline's own programs out of PATH. Its /usr/bin/execlineb is a script that ends in the program of that
# name: four milliseconds for each script that is started, instead of one and a half.
FIRST_PATH = tuple(EXECLINE_PATH.split(":"))


def find_programs(bin_directory: str, names: Iterable[str]) -> dict[str, str]:
    """Absolute paths of the helper programs that are there; those of ``bin_directory`` win."""
    folders = [folder for folder in (bin_directory, *FIRST_PATH, *PATH.split(":")) if folder]
    return {
        name: path
        for name in names
        for path in (next((f"{folder}/{name}" for folder in folders if os.access(f"{folder}/{name}", os.X_OK)), ""),)
        if path
    }


def detect(
    services: Sequence[Service], processes: Sequence[Process], policy: str, programs: Mapping[str, str], host: LocalHost
) -> Platform:
    """The facts about this host that these services (declared, or held until now) depend on, whatever their backend;
    ``programs``: those that were found."""
    first = next((process.program for process in processes if process.pid == 1), "")
    limited = any(_may_need_guard(service) for service in services)
    return Platform(
        init=_init(first),
        ipv6=ipv6_usable(),
        syslog=any(service.log and service.log.where == "syslog" for service in services) and _syslog(),
        nft=limited and _nft(programs, host),
        policy=policy,
        python=python(),
        programs=programs,
        primary_groups=_primary_groups(services),
    )


def _init(first: str) -> str:
    """What kind of PID 1 there is, whose program is ``first``."""
    if booted_by_systemd():
        return SYSTEMD
    return S6 if first == "s6-svscan" else OTHER


def booted_by_systemd() -> bool:
    """Whether systemd is what has booted this host (see sd_booted(3))."""
    return os.path.isdir("/run/systemd/system")


def _may_need_guard(service: Service) -> bool:
    interfaces = any(endpoint.interface for endpoint in service.listen)
    return interfaces or service.uses("access") or service.uses("connections")


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


def python() -> str:
    """The interpreter that the collection's own programs are run by."""
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
