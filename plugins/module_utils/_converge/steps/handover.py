# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps of the handover: they keep clients from being refused while listeners move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import bound
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.sessions import drain
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import (
    Operation,
    Site,
    listed,
    named,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._handover import hold, reuseport
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.fdholder import Inheriting
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.reuseport import Sharing
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import unserved
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# How long connections may wait for an old listener to serve them before it is closed, in seconds.
DRAINING = 0.4


@dataclass(frozen=True)
class Announce(Operation):
    """Let systemd share ports as soon as it reads its units again."""

    sharing: Sharing

    @property
    def line(self) -> str:
        return f"let systemd open the ports of {named(self.sharing.services)} beside their old listeners"

    def run(self, site: Site) -> None:
        self.sharing.announce(site.platform)


@dataclass(frozen=True)
class Withdraw(Operation):
    """Remove the drop-ins that let systemd share ports, also what a killed run has left of them."""

    services: Sequence[Service]

    @property
    def line(self) -> str:
        return f"let systemd share no ports of {named(self.services)} any more"

    def run(self, site: Site) -> None:
        reuseport.withdraw(self.services, site.platform)


@dataclass(frozen=True)
class StepForward(Operation):
    """Let old listeners that a run left without connections get connections again."""

    @property
    def line(self) -> str:
        return "let old listeners get connections again"

    def run(self, site: Site) -> None:
        reuseport.step_forward(site.host)


@dataclass(frozen=True)
class Share(Operation):
    """Open new listeners beside the old ones, which then get no more connections."""

    sharing: Sharing

    @property
    def line(self) -> str:
        services = self.sharing.services
        return f"open the listeners of {named(services)} ({services[0].backend}) beside the old ones"

    def run(self, site: Site) -> None:
        site.staying |= self.sharing.take_over(site.backends, site.platform, site.host)


@dataclass(frozen=True)
class Inherit(Operation):
    """Let new servers accept connections from the open sockets of the old ones."""

    inheriting: Inheriting

    @property
    def line(self) -> str:
        services = self.inheriting.services
        return f"hand the listening sockets of {named(services)} to {services[0].backend}, beside their old holders"

    def run(self, site: Site) -> None:
        site.staying |= self.inheriting.hand_over(site.backends, site.platform, site.host)


@dataclass(frozen=True)
class Drain(Operation):
    """Wait for established connections that a change would cut off."""

    changes: Mapping[str, Change]
    seconds: float

    @property
    def line(self) -> str:
        return f"drain connections that would be cut off, for at most {self.seconds:g} s"

    def run(self, site: Site) -> None:
        drain(self.changes, site.backends, self.seconds, site.platform, site.host)


@dataclass(frozen=True)
class Migrate(Operation):
    """Let connections that wait in a listener when it closes move to the new one, if this kernel supports it."""

    @property
    def line(self) -> str:
        return "set net.ipv4.tcp_migrate_req, so that connections waiting in a listener that closes move to the new one"

    def run(self, site: Site) -> None:
        reuseport.migrate()


@dataclass(frozen=True)
class RestoreMigration(Operation):
    """Reset the kernel's setting."""

    @property
    def line(self) -> str:
        return "reset net.ipv4.tcp_migrate_req"

    def run(self, site: Site) -> None:
        reuseport.restore_migration()


@dataclass(frozen=True)
class Hold(Operation):
    """Hold clients of listeners while these are closed. ``tried``: whether nftables has accepted the rules already; if
    it has not, and refuses them now, clients are not held."""

    listeners: Sequence[Listener]
    tried: bool = True

    @property
    def line(self) -> str:
        return f"hold new clients of {listed(list(map(str, self.listeners)))} (nftables)"

    def run(self, site: Site) -> None:
        if self.tried or not hold.obstacle(self.listeners, site.platform, site.host):
            hold.hold(self.listeners, site.platform, site.host)
            _let_serve(self.listeners, site.host)


def _let_serve(listeners: Sequence[Listener], host: LocalHost) -> None:
    """Wait until old listeners have accepted the connections from before the hold: closing a listener resets waiting
    connections."""
    inodes = {socket.inode for sockets in bound(listeners).values() for socket in sockets}
    ports = {listener.port for listener in listeners}
    host.wait(lambda: not (inodes and unserved(inodes, ports)), DRAINING)


@dataclass(frozen=True)
class Lift(Operation):
    """Lift the hold."""

    @property
    def line(self) -> str:
        return "lift the hold"

    def run(self, site: Site) -> None:
        hold.lift(site.platform, site.host)
