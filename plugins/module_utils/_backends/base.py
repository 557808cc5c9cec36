# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of a backend, and what backends share.

Rendering is a pure function of its arguments. A backend reads and changes the host only through the :class:`Host`
that the caller passes, so it knows what to do, but not how.
"""

from __future__ import annotations

import abc
import typing as t
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.boot import EarlyProgram, Means
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import ForeignServices
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.ownership import Run, Tracing
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.columns import Column
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File, Host, Process
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform, Rc
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.findings import Parsed
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.texts import GivenTexts


@dataclass(frozen=True)
class Change:
    """Changes of one backend, with the new files in place and the obsolete ones removed.

    ``stop``: services as they were, whose listeners must close: removed, disabled, moved away, or about to be bound
    anew. ``start``: services as they are to be, whose listeners must open. ``refresh``: services whose listeners stay,
    but whose process or limits changed, with the old and the new declaration. ``kept`` is everything this backend holds
    afterwards. ``replaced``: by path, the previous content of files that were written again; None if it is unknown.
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
        """Services, as they were, whose daemon has the listening socket itself and therefore has to end."""
        return [old for old in (*self.stop, *(old for old, _new in self.refresh)) if not (old.accept or old.internal)]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.stop or self.start or self.refresh)


def by_backend(services: Iterable[Service]) -> dict[str, list[Service]]:
    """Services by the name of their backend."""
    found: dict[str, list[Service]] = {}
    for service in services:
        found.setdefault(service.backend, []).append(service)
    return found


@dataclass(frozen=True)
class Inquiry:
    """What a backend's facts about a host are found by: the services that depend on them, what runs, what is known of
    the platform already, and where the programs and the manager of s6 are, as far as the caller says."""

    services: Sequence[Service]
    processes: Sequence[Process]
    platform: Platform
    bin_directory: str
    rc: Rc | None
    host: Host


