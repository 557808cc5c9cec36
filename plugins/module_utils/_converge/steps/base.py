# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a step of a run is: one change of the host, in words and in deeds, and what undoes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# How many names a line lists before it only counts the others.
LISTED = 3


@dataclass
class Site:
    """Where steps are carried out.

    ``closing``: inodes of the sockets at listeners that are to be closed, as they were before the first step: a
    super-server that is started on the way may open some of these listeners anew. ``staying``: inodes of sockets there
    that somebody else holds, so that no step waits until they are closed.
    """

    backends: Mapping[str, Backend]
    platform: Platform
    host: LocalHost
    closing: frozenset[int] = frozenset()
    staying: frozenset[int] = frozenset()


class Operation:
    """One change of the host. It may be carried out when it has been already, in part or in whole."""

    @property
    def line(self) -> str:
        """What it does, for people."""
        return ""

    def run(self, site: Site) -> None:
        """Make the change. Raises SwitchFailed or OSError."""


NOTHING = Operation()


@dataclass(frozen=True)
class Step:
    """One entry in the list of what a run does, and what undoes it.

    Either may be nothing: not everything is undone at the place opposite to where it was done.
    """

    operation: Operation = NOTHING
    inverse: Operation = NOTHING

    @property
    def line(self) -> str:
        """What the step does, for people; empty where it only undoes."""
        return self.operation.line

    def do(self, site: Site) -> None:
        """Carry the step out. Raises SwitchFailed or OSError."""
        self.operation.run(site)

    def undo(self, site: Site) -> None:
        """Make what it concerns as it was, whether it was carried out, begun or neither; the steps behind it have been
        undone. Raises SwitchFailed or OSError."""
        self.inverse.run(site)


def lines_of(steps: Iterable[Step]) -> list[str]:
    """What these steps do, in words."""
    return [step.line for step in steps if step.line]


def listed(names: Sequence[str]) -> str:
    """Some names in words; only the number of those that are too many."""
    shown, more = names[:LISTED], len(names) - LISTED
    if more > 0:
        return f"{', '.join(shown)} and {more} more"
    return " and ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:])))


def named(services: Iterable[Service]) -> str:
    """The names of services in words."""
    return listed(list(dict.fromkeys(service.name for service in services)))
