# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What starts at boot: runtimes by systemd, and a program by whatever init system there is.

systemd serves nobody while it reads its units, which takes a tenth of a second and more however few there are. So
systemctl sets and removes the links by itself (``--root``), which only matter at boot; Debian's way of keeping an init
script beside a unit in step would have systemd read its units several times.
"""

from __future__ import annotations

import shlex
import typing as t
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File, Host
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform

# Where systemd keeps units that it has made of init scripts (systemd-sysv-generator(8)).
GENERATED = "/run/systemd/generator.late"

# What init systems have that run scripts and are no backend's.
INITTAB = "/etc/inittab"
# Debian's program for the links of init scripts; it keeps OpenRC's in step, too.
UPDATE_RC = "/usr/sbin/update-rc.d"
OPENRC_RUNS = "/run/openrc/softlevel"


@dataclass(frozen=True)
class EarlyProgram:
    """A program that runs when a host boots, before anything reads the host's files: only while ``wanted`` is there,
    and not while ``unless`` is. ``note`` is what every file of it begins with, ``folder`` a directory that it needs."""

    name: str
    note: str
    description: str
    argv: tuple[str, ...]
    wanted: str
    unless: str
    folder: str


@dataclass(frozen=True)
class Means:
    """How a host runs a program when it boots: files, and the commands that register them with the init system, or
    remove them. ``folders`` are directories that go with the last file. ``gap``: its limits, in words. It is for hosts
    that it ``fits``, and that have one path at least of each group of ``there``."""

    fits: t.Callable[[Platform], bool]
    files: tuple[File, ...] = ()
    enable: tuple[tuple[str, ...], ...] = ()
    disable: tuple[tuple[str, ...], ...] = ()
    folders: tuple[str, ...] = ()
    there: tuple[tuple[str, ...], ...] = ()
    gap: str = ""


def by_scripts(program: EarlyProgram) -> tuple[Means, ...]:
    """The means of init systems that run scripts. Runlevel S, and OpenRC's boot, end before any other begins."""
    path, name = f"/etc/init.d/{program.name}", program.name
    debian = ((UPDATE_RC, name, "defaults"),), ((UPDATE_RC, "-f", name, "remove"),)
    openrc = (("rc-update", "add", name, "boot"),), (("rc-update", "--all", "delete", name),)
    return (
        Means(
            _runs_scripts, (File(path, _lsb(program), 0o755),), *debian, there=((UPDATE_RC,), (INITTAB, OPENRC_RUNS))
        ),
        Means(_runs_scripts, (File(path, _openrc(program), 0o755),), *openrc, there=((OPENRC_RUNS,),)),
    )


def _runs_scripts(platform: Platform) -> bool:
    return platform.init == "other"


def _lsb(program: EarlyProgram) -> str:
    return f"""#!/bin/sh
{program.note}
### BEGIN INIT INFO
# Provides: {program.name}
# Required-Start: $local_fs
# Required-Stop:
# Default-Start: S
# Default-Stop:
# Short-Description: {program.description}
### END INIT INFO
[ "$1" != start ] || [ ! -e {program.wanted} ] || exec {shlex.join(program.argv)}
"""


def _openrc(program: EarlyProgram) -> str:
    return f"""#!/sbin/openrc-run
{program.note}
depend() {{
    need localmount
}}
start() {{
    [ ! -e {program.wanted} ] || {shlex.join(program.argv)}
}}
"""


def enable(unit: str, host: Host) -> None:
    """Have a unit started at every boot. Raises SwitchFailed, for example when it is masked."""
    _change("enable", unit, host)


def retire(unit: str, host: Host) -> None:
    """Stop a unit, and do not start it at boot any more. Raises SwitchFailed."""
    # "disable --now" would leave it running where there is an init script only.
    host.run(["systemctl", "stop", unit])
    _change("disable", unit, host)


def _change(verb: str, unit: str, host: Host) -> None:
    if host.exists(f"{GENERATED}/{unit}"):
        host.run(["systemctl", verb, unit])
    else:
        host.run(["systemctl", "--root=/", verb, unit], environment={"SYSTEMCTL_SKIP_SYSV": "1"})
