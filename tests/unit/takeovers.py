# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services of others as they may be found, and what is planned about them."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import CompetingServices, Foreign
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import SocketTable
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.owners import Holder
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign import plan as _adopt
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.draft import Holdings
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.plan import Demand, plan_takeover
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.record import Adoption, Takeover
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.store import Seen
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.tests.unit.fake_host import FakeHost

SEVEN = Listener("tcp", "dual", "::", 7)
EIGHT = Listener("tcp", "dual", "::", 8)
LINK = Seen("link", b"/usr/lib/systemd/system/a.socket", 0o777, "root", "root")
WANTS = "/etc/systemd/system/sockets.target.wants/a.socket"
OWNER = ("systemd", "a.socket")
KEPT = Adoption("systemd", (SEVEN,), (SEVEN,), {WANTS: LINK}, ("a.socket",))
RETURNED = Adoption("systemd", (SEVEN,), (SEVEN,), given_back=True)


class Known(CompetingServices):
    """What others have, as it is given."""

    def __init__(self, claims: t.Mapping[str, t.Sequence[Listener]]) -> None:
        self._claims = claims

    def claims(self) -> t.Mapping[str, t.Sequence[Listener]]:
        return self._claims


def planned(
    monkeypatch: pytest.MonkeyPatch,
    adopt: t.Sequence[t.Any],
    found: t.Sequence[Foreign],
    recorded: t.Mapping[str, Adoption] | None = None,
    declared: t.Sequence[Listener] = (SEVEN,),
    **more: t.Any,
) -> Takeover:
    """A plan for several; each unit that runs holds port 7 if it claims it."""
    holdings = {("systemd", each.name): [*each.claims] for each in found if each.running}
    holders = {owner: [Holder(99, "nc", "nc", "root")] for owner in holdings}
    monkeypatch.setattr(_adopt, "_look", lambda *_arguments: {each.name: each for each in found})
    monkeypatch.setattr(_adopt, "_holdings", lambda *_arguments: Holdings(holdings, holders))
    monkeypatch.setattr(_adopt, "_competing", lambda *_arguments: {"systemd": Known(more.pop("competing_sockets", {}))})
    records = {name: json.loads(json.dumps(record.to_json())) for name, record in (recorded or {}).items()}
    demand = Demand(adopt, records, declared, more.pop("services", ()))
    return plan_takeover(demand, (), SocketTable({}, {}), "systemd", FakeHost())


def unit(name: str, *companions: str, claims: t.Sequence[Listener] = (), **more: t.Any) -> Foreign:
    fields = {"owners": frozenset({("systemd", name)}), "running": (name,), **more}
    return Foreign(name, "systemd", True, claims=tuple(claims), companions=frozenset(companions), **fields)
