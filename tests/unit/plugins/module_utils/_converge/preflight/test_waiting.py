# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints of addresses that the host does not have: which are refused, which are told of, and what proves them."""

from __future__ import annotations

import json
import sys
import typing as t
from dataclasses import replace

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends import live
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import SocketTable, listener_problem
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight import waiting
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.proof import prove
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.proof.probing import ways
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.network import addresses
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.tests.unit.declarations import service
from ansible_collections.ondemand.superserver.tests.unit.late_network import story, with_addresses, with_detection
from ansible_collections.ondemand.superserver.tests.unit.machine import machine

HERE, AWAY = "192.0.2.1", "192.0.2.7"
LOOK = """
sys.path[:0] = json.loads(sys.argv[1])
from ansible_collections.ondemand.superserver.plugins.module_utils._host.network.addresses import has_address
from ansible_collections.ondemand.superserver.plugins.module_utils._host.network.addresses import is_tentative
"""


def look(text: str) -> t.Any:
    return story(LOOK + text, json.dumps(sys.path))


@with_addresses
def test_addresses_that_a_host_has() -> None:
    text = """
ours = ("192.0.2.7", "2001:db8::7", "127.0.0.9", "198.51.100.9")
before = [has_address(address) for address in ours]
come("192.0.2.7")
come("2001:db8::7")
sh("ip route add local 198.51.100.0/24 dev lo")
print(json.dumps([before, [has_address(address) for address in ours]]))
"""
    assert look(text) == [[False, False, True, False], [True, True, True, True]]


@with_addresses
def test_an_address_that_anybody_may_bind_to_is_not_there_for_that() -> None:
    text = """
for version in ("ipv4", "ipv6"):
    with open(f"/proc/sys/net/{version}/ip_nonlocal_bind", "w") as setting:
        setting.write("1")
come("192.0.2.8")
print(json.dumps([has_address(address) for address in ("192.0.2.7", "2001:db8::7", "192.0.2.8")]))
"""
    assert look(text) == [False, False, True]


@with_detection
def test_a_tentative_address_comes_in_a_moment() -> None:
    text = """
tap = link()
come("2001:db8::7", "late0")
first = [has_address("2001:db8::7"), is_tentative("2001:db8::7")]
print(json.dumps([first, until(lambda: has_address("2001:db8::7")), is_tentative("2001:db8::7")]))
"""
    assert look(text) == [[False, True], True, False]


@pytest.fixture(autouse=True)
def host(monkeypatch: pytest.MonkeyPatch) -> LocalHost:
    """Has one of the two addresses, and commands that fail the test."""
    monkeypatch.setattr(live, "has_address", lambda address: address != AWAY)
    monkeypatch.setattr(waiting, "is_tentative", lambda address: False)
    return machine()


def made(backend: str = "xinetd", **fields: t.Any) -> Service:
    listen = [{"tcp": "7"}, {"tcp": "127.0.0.1:8"}, {"tcp": f"{HERE}:9"}, {"tcp": f"{AWAY}:10", **fields}]
    return replace(service(listen=listen, probe={"expect": "x"}), backend=backend)


def test_an_address_that_the_host_does_not_have_is_refused(host: LocalHost) -> None:
    (problem,) = waiting.address_problems([made(), replace(made(), state="disabled")], Platform(), host)
    assert problem.path == "superserver_services[0].listen[3].tcp"
    assert problem.message == (
        '"192.0.2.7" is not an address of this host; add the address first, or, if the address comes later, let '
        "the endpoint wait for it with freebind: true"
    )
    assert not waiting.address_problems([made(freebind=True)], Platform(), host)


def test_one_that_is_tentative_is_waited_for(host: LocalHost, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([False, False, True])
    monkeypatch.setattr(live, "has_address", lambda address: address != AWAY or next(answers))
    monkeypatch.setattr(waiting, "is_tentative", lambda address: True)
    assert not waiting.address_problems([made()], Platform(), host)


def test_what_waits_is_told() -> None:
    declared, lost = made(freebind=True), made()
    assert waiting.waiting([declared, lost, replace(declared, state="disabled")], Platform()) == [
        "echo: tcp:192.0.2.7:10 waits for its address, which this host does not have now"
    ]
    assert waiting.unreachable([declared, lost, replace(lost, state="disabled")], Platform()) == [
        "echo: tcp:192.0.2.7:10 cannot be reached: this host does not have the address, and the endpoint does not "
        "set freebind"
    ]


@pytest.mark.parametrize(
    ("backend", "freebind", "problem"),
    [
        ("xinetd", True, ""),
        ("xinetd", False, "tcp:192.0.2.7:10 is not open: the host does not have the address"),
        # These bind ahead of the address.
        ("systemd", True, "tcp:192.0.2.7:10 is not open: the host does not have the address"),
        ("s6", True, "tcp:192.0.2.7:10 is not open: the host does not have the address"),
    ],
)
def test_only_xinetd_need_not_have_it_open(backend: str, freebind: bool, problem: str) -> None:
    declared = made(backend, freebind=freebind)
    declared = replace(declared, listen=declared.listen[3:])
    assert listener_problem(declared, SocketTable({}, {}), BACKENDS[backend], Platform()) == problem


def test_what_is_not_open_though_its_address_is_there() -> None:
    declared = made(freebind=True)
    declared = replace(declared, listen=declared.listen[2:])
    assert (
        listener_problem(declared, SocketTable({}, {}), BACKENDS["xinetd"], Platform()) == f"tcp:{HERE}:9 is not open"
    )


def test_proof_does_not_wait_for_what_waits(host: LocalHost, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def bound(listeners: t.Iterable[t.Any]) -> dict[t.Any, list[Socket]]:
        asked.extend(map(str, listeners))
        return {}

    monkeypatch.setattr(prove, "bound", bound)
    monkeypatch.setattr(prove, "look", lambda *_arguments: SocketTable({}, {}))
    (failure,) = prove.prove_listeners([made(freebind=True)], BACKENDS, Platform(), host)
    assert asked == ["tcp:*:7", "tcp:127.0.0.1:8", f"tcp:{HERE}:9"]
    assert AWAY not in failure.text


def test_what_waits_is_shown_beside_its_endpoint() -> None:
    rows = prove.status_rows([made(freebind=True)], SocketTable({}, {}), BACKENDS, Platform())
    assert [row["waits_for"] for row in rows] == ["", "", "", AWAY]


@pytest.mark.parametrize("freebind", [True, False])
def test_what_waits_is_not_probed(freebind: bool) -> None:
    probed = {str(listener) for listener in ways(made(freebind=freebind), Platform(), (HERE,))}
    assert (f"tcp:{AWAY}:10" in probed) is not freebind


def test_addresses_on_their_way_are_not_the_host_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [("192.0.2.1", 0x80), ("2001:db8::1", 0x40), ("2001:db8::2", 0x08)]
    monkeypatch.setattr(addresses, "_found", lambda: found)
    assert addresses.own_addresses() == ("192.0.2.1",)
    assert [addresses.is_tentative(address) for address, _flags in found] == [False, True, False]
