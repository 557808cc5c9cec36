# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of a backend, and what backends share.

Rendering is a pure function of its arguments. A backend reads and changes the host only through the :class:`Host`
that the caller passes, so it knows what to do, but not how.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ansible_collections.ondemand.superserver.plugins.module_utils._model import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._model_endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model_platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model_problems import Problem

HEADER = "Managed by ondemand.superserver"

STATE = "/var/lib/superserver"
RUNTIME = "/run/superserver"
CONFIG = "/etc/superserver"
LIBRARY = "/usr/local/lib/superserver"
LOGS = "/var/log/superserver"
# Secrets are in files below this directory only.
SECRETS = f"{CONFIG}/secrets"


@dataclass(frozen=True)
class File:
    """One thing that a backend wants on the host.

    ``kind``: ``file`` (``content`` and ``mode`` are kept as rendered), ``link`` (``content`` is its target),
    ``directory`` and ``seed`` (created if absent, with owner and mode; their content is foreign and
    is never removed). ``service`` is the name of the service it belongs to, empty for what all services of a backend
    share; ``backend`` is filled in by :func:`_offline.render_all`.
    """

    path: str
    content: str = ""
    mode: int = 0o644
    kind: str = "file"
    owner: str = "root"
    group: str = "root"
    service: str = ""
    backend: str = ""

    @property
    def secret(self) -> bool:
        """Whether its content is secret."""
        return self.kind == "file" and is_secret(self.path)


def is_secret(path: str) -> bool:
    """Whether the content of a file is secret."""
    return path.startswith(f"{SECRETS}/")


@dataclass(frozen=True)
class Result:
    """Result of a command."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Process:
    """One running process. ``started`` is in clock ticks since boot, so that a reused pid is told apart."""

    pid: int
    parent: int
    program: str
    argv: tuple[str, ...]
    started: int


class SwitchFailed(Exception):
    """A step of a switch failed; the caller rolls back."""


class Host(t.Protocol):
    """The host, as far as backends need it."""

    def run(
        self,
        argv: Sequence[str],
        check: bool = True,
        environment: Mapping[str, str] | None = None,
        descriptors: Sequence[int] = (),
    ) -> Result:
        """Run a command, which gets these descriptors, too; with ``check`` a code other than 0 raises SwitchFailed with
        what it printed."""

    def read(self, path: str) -> str | None:
        """Text of a file, None where there is none."""

    def exists(self, path: str) -> bool:
        """Whether anything is at ``path``."""

    def names(self, path: str) -> list[str]:
        """What is in a directory, in order; nothing where there is none."""

    def processes(self) -> list[Process]:
        """Every process, in one pass over /proc."""

    def signal(self, process: Process, number: int) -> None:
        """Send a signal to a process that was seen, never to another of the same id; one that is gone is no error."""

    def control(self, fifo: str, data: bytes) -> bool:
        """Write into a FIFO without blocking; False where nobody reads it."""

    def remove_tree(self, path: str) -> None:
        """Remove a directory with all that is in it; nothing there is no error."""

    def wait(self, happened: Callable[[], bool], seconds: float) -> bool:
        """Poll until ``happened()``, at most so long."""


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
        """Problems beyond the capability table: raw directives that the backend does not know or for which the
        schema has a field. Pure."""

    def rebinds(self, old: Service, new: Service, platform: Platform) -> bool:
        """Whether the change from one declaration to the other closes and opens the listeners. Pure."""

    def owner(self, service: Service, listener: Listener, platform: Platform) -> tuple[str, str]:
        """Who must hold a listener: kind (``systemd``, ``xinetd``, ``s6``) and name, as ``_host/_owners.py`` reports.
        Pure."""

    def service_of(self, owner: tuple[str, str]) -> str:
        """Name of the service that an owner of a socket belongs to; empty where it is not one of this backend's. A
        listener for both families may be two sockets with an owner each. Pure."""

    def claims(self, service: Service, platform: Platform) -> list[str]:
        """Paths at which a new service must not find foreign files, for example a unit of a package that the
        service's own unit would hide. Pure."""

    def hides(self, service: Service, platform: Platform) -> Mapping[str, str]:
        """Directories that are hidden from the service's handlers or replaced for them, each with the reason in words.
        Pure."""

    def disturbed(
        self, services: Sequence[Service], files: Sequence[File], platform: Platform, host: Host
    ) -> tuple[list[Problem], list[str]]:
        """Foreign files that the runtime reads together with ``files``, which are to be written for these
        services: problems if they override the declaration, and warnings if they add to it."""

    def missing(self, platform: Platform, host: Host) -> str:
        """Missing parts of the runtime, in words; empty if all are installed."""

    def check(self, root: str, files: Sequence[File], platform: Platform, host: Host) -> list[str]:
        """Problems that the backend's own checker finds in files staged below ``root`` (at ``root + file.path``)."""

    def wake(self, platform: Platform, host: Host) -> None:
        """Start the runtime if it does not run, with its previous files, so that no listener is closed
        while it starts."""

    def reload(self, platform: Platform, host: Host) -> None:
        """Make the backend read its files, if that neither opens nor closes listeners (systemd's daemon-reload)."""

    def prepare(self, change: Change, platform: Platform, host: Host) -> None:
        """The part of ``activate`` that is possible while the old listeners are open and the runtime runs. It only
        shortens the time for which ports are closed."""

    def cuts(self, change: Change, platform: Platform, host: Host) -> list[Service]:
        """Services, as they were, whose established connections the change ends. At most one command."""

    def reopens(self, change: Change, platform: Platform) -> list[Service]:
        """Services of ``change.refresh``, as they are to be, whose listeners close and open because the process
        that has them open must restart. Pure."""

    def release(self, change: Change, platform: Platform, host: Host) -> None:
        """Close the listeners of ``change.stop``. An atomic backend does this in ``activate`` instead."""

    def activate(self, change: Change, platform: Platform, host: Host) -> None:
        """Open the listeners of ``change.start`` and apply ``change.refresh``, starting the runtime if it does not
        run."""

    def settle(self, change: Change, platform: Platform, host: Host) -> None:
        """Finish ``activate`` with work that takes time, while the listeners are open."""

    def health(self, services: Sequence[Service], platform: Platform, host: Host) -> dict[str, str]:
        """By service name, problems that neither files nor the socket table show (for example a runtime that will
        not start at boot). At most one command for any number of services."""

    def log(self, services: Sequence[Service], platform: Platform, host: Host) -> str:
        """The last lines that were logged for these services, for a failure's message; one command at the most."""

    def retire(self, platform: Platform, host: Host) -> None:
        """Stop and disable a runtime that this collection installed and that has no service any more."""
