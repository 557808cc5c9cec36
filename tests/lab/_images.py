# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images from the distribution's own packages."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from _apt import apt_options, debian_sources, unreachable
from _system import LABEL, LabError, locked, run, say

REPOSITORY = "localhost/superserver-lab"

BASE_PACKAGES = ("python3", "python3-apt", "netcat-openbsd", "iproute2", "procps", "ca-certificates")
SYSTEMD_PACKAGES = (*BASE_PACKAGES, "systemd", "systemd-sysv", "dbus")
SYSVINIT_PACKAGES = (*BASE_PACKAGES, "sysvinit-core", "initscripts")
CLIENT_PACKAGES = (*BASE_PACKAGES, "curl", "git", "openssh-client", "openssl", "rsync", "tftp-hpa", "tini")

# systemd closes an inotify instance for each path unit when it reloads, and the kernel lets it wait until every
# processor has seen that: up to nine seconds where all are busy, in which no service of the host is started. These two
# wait for passwords that a console is asked for.
MASKED = ("systemd-ask-password-console.path", "systemd-ask-password-wall.path")

# Without systemd: what a boot under s6-linux-init does, reduced to the run image and the scan directory. The
# conformance suite has more servers than the 500, with their loggers, that s6-svscan takes where nothing is said.
S6_INIT = """\
#!/bin/sh
if [ -d /etc/s6-linux-init/current/run-image ]; then
    cp -a /etc/s6-linux-init/current/run-image/. /run/
fi
mkdir -p /run/service /run/lock
cd /
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin s6-svscan -C 10000 /run/service
"""

# init(8) starts what is in its table, in turn, and goes on when that has ended. A container has no consoles.
BOOT_IS_OVER = "/run/boot-is-over"
INITTAB = f"""\
id:2:initdefault:
si::sysinit:/etc/init.d/rcS
l0:0:wait:/etc/init.d/rc 0
l1:1:wait:/etc/init.d/rc 1
l2:2:wait:/etc/init.d/rc 2
l6:6:wait:/etc/init.d/rc 6
bo:2:once:/usr/bin/touch {BOOT_IS_OVER}
"""


@dataclass(frozen=True)
class Recipe:
    """What an image is made of; its digest is the image's tag."""

    suite: str
    packages: tuple[str, ...]
    init: str = "systemd"
    files: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ("/sbin/init",)


RECIPES = {
    "debian11-systemd": Recipe("bullseye", SYSTEMD_PACKAGES),
    "debian12-systemd": Recipe("bookworm", SYSTEMD_PACKAGES),
    "debian13-systemd": Recipe("trixie", SYSTEMD_PACKAGES),
    "testing-systemd": Recipe("testing", SYSTEMD_PACKAGES),
    "debian13-sysv": Recipe("trixie", (*SYSVINIT_PACKAGES, "sysv-rc"), "sysvinit", {"/etc/inittab": INITTAB}),
    "debian13-openrc": Recipe("trixie", (*SYSVINIT_PACKAGES, "openrc"), "openrc", {"/etc/inittab": INITTAB}),
    "debian13-s6": Recipe("trixie", (*BASE_PACKAGES, "s6", "execline"), "s6", {"/sbin/init": S6_INIT}),
    "debian13-client": Recipe("trixie", CLIENT_PACKAGES, "none", command=("/usr/bin/tini", "--", "sleep", "infinity")),
}


APT_OPTIONS = (
    'APT::Install-Recommends "false"',
    'Acquire::Languages "none"',
    'DPkg::Lock::Timeout "120"',  # seconds
)
DPKG_OPTIONS = ("force-unsafe-io", "path-exclude=/usr/share/doc/*", "path-exclude=/usr/share/man/*")


