# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What owns sockets, and how a backend finds out which of them are its own."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes.table import Holder
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket

Run = t.Callable[[t.Sequence[str]], t.Tuple[int, str, str]]

# The kind of an owner that no backend knows.
PROGRAM = "program"
# What an owner of each kind is called in a message; the registry of backends adds theirs.
WORDS = {PROGRAM: "program"}


@dataclass(frozen=True)
class Owner:
    """``kind`` is the name of a backend, or ``program``.

    ``name`` is what the backend calls it, such as a unit, a service's id or a service directory, or it is the program
    itself; it is empty when the super-server is known and its service is not. ``pid`` and ``program`` are the process
    that holds the socket for the owner.
    """

    kind: str
    name: str
    pid: int
    program: str

    def __str__(self) -> str:
        program = "" if self.kind == PROGRAM else f"{self.program}, "
        return f"{owner_words(self.kind, self.name)} ({program}pid {self.pid})"


def owner_words(kind: str, name: str) -> str:
    """An owner for a message, e.g. ``systemd unit echo.socket``."""
    return f"{WORDS[kind]} {name}" if name else f"an unknown {WORDS[kind]}"


class Tracing:
    """One pass over sockets for one backend: what is looked up once for all of them, when one needs it. What belongs
    to nobody that it knows is nothing to it, which is all that there is by default."""

    def __init__(self) -> None:
        self._of_process: dict[int, Owner | None] = {}

    def of_socket(self, entry: Socket, held_by: Sequence[Holder]) -> Owner | None:
        """The owner that is certain whoever else holds the socket."""
        return None

    def passes_on(self, holder: Holder) -> bool:
        """Whether a process has sockets for others, which are started with them and say more."""
        return False

    def of_holder(self, entry: Socket, holder: Holder) -> Owner | None:
        """The owner that one of the processes which hold a socket shows; for most, whatever socket it is."""
        if holder.pid not in self._of_process:
            self._of_process[holder.pid] = self.of_process(holder)
        return self._of_process[holder.pid]

    def of_process(self, holder: Holder) -> Owner | None:
        """The owner of all that a process holds."""
        return None
