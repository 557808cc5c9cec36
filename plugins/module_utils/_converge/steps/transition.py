# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From one state of a host to another: what changes, not yet in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend, Change
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import NOTHING, Operation
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.files import Write
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.foreign import Edit
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.change import Others
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.fdholder import Inheriting
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.reuseport import Sharing
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Process
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener


@dataclass(frozen=True)
class Transition:
    """From one state of the host to another.

    ``writes`` and ``edits`` make every new and changed file, the latter those that others have made; ``written`` are
    the backends that they belong to. ``obsolete`` are the files that have to go, by backend. ``guard``: load the rules
    (True), remove them (False), or leave them alone (None). ``orphans`` are processes that hold sockets of services and
    that no super-server can end any more. ``others``: what becomes of services of others. ``held``: listeners whose
    clients are kept waiting while they are closed. ``sharing`` and ``inheriting``: what is opened before anything is
    closed. ``draining``: how long connections that are established may last before they are cut off, in seconds.
    ``record``: what stores the state that was reached.
    """

    changes: Mapping[str, Change]
    writes: Sequence[Write] = ()
    edits: Sequence[Edit] = ()
    written: frozenset[str] = frozenset()
    obsolete: Mapping[str, Sequence[str]] = field(default_factory=dict)
    guard: bool | None = None
    orphans: frozenset[Process] = frozenset()
    others: Others = field(default_factory=Others)
    held: Sequence[Listener] = ()
    sharing: Sharing = field(default_factory=Sharing)
    inheriting: Inheriting = field(default_factory=Inheriting)
    draining: float = 0.0
    record: Operation = NOTHING

    @property
    def makes(self) -> list[Write | Edit]:
        """What makes files."""
        return [*self.writes, *self.edits]

    def change(self, backend: Backend) -> Change:
        """What one backend has to do."""
        return self.changes.get(backend.name, Change())

    def gone(self, backend: str, below: str = "/") -> tuple[str, ...]:
        """The files of a backend that have to go, as far as they are below a directory."""
        return tuple(path for path in self.obsolete.get(backend, ()) if path.startswith(below))