def bootstrap_command(recipe: Recipe, rootfs: str, scratch: Path) -> list[str]:
    """The mmdebstrap call for a recipe; `scratch` receives the files to add. Raises LabError without its suites.

    The image has no package lists, as a new host has none.
    """
    sources = debian_sources(recipe.suite)
    absent = unreachable(sources)
    if absent:
        raise LabError(
            f"the mirror does not have what the image needs: {', '.join(absent)}. Check apt's sources on this machine, "
            "or set SUPERSERVER_LAB_MIRROR to the URL of an archive that has it"
        )
    return [
        *("mmdebstrap", "--quiet", "--variant=minbase", "--format=tar"),
        f"--include={','.join(recipe.packages)}",
        *(f"--aptopt={option}" for option in (*APT_OPTIONS, *apt_options())),
        *(f"--dpkgopt={option}" for option in DPKG_OPTIONS),
        *keyring_options({source.keyring for source in sources}),
        *file_options(recipe.files, scratch),
        *(mask_options() if recipe.init == "systemd" else ()),
        # A container gets both at its start; those of this machine must not stay inside.
        '--customize-hook=rm -f "$1/etc/resolv.conf" "$1/etc/hostname"',
        *(recipe.suite, rootfs),
        *(source.line() for source in sources),
    ]


def keyring_options(keyrings: set[str]) -> Iterator[str]:
    """The keyrings that apt has to trust; the image gets those that no package of Debian brings."""
    for keyring in sorted(keyrings - {""}):
        yield f"--keyring={keyring}"
        if not os.path.basename(keyring).startswith("debian-archive-"):
            yield f'--customize-hook=install -D -m 0644 {keyring} "$1{keyring}"'


def file_options(files: Mapping[str, str], scratch: Path) -> Iterator[str]:
    for path, text in files.items():
        copy = scratch / path.strip("/").replace("/", "-")
        copy.write_text(text, encoding="utf-8")
        yield f'--customize-hook=install -D -m 0755 {copy} "$1{path}"'


def mask_options() -> Iterator[str]:
    for unit in MASKED:
        yield f'--customize-hook=ln -s /dev/null "$1/etc/systemd/system/{unit}"'


def image_tag(name: str) -> str:
    """The image's name with a digest of all that goes into it, this file included."""
    recipe = RECIPES[name]
    sources = [source.line() for source in debian_sources(recipe.suite)]
    ingredients = [vars(recipe), sources, apt_options(), Path(__file__).read_text(encoding="utf-8")]
    return f"{REPOSITORY}/{name}:{hashlib.sha256(json.dumps(ingredients).encode()).hexdigest()[:12]}"


def image_exists(tag: str) -> bool:
    return run("podman", "image", "exists", tag, check=False).returncode == 0


def build_image(name: str) -> str:
    """The image's full name, after building it unless the same recipe has been built before.

    Any other name than a recipe's is an image that a registry has.
    """
    if name not in RECIPES:
        if not image_exists(name):
            run("podman", "pull", "--quiet", name)
        return name
    tag = image_tag(name)
    if image_exists(tag):
        return tag
    with locked(f"image-{name}"):
        if image_exists(tag):
            return tag
        say(f"building image {name} (about 30 s)")
        started = time.monotonic()
        import_rootfs(name, tag)
        remove_outdated(name, tag)
        say(f"built image {name} in {time.monotonic() - started:.0f} s")
    return tag


def build_images(names: Iterable[str]) -> list[str]:
    """Several at once: building waits for the mirror, the disk and one processor in turn."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(build_image, names))


def remove_outdated(name: str, tag: str) -> None:
    """Remove what earlier recipes gave, except where a container still uses it."""
    listed = run("podman", "images", "--format", "{{.Repository}}:{{.Tag}}", f"{REPOSITORY}/{name}").stdout.split()
    for old in set(listed) - {tag}:
        run("podman", "rmi", old, check=False)


def import_rootfs(name: str, tag: str) -> None:
    recipe = RECIPES[name]
    with tempfile.TemporaryDirectory(prefix="superserver-lab-", dir="/var/tmp") as scratch:
        rootfs = f"{scratch}/rootfs.tar"
        run(*bootstrap_command(recipe, rootfs, Path(scratch)))
        labels = [f"LABEL {LABEL}=image", f"LABEL {LABEL}.init={recipe.init}"]
        changes = [f"CMD {json.dumps(recipe.command)}", *labels]
        run("podman", "import", *(f"--change={change}" for change in changes), rootfs, tag)


def image_init(image: str) -> str:
    """The kind of PID 1 of an image; one from elsewhere is taken to boot systemd."""
    labels = json.loads(run("podman", "image", "inspect", "--format", "{{json .Labels}}", image).stdout) or {}
    return str(labels.get(f"{LABEL}.init", "systemd"))
