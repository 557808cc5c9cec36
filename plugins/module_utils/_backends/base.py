# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of a backend, and what backends share.

Rendering is a pure function of its arguments. Whatever touches the host goes through the :class:`Host` that the caller
hands in, so a backend only knows what is to be done, never how.
"""

from __future__ import annotations

import typing as t
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File, Host
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service


@dataclass(frozen=True)
class Change:
    """What changes for one backend, with the new files in place and the obsolete ones gone.

    ``stop``: services as they were, whose listeners must close: removed, disabled, moved away, or about to be bound
    anew. ``start``: services as they are to be, whose listeners must open. ``refresh``: services whose listeners stay,
    but whose process or limits changed, with the old and the new declaration. ``kept`` is everything this backend holds
    afterwards. ``replaced``: of files that have been written anew, by path, what stood there; None where nobody knows.
    """

    stop: tuple[Service, ...] = ()
    start: tuple[Service, ...] = ()
    refresh: tuple[tuple[Service, Service], ...] = ()
    kept: tuple[Service, ...] = ()
    replaced: Mapping[str, str] | None = None

    def without(self, started: Collection[Service]) -> Change:
        """The same once these services have been started."""
        return replace(self, start=tuple(service for service in self.start if service not in started))

    @property
    def ended(self) -> list[Service]:
        """Services, as they were, whose daemon has the listening socket itself, so that it has to end."""
        return [old for old in (*self.stop, *(old for old, _new in self.refresh)) if not (old.accept or old.internal)]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.stop or self.start or self.refresh)


class Backend(t.Protocol):
    """One super-server."""

    name: str
    # Whether one reload closes and opens listeners together, so that it runs between the others' release and activate.
    atomic: bool
    # Whether it binds to an address that the host does not have, where that is declared.
    binds_ahead: bool
    # Of an atomic one, where it reads its services: obsolete files of that directory must be gone before it activates.
    # The rest is what handlers of clients that have just come need. Empty for the others.
    entries: str
    # Files that only tell systemd how to stop the runtime, so that it need not read at once that they are gone.
    stopping: tuple[str, ...]

    def render(self, services: Sequence[Service], platform: Platform) -> list[File]:
        """Every file for these services (present and disabled), shared ones included once. Pure."""

    def refuse(self, service: Service, platform: Platform) -> list[Problem]:
        """What this backend refuses beyond the capability table: raw directives that it does not know or that are the
        schema's own. Pure."""

    def rebinds(self, old: Service, new: Service, platform: Platform) -> bool:
        """Whether going from one declaration to the other needs the listeners closed and opened. Pure."""

    def owner(self, service: Service, listener: Listener, platform: Platform) -> tuple[str, str]:
        """Who must hold a listener: kind (``systemd``, ``xinetd``, ``s6``) and name, as ``owners.py`` reports.
        Pure."""

    def service_of(self, owner: tuple[str, str]) -> str:
        """Name of the service that an owner of a socket belongs to; empty where it is not one of this backend's. A
        listener for both families may be two sockets with an owner each. Pure."""

    def claims(self, service: Service, platform: Platform) -> list[str]:
        """Paths where nothing of anybody else's may be when the service is new: a unit of a package that the service's
        own would hide, say. Pure."""

    def hides(self, service: Service, platform: Platform) -> Mapping[str, str]:
        """Directories that the service's handlers will not see, or see something else in the place of, and what hides
        each of them, in words. Pure."""

    def disturbed(
        self, services: Sequence[Service], files: Sequence[File], platform: Platform, host: Host
    ) -> tuple[list[Problem], list[str]]:
        """Files of others that the runtime reads along with ``files``, which are to be written for these services:
        problems where theirs go before what is declared, and warnings where they add to it."""

    def missing(self, platform: Platform, host: Host) -> str:
        """What of the runtime is not installed, in words; empty where all is there."""

    def check(self, root: str, files: Sequence[File], platform: Platform, host: Host) -> list[str]:
        """Let the backend's own checker look at files staged below ``root`` (at ``root + file.path``); what it says."""

    def wake(self, platform: Platform, host: Host) -> None:
        """Start the runtime if it does not run, with its files as they were. No listener should be closed for as long
        as that takes."""

    def reload(self, platform: Platform, host: Host) -> None:
        """Make the backend read its files, where that neither opens nor closes listeners (systemd's daemon-reload)."""

    def prepare(self, change: Change, platform: Platform, host: Host) -> None:
        """What of ``activate`` can be done while the old listeners are open, with a runtime that runs. Nothing depends
        on it but how long ports are closed."""

    def cuts(self, change: Change, platform: Platform, host: Host) -> list[Service]:
        """Services, as they were, whose established connections the change ends. At most one command."""

    def reopens(self, change: Change, platform: Platform) -> list[Service]:
        """Services of ``change.refresh``, as they are to be, whose listeners close and open all the same: what has them
        open must be started again. Pure."""

    def release(self, change: Change, platform: Platform, host: Host) -> None:
        """Close the listeners of ``change.stop``. An atomic backend does this in ``activate`` instead."""

    def activate(self, change: Change, platform: Platform, host: Host) -> None:
        """Open the listeners of ``change.start`` and apply ``change.refresh``, starting the runtime if it does not
        run."""

    def settle(self, change: Change, platform: Platform, host: Host) -> None:
        """What remains to be done after ``activate`` and takes time, while the listeners are open."""

    def health(self, services: Sequence[Service], platform: Platform, host: Host) -> dict[str, str]:
        """By service name, what is wrong though files and socket table are right (a runtime that will not survive a
        reboot, say). At most one command for any number of services."""

    def log(self, services: Sequence[Service], platform: Platform, host: Host) -> str:
        """The last lines that were logged for these services, for a failure's message; one command at the most."""

    def retire(self, platform: Platform, host: Host) -> None:
        """Stop and disable a runtime that holds nothing any more and that this collection installed."""
