# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where probes come from, and which ones are refused because they would be turned away."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.proof import probing, prove
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.proof.probing import (
    Moment,
    lasting_problems,
    passing_problems,
    unprobed,
    ways,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, refusal, service
from ansible_collections.ondemand.superserver.tests.unit.guard_network import NAMESPACE

PROBE: Fields = {"probe": {"expect": "x"}}
OWN = ("127.0.0.1", "192.0.2.10", "::1", "2001:db8::10")
V4, V6 = ("127.0.0.1", None), ("::1", None)
MONDAY = Moment(1, "0930", 0.5)

# What is let in, where the service listens, and how it is probed.
WAYS: tuple[tuple[Fields, Fields, list[tuple[str, str | None]]], ...] = (
    ({}, {"tcp": "7"}, [V4, V6]),
    ({}, {"unix": "/run/a"}, [("/run/a", None)]),
    ({"allow": ["127.0.0.0/8", "::1"]}, {"tcp": "7"}, [("127.0.0.1", "127.0.0.1"), ("::1", "::1")]),
    ({"allow": ["192.0.2.10"]}, {"tcp": "7"}, [("192.0.2.10", "192.0.2.10")]),
    ({"allow": ["192.0.2.0/24", "2001:db8::/32"]}, {"udp": "7"}, [(OWN[1], OWN[1]), (OWN[3], OWN[3])]),
    ({"allow": ["192.0.2.0/24"]}, {"tcp": "127.0.0.1:7"}, [("127.0.0.1", "192.0.2.10")]),
    ({"allow": ["127.0.0.1"]}, {"tcp": "192.0.2.10:7"}, [("192.0.2.10", "127.0.0.1")]),
    ({"deny": ["127.0.0.0/8"]}, {"tcp": "7", "family": "ipv4"}, [("192.0.2.10", "192.0.2.10")]),
    ({"allow": ["127.0.0.5"]}, {"tcp": "7", "family": "ipv4"}, [("127.0.0.5", "127.0.0.5")]),
    ({"allow": ["127.8.0.0/16"]}, {"tcp": "7", "family": "ipv4"}, [("127.8.0.1", "127.8.0.1")]),
    ({"allow": ["127.0.0.0/8"], "deny": ["127.0.0.1"]}, {"tcp": "127.0.0.1:7"}, [("127.0.0.1", "127.0.0.3")]),
    ({"allow": ["198.51.100.0/24"]}, {"tcp": "7"}, []),
    ({"allow": ["192.0.2.0/24"]}, {"tcp": "7", "family": "ipv6"}, []),
)


@pytest.mark.parametrize(("access", "listen", "expected"), WAYS)
def test_ways(access: Fields, listen: Fields, expected: list[tuple[str, str | None]]) -> None:
    declared = service(listen=[listen], access=access, **PROBE)
    assert list(ways(declared, Platform(), OWN).values()) == [expected]


def test_where_everybody_is_let_in_addresses_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "own_addresses", lambda: pytest.fail("nobody needs them"))
    assert list(probing.ways_now(service(listen=[{"tcp": "7"}], **PROBE), Platform()).values()) == [
        [("127.0.0.1", None), ("::1", None)]
    ]


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "own_addresses", lambda: OWN)


def told(declared: Service) -> list[tuple[str, str]]:
    return [(problem.path, problem.message) for problem in lasting_problems([declared], Platform())]


@pytest.mark.usefixtures("own")
def test_a_list_without_any_address_of_the_host_is_refused() -> None:
    listen = [{"tcp": "7"}, {"tcp": "192.0.2.10:8"}]
    declared = service(listen=listen, access={"allow": ["198.51.100.0/24"]}, **PROBE)
    (path, first), (_path, second) = told(declared)
    assert path == "superserver_services[0].access"
    assert first.startswith(f"allows no address of this host ({', '.join(OWN)}), so that the service would refuse ")
    assert "the probe of tcp:*:7" in first
    assert "the service would refuse the probe of tcp:192.0.2.10:8" in second
    assert first.endswith("who owns them")


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    "fields",
    [
        {"access": {"allow": ["198.51.100.0/24"]}, "probe": None},
        {"access": {"allow": ["198.51.100.0/24"]}, "state": "disabled"},
        {"access": {"allow": ["198.51.100.0/24", "192.0.2.10"]}},
        {"access": {"allow": ["198.51.100.0/24"]}, "listen": [{"unix": "/run/a"}, {"tcp": "7"}], "probe": None},
        {"connections": {"rate": {"count": 2, "interval": 10}}},
    ],
)
def test_nothing_else_is_refused(fields: Fields) -> None:
    assert not told(service(**{**PROBE, **fields}))


@pytest.mark.usefixtures("own")
def test_a_rate_below_what_the_probe_itself_needs_is_refused() -> None:
    ((path, message),) = told(service(**PROBE, connections={"rate": {"count": 1, "interval": 10}}))
    assert path == "superserver_services[0].connections.rate.count"
    assert message.startswith("is 1, but the probe makes 2 connections at once")


