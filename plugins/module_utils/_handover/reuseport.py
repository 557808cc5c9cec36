# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Handover ``reuseport``: two super-servers share a port for a moment; the new listener opens before the old one
closes.

Everything that outlives this process has a name of its own, so that whoever undoes a switch finds it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend, Change, by_backend
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import bound
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.entries import is_directory
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.network.sysctl import change_setting, setting
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes.table import holders
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets import duplication
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.duplication import Duplicate, inode_of
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import listening, unserved
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import RUNTIME, File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# Has the kernel give what waits in a listener that is closed to another one of the same port, since Linux 5.14.
MIGRATE = "/proc/sys/net/ipv4/tcp_migrate_req"
# What that was before.
MIGRATED = f"{RUNTIME}/tcp_migrate_req"

# How long connections may wait for an old listener to serve them before it is closed, in seconds; nobody waits for it.
DRAINING = 2.0
# How often to look whether a new listener is open, in seconds.
SAMPLING = 0.001


@dataclass(frozen=True)
class Sharing:
    """``services`` as they are to be, whose listeners systemd opens beside the old ``sockets``: duplicates of those."""

    services: Sequence[Service] = ()
    sockets: Sequence[Duplicate] = ()

    def announce(self, platform: Platform) -> None:
        """Have systemd share ports from the next time that it reads its units."""
        for file in _sharing_files(self.services, platform):
            store.install(file)

    def take_over(self, backends: Mapping[str, Backend], platform: Platform, host: LocalHost) -> frozenset[int]:
        """Open the new listeners and have the old ones step back; the inodes of the new ones.

        systemd accepts nothing while it opens other sockets and reads its units, so that the old ones serve meanwhile.
        """
        old = set(map(inode_of, self.sockets))
        try:
            for entry in self.sockets:
                duplication.share(entry)
            with self._coming_first():
                for name, services in by_backend(self.services).items():
                    backends[name].activate(Change(start=tuple(services)), platform, host)
            withdraw(self.services, platform)
            for name in by_backend(self.services):
                backends[name].reload(platform, host)
            for entry in self.sockets:
                duplication.step_back(entry)
            host.wait(lambda: not unserved(old, ()), DRAINING)
        finally:
            for entry in self.sockets:
                entry.close()
        listeners = [listener for service in self.services for listener in service.listeners(platform.ipv6)]
        return frozenset(entry.inode for found in bound(listeners).values() for entry in found) - old

    @contextmanager
    def _coming_first(self) -> Iterator[None]:
        """Have each old socket come first as soon as there is a new one beside it."""
        opened = threading.Event()

        def watch() -> None:
            left = list(self.sockets)
            while left and not opened.wait(SAMPLING):
                left = [entry for entry in left if not duplication.come_first(entry)]

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            opened.set()
            thread.join()


def _sharing_files(services: Iterable[Service], platform: Platform) -> list[File]:
    return [file for name, own in by_backend(services).items() for file in BACKENDS[name].sharing_files(own, platform)]


def withdraw(services: Iterable[Service], platform: Platform) -> None:
    """Remove what let systemd share the ports of these services, with what a run that was killed has left of that."""
    for file in _sharing_files(services, platform):
        folder = os.path.dirname(file.path)
        if is_directory(folder):
            store.remove(file.path, (folder,))


def step_forward(host: LocalHost) -> None:
    """Old listeners that a run has left behind get connections again; those that it cannot reach stay as they are."""
    deaf = {entry.inode for entry in listening() if entry.interface == f"#{duplication.NOWHERE}"}
    for inode, found in holders(deaf).items() if deaf else ():
        for holder in found[:1]:
            try:
                (entry,) = duplication.duplicates(holder.pid, [inode])
            except OSError:
                continue
            with entry:
                duplication.step_forward(entry)


def migrate() -> None:
    """What still waits in an old listener when it is closed passes to the new one, where this kernel can do that."""
    value = setting(MIGRATE)
    if value == "0":
        store.install(File(MIGRATED, value, 0o600))
        change_setting(MIGRATE, "1")


def restore_migration() -> None:
    """Set the kernel as it was."""
    value = store.text(MIGRATED).strip()
    if value:
        change_setting(MIGRATE, value)
        store.unlink(MIGRATED)
