# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cgroup2 tree for everything that touches a container, whatever the cgroups of this machine are."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from _system import STATE, LabError, locked, run

NAMESPACE = STATE / "ns" / "mnt"
CGROUPS = Path("/sys/fs/cgroup")


def cgroups_usable() -> bool:
    """Whether /sys/fs/cgroup is one cgroup2 tree (it is also inside the namespace made here)."""
    return (CGROUPS / "cgroup.controllers").exists()


def namespace_exists() -> bool:
    return str(NAMESPACE) in Path("/proc/self/mounts").read_text(encoding="utf-8").split()


def make_namespace() -> None:
    """Pin a mount namespace with a fresh cgroup2 tree to a file; its directory has to be a private mount for that."""
    with locked("namespace"):
        if namespace_exists():
            return
        holder = NAMESPACE.parent
        holder.mkdir(mode=0o700, exist_ok=True)
        if not os.path.ismount(holder):
            run("mount", "--bind", str(holder), str(holder))
        run("mount", "--make-private", str(holder))
        NAMESPACE.touch()
        fresh = f"umount -R {CGROUPS} && mount -t cgroup2 none {CGROUPS}"
        try:
            run("unshare", f"--mount={NAMESPACE}", "--propagation", "private", "sh", "-c", fresh)
        except LabError:
            run("umount", str(NAMESPACE), check=False)  # so that nobody enters half a namespace
            raise


def entered() -> list[str]:
    """The call that runs this very invocation inside the lab's namespace, in the same directory."""
    make_namespace()
    again = [sys.executable, os.path.abspath(sys.argv[0]), *sys.argv[1:]]
    return ["nsenter", f"--mount={NAMESPACE}", "sh", "-c", 'cd "$0" && exec "$@"', os.getcwd(), *again]


def drop_namespace() -> None:
    for path in (NAMESPACE, NAMESPACE.parent):
        run("umount", str(path))
    shutil.rmtree(STATE)
