# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that keep clients waiting while a listener is closed."""

from __future__ import annotations

import re

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._guard.hold import held, render_hold
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener

DUAL = Listener("tcp", "dual", "::", 7)
PATH = Listener("unix", "unix", "/run/a", 0, "/run/a")

RULES = """\
table inet superserver-hold
delete table inet superserver-hold
table inet superserver-hold {
    set addresses-ipv4 {
        type inet_proto . ipv4_addr . inet_service; flags timeout; timeout 5s;
        elements = { tcp . 127.0.0.1 . 8 }
    }
    set ports-ipv4 {
        type inet_proto . inet_service; flags timeout; timeout 5s;
        elements = { tcp . 7, udp . 7 }
    }
    set ports-ipv6 {
        type inet_proto . inet_service; flags timeout; timeout 5s;
        elements = { tcp . 7 }
    }
    chain input {
        type filter hook input priority filter - 20; policy accept;
        tcp flags & (fin | syn | rst | ack) != syn accept
        meta nfproto ipv4 meta l4proto . ip daddr . th dport @addresses-ipv4 drop
        meta nfproto ipv4 meta l4proto . th dport @ports-ipv4 drop
        meta nfproto ipv6 meta l4proto . th dport @ports-ipv6 drop
    }
}
""".replace("    ", "\t")


def test_rules() -> None:
    listeners = [
        DUAL,
        Listener("udp", "ipv4", "0.0.0.0", 7, type="datagram"),
        Listener("tcp", "ipv4", "127.0.0.1", 8),
    ]
    assert render_hold(listeners) == RULES


@pytest.mark.parametrize(
    ("listener", "element"),
    [
        (Listener("tcp", "ipv6", "::", 7), "ports-ipv6 tcp . 7"),
        (Listener("tcp", "ipv6", "::1", 7), "addresses-ipv6 tcp . ::1 . 7"),
        (Listener("udp", "ipv4", "192.0.2.1", 7, type="datagram"), "addresses-ipv4 udp . 192.0.2.1 . 7"),
    ],
)
def test_nothing_but_the_listener_is_held(listener: Listener, element: str) -> None:
    found = re.findall(r"set (\S+) \{.*?elements = \{ (.*?) \}", render_hold([listener]), re.DOTALL)
    assert [" ".join(pair) for pair in found] == [element]


def test_number_of_rules_does_not_depend_on_that_of_listeners() -> None:
    many = [Listener("tcp", "dual", "::", port) for port in range(1, 501)]
    assert render_hold(many).count("\n") == render_hold([DUAL]).count("\n")


def test_one_listener_twice_is_one_element() -> None:
    assert render_hold([DUAL, DUAL]) == render_hold([DUAL])


def test_everything_ends_by_itself() -> None:
    text = render_hold([DUAL])
    assert text.count("set ") == text.count("flags timeout; timeout 5s;") == 2


def test_path_is_not_held() -> None:
    assert held([PATH, DUAL]) == [DUAL]
