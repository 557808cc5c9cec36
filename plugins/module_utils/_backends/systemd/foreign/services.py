# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of others as services that can be taken over: they are stopped, and what has them started is taken away."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import (
    MASK,
    At,
    CompetingServices,
    Foreign,
    ForeignServices,
    same,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.foreign.units import (
    competing_sockets,
    is_unit,
    look_at_units,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.store import Seen
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Host
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import SYSTEMD

# All that a unit can be (systemd.unit(5)).
_TYPES = frozenset({
    *("automount", "device", "mount", "path", "scope", "service", "slice", "socket", "swap", "target", "timer")
})  # fmt: skip


class CompetingUnits(CompetingServices):
    """Socket units that are started at boot."""

    def __init__(self, own: Collection[str], host: Host) -> None:
        self._own = own
        self._host = host

    def claims(self) -> Mapping[str, Sequence[Listener]]:
        return competing_sockets(self._own, self._host)


class Units(ForeignServices):
    """Units of systemd; see :class:`foreign.ForeignServices` for what each method must do."""

    restrictions = ("IPAddressDeny", "MaxConnections", "MaxConnectionsPerSource", "BindToDevice", "SocketMode")

    def nameable(self, name: str) -> bool:
        return is_unit(name)

    def absence(self, init: str) -> str:
        return "" if init == SYSTEMD else "is a unit, and systemd does not run on this host"

    def look(self, names: Sequence[str], own: Collection[str], host: Host) -> dict[str, Foreign]:
        return look_at_units(names, own, host)

    def competing(self, own: Collection[str], init: str, host: Host) -> CompetingServices:
        return CompetingServices() if self.absence(init) else CompetingUnits(own, host)

    def switched_off(self, foreign: Foreign, at: At) -> dict[str, Seen | None]:
        return {**dict.fromkeys(foreign.links), **dict.fromkeys(foreign.masks, MASK)}

    def switched_on(self, name: str, before: Mapping[str, Seen | None], at: At) -> dict[str, Seen | None]:
        """Files that somebody has changed meanwhile stay."""
        return {path: seen for path, seen in before.items() if same(at(path), MASK if seen is None else None)}

    def started_here(self, name: str) -> bool:
        return name.rpartition(".")[2] in _TYPES

    def stop(self, names: Sequence[str], failed: Sequence[str], host: Host) -> None:
        """systemd keeps what it knows of a unit that has failed."""
        if names:
            host.run(["systemctl", "stop", *names])
        if failed:
            host.run(["systemctl", "reset-failed", *failed], check=False)

    def start(self, names: Sequence[str], host: Host) -> None:
        host.run(["systemctl", "start", *names])
