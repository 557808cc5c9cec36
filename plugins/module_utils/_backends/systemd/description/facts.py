# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd is and can do on a host."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Inquiry
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store as _files
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import RUNTIME, File, Host
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# Binds a socket and sends itself a datagram: under IPAddressDeny=any the kernel forbids it, if the filter is real.
_BPF_PROBE = (
    "import socket, sys\n"
    "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
    "s.bind(('127.0.0.1', 0))\n"
    "try:\n    s.sendto(b'x', s.getsockname())\n"
    "except PermissionError:\n    sys.exit(0)\n"
    "sys.exit(9)\n"
)


def facts(inquiry: Inquiry) -> dict[str, t.Any]:
    """Its version, and whether its address filter and its sandbox do anything here, where a service needs them."""
    services, host = inquiry.services, inquiry.host
    if not inquiry.platform.managed:
        return {"systemd": 0, "bpf": False, "mounts": False}
    return {
        "systemd": _version(host),
        "bpf": _needs_bpf(services) and _bpf(inquiry.platform.python, host),
        "mounts": _needs_mounts(services) and _mounts(host),
    }


def _version(host: Host) -> int:
    found = re.search(r"systemd (\d+)", host.run(["systemctl", "--version"]).out)
    return int(found.group(1)) if found else 0


def _needs_bpf(services: Sequence[Service]) -> bool:
    return any(service.backend == "systemd" and service.uses("access") for service in services)


def _bpf(python: str, host: Host) -> bool:
    """Whether systemd's address filter does anything here: a unit that is denied every address tries to send.

    Where BPF programs may not be loaded, systemd says nothing and lets everybody in.
    """
    return _proven("bpf", "IPAddressDeny=any", [python, "-c", _BPF_PROBE], host)


def _needs_mounts(services: Sequence[Service]) -> bool:
    hardened = (service.proxy or service.sandbox == "strict" for service in services if service.backend == "systemd")
    return any(hardened)


def _mounts(host: Host) -> bool:
    """Whether systemd confines file systems here: a unit that may not write to /usr looks whether it may.

    Where no file system may be mounted, older versions say nothing and go on without.
    """
    return _proven("mounts", "ProtectSystem=strict", ["/usr/bin/test", "!", "-w", "/usr"], host)


def _proven(fact: str, directive: str, argv: Sequence[str], host: Host) -> bool:
    """Whether a command in a throw-away unit with a directive ends well. The answer holds until the next boot."""
    path = f"{RUNTIME}/{fact}"
    known = host.read(path)
    if known is not None:
        return known.strip() == "yes"
    unit = ["systemd-run", "--quiet", "--wait", "--collect", f"--property={directive}"]
    result = host.run([*unit, *argv], check=False)
    _files.install(File(path, "no\n" if result.code else "yes\n", 0o600))
    return result.code == 0
