# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that boots during a change, or before its confirmation, restores the previous state without another run.

A program runs at boot while the journal exists. It restores the files before anything reads them, so
that no listener of the new state opens, and leaves the rest to the watcher after the boot.
"""

from __future__ import annotations

import os
import sys
import typing as t
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import RUN_IMAGE
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.boot import (
    INITTAB,
    OPENRC_RUNS,
    UPDATE_RC,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import journal as _journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import progress
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.journal import Journal
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.boot import UNIT as GUARD_UNIT
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.entries import exists
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.platform import booted_by_systemd
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import HEADER, STATE, File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard.rules import RULES
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.watcher import BOOT, LOCK

NAME = "superserver-restore"
NOTE = f"# {HEADER}: here while a run changes something."
PROGRAM = f"{STATE}/watcher.pyz"
START = (sys.executable, "-I", PROGRAM, BOOT)

# Before sysinit.target, after which every socket and service is started that does not say otherwise. systemd wants it
# again with whatever is started later, a run's own units too: then there is a lock.
UNIT_FILE = f"/etc/systemd/system/{NAME}.service"
UNIT_LINK = f"/etc/systemd/system/sysinit.target.wants/{NAME}.service"
UNIT_TEXT = f"""{NOTE}

[Unit]
Description=Put back what a run of ondemand.superserver has not finished
DefaultDependencies=no
ConditionPathExists={_journal.PATH}
ConditionPathExists=!{LOCK}
RequiresMountsFor={STATE}
After=local-fs.target
Before=sysinit.target {GUARD_UNIT}
Conflicts=shutdown.target
Before=shutdown.target

[Service]
Type=oneshot
ExecStart={" ".join(START)}
"""

# Runlevel S, and OpenRC's boot, end before any other begins.
SCRIPT = f"/etc/init.d/{NAME}"
LSB_TEXT = f"""#!/bin/sh
{NOTE}
### BEGIN INIT INFO
# Provides: {NAME}
# Required-Start: $local_fs
# Required-Stop:
# Default-Start: S
# Default-Stop:
# Short-Description: Put back what a run of ondemand.superserver has not finished
### END INIT INFO
[ "$1" != start ] || [ ! -e {_journal.PATH} ] || exec {" ".join(START)}
"""
OPENRC_TEXT = f"""#!/sbin/openrc-run
{NOTE}
depend() {{
    need localmount
}}
start() {{
    [ ! -e {_journal.PATH} ] || {" ".join(START)}
}}
"""
# s6-svscan starts everything at once. A code of 125 means that it is not to be started again.
SCANNED = f"{RUN_IMAGE}/service/{NAME}"
RUN_TEXT = f"""#!/bin/sh
{NOTE}
[ ! -e {_journal.PATH} ] || {" ".join(START)}
"""
FINISH_TEXT = f"#!/bin/sh\n{NOTE}\nexit 125\n"

AT_ONCE = (
    "s6-svscan starts everything at once: after a power failure during a change, or before its confirmation, this "
    "host restores its previous state only after the boot, and listeners of the new state may be open until then"
)
NEVER = (
    "the collection does not know what this host runs at boot: after a power failure during a change, or before "
    "its confirmation, only the next run restores the previous state"
)


@dataclass(frozen=True)
class Means:
    """How a host restores itself at boot: files, and the commands that register them with the init
    system, or remove them. ``gap``: its limits, in words."""

    files: tuple[File, ...] = ()
    enable: tuple[tuple[str, ...], ...] = ()
    disable: tuple[tuple[str, ...], ...] = ()
    gap: str = ""


SYSTEMD = Means((File(UNIT_FILE, UNIT_TEXT), File(UNIT_LINK, UNIT_FILE, kind="link")))
DEBIAN_SCRIPT = Means(
    (File(SCRIPT, LSB_TEXT, 0o755),), ((UPDATE_RC, NAME, "defaults"),), ((UPDATE_RC, "-f", NAME, "remove"),)
)
OPENRC = Means(
    (File(SCRIPT, OPENRC_TEXT, 0o755),),
    (("rc-update", "add", NAME, "boot"),),
    (("rc-update", "--all", "delete", NAME),),
)
S6 = Means((File(f"{SCANNED}/finish", FINISH_TEXT, 0o755), File(f"{SCANNED}/run", RUN_TEXT, 0o755)), gap=AT_ONCE)
NONE = Means(gap=NEVER)

Fits = t.Callable[[Platform], bool]
# The first one that fits.
EVERY: Sequence[tuple[Fits, Means]] = (
    (lambda platform: platform.managed, SYSTEMD),
    (lambda platform: platform.supervised and platform.scan_directory == "/run/service", S6),
    (lambda platform: platform.init == "other" and _is_debian() and _runs_scripts(), DEBIAN_SCRIPT),
    (lambda platform: platform.init == "other" and exists(OPENRC_RUNS), OPENRC),
    (lambda _platform: True, NONE),
)


def _is_debian() -> bool:
    return exists(UPDATE_RC)


def _runs_scripts() -> bool:
    return exists(INITTAB) or exists(OPENRC_RUNS)


def means_of(platform: Platform) -> Means:
    """What this host has."""
    return next(means for fits, means in EVERY if fits(platform))


def gaps(platform: Platform) -> list[str]:
    """Warnings for a host that cannot restore itself at boot, or not in time."""
    gap = means_of(platform).gap
    return [gap] if gap else []


def prepare(platform: Platform, host: LocalHost) -> None:
    """Let the host restore itself at boot. Raises SwitchFailed or OSError."""
    means = means_of(platform)
    for file in means.files:
        if not store.matches(file, store.look(file.path)):
            store.install(file)
    for command in means.enable:
        host.run(command)


def conclude(host: LocalHost) -> None:
    """A switch is over, one way or the other: first the journal goes, then what would act on it at boot."""
    _journal.clear()
    progress.end()
    for _fits, means in EVERY:
        present = [file for file in means.files if file.kind == "link" or _is_ours(file.path)]
        _withdraw(means, [file.path for file in present if host.exists(file.path)], host)


def _is_ours(path: str) -> bool:
    seen = store.look(path)
    return seen is not None and NOTE in seen.text


def _withdraw(means: Means, paths: Sequence[str], host: LocalHost) -> None:
    for path in reversed(paths):
        store.remove(path, (SCANNED, os.path.dirname(UNIT_LINK)))
    if paths:
        store.sync_folders_of(paths)
        for command in means.disable:
            host.run(command, check=False)


def put_back(journal: Journal, host: LocalHost) -> None:
    """What is done at boot: the files as they were. All the rest is for the watcher, once the host has booted."""
    journal.restore()
    for paths in journal.surplus().values():
        for path in paths:
            store.remove(path)
    store.sync_folders_of(journal.files)
    if booted_by_systemd():
        host.run(["systemctl", "daemon-reload"])
        if host.exists(RULES):
            # Of units that are back only now the boot knows nothing; what opens ports waits for one that is to start.
            host.run(["systemctl", "start", "--no-block", GUARD_UNIT], check=False)
