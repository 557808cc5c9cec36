# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of s6 there is on a host."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Inquiry
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes import table as _processes
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Process

SCAN_DIRECTORY = "/etc/superserver/s6"

PROGRAMS = (
    *("execlineb", "fdmove", "tcpserver"),
    *("s6-log", "s6-svscan"),
    *("s6-fdholder-delete", "s6-fdholder-list", "s6-fdholder-retrieve", "s6-fdholder-store", "s6-fdholderd"),
    *("s6-ipcserver-socketbinder", "s6-ipcserverd"),
    *("s6-rc", "s6-rc-compile", "s6-rc-update"),
    *("s6-tcpserver", "s6-tcpserver-access", "s6-tcpserver-socketbinder", "s6-tcpserverd"),
    *("s6-tcpserver4-socketbinder", "s6-tcpserver4d", "s6-tcpserver6-socketbinder", "s6-tcpserver6d"),
)


def facts(inquiry: Inquiry) -> dict[str, t.Any]:
    """The provider of network servers, and how services are run."""
    return {
        "s6": provider(inquiry.platform.programs),
        "scan_directory": scan_directory(inquiry.processes),
        "s6_path": inquiry.bin_directory,
        "s6_rc": inquiry.rc,
    }


def provider(programs: Mapping[str, str]) -> str:
    """Which provider of network servers stands beside s6."""
    if not {"s6-svscan", "execlineb"} <= programs.keys():
        return ""
    if "s6-tcpserver" in programs:
        return "s6-networking"
    return "ucspi" if "tcpserver" in programs else ""


def scan_directory(processes: Iterable[Process]) -> str:
    """The scan directory of an s6-svscan that is PID 1; else the collection's own."""
    if any(process.pid == 1 and process.program == "s6-svscan" for process in processes):
        return _processes.directory(1)
    return SCAN_DIRECTORY
