# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that boots during a change, or before its confirmation, restores the previous state without another run.

A program runs at boot while the journal exists. It restores the files before anything reads them, so
that no listener of the new state opens, and leaves the rest to the watcher after the boot.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.boot import EarlyProgram, Means, by_scripts
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import journal as _journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import progress
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.journal import Journal
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.boot import UNIT as GUARD_UNIT
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.entries import exists
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.platform import booted_by_systemd
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import HEADER, STATE
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard.rules import RULES
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.watcher import BOOT, LOCK

NAME = "superserver-restore"
NOTE = f"# {HEADER}: here while a run changes something."
PROGRAM = f"{STATE}/watcher.pyz"
START = (sys.executable, "-I", PROGRAM, BOOT)

RESTORE = EarlyProgram(
    NAME,
    NOTE,
    "Put back what a run of ondemand.superserver has not finished",
    START,
    _journal.PATH,
    LOCK,
    STATE,
)
NEVER = (
    "the collection does not know what this host runs at boot: after a power failure during a change, or before "
    "its confirmation, only the next run restores the previous state"
)


NONE = Means(lambda _platform: True, gap=NEVER)


def every() -> list[Means]:
    """All means to restore a host at boot; the first one that fits counts."""
    of_backends = [backend.early(RESTORE) for backend in BACKENDS.values()]
    return [*filter(None, of_backends), *by_scripts(RESTORE), NONE]


def _is_there(means: Means) -> bool:
    return all(any(map(exists, paths)) for paths in means.there)


def means_of(platform: Platform) -> Means:
    """What this host has."""
    return next(means for means in every() if means.fits(platform) and _is_there(means))


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
    # Two init systems have the script at one path: it is registered with that which is there.
    for means in sorted(every(), key=_is_there, reverse=True):
        present = [file for file in means.files if file.kind == "link" or _is_ours(file.path)]
        _withdraw(means, [file.path for file in present if host.exists(file.path)], host)


def _is_ours(path: str) -> bool:
    seen = store.look(path)
    return seen is not None and NOTE in seen.text


def _withdraw(means: Means, paths: Sequence[str], host: LocalHost) -> None:
    for path in reversed(paths):
        store.remove(path, means.folders)
    if paths:
        store.sync_folders_of(paths)
        for command in means.disable if _is_there(means) else ():
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
