# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a host that is played: their steps, and how they are undone from what is on the disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.plan import changes_of, plan_actions
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery import rollback
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import journal as _journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.journal import Journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import manifest_of
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps import (
    listeners,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Site, Step, lines_of
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.files import writes
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.order import recording, switching
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.record import Record
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.transition import Transition
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.switch import carry_out, undo_all
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.change import Others
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.tests.unit.played_host import DiedError, Machine

PLATFORM = Platform(ipv6=True, programs={"nft": "/usr/sbin/nft"})


class Run:
    """One run on a host that is played: what it does, and how it is undone."""

    def __init__(self, machine: Machine, old: Sequence[Service], new: Sequence[Service], others: Others) -> None:
        self.machine = machine
        self.site = Site(machine.backends, PLATFORM, LocalHost(machine))
        have, want = ({each.name: each for each in services} for services in (old, new))
        actions = plan_actions(want, have, {}, machine.backends, PLATFORM)
        changes = changes_of(actions, want)
        wanted, there = ({file.path: file for file in machine.files(each)} for each in (new, old))
        install = [file for path, file in wanted.items() if path not in there or there[path].content != file.content]
        gone = [file for path, file in there.items() if path not in wanted]
        manifest = manifest_of(old, there.values(), {})
        paths = {file.path: file.backend for file in (*install, *gone)}
        paths.update(dict.fromkeys(others.masks, "systemd"))
        seen = {path: store.look(path) for path in paths}
        journal = Journal(seen, paths, changes, manifest, machine.guard in there, others=others)
        rules = any(path == machine.guard for path in paths)
        obsolete: dict[str, list[str]] = {}
        for file in gone:
            obsolete.setdefault(file.backend, []).append(file.path)
        way = Transition(
            changes,
            writes(install),
            written=frozenset(file.backend for file in install),
            obsolete=obsolete,
            guard=machine.guard in wanted if rules else None,
            others=others,
            held=[listener for each in new for listener in each.listeners(True) if have.get(each.name)],
            record=Record(manifest, manifest_of(new, wanted.values(), {}), 0, list(paths)),
        )
        back = rollback.way_back(journal, have, PLATFORM)
        self.steps = switching(way, back, machine.backends, PLATFORM)
        self.steps += recording(way, back, have, machine.backends)
        self.journal = replace(journal, steps=tuple(lines_of(self.steps)))
        self.site.closing = listeners.sockets_of(old, PLATFORM)
        self.site.staying = others.sockets(machine.look())
        _journal.write(self.journal)

    def go(self, last: int | None = None) -> bool:
        """Whether it comes to its end; else it dies in front of this change."""
        self.machine.done, self.machine.last = [], last
        try:
            carry_out(self.steps, self.site)
        except DiedError:
            return False
        finally:
            self.machine.last = None
        return True


def back_from_disk(machine: Machine) -> list[Step]:
    """As whoever finds the journal undoes it, who knows nothing else."""
    journal = _journal.read()
    assert journal
    return rollback.steps_back(journal, journal.manifest.built(), PLATFORM)


def undo(machine: Machine, steps: Sequence[Step], last: int | None = None) -> bool:
    machine.done, machine.last = [], last
    try:
        undo_all(steps, Site(machine.backends, PLATFORM, LocalHost(machine)))
    except DiedError:
        return False
    finally:
        machine.last = None
    return True
