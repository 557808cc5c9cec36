# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal: how the host was before a switch, written before its first change, so that it can be made so again.

It outlives the process that wrote it. Whoever finds one undoes what it describes before doing anything else.
"""

from __future__ import annotations

import base64
import json
import os
import time
import typing as t
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._backends._base import STATE, Change, File
from ansible_collections.ondemand.superserver.plugins.module_utils._converge import _manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge._helper_watcher import JOURNAL
from ansible_collections.ondemand.superserver.plugins.module_utils._converge._manifest import Manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge._others import Others, others_from_json
from ansible_collections.ondemand.superserver.plugins.module_utils._host import _files
from ansible_collections.ondemand.superserver.plugins.module_utils._host._files import Seen
from ansible_collections.ondemand.superserver.plugins.module_utils._model import Service, service_from_json
from ansible_collections.ondemand.superserver.plugins.module_utils._model_platform import Rc, rc_from_json

PATH = JOURNAL
# What the watcher has done, for the next run to tell.
TOLD = f"{STATE}/watcher.json"

BOOT = "/proc/sys/kernel/random/boot_id"


@dataclass(frozen=True)
class Confirmation:
    """What makes a switch stand that has been proven: that the controller comes back, within so many seconds, over
    another connection than the run's. ``deadline`` is on the clock of this ``boot``. ``result``: what the run returned,
    for the case that the connection did not live to carry it."""

    within: int
    deadline: float
    boot: str
    connection: str
    result: Mapping[str, t.Any]

    @property
    def left(self) -> float:
        """Seconds that are left; 0 after a reboot, since there is no watcher any more."""
        clock, boot = _clock()
        return max(0.0, self.deadline - clock) if boot == self.boot else 0.0


def confirmation(within: int, connection: str, result: Mapping[str, t.Any]) -> Confirmation:
    """One that is due so many seconds from now."""
    clock, boot = _clock()
    return Confirmation(within, clock + within, boot, connection, result)


def _clock() -> tuple[float, str]:
    """Seconds since the boot, and which boot that was."""
    with open(BOOT, encoding="ascii") as file:
        return time.clock_gettime(time.CLOCK_BOOTTIME), file.read().strip()


@dataclass(frozen=True)
class Journal:
    """``files``: what was at each path that the switch writes or removes, None for nothing; ``backends``: whose each
    is. ``changes``: what the switch does, by backend. ``manifest``: the one before; ``guarded``: whether there was a
    guard. ``policy``, ``bin_directory`` and ``s6_rc``: of the run, see :class:`_read.Request`. ``others``: what it does
    to services of others. ``confirmation``: what a run that came to its end still waits for."""

    files: Mapping[str, Seen | None]
    backends: Mapping[str, str]
    changes: Mapping[str, Change]
    manifest: Manifest
    guarded: bool
    policy: str = "auto"
    bin_directory: str = ""
    s6_rc: Rc | None = None
    others: Others = field(default_factory=Others)
    confirmation: Confirmation | None = None

    @property
    def awaited(self) -> float:
        """Seconds for which the run's change may still be confirmed; 0 where it is to be undone now."""
        return self.confirmation.left if self.confirmation else 0.0

    def restore(self) -> None:
        """Put back every file that the switch changed or removed, and the manifest. What is as it was is not written:
        the disk may be full, or the reason that the switch failed."""
        for path, seen in self.files.items():
            _files.discard_half(path)
            if seen is not None and seen.kind in ("file", "link") and _files.look(path) != seen:
                _files.restore(path, seen)
        if self.manifest == Manifest():
            _files.remove(_manifest.PATH)
        else:
            _manifest.save(self.manifest)

    def surplus(self) -> dict[str, list[str]]:
        """The files that the switch made where there was nothing, by backend."""
        paths: dict[str, list[str]] = {}
        for path, seen in self.files.items():
            if seen is None:
                paths.setdefault(self.backends[path], []).append(path)
        return paths