HOURS: tuple[tuple[list[str], str, bool], ...] = (
    (["08:00-18:00"], "0930", True),
    (["08:00-18:00"], "0800", True),
    (["08:00-18:00"], "1800", False),
    (["22:00-06:00"], "0559", True),
    (["22:00-06:00"], "0600", False),
    (["mon 22:00-06:00"], "0559", False),
    (["sun 22:00-06:00"], "0559", True),
    (["fri-mon 09:30-09:30"], "0930", True),
    (["tue 09:30-09:30"], "0930", False),
    (["tue 09:00-10:00", "mon 09:00-10:00"], "0930", True),
)


@pytest.mark.parametrize(("hours", "clock", "is_open"), HOURS)
def test_hours(hours: list[str], clock: str, is_open: bool) -> None:
    declared = service(**PROBE, access={"hours": hours})
    problems = passing_problems([declared], Moment(1, clock, 0.0))
    assert [problem.path for problem in problems] == ([] if is_open else ["superserver_services[0].access.hours"])
    assert bool(unprobed([declared], Moment(1, clock, 0.0))) != is_open


def test_what_keeps_everybody_away_just_now_is_told() -> None:
    declared = service(**PROBE, access={"hours": ["08:00-09:00"]})
    (problem,) = passing_problems([declared], MONDAY)
    assert problem.message.startswith(
        "allows no client now, at 09:30 by the host's clock, so that the service would refuse the probe"
    )
    assert "superserver_verify: false" in problem.message
    assert unprobed([declared], MONDAY) == [
        "echo: not probed: access.hours allows no client now, at 09:30 by the host's clock"
    ]
    busy = service(**PROBE, connections={"max_load": 0.5})
    (problem,) = passing_problems([busy], MONDAY)
    assert problem.path.endswith(".connections.max_load")
    assert not passing_problems([busy], Moment(1, "0930", 0.49))


@pytest.mark.parametrize("interface", ["lo", "eth0"])
def test_an_interface_that_the_host_itself_does_not_come_in_by(interface: str) -> None:
    entry = {"name": "echo", "listen": [{"tcp": "7", "interface": interface}], "exec": ["/bin/cat"], "user": "root"}
    problems = refusal({**entry, **PROBE})
    assert [path for path, _message in problems] == ([] if interface == "lo" else ["superserver_services[0].probe"])
    assert not refusal(entry, defaults=PROBE)


@pytest.fixture
def choosy() -> Iterator[int]:
    """A server that lets 127.0.0.5 in and nobody else; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, peer = server.accept()
                except OSError:
                    return
                with client:
                    if peer[0] == "127.0.0.5":
                        client.sendall(b"served")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(("allow", "problem"), [(["127.0.0.5"], ""), (["127.0.0.0/8"], "no answer, but closed")])
def test_a_probe_comes_from_where_it_is_let_in(choosy: int, allow: list[str], problem: str) -> None:
    listen = [{"tcp": f"127.0.0.1:{choosy}"}]
    declared = service(listen=listen, access={"allow": allow}, probe={"expect": "served"})
    (row,) = prove.probe_service(declared, Platform())
    assert problem in row["problem"]
    assert bool(row["problem"]) == bool(problem)


def test_what_lets_nobody_in_is_not_probed(choosy: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prove, "this_moment", lambda: MONDAY)
    listen = [{"tcp": f"127.0.0.1:{choosy}"}]
    declared = service(listen=listen, access={"hours": ["22:00-06:00"]}, probe={"expect": "served"})
    assert prove.probe_service(declared, Platform()) == []
    assert prove.prove_answers([declared], Platform()) == []


ADDRESSES = """
set -e
ip link set lo up
ip link add name da type veth peer name db
echo 100 >/proc/sys/net/ipv6/conf/da/dad_transmits
ip address add 192.0.2.10/24 dev da
ip address add 192.0.2.11 peer 198.51.100.1 dev da
ip address add 2001:db8::10/64 dev da nodad
ip address add 2001:db8::11/64 dev da
ip link set db up
ip link set da up
exec "$@"
"""
LIST = """
from ansible_collections.ondemand.superserver.plugins.module_utils._host.network import addresses as _addresses
print(*_addresses.own_addresses())
"""


def links_usable() -> bool:
    """Whether a namespace can have links of its own."""
    argv = [*NAMESPACE, "ip", "link", "add", "name", "da", "type", "veth", "peer", "name", "db"]
    return bool(shutil.which("ip")) and subprocess.run(argv, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not links_usable(), reason="no links can be made in a network namespace here")
def test_the_addresses_of_a_host() -> None:
    """Those that are its own already, without the link's; the last one waits to be found free."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    argv = [*NAMESPACE, "sh", "-c", ADDRESSES, "sh", sys.executable, "-c", LIST]
    done = subprocess.run(argv, text=True, capture_output=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["127.0.0.1", "192.0.2.10", "192.0.2.11", "::1", "2001:db8::10"]
