# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The owner of a socket: the super-server and its service if there is one, else a unit or a program."""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.ownership import (
    PROGRAM,
    Owner,
    Run,
    owner_words,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes.table import Holder, holders
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket


def kinds() -> tuple[str, ...]:
    """What an owner can be."""
    return (*BACKENDS, PROGRAM)


def owners(sockets: list[Socket], run: Run, held: dict[int, list[Holder]] | None = None) -> dict[int, Owner]:
    """The owner of each socket, by inode; a socket that no visible process holds has none.

    A socket that systemd holds belongs to its socket unit, also while a service has it too. Otherwise the owner is the
    most specific that one of the holders shows: xinetd's service (by its configuration files, which may be newer than
    what it runs), the s6 service directory whose supervisor started the holder, the unit of the holder's cgroup, the
    program. A server that has outlived the super-server that started it is no longer that one's service: its unit, or
    the program, is the owner.

    ``held`` is what :func:`holders` says for the sockets, where the caller knows it already. Runs two commands at the
    most, and only when systemd holds one of the sockets.
    """
    held = holders(entry.inode for entry in sockets) if held is None else held
    survey = _Survey(run)
    found = {entry.inode: survey.owner(entry, held.get(entry.inode, [])) for entry in sockets}
    return {inode: owner for inode, owner in found.items() if owner}


class _Survey:
    """Every backend's tracing, the most specific one first."""

    def __init__(self, run: Run) -> None:
        backends = sorted(BACKENDS.values(), key=lambda backend: backend.owner_rank)
        self._tracings = [backend.tracing(run) for backend in backends]
        self._ranks = {backend.name: rank for rank, backend in enumerate(backends)}
        self._keepers = frozenset(program for backend in backends for program in backend.keepers)

    def owner(self, entry: Socket, held_by: list[Holder]) -> Owner | None:
        certain = (tracing.of_socket(entry, held_by) for tracing in self._tracings)
        found = next((owner for owner in certain if owner), None)
        if found:
            return found
        others = [holder for holder in held_by if not any(tracing.passes_on(holder) for tracing in self._tracings)]
        return min((self._of_holder(entry, holder) for holder in others), key=self._rank, default=None)

    def _of_holder(self, entry: Socket, holder: Holder) -> Owner:
        found = (tracing.of_holder(entry, holder) for tracing in self._tracings)
        owner = next((owner for owner in found if owner), None)
        return owner or Owner(PROGRAM, holder.program, holder.pid, holder.program)

    def _rank(self, owner: Owner) -> tuple[bool, int]:
        return (owner.program in self._keepers, self._ranks.get(owner.kind, len(self._ranks)))


__all__ = ("Holder", "Owner", "Run", "holders", "kinds", "owner_words", "owners")
