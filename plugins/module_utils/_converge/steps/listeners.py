# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that close and open listeners, and clean up after them."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import bound, to_be_open
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import (
    Operation,
    Site,
    listed,
    named,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.files import remove
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.change import Others, opened_with_entries
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.paths import Folder
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.places import same_name
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.trust import Unsafe
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import listening
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Process, SwitchFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# How long listeners may take to close or to open, in seconds; s6 waits a second before it starts a server again.
PATIENCE = 10.0
# How often files are read once more for a listener that was not opened, and how long it may take each time, in seconds.
AGAIN = 3
OPENING = 0.05


@dataclass(frozen=True)
class Close(Operation):
    """Close listeners of a super-server."""

    backend: str
    change: Change

    @property
    def line(self) -> str:
        return f"close the listeners of {named(self.change.stop)} ({self.backend})"

    def run(self, site: Site) -> None:
        site.backends[self.backend].release(self.change, site.platform, site.host)
        _await_closed(self.change.stop, site)


@dataclass(frozen=True)
class Open(Operation):
    """Open listeners of a super-server, and apply changes of services whose listeners stay open."""

    backend: str
    change: Change

    @property
    def line(self) -> str:
        opened = f"open the listeners of {named(self.change.start)}" if self.change.start else ""
        changed = f"apply the changes of {named(new for _old, new in self.change.refresh)}"
        parts = (opened, changed if self.change.refresh else "")
        return f"{' and '.join(filter(None, parts))} ({self.backend})"

    def run(self, site: Site) -> None:
        site.backends[self.backend].activate(self.change, site.platform, site.host)


@dataclass(frozen=True)
class Exchange(Operation):
    """Close and open listeners of a super-server that does both in one reload. ``entries`` are files to remove before
    the reload; ``others`` are the foreign services whose listeners it opens as well."""

    backend: str
    change: Change
    entries: tuple[str, ...] = ()
    others: Others = field(default_factory=Others)

    @property
    def line(self) -> str:
        new = [*self.change.start, *(new for _old, new in self.change.refresh)]
        parts = (
            f"remove {listed(self.entries)}" if self.entries else "",
            f"close the listeners of {named(_gone(self.change))}" if _gone(self.change) else "",
            f"open those of {named(new)}" if new else "",
        )
        return f"{', '.join(filter(None, parts))} ({self.backend}, in one reload)"

    def run(self, site: Site) -> None:
        remove(self.entries, site.platform)
        if not self.change.empty:
            site.backends[self.backend].activate(self.change, site.platform, site.host)
            _await_closed(_gone(self.change), site)
            self._open_rest(site)

    def _open_rest(self, site: Site) -> None:
        """A process that xinetd has just made for a client has all of its sockets until the handler is there: a port
        that goes from one entry to another in one reload may still be taken then, and xinetd gives it up."""
        backend = site.backends[self.backend]
        wanted = [listener for service in self.change.start for listener in to_be_open(service, backend, site.platform)]
        wanted += opened_with_entries(self.others)
        for _again in range(AGAIN):
            if site.host.wait(lambda: all(bound(wanted).values()), OPENING):
                return
            backend.activate(self.change, site.platform, site.host)


def _gone(change: Change) -> list[Service]:
    started = {service.name for service in change.start}
    return [service for service in change.stop if service.name not in started]


def _await_closed(services: Sequence[Service], site: Site) -> None:
    """Wait until the previous sockets are closed; new sockets may be bound to their ports meanwhile."""
    before = site.closing - site.staying
    if not site.host.wait(lambda: not before & sockets_of(services, site.platform), PATIENCE):
        names = ", ".join(service.name for service in services)
        raise SwitchFailed(f"listeners were not closed within {PATIENCE:.0f} s: {names}")


def sockets_of(services: Iterable[Service], platform: Platform) -> frozenset[int]:
    """Inodes of the sockets that are listeners of these services, whoever holds them."""
    listeners = [listener for service in services for listener in service.listeners(platform.ipv6)]
    return frozenset(socket.inode for sockets in bound(listeners).values() for socket in sockets)


@dataclass(frozen=True)
class EndProcesses(Operation):
    """End processes that hold sockets of services and that no super-server can end."""

    processes: frozenset[Process]

    @property
    def line(self) -> str:
        words = [f"{process.program} (process {process.pid})" for process in sorted(self.processes, key=_pid)]
        return f"end {listed(words)}, which no super-server ends"

    def run(self, site: Site) -> None:
        end(self.processes, site.host)


def _pid(process: Process) -> int:
    return process.pid


def end(processes: Iterable[Process], host: LocalHost) -> None:
    """End processes, by force those that do not end by themselves."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        left = [process for process in processes if host.lives(process)]
        for process in left:
            host.signal(process, number)
        if host.wait(functools.partial(_have_ended, left, host), PATIENCE):
            return


def _have_ended(processes: Iterable[Process], host: LocalHost) -> bool:
    return not any(map(host.lives, processes))


@dataclass(frozen=True)
class Sweep(Operation):
    """Remove the paths of unix sockets that have no listener any more. systemd does not remove them, because a path may
    belong to a new listener."""

    gone: tuple[str, ...]
    kept: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        return f"remove {listed(self.gone)}, unless a process listens there"

    def run(self, site: Site) -> None:
        paths = set(map(same_name, self.gone)) - set(map(same_name, self.kept))
        held = {socket.address for socket in listening() if socket.transport == "unix"}
        for path in paths - held:
            # In a directory that others can write, where older versions took them, they stay.
            with contextlib.suppress(FileNotFoundError, NotADirectoryError, Unsafe):
                _remove_socket(path)


def sweeping(changes: Mapping[str, Change]) -> list[Sweep]:
    """The operation that removes the paths that these changes leave, if any."""
    kept = _paths(service for change in changes.values() for service in change.start)
    gone = _paths(service for change in changes.values() for service in _gone(change))
    left = [path for path in gone if path not in kept]
    return [Sweep(tuple(left), tuple(kept))] if left else []


def _paths(services: Iterable[Service]) -> list[str]:
    """The paths of unix sockets of these services."""
    return list(dict.fromkeys(end.path for service in services for end in service.listen if end.path))


def _remove_socket(path: str) -> None:
    folder, name = os.path.split(path)
    with Folder(folder) as here:
        found = here.look(name)
        if found is not None and stat.S_ISSOCK(found.st_mode):
            here.remove(name)