def journal_of(
    backends: Mapping[str, str],
    changes: Mapping[str, Change],
    manifest: Manifest,
    guarded: bool,
    policy: str,
    bin_directory: str,
    s6_rc: Rc | None,
    others: Others,
) -> Journal:
    """Look at every path that is about to change; ``backends`` tells whose each is."""
    seen = {path: _files.look(path) for path in backends}
    return Journal(seen, backends, changes, manifest, guarded, policy, bin_directory, s6_rc, others)


def write(journal: Journal) -> None:
    """Store the journal; it is on the disk when this returns."""
    value = {
        "files": {path: None if seen is None else seen_to_json(seen) for path, seen in journal.files.items()},
        "backends": dict(journal.backends),
        "changes": {backend: _change_to_json(change) for backend, change in journal.changes.items()},
        "manifest": journal.manifest.to_json(),
        "guarded": journal.guarded,
        "policy": journal.policy,
        "bin_directory": journal.bin_directory,
        "s6_rc": asdict(journal.s6_rc) if journal.s6_rc else None,
        "others": journal.others.to_json(),
        "confirmation": asdict(journal.confirmation) if journal.confirmation else None,
    }
    _files.install(File(PATH, json.dumps(value), 0o600))


def read() -> Journal | None:
    """The journal that a run left behind, if there is one."""
    try:
        with open(PATH, encoding="utf-8") as file:
            value = json.load(file)
    except FileNotFoundError:
        return None
    return Journal(
        {path: None if seen is None else seen_from_json(seen) for path, seen in value["files"].items()},
        value["backends"],
        {backend: _change_from_json(change) for backend, change in value["changes"].items()},
        _manifest.from_json(value["manifest"]),
        value["guarded"],
        value["policy"],
        value["bin_directory"],
        rc_from_json(value["s6_rc"]),
        others_from_json(value["others"]),
        Confirmation(**value["confirmation"]) if value["confirmation"] else None,
    )


def clear() -> None:
    """The switch is over, one way or the other."""
    if os.path.exists(PATH):
        os.unlink(PATH)


def tell(texts: Sequence[str]) -> None:
    """Leave word for the next run."""
    _files.install(File(TOLD, json.dumps(list(texts)), 0o600))


def told() -> list[str]:
    """What was left for this run; it is told once."""
    try:
        with open(TOLD, encoding="utf-8") as file:
            texts = json.load(file)
    except FileNotFoundError:
        return []
    os.unlink(TOLD)
    return [str(text) for text in texts]


def seen_to_json(seen: Seen) -> dict[str, t.Any]:
    """What was at a path, as it is stored."""
    return {
        "kind": seen.kind,
        "content": base64.b64encode(seen.content).decode("ascii"),
        "mode": seen.mode,
        "owner": seen.owner,
        "group": seen.group,
    }


def seen_from_json(value: Mapping[str, t.Any]) -> Seen:
    """Read what :func:`seen_to_json` gave."""
    return Seen(value["kind"], base64.b64decode(value["content"]), value["mode"], value["owner"], value["group"])


def _change_to_json(change: Change) -> dict[str, t.Any]:
    return {
        "stop": _all(change.stop),
        "start": _all(change.start),
        "refresh": [_all(pair) for pair in change.refresh],
        "kept": _all(change.kept),
    }


def _all(services: Iterable[Service]) -> list[dict[str, t.Any]]:
    return [service.to_json() for service in services]


def _change_from_json(value: Mapping[str, t.Any]) -> Change:
    def built(entries: Iterable[Mapping[str, t.Any]]) -> tuple[Service, ...]:
        return tuple(service_from_json(entry) for entry in entries)

    pairs = [built(pair) for pair in value["refresh"]]
    return Change(
        built(value["stop"]), built(value["start"]), tuple((old, new) for old, new in pairs), built(value["kept"])
    )