class Backend(abc.ABC):
    """One super-server. What it must have is abstract; what it does not have it leaves as it is here."""

    name: t.ClassVar[str]
    # What an owner of its kind is called in a message.
    owned: t.ClassVar[str]
    # Where several processes hold a socket, owners of the lowest rank say most about it.
    owner_rank: t.ClassVar[int] = 0
    # Programs that keep sockets for others, so that any other holder is the one that serves.
    keepers: t.ClassVar[frozenset[str]] = frozenset()
    # What it can do: its part of the capability table.
    columns: t.ClassVar[tuple[Column, ...]]
    # Programs of its own that rendered files may name.
    programs: t.ClassVar[tuple[str, ...]] = ()
    # What of its kind others make that can be taken over, if it can.
    foreign: t.ClassVar[ForeignServices | None] = None
    # Whether it is the manager of the host's units, which reads anew what others than itself have as units, too.
    manages_units: t.ClassVar[bool] = False
    # Whether s6-rc may manage its services.
    by_rc: t.ClassVar[bool] = False
    # Whether it ends by itself what it started when it goes, so that nobody else has to.
    ends_daemons: t.ClassVar[bool] = False
    # Whether it reads configuration of its kind that others wrote; see `parse`.
    parses: t.ClassVar[bool] = False
    # Where files are rendered without any host: fields of the platform, and options that are called otherwise.
    offline: t.ClassVar[Mapping[str, t.Any]] = {}
    offline_options: t.ClassVar[Mapping[str, str]] = {}
    # Whether one reload closes and opens listeners together, so that it runs between the others' release and activate.
    atomic: t.ClassVar[bool] = False
    # Whether it binds to an address that the host does not have, where that is declared.
    binds_ahead: t.ClassVar[bool] = False
    # Of an atomic one, where it reads its services: obsolete files of that directory must be gone before it activates.
    # The rest is what handlers of clients that have just come need. Empty for the others.
    entries: t.ClassVar[str] = ""
    # Files that only tell systemd how to stop the runtime, so that it need not read at once that they are gone.
    stopping: t.ClassVar[tuple[str, ...]] = ()

    def fitness(self, processes: Sequence[Process]) -> int:
        """How well it fits a host where these run: ``auto`` is the one with the highest number. Pure."""
        return -1

    def facts(self, inquiry: Inquiry) -> Mapping[str, t.Any]:
        """Fields of :class:`Platform` that only this backend knows about."""
        return {}

    @abc.abstractmethod
    def render(self, services: Sequence[Service], platform: Platform) -> list[File]:
        """Every file for these services (present and disabled), shared ones included once. Pure."""

    def parse(self, files: GivenTexts) -> Parsed:
        """What configuration of its kind that others wrote makes of these files, as services of the schema, and what
        of it is not in them or not as it is written. What other backends refuse, what is no valid declaration, and
        names that are there twice are found by :mod:`_foreign.parse` for all of them. Pure."""
        return Parsed()

    def further_problems(self, service: Service, platform: Platform) -> list[Problem]:
        """Problems beyond the capability table: raw directives that the backend does not know or for which the
        schema has a field. Pure."""
        return []

    @abc.abstractmethod
    def rebinds(self, old: Service, new: Service, platform: Platform) -> bool:
        """Whether the change from one declaration to the other closes and opens the listeners. Pure."""

    @abc.abstractmethod
    def owner(self, service: Service, listener: Listener, platform: Platform) -> tuple[str, str]:
        """Who must hold a listener: kind (this backend's name) and name, as ``owners.py`` reports. Pure."""

    @abc.abstractmethod
    def service_of(self, owner: tuple[str, str]) -> str:
        """Name of the service that an owner of a socket belongs to; empty where it is not one of this backend's. A
        listener for both families may be two sockets with an owner each. Pure."""

    def tracing(self, run: Run) -> Tracing:
        """What finds out, in one pass over sockets, which of them belong to this backend."""
        return Tracing()

    def is_owner(self, asked: str, found: str) -> bool:
        """Whether an owner of this backend's is the one that somebody asks for, who may not know its whole name."""
        return asked == found

    def by_hand(self, name: str) -> str:
        """The command that brings down an owner of its kind that others made, where it cannot be taken over."""
        return ""

    def not_adoptable(self, name: str) -> str:
        """Why an owner of its kind cannot be named to be taken over, in words; empty where units and entries tell."""
        return ""

    def is_first(self, platform: Platform) -> bool:
        """Whether its runtime is PID 1, so that it keeps the guard running. Pure."""
        return False

    def early(self, program: EarlyProgram) -> Means | None:
        """What has a program run when a host boots whose PID 1 is the runtime; None where it never is. Pure."""
        return None

    def start_guard(self, platform: Platform, host: Host) -> None:
        """Have the guard's keeper run, where the runtime is PID 1."""

    def stop_guard(self, platform: Platform, host: Host) -> None:
        """Have the guard's keeper end, where the runtime is PID 1."""

    def reserved_paths(self, service: Service, platform: Platform) -> list[str]:
        """Paths at which a new service must not find foreign files, for example a unit of a package that the
        service's own unit would hide. Pure."""
        return []

    def hides(self, service: Service, platform: Platform) -> Mapping[str, str]:
        """Directories that are hidden from the service's handlers or replaced for them, each with the reason in words.
        Pure."""
        return {}

    def disturbed(
        self, services: Sequence[Service], files: Sequence[File], platform: Platform, host: Host
    ) -> tuple[list[Problem], list[str]]:
        """Foreign files that the runtime reads together with ``files``, which are to be written for these
        services: problems if they override the declaration, and warnings if they add to it."""
        return [], []

    @abc.abstractmethod
    def missing(self, platform: Platform, host: Host) -> str:
        """Missing parts of the runtime, in words; empty if all are installed."""

    def check(self, root: str, files: Sequence[File], platform: Platform, host: Host) -> list[str]:
        """Problems that the backend's own checker finds in files staged below ``root`` (at ``root + file.path``)."""
        return []

    def start_runtime(self, platform: Platform, host: Host) -> None:
        """Start the runtime if it does not run, with its previous files, so that no listener is closed
        while it starts."""

    def reload(self, platform: Platform, host: Host) -> None:
        """Make the backend read its files, if that neither opens nor closes listeners (systemd's daemon-reload)."""

    def prepare(self, change: Change, platform: Platform, host: Host) -> None:
        """The part of ``activate`` that is possible while the old listeners are open and the runtime runs. It only
        shortens the time for which ports are closed."""

    def takes_over_by(self, method: str) -> bool:
        """Whether a method of handover that is not for everybody leads into it, with any of its columns. Pure."""
        return any(method in column.handover for column in self.columns)

    def sharing_files(self, services: Sequence[Service], platform: Platform) -> list[File]:
        """Handover ``reuseport``: what lets it share ports with the listeners of others for as long as that takes.
        Pure."""
        return []

    def kept_sockets(self, service: Service, platform: Platform) -> list[tuple[str, Listener, int]]:
        """Handover ``fdholder``: the sockets that servers of a service can be given, by name, with their backlogs.
        Pure."""
        return []

    def differing_socket(self, old: Service, new: Service, platform: Platform) -> str:
        """Handover ``fdholder``: why servers of ``new`` cannot go on with the sockets of ``old``, in words. Pure."""
        return ""

    def give(self, descriptors: Mapping[str, int], platform: Platform, host: Host) -> None:
        """Handover ``fdholder``: have these sockets kept, by name, for the servers to come."""

    def interrupted_services(self, change: Change, platform: Platform, host: Host) -> list[Service]:
        """Services, as they were, whose established connections the change ends. At most one command."""
        return change.ended

    def reopens(self, change: Change, platform: Platform) -> list[Service]:
        """Services of ``change.refresh``, as they are to be, whose listeners close and open because the process
        that has them open must restart. Pure."""
        return []

    def release(self, change: Change, platform: Platform, host: Host) -> None:
        """Close the listeners of ``change.stop``. An atomic backend does this in ``activate`` instead."""

    @abc.abstractmethod
    def activate(self, change: Change, platform: Platform, host: Host) -> None:
        """Open the listeners of ``change.start`` and apply ``change.refresh``, starting the runtime if it does not
        run."""

    def after_activate(self, change: Change, platform: Platform, host: Host) -> None:
        """Finish ``activate`` with work that takes time, while the listeners are open."""

    def health(self, services: Sequence[Service], platform: Platform, host: Host) -> dict[str, str]:
        """By service name, problems that neither files nor the socket table show (for example a runtime that will
        not start at boot). At most one command for any number of services."""
        return {}

    def log(self, services: Sequence[Service], platform: Platform, host: Host) -> str:
        """The last lines that were logged for these services, for a failure's message; one command at the most."""
        return ""

    def stop_runtime(self, platform: Platform, host: Host) -> None:
        """Stop and disable a runtime that this collection installed and that has no service any more."""
