# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal: the previous state of the host, written before the first change of a switch, for a rollback.

It outlives the process that wrote it. A process that finds a journal first rolls back the switch that it describes.
"""

from __future__ import annotations

import json
import os
import typing as t
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import manifest as _manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import stored
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import Manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.change import Others, others_from_json
from ansible_collections.ondemand.superserver.plugins.module_utils._host.clock import since_boot
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.entries import exists
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.seen import seen_from_json, seen_to_json
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.store import Seen
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import STATE, File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Rc, rc_from_json
from ansible_collections.ondemand.superserver.plugins.module_utils._model.records import known
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._model.stored import NotUnderstood, stored_service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard.rules import RULES
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.watcher import JOURNAL

PATH = JOURNAL
FORMAT = stored.Format(1)
# The watcher's report for the next run.
TOLD = f"{STATE}/watcher.json"

# 1.0.0 stored only the texts, in a list.
TOLD_FORMAT = stored.Format(2, {1: lambda texts: {"version": 2, "texts": texts}})


@dataclass(frozen=True)
class Confirmation:
    """Condition under which a proven switch becomes permanent: the controller connects again, within so many seconds,
    over another connection than the run's. ``deadline`` is on the clock of this ``boot``. ``result``: what the run
    returned, for the case that the connection did not live to carry it."""

    within: int = 0
    deadline: float = 0.0
    boot: str = ""
    connection: str = ""
    result: Mapping[str, t.Any] = field(default_factory=dict)

    @property
    def left(self) -> float:
        """Seconds that are left; 0 after a reboot, since there is no watcher any more."""
        clock, boot = since_boot()
        return max(0.0, self.deadline - clock) if boot == self.boot else 0.0


def confirmation(within: int, connection: str, result: Mapping[str, t.Any]) -> Confirmation:
    """One that is due so many seconds from now."""
    clock, boot = since_boot()
    return Confirmation(within, clock + within, boot, connection, result)


@dataclass(frozen=True)
class Journal:
    """``files``: what was at each path that the switch writes or removes, None for nothing; ``backends``: whose each
    is. ``changes``: what the switch does, by backend. ``manifest``: the one before; ``guarded``: whether there was a
    guard. ``policy``, ``bin_directory`` and ``s6_rc``: of the run, see ``snapshot.Request``. ``others``: what it does
    to services of others. ``confirmation``: what a run that came to its end still waits for. ``steps``: what the run
    does, in words."""

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
    steps: tuple[str, ...] = ()

    @property
    def awaited(self) -> float:
        """Seconds in which the run's change can still be confirmed; 0 if it has to be rolled back now."""
        return self.confirmation.left if self.confirmation else 0.0

    def restore(self) -> None:
        """Put back every file that the switch changed or removed, and the manifest. What is as it was is not written:
        the disk may be full, or the reason that the switch failed."""
        for path, seen in self.files.items():
            store.discard_half(path)
            if seen is not None and seen.kind in ("file", "link") and store.look(path) != seen:
                store.restore(path, seen)
        if self.manifest == Manifest():
            store.remove(_manifest.PATH)
        else:
            _manifest.save(self.manifest)

    def surplus(self) -> dict[str, list[str]]:
        """The files that the switch made where there was nothing, by backend."""
        paths: dict[str, list[str]] = {}
        for path, seen in self.files.items():
            if seen is None:
                paths.setdefault(self.backends[path], []).append(path)
        return paths


def write(journal: Journal) -> None:
    """Store the journal; it is on the disk when this returns."""
    value = {
        "version": FORMAT.version,
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
        "steps": list(journal.steps),
    }
    store.install(File(PATH, json.dumps(value), 0o600))


def read() -> Journal | None:
    """The journal that a run left behind, if there is one that is understood. Raises RunFailed where a newer version of
    the collection has written it."""
    return stored.understood(PATH, FORMAT, from_json)


def from_json(value: Mapping[str, t.Any]) -> Journal:
    """Read what :func:`write` stores, in this version of the format. Raises NotUnderstood.

    Nothing can be done without what was at each path. The rest is as if there had been none of it, and the manifest is
    the one that is there.
    """
    files = {path: None if seen is None else seen_from_json(seen) for path, seen in value["files"].items()}
    backends = {path: str(value["backends"][path]) for path in files}
    manifest = _manifest.from_json(value["manifest"]) if "manifest" in value else _manifest.load()
    return Journal(
        files,
        backends,
        {backend: _change_from_json(change) for backend, change in value.get("changes", {}).items()},
        manifest,
        bool(value.get("guarded", RULES in manifest.files)),
        str(value.get("policy", "auto")),
        str(value.get("bin_directory", "")),
        rc_from_json(value.get("s6_rc")),
        others_from_json(value.get("others", {})),
        Confirmation(**known(Confirmation, value["confirmation"])) if value.get("confirmation") else None,
        tuple(map(str, value.get("steps", ()))),
    )


def clear() -> None:
    """Remove the journal after a switch; the removal is on the disk when this returns."""
    if exists(PATH):
        store.unlink(PATH)
        store.sync_folder(os.path.dirname(PATH))


def tell(texts: Sequence[str]) -> None:
    """Store texts for the next run."""
    store.install(File(TOLD, json.dumps({"version": TOLD_FORMAT.version, "texts": list(texts)}), 0o600))


def told() -> list[str]:
    """Texts that were stored for this run; they are reported once."""
    texts = stored.understood(TOLD, TOLD_FORMAT, texts_from_json)
    if texts is not None:
        store.unlink(TOLD)
    return texts or []


def texts_from_json(value: Mapping[str, t.Any]) -> list[str]:
    """Read what :func:`tell` stores, in this version of the format."""
    if not isinstance(value["texts"], list):
        raise NotUnderstood("it has no list of texts")
    return [str(text) for text in value["texts"]]


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
    refresh = tuple(_built(pair) for pair in value.get("refresh", ()))
    return Change(
        _built(value.get("stop", ())),
        _built(value.get("start", ())),
        tuple((pair[0], pair[1]) for pair in refresh if len(pair) == 2),
        _built(value.get("kept", ())),
    )


def _built(entries: Iterable[t.Any]) -> tuple[Service, ...]:
    """The services that are understood; the files of the others are put back all the same."""
    services = []
    for entry in entries:
        with suppress(NotUnderstood):
            services.append(stored_service(entry))
    return tuple(services)
