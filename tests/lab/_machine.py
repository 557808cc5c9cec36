# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this machine lacks, and how it gets that."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from _apt import debian_sources, unreachable
from _system import CAP_SYS_ADMIN, LabError, has_capability, run, say

# Commands and files this machine must have -> the Debian package that brings each.
COMMANDS = {
    "podman": "podman",
    "mmdebstrap": "mmdebstrap",
    "runc": "runc",
    "iptables": "iptables",
    "nft": "nftables",
    "ssh": "openssh-client",
    "nsenter": "util-linux",
    "unshare": "util-linux",
}
FILES = {
    "/usr/lib/podman/netavark": "netavark",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
}


def missing_packages() -> list[str]:
    lacking = {package for command, package in COMMANDS.items() if not shutil.which(command)}
    lacking |= {package for path, package in FILES.items() if not os.path.exists(path)}
    return sorted(lacking)


def mirror_problem() -> str | None:
    try:
        source = debian_sources("trixie")[0]
    except LabError as error:
        return str(error)
    if not unreachable([source]):
        return None
    return (
        f"no package mirror at {source.index}: check the network and apt's sources, or set SUPERSERVER_LAB_MIRROR to "
        "another"
    )


def problems() -> Iterator[str]:
    """Everything that keeps the lab from working here, each with its remedy."""
    if os.geteuid() != 0:
        yield "not root: run this as root (sudo -s)"
    elif not has_capability(CAP_SYS_ADMIN):
        yield "root lacks CAP_SYS_ADMIN, as in a container: use a virtual machine or a privileged container"
    if not shutil.which("apt-get"):
        yield "no apt-get: the lab needs a Debian machine (12 or newer)"
        return
    lacking = missing_packages()
    if lacking:
        yield f"packages are missing: apt-get install --no-install-recommends {' '.join(lacking)}   (or: make lab)"
    if not os.path.exists("/proc/net/if_inet6"):
        yield "the kernel has no IPv6: boot without ipv6.disable=1"
    if "cgroup2" not in Path("/proc/filesystems").read_text(encoding="ascii"):
        yield "the kernel has no cgroup2: a kernel of 5.x or newer is needed"
    problem = mirror_problem()
    if problem:
        yield problem


def doctor() -> int:
    found = list(problems())
    for problem in found:
        print(f"missing: {problem}")
    if not found:
        print("the lab has everything it needs")
    return 1 if found else 0


def install_deps() -> None:
    """Install what `doctor` misses, and say why where that cannot be done."""
    lacking = missing_packages()
    if lacking and os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"installing {' '.join(lacking)}")
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "update", "-qq", env=quiet)
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *lacking, env=quiet)
    found = list(problems())
    if found:
        raise LabError("this machine cannot run the containers yet:\n  " + "\n  ".join(found))
