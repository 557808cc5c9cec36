# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting, waiting for and removing container hosts."""

from __future__ import annotations

import resource
import secrets
import time
from collections.abc import Iterable
from pathlib import Path

from _images import BOOT_IS_OVER, build_image, image_init
from _system import CAP_SYS_RESOURCE, IDS, LABEL, RUN_ID, LabError, has_capability, locked, run, say

BOOT_TIMEOUT = 90.0  # seconds

# A systemd takes about five inotify instances, and the kernel's default of 128 for each user is soon used up: the next
# one waits for its boot to end for ever.
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
INOTIFY_INSTANCES = 1024

# systemd mounts its own.
EMPTY_RUN = ["--systemd=false", "--tmpfs", "/run:rw,exec,nosuid,nodev,mode=0755"]
# Per kind of PID 1: the podman options it needs, and the command that says whether the boot is over.
INIT_OPTIONS = {
    "systemd": ["--systemd=always"],
    "s6": EMPTY_RUN,
    "sysvinit": EMPTY_RUN,
    "openrc": EMPTY_RUN,
    "none": ["--systemd=false"],
}
BOOTED = {
    "systemd": ["timeout", "60", "systemctl", "is-system-running", "--wait"],
    "s6": ["s6-svscanctl", "-a", "/run/service"],
    "sysvinit": ["test", "-e", BOOT_IS_OVER],
    "openrc": ["test", "-e", BOOT_IS_OVER],
    "none": ["true"],
}


def container(name: str) -> str:
    return f"superserver-{RUN_ID}-{name}"


def runtime_options() -> list[str]:
    """What podman needs where root may not raise limits: limits below the hard ones, and a runtime that copes."""
    if has_capability(CAP_SYS_RESOURCE):
        return []
    limits = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}
    options = ["--runtime=runc"]
    for name, number in limits.items():
        hard = resource.getrlimit(number)[1]
        value = 10000 if hard == resource.RLIM_INFINITY else min(hard, 10000)
        options.append(f"--ulimit={name}={value}:{value}")
    return options


def networks() -> list[str]:
    """The names of the lab's networks: one, or none yet."""
    return run("podman", "network", "ls", "--quiet", "--filter", f"label={LABEL}=network").stdout.split()


def network() -> str:
    """The network of all containers, made when there is none.

    Each one made has a name of its own. netavark keeps the rules of a network in a chain that is named after it, and
    rules stay there when containers end without it; they would masquerade what goes between the hosts of a later one.
    """
    with locked("network"):
        names = networks()
        if names:
            return names[0]
        name = f"superserver-{secrets.token_hex(4)}"
        run("podman", "network", "create", "--ipv6", "--disable-dns", "--label", f"{LABEL}=network", name)
        return name


def wait_for_boot(name: str, init: str) -> None:
    """Return when PID 1 has finished starting (a degraded systemd has); fail with the container's log otherwise."""
    deadline = time.monotonic() + BOOT_TIMEOUT
    while True:
        result = run("podman", "exec", name, *BOOTED[init], check=False)
        if result.returncode == 0 or result.stdout.strip() == "degraded":
            return
        state = run("podman", "inspect", "--format", "{{.State.Status}}", name).stdout.strip()
        if state != "running" or time.monotonic() > deadline:
            answer = (result.stdout + result.stderr).strip()
            log = run("podman", "logs", "--tail", "30", name, check=False)
            raise LabError(f"{name} ({state}) did not boot: {answer}\n{log.stdout}{log.stderr}")
        time.sleep(0.2)


def raise_inotify_limit() -> None:
    if int(INOTIFY.read_text()) < INOTIFY_INSTANCES:
        say(f"raising {INOTIFY} to {INOTIFY_INSTANCES} until the next boot")
        INOTIFY.write_text(str(INOTIFY_INSTANCES))


def up(name: str, image: str, extra: list[str]) -> None:
    tag = build_image(image)
    raise_inotify_limit()
    init = image_init(tag)
    full = container(name)
    remove([name])
    IDS.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = ["--name", full, "--hostname", name, "--label", f"{LABEL}={RUN_ID}", "--network", network()]
    options += [f"--cidfile={IDS / full}"]
    options += ["--pids-limit=0", "--cap-add=NET_ADMIN", *INIT_OPTIONS[init], *runtime_options(), *extra]
    run("podman", "run", "--detach", *options, tag)
    wait_for_boot(full, init)


def remove(names: list[str]) -> None:
    full = [container(name) for name in names]
    run("podman", "rm", "-f", "-t", "0", "--ignore", *full)
    forget(full)


def forget(names: Iterable[str]) -> None:
    for name in names:
        (IDS / name).unlink(missing_ok=True)


def clean(everything: bool, images: bool) -> None:
    """Remove this run's containers; or those of every run, and their network; or also the images."""
    wanted = LABEL if everything or images else f"{LABEL}={RUN_ID}"
    found = run("podman", "ps", "--all", "--format", "{{.Names}}", "--filter", f"label={wanted}").stdout.split()
    if found:
        run("podman", "rm", "-f", "-t", "0", *found)
        forget(found)
    if everything or images:
        for name in networks():
            run("podman", "network", "rm", name)
    if images:
        built = run("podman", "images", "--quiet", "--filter", f"label={LABEL}=image").stdout.split()
        for image in set(built):
            run("podman", "rmi", "--force", image)
