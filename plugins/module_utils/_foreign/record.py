# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign services that are taken over: their records in the manifest, and the changes of a run."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import CompetingServices
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.change import Others, listeners_from_json
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.seen import seen_from_json, seen_to_json
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.store import Seen
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem


@dataclass(frozen=True)
class Adoption:
    """What the manifest keeps of one that was taken over.

    ``held``: listeners that it had; ``claims``: these and those that it would have had. ``before``: what was at paths
    that were changed and cannot be made out of what is there now. ``running``: units that were stopped. Once it has
    been given back, only its listeners are kept for as long as it is named (``given_back``).
    """

    kind: str
    held: tuple[Listener, ...] = ()
    claims: tuple[Listener, ...] = ()
    before: Mapping[str, Seen | None] = field(default_factory=dict)
    running: tuple[str, ...] = ()
    given_back: bool = False

    def to_json(self) -> dict[str, t.Any]:
        """As it is stored."""
        return {
            "kind": self.kind,
            "held": [asdict(each) for each in self.held],
            "claims": [asdict(each) for each in self.claims],
            "before": {path: None if seen is None else seen_to_json(seen) for path, seen in self.before.items()},
            "running": list(self.running),
            "given_back": self.given_back,
        }


def adoption_from_json(value: Mapping[str, t.Any]) -> Adoption:
    """Read what :meth:`Adoption.to_json` gave."""
    return Adoption(
        value["kind"],
        listeners_from_json(value.get("held", ())),
        listeners_from_json(value.get("claims", ())),
        {path: None if seen is None else seen_from_json(seen) for path, seen in value.get("before", {}).items()},
        tuple(value.get("running", ())),
        bool(value.get("given_back", False)),
    )


@dataclass(frozen=True)
class Decision:
    """What happens to one of them: ``none``, ``adopt``, ``repair`` or ``give back``, and why. ``units`` go with it."""

    name: str
    kind: str
    action: str
    reason: str = ""
    units: tuple[str, ...] = ()


@dataclass(frozen=True)
class Takeover:
    """All of them: one decision each; ``files``, what is at each path and what shall be; ``records``, what the manifest
    keeps; ``problems``, what speaks against it. ``adopted`` are owners that let go of their sockets, ``refused`` those
    that were named and that a problem tells of. By kind, ``competing`` are all that others have; ``kinds`` says of
    which the files are."""

    decisions: Sequence[Decision] = ()
    files: Mapping[str, tuple[Seen | None, Seen | None]] = field(default_factory=dict)
    others: Others = field(default_factory=Others)
    records: Mapping[str, Mapping[str, t.Any]] = field(default_factory=dict)
    problems: Sequence[Problem] = ()
    warnings: Sequence[str] = ()
    adopted: frozenset[tuple[str, str]] = frozenset()
    refused: frozenset[tuple[str, str]] = frozenset()
    competing: Mapping[str, CompetingServices] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)

    def release_status(self, socket: Socket, owner: tuple[str, str]) -> bool | None:
        """Whether somebody else's socket is let go of, or would be but for a problem; None where that is not known to
        be somebody else's. An entry of others may have the same id as one of this collection."""
        if owner in self.adopted or owner in self.refused:
            return True
        kind, name = owner
        competing = self.competing.get(kind)
        return False if name and competing and competing.owner(socket) == name else None

    def read_again(self, backend: Backend) -> bool:
        """Whether entries change that a backend reads together with its own."""
        return backend.name in self.others.reread

    @property
    def empty(self) -> bool:
        """Whether nothing happens."""
        return all(decision.action == "none" for decision in self.decisions)

    @property
    def obsolete(self) -> list[str]:
        """Paths of links that go."""
        return [path for path, (_now, then) in self.files.items() if then is None]

    def paths(self) -> dict[str, str]:
        """Every path that changes, with the super-server whose it is."""
        return {path: self.kinds[path] for path in self.files}

    @property
    def edited(self) -> dict[str, Seen]:
        """What there shall be at paths that have to be changed before anything is closed."""
        return {
            path: then
            for path, (_now, then) in self.files.items()
            if then is not None and path not in self.others.masks
        }

    def rows(self) -> list[dict[str, t.Any]]:
        """The decisions for a result."""
        return [{**asdict(decision), "units": list(decision.units)} for decision in self.decisions]

    def diff(self) -> list[dict[str, str]]:
        """One entry for each file."""
        return [
            {
                "before_header": path if now else "absent",
                "after_header": path if then else "absent",
                "before": _shown(now),
                "after": _shown(then),
            }
            for path, (now, then) in self.files.items()
        ]


def _shown(seen: Seen | None) -> str:
    if seen is None:
        return ""
    return f"-> {seen.text}\n" if seen.kind == "link" else seen.text
