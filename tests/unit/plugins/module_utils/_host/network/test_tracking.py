# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of others that keep the kernel from tracking connections, and what is said of limits that count these."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.counting import counting_problems
from ansible_collections.ondemand.superserver.plugins.module_utils._host.network import tracking
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Result
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, service
from ansible_collections.ondemand.superserver.tests.unit.fake_host import FakeHost
from ansible_collections.ondemand.superserver.tests.unit.guard_network import inside, with_nftables

HOST = Platform(programs={"nft": "/usr/sbin/nft"})
LIMITED: Fields = {"listen": [{"tcp": "7007"}], "accept": False, "connections": {"max": 3}}


class Ruleset(FakeHost):
    """Answers with a ruleset, and with rules of the older kind."""

    def __init__(self, rules: str, older: str = "") -> None:
        super().__init__()
        self._rules, self._older = rules, older

    def answer(self, argv: Sequence[str]) -> Result:
        return Result(0, self._older if argv[0] == "sh" else self._rules, "")


def ruleset(rule: str) -> str:
    """What nft prints of a rule in somebody's table."""
    loaded = f"table ip raw {{ chain first {{ type filter hook prerouting priority raw; {rule}; }}; }}"
    done = inside("sh", "-ec", "nft -f - && nft list ruleset", text=loaded)
    assert done.returncode == 0, done.stderr
    return done.stdout


# A rule, and whether it takes all connections to the port out of the count, some, or none.
RULES = (
    ("tcp dport 7007 notrack", "all"),
    ("tcp sport 7007 counter notrack", "all"),
    ("tcp dport { 53, 7000-7010 } notrack", "all"),
    ("meta l4proto tcp notrack", "all"),
    ("notrack", "all"),
    ('iifname "lo" notrack', "some"),
    ("ip saddr 192.0.2.0/24 tcp dport 7007 notrack", "some"),
    ("tcp dport != 22 notrack", "some"),
    ("tcp dport 22 notrack", "none"),
    ("tcp dport { 22, 7008-7010 } notrack", "none"),
    ("udp dport 7007 notrack", "none"),
    ("tcp dport 7007 accept", "none"),
)


@with_nftables
@pytest.mark.parametrize(("rule", "whose"), RULES)
def test_whose_connections_are_not_counted(rule: str, whose: str) -> None:
    problems, warnings = counting_problems([service(**LIMITED)], HOST, Ruleset(ruleset(rule)))
    assert (len(problems), len(warnings)) == {"all": (1, 0), "some": (0, 1), "none": (0, 0)}[whose]
    for text in [*map(str, problems), *warnings]:
        assert text.startswith("superserver_services[0].connections.max: connections ")
        assert "of the table ip raw" in text
        assert "Remove the port from that rule, or leave the limit out" in text


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("-A PREROUTING -p tcp -m tcp --dport 7007 -j CT --notrack", 1),
        ("-A PREROUTING -p tcp --dport 22 -j NOTRACK", 0),
    ],
)
def test_rules_of_the_older_kind_are_seen(rule: str, told: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "LEGACY", (("/names", "iptables-legacy-save"),))
    host = Ruleset("", f"*raw\n{rule}\n")
    host.files["/names"] = "raw\nfilter\n"
    _problems, warnings = counting_problems([service(**LIMITED)], HOST, host)
    assert len(warnings) == told
    assert all("of the table raw, of iptables-legacy" in text for text in warnings)


@pytest.mark.parametrize("fields", [{"connections": {}}, {"accept": True}, {"state": "disabled"}])
def test_nobody_is_asked_where_the_guard_counts_nothing(fields: Fields) -> None:
    host = Ruleset("")
    assert counting_problems([service(**{**LIMITED, **fields})], HOST, host) == ([], [])
    assert host.done == []
