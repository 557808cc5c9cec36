# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A systemctl that answers as those of systemd 252 and 257 do: every property that a kind of unit has, set or not."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Result
from ansible_collections.ondemand.superserver.tests.unit.fake_host import FakeHost

LIB = "/usr/lib/systemd/system"
_EVERY = (
    *("RequiredBy", "RequisiteOf", "WantedBy", "BoundBy", "UpheldBy", "ConsistsOf", "OnSuccessOf", "OnFailureOf"),
    *("Triggers", "TriggeredBy", "PropagatesStopTo", "DropInPaths"),
)
_OF_KIND = {
    "socket": {
        "BindToDevice": "",
        "SocketUser": "",
        "SocketGroup": "",
        "SocketMode": "0666",
        "Accept": "no",
        "MaxConnections": "64",
        "MaxConnectionsPerSource": "0",
        "IPAddressAllow": "",
        "IPAddressDeny": "",
    },
    "service": {"MainPID": "0", "BusName": "", "IPAddressAllow": "", "IPAddressDeny": ""},
}


def shown(unit: str, active: str = "active", file: str = "enabled", listen: Sequence[str] = (), **more: str) -> str:
    """What is said of one unit."""
    values = {
        **_OF_KIND.get(unit.rpartition(".")[2], {}),
        "Id": unit,
        "Names": unit,
        **dict.fromkeys(_EVERY, ""),
        "LoadState": "loaded",
        "ActiveState": active,
        "FragmentPath": f"{LIB}/{unit}",
        "UnitFileState": file,
        **more,
    }
    lines = [f"{key}={value}" for key, value in values.items()]
    return "\n".join([*(f"Listen={each}" for each in listen), *lines])


class Systemctl(FakeHost):
    """A host with these units."""

    def __init__(self, *units: str) -> None:
        super().__init__()
        self._units = {
            name: text
            for text in units
            for line in text.splitlines()
            if line.startswith("Names=")
            for name in line.partition("=")[2].split()
        }

    def answer(self, argv: Sequence[str]) -> Result:
        return Result(0, "\n\n".join(map(self._unit, argv[list(argv).index("--") + 1 :])) + "\n", "")

    def _unit(self, name: str) -> str:
        absent = shown(name, "inactive", "", LoadState="not-found", FragmentPath="")
        return self._units.get(name, absent)
