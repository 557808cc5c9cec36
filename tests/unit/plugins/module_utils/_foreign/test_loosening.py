# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A declared service that lets in whom the one before it kept out: every such restriction is found, and none beside."""

from __future__ import annotations

import ipaddress
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import Foreign, Restriction
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.restrictions import Filter, SocketMode
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.loosening import losses
from ansible_collections.ondemand.superserver.plugins.module_utils._model.access import compile_access
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.tests.unit.declarations import service

SEVEN = Listener("tcp", "dual", "::", 7)
PATH = Listener("unix", "unix", "/run/a", 0, "/run/a")


def nets(*texts: str) -> tuple[t.Any, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


def lost(restriction: Restriction, **fields: t.Any) -> bool:
    """Whether a service on port 7, or on the socket of that path, loses it."""
    about = PATH if restriction.kind == "mode" else SEVEN
    foreign = Foreign("a", "systemd", True, claims=(about,), restrictions=(restriction,))
    listen = (
        [{"unix": "/run/a", **fields.pop("endpoint", {})}]
        if about is PATH
        else [{"tcp": "7", **fields.pop("endpoint", {})}]
    )
    found = losses(foreign, [], [service(listen=listen, **fields)], ipv6=True)
    assert all(each.word == restriction.word for each in found)
    return bool(found)


TEN = Filter(only=nets("10.0.0.0/8"))
NOT_TEN = Filter(denied=nets("10.0.0.0/8"))
CLOSED = Filter(denied=nets("0.0.0.0/0", "::/0"), excepted=nets("10.0.0.0/8", "::1"))
NINE_TO_FIVE = frozenset(range(9 * 60, 17 * 60 + 1))


@pytest.mark.parametrize(
    ("kind", "value", "fields", "expected"),
    [
        ("access", TEN, {}, True),
        ("access", TEN, {"access": {"allow": ["10.0.0.0/8"]}}, False),
        ("access", TEN, {"access": {"allow": ["10.1.0.0/16"]}}, False),
        ("access", TEN, {"access": {"allow": ["10.0.0.0/7"]}}, True),
        ("access", TEN, {"access": {"allow": ["10.0.0.0/8", "2001:db8::/32"]}}, True),
        ("access", TEN, {"access": {"allow": ["10.0.0.0/8"], "deny": ["10.9.0.0/16"]}}, False),
        ("access", TEN, {"access": {"deny": ["11.0.0.0/8"]}}, True),
        ("access", NOT_TEN, {}, True),
        ("access", NOT_TEN, {"access": {"deny": ["10.0.0.0/8"]}}, False),
        ("access", NOT_TEN, {"access": {"deny": ["10.0.0.0/9"]}}, True),
        ("access", NOT_TEN, {"access": {"allow": ["192.0.2.0/24"]}}, False),
        ("access", CLOSED, {"access": {"allow": ["10.2.3.4", "::1"]}}, False),
        ("access", CLOSED, {"access": {"allow": ["10.2.3.4", "::2"]}}, True),
        ("access", Filter(only=()), {"access": {"allow": ["192.0.2.1"]}}, True),
        ("access", Filter(only=nets("0.0.0.0/0")), {"endpoint": {"family": "ipv4"}}, False),
        ("access", Filter(only=nets("0.0.0.0/0")), {}, True),
        ("hours", NINE_TO_FIVE, {}, True),
        ("hours", NINE_TO_FIVE, {"access": {"hours": ["09:00-17:00"]}}, False),
        ("hours", NINE_TO_FIVE, {"access": {"hours": ["mon-fri 10:00-12:00", "sat 16:00-17:01"]}}, False),
        ("hours", NINE_TO_FIVE, {"access": {"hours": ["08:59-17:00"]}}, True),
        ("hours", NINE_TO_FIVE, {"access": {"hours": ["16:00-10:00"]}}, True),
        ("max", 5, {}, True),
        ("max", 5, {"connections": {"max": 5}}, False),
        ("max", 5, {"connections": {"max": 6}}, True),
        ("per_source", 5, {"connections": {"max": 5}}, True),
        ("per_source", 5, {"connections": {"per_source": 4}}, False),
        ("rate", 10, {"connections": {"rate": {"count": 10}}}, False),
        ("rate", 10, {"connections": {"rate": {"count": 600, "interval": 60}}}, False),
        ("rate", 10, {"connections": {"rate": {"count": 11}}}, True),
        ("rate", 10, {}, True),
        ("max_load", 2.5, {"connections": {"max_load": 2}}, False),
        ("max_load", 2.5, {"connections": {"max_load": 3}}, True),
        ("interface", "lo", {}, True),
        ("interface", "lo", {"endpoint": {"interface": "lo"}}, False),
        ("interface", "lo", {"endpoint": {"interface": "eth0"}}, True),
        ("mode", SocketMode(0o666, "root", "root"), {"endpoint": {"mode": "0666"}}, False),
        ("mode", SocketMode(0o660, "root", "www"), {"endpoint": {"mode": "0666"}}, True),
        ("mode", SocketMode(0o660, "root", "www"), {"endpoint": {"mode": "0660", "group": "www"}}, False),
        ("mode", SocketMode(0o660, "root", "www"), {"endpoint": {"mode": "0660", "group": "users"}}, True),
        ("mode", SocketMode(0o600, "www", "www"), {"endpoint": {"mode": "0660", "group": "www"}}, True),
        ("mode", SocketMode(0o600, "root", "root"), {"endpoint": {"mode": "0660"}}, False),
        ("rules", None, {"access": {"allow": ["192.0.2.1"]}}, True),
    ],
)
def test_what_is_lost(kind: str, value: t.Any, fields: dict[str, t.Any], expected: bool) -> None:
    assert lost(Restriction("word", "text", kind, value), **fields) == expected


def of_listeners(theirs: Listener, listen: dict[str, t.Any]) -> list[str]:
    foreign = Foreign("a", "systemd", True)
    return [each.word for each in losses(foreign, [theirs], [service(listen=[listen])], ipv6=True)]


@pytest.mark.parametrize(
    ("theirs", "listen", "expected"),
    [
        (SEVEN, {"tcp": "7"}, []),
        (SEVEN, {"tcp": "127.0.0.1:7"}, []),
        (Listener("tcp", "ipv4", "127.0.0.1", 7), {"tcp": "7"}, ["address"]),
        (Listener("tcp", "ipv4", "127.0.0.1", 7), {"tcp": "7", "family": "ipv4"}, ["address"]),
        (Listener("tcp", "ipv4", "127.0.0.1", 7), {"tcp": "127.0.0.1:7"}, []),
        (Listener("tcp", "ipv4", "0.0.0.0", 7), {"tcp": "7"}, ["family"]),
        (Listener("tcp", "ipv4", "0.0.0.0", 7), {"tcp": "7", "family": "ipv4"}, []),
        (Listener("tcp", "dual", "::", 7, interface="lo"), {"tcp": "7"}, ["interface"]),
        (Listener("tcp", "dual", "::", 7, interface="lo"), {"tcp": "7", "interface": "lo"}, []),
        (Listener("udp", "ipv4", "127.0.0.1", 7, type="datagram"), {"tcp": "7"}, []),
        (Listener("tcp", "ipv4", "127.0.0.1", 8), {"tcp": "7"}, []),
    ],
)
def test_where_it_listens_is_a_restriction(theirs: Listener, listen: dict[str, t.Any], expected: list[str]) -> None:
    assert of_listeners(theirs, listen) == expected


def test_a_restriction_of_another_listener_is_none() -> None:
    eight = Listener("tcp", "dual", "::", 8)
    about_eight = Restriction("only_from", "text", "access", TEN, (eight,))
    foreign = Foreign("a", "xinetd", True, claims=(SEVEN, eight), restrictions=(about_eight,))
    seven, other = service(listen=[{"tcp": "7"}]), service(name="other", listen=[{"tcp": "8"}])
    assert losses(foreign, [], [seven], ipv6=True) == []
    assert [each.service for each in losses(foreign, [], [seven, other], ipv6=True)] == ["other"]


def test_what_is_open_counts_and_not_what_the_configuration_has() -> None:
    foreign = Foreign("a", "systemd", True, claims=(SEVEN,))
    held = [Listener("tcp", "ipv4", "127.0.0.1", 7)]
    (found,) = losses(foreign, held, [service(listen=[{"tcp": "7"}])], ipv6=True)
    assert (found.word, found.text) == ("address", "listens on tcp:127.0.0.1:7 only")


# Few bits, so that lists overlap and every address can be tried.
PREFIXES = st.builds(
    lambda number, length: ipaddress.ip_network((f"192.0.2.{number}", length), strict=False),
    st.integers(0, 255),
    st.integers(27, 32),
)
LISTS = st.lists(PREFIXES, max_size=3)


@given(LISTS, LISTS, LISTS, LISTS)
def test_lists_are_compared_as_every_single_address_would_be(
    allow: list[t.Any], deny: list[t.Any], denied: list[t.Any], only: list[t.Any]
) -> None:
    rule = Filter(only=tuple(only) or None, denied=tuple(denied))
    access = {"allow": [str(each) for each in allow], "deny": [str(each) for each in deny]}
    declared = compile_access(access["allow"], access["deny"])
    addresses = [ipaddress.ip_address(f"192.0.2.{number}") for number in range(256)]
    addresses += [ipaddress.ip_address("192.0.1.255"), ipaddress.ip_address("192.0.3.0")]
    expected = any(declared.permits(str(each)) and not rule.permits(each) for each in addresses)
    restriction = Restriction("only_from", "text", "access", rule)
    fields = {key: value for key, value in access.items() if value}
    assert lost(restriction, endpoint={"family": "ipv4"}, **({"access": fields} if fields else {})) == expected
