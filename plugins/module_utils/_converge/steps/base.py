# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The step of a run: one change of the host, with the operation that undoes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# How many names a line lists; it only counts the others.
LISTED = 3


@dataclass
class Site:
    """Where steps are carried out.

    ``closing``: inodes of the sockets of listeners that the steps close, as they were before the first step; a
    super-server that a step starts may open some of these listeners again. ``staying``: inodes of sockets of these
    listeners that belong to others, so that no step waits until they are closed.
    """

    backends: Mapping[str, Backend]
    platform: Platform
    host: LocalHost
    closing: frozenset[int] = frozenset()
    staying: frozenset[int] = frozenset()


class Operation:
    """One change of the host. It has the same result if the host has been changed already, completely or in part."""

    @property
    def line(self) -> str:
        """What the operation does, in words."""
        return ""

    def run(self, site: Site) -> None:
        """Make the change. Raises SwitchFailed or OSError."""


NOTHING = Operation()


@dataclass(frozen=True)
class Step:
    """One entry in the list of steps of a run: an operation, and its inverse for the rollback.

    Either may do nothing: some operations are undone at another place of the list.
    """

    operation: Operation = NOTHING
    inverse: Operation = NOTHING

    @property
    def line(self) -> str:
        """What the step does, in words; empty if the step only undoes."""
        return self.operation.line

    def do(self, site: Site) -> None:
        """Carry out the step. Raises SwitchFailed or OSError."""
        self.operation.run(site)

    def undo(self, site: Site) -> None:
        """Undo the step, whether it was carried out, begun or neither. All later steps have been undone. Raises
        SwitchFailed or OSError."""
        self.inverse.run(site)


def lines_of(steps: Iterable[Step]) -> list[str]:
    """The lines of these steps."""
    return [step.line for step in steps if step.line]


def listed(names: Sequence[str]) -> str:
    """A list of names in words, cut off after the first few."""
    shown, more = names[:LISTED], len(names) - LISTED
    if more > 0:
        return f"{', '.join(shown)} and {more} more"
    return " and ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:])))


def named(services: Iterable[Service]) -> str:
    """The names of services, in words."""
    return listed(list(dict.fromkeys(service.name for service in services)))
