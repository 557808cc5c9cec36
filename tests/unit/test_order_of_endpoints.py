# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order the endpoints of a service stand says nothing about what becomes of them."""

from __future__ import annotations

import itertools
import re
import typing as t
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.offline import (
    apply_capabilities,
    render_all,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, entry_of, refusal, service

# Endpoints of every kind, each with what only its kind has.
UNIX: Fields = {"unix": "/run/a/socket", "owner": "nobody", "group": "adm", "mode": "0600", "backlog": 9}
ENDPOINTS: dict[str, Fields] = {
    "unix": UNIX,
    "packets": {**UNIX, "unix": "/run/a/packets", "type": "seqpacket"},
    "datagrams": {"unix": "/run/a/datagrams", "type": "datagram", "owner": "nobody", "group": "adm", "mode": "0600"},
    "tcp": {"tcp": "6600", "backlog": 9},
    "address": {"tcp": "127.0.0.1:6601", "backlog": 9},
    "ipv6": {"tcp": "6602", "family": "ipv6", "backlog": 9},
    "interface": {"tcp": "6603", "interface": "lo", "backlog": 9},
    "udp": {"udp": "6604"},
}
CONNECTIONS = ("unix", "packets", "tcp", "address", "ipv6", "interface")
OPTIONS: Fields = {"keepalive": True, "no_delay": True, "defer_accept": 5}
LIMITS: Fields = {"max": 7, "per_source": 3, "rate": {"count": 5}}
ACCESS: Fields = {"allow": ["192.0.2.0/24", "127.0.0.1"], "deny": ["192.0.2.9"]}

HOSTS = {
    "systemd 252": ("systemd", Platform()),
    "systemd 257": ("systemd", Platform(systemd=257)),
    "xinetd": ("xinetd", Platform()),
    "ucspi": ("s6", Platform()),
    "s6-networking": ("s6", Platform(s6="s6-networking")),
}


def served(fields: Fields, host: str) -> tuple[list[Service], set[str], Platform]:
    """A service as far as a host can have it, and what is said about the rest, without the places of endpoints."""
    backend, platform = HOSTS[host]
    try:
        services, told = apply_capabilities([service(**fields, backend=backend)], platform, "warn")
    except InvalidDeclaration as invalid:
        services, told = [], [str(problem) for problem in invalid.problems]
    return services, {re.sub(r"\[[0-9]+\]", "", text) for text in told}, platform


def content(fields: Fields, host: str) -> tuple[dict[str, Counter[str]], set[str]]:
    """Everything that is written, by path: the parts of each file, in whatever order."""
    services, told, platform = served(fields, host)
    return {file.path: Counter(portions(file.content)) for file in render_all(services, platform)}, told


def portions(text: str) -> list[str]:
    """Entries of xinetd, blocks of execline, and else lines; lists of sockets in their own order."""
    if "\nservice " in text:
        return text.strip().split("\n\n")
    parts = re.findall(r"^if \{\n(?:  .*\n)*\}|^.*$", text, re.MULTILINE)
    return [" ".join(sorted(part.split())) if part.count("echo:") > 1 else part for part in parts]


def rearranged(fields: Fields, order: t.Sequence[int]) -> Fields:
    return {**fields, "listen": [fields["listen"][index] for index in order]}


@st.composite
def arrangements(draw: st.DrawFn) -> tuple[Fields, Fields]:
    """A service, and the same with its endpoints in another order."""
    accept = draw(st.booleans())
    names = CONNECTIONS if accept else tuple(ENDPOINTS)
    chosen = draw(st.lists(st.sampled_from(names), min_size=2, max_size=4, unique=True))
    fields: Fields = {"accept": accept, "listen": [ENDPOINTS[name] for name in chosen]}
    optional = {"tcp": st.just(OPTIONS), "connections": st.just(LIMITS), "access": st.just(ACCESS)}
    fields.update(draw(st.fixed_dictionaries({}, optional=optional)))
    return fields, rearranged(fields, draw(st.permutations(range(len(chosen)))))


@pytest.mark.parametrize("host", HOSTS)
@given(pair=arrangements())
def test_another_order_of_endpoints_is_the_same_service(host: str, pair: tuple[Fields, Fields]) -> None:
    one, other = pair
    said = [{re.sub(r"\[[0-9]+\]", "", " ".join(problem)) for problem in refusal(entry_of(each))} for each in pair]
    assert said[0] == said[1]
    if not said[0]:
        assert content(one, host) == content(other, host)


INTERNAL: Fields = {"exec": None, "internal": "echo", "access": {"allow": ["192.0.2.0/24"]}, "tcp": OPTIONS}


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_another_order_of_the_endpoints_of_a_small_service(host: str, order: tuple[int, ...]) -> None:
    fields = {**INTERNAL, "listen": [{"tcp": "7"}, {"udp": "7"}, {"tcp": "127.0.0.1:8", "backlog": 5}]}
    if host.startswith("systemd"):
        fields["listen"][0] = {"tcp": "7", "backlog": 5}
    assert content(fields, host) == content(rearranged(fields, order), host)


def lines_of(fields: Fields, host: str) -> list[str]:
    services, _told, platform = served(fields, host)
    files = (file for file in render_all(services, platform) if file.service)
    return [line.strip() for file in files for line in file.content.split("\n")]


@pytest.mark.parametrize("accept", [True, False])
@pytest.mark.parametrize("order", list(itertools.permutations(("unix", "tcp", "address"))))
def test_options_of_tcp_reach_systemd_in_any_order(order: tuple[str, ...], accept: bool) -> None:
    fields = {"accept": accept, "listen": [ENDPOINTS[name] for name in order], "tcp": OPTIONS}
    for host in ("systemd 252", "systemd 257"):
        assert {"KeepAlive=yes", "NoDelay=yes", "DeferAcceptSec=5"} <= set(lines_of(fields, host))


@pytest.mark.parametrize("order", list(itertools.permutations(("unix", "tcp", "udp"))))
@pytest.mark.parametrize("host", ["ucspi", "s6-networking"])
def test_options_of_tcp_reach_the_sockets_of_s6_that_are_tcp(order: tuple[str, ...], host: str) -> None:
    """Each socket is bound in a block of its own, which has the options where they belong to it."""
    fields = {"accept": False, "listen": [ENDPOINTS[name] for name in order], "tcp": OPTIONS}
    blocks = [part for parts in content(fields, host)[0].values() for part in parts if part.startswith("if {")]
    found = {kind: [" set 1 1 5 " in part for part in blocks if f" bind {kind} " in part] for kind in order}
    assert found == {"unix": [False], "tcp": [True], "udp": [False]}


@pytest.mark.parametrize("order", [("unix", "tcp"), ("tcp", "unix")])
def test_a_limit_for_each_address_does_not_count_accounts(order: tuple[str, ...]) -> None:
    """systemd 256 and later would count the clients of a unix socket by their account."""
    fields = {"listen": [ENDPOINTS[name] for name in order], "connections": {"per_source": 3}}
    assert "MaxConnectionsPerSource=0" in lines_of(fields, "systemd 257")
    rules = next(text for path, text in content(fields, "systemd 257")[0].items() if path.endswith(".nft"))
    assert any("ct count over 3 " in line for line in rules)
    alone = {**fields, "listen": [ENDPOINTS["tcp"]]}
    assert "MaxConnectionsPerSource=3" in lines_of(alone, "systemd 257")


@pytest.mark.parametrize("order", [("ipv6", "tcp"), ("tcp", "ipv6")])
def test_a_daemon_gets_one_socket_for_each_endpoint(order: tuple[str, ...]) -> None:
    """systemd would open two for the one that takes both families."""
    fields = {"listen": [ENDPOINTS[name] for name in order], "accept": False}
    services, told, _platform = served(fields, "systemd 257")
    assert services == []
    assert any("two sockets for tcp:*:6600, one for each family" in text for text in told)
    assert served(fields, "ucspi")[0] != []
    assert served({**fields, "accept": True}, "systemd 257")[0] != []
    narrowed = [{**ENDPOINTS["tcp"], "family": "ipv4"}, ENDPOINTS["ipv6"]]
    assert served({**fields, "listen": narrowed}, "systemd 257")[0] != []
