# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access lists: what the two lists mean, and that their reduction means the same."""

from __future__ import annotations

import ipaddress
import typing as t

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.ondemand.superserver.plugins.module_utils._model.access import (
    AccessList,
    compile_access,
    parse_network,
)

GOOD_NETWORKS = (
    ("192.0.2.1", "192.0.2.1/32"),
    ("192.0.2.0/24", "192.0.2.0/24"),
    ("0.0.0.0/0", "0.0.0.0/0"),
    ("2001:DB8::/32", "2001:db8::/32"),
    ("::1", "::1/128"),
    ("::/0", "::/0"),
)

BAD_NETWORKS = (
    ("", "CIDR prefix"),
    ("example.org", "host names are not accepted"),
    ("*.example.org", "host names are not accepted"),
    ("ALL", "host names are not accepted"),
    ("192.0.2", "CIDR prefix"),
    ("192.0.2.", "CIDR prefix"),
    ("192.0.2.0/33", "CIDR prefix"),
    ("192.0.2.0/-1", "CIDR prefix"),
    ("192.0.2.1/24", 'write "192.0.2.0/24"'),
    ("2001:db8::1/32", 'write "2001:db8::/32"'),
    ("2001:db8::/129", "CIDR prefix"),
    ("::ffff:192.0.2.1", "is an IPv4-mapped IPv6 prefix"),
    ("::ffff:0:0/96", "is an IPv4-mapped IPv6 prefix"),
    ("fe80::1%eth0", "zone"),
    (" 192.0.2.1", "CIDR prefix"),
    ("192.0.2.1\n", "CIDR prefix"),
    ("192.0.2.1,192.0.2.2", "CIDR prefix"),
)


@pytest.mark.parametrize(("text", "network"), GOOD_NETWORKS)
def test_good_network(text: str, network: str) -> None:
    assert str(parse_network(text)) == network


@pytest.mark.parametrize(("text", "advice"), BAD_NETWORKS)
def test_bad_network(text: str, advice: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared as it stands
        parse_network(text)
    assert advice in str(caught.value)


# Allowed, denied; the reduction: whether it is a list of who may, and the networks.
REDUCTIONS: tuple[tuple[list[str], list[str], bool, list[str]], ...] = (
    ([], [], False, []),
    (["192.0.2.0/24"], [], True, ["192.0.2.0/24"]),
    ([], ["192.0.2.7", "192.0.2.6"], False, ["192.0.2.6/31"]),
    (["192.0.2.0/30"], ["192.0.2.1"], True, ["192.0.2.0/32", "192.0.2.2/31"]),
    (["192.0.2.1", "192.0.2.0/24"], ["192.0.2.0/30"], True, [
        "192.0.2.1/32", "192.0.2.4/30", "192.0.2.8/29", "192.0.2.16/28", "192.0.2.32/27", "192.0.2.64/26",
        "192.0.2.128/25",
    ]),
    (["192.0.2.0/24"], ["192.0.2.0/24"], True, []),
    (["192.0.2.0/24"], ["0.0.0.0/0"], True, ["192.0.2.0/24"]),
    (["192.0.2.0/25", "192.0.2.128/25"], [], True, ["192.0.2.0/24"]),
    (["192.0.2.0/24", "::1"], ["::/0"], True, ["192.0.2.0/24", "::1/128"]),
    (["0.0.0.0/0"], ["0.0.0.0/1", "128.0.0.0/1"], True, []),
)  # fmt: skip


@pytest.mark.parametrize(("allow", "deny", "closed", "networks"), REDUCTIONS)
def test_reduction(allow: list[str], deny: list[str], closed: bool, networks: list[str]) -> None:
    assert compile_access(allow, deny) == AccessList(closed, tuple(map(parse_network, networks)))


def decide(allow: t.Sequence[str], deny: t.Sequence[str], address: str) -> bool:
    """The rule itself, entry by entry: the most specific prefix wins, deny wins a tie."""
    client = ipaddress.ip_address(address)
    matching = [
        (network.prefixlen, not permitted)
        for entries, permitted in ((allow, True), (deny, False))
        for network in map(ipaddress.ip_network, entries)
        if network.version == client.version and client in network
    ]
    if not matching:
        return not allow
    _length, denied = max(matching)
    return not denied


def prefixes(base: str, widest: int, bits: int) -> st.SearchStrategy[str]:
    """Networks below ``base/widest``: so few addresses that lists meet."""
    start = int(ipaddress.ip_address(base))
    size = ipaddress.ip_address(base).max_prefixlen

    def network(offset: int, length: int) -> str:
        return str(ipaddress.ip_network((ipaddress.ip_address(start + offset), length), strict=False))

    return st.builds(network, st.integers(0, 2**bits - 1), st.integers(widest, size))


NETWORKS = st.lists(
    st.one_of(
        prefixes("192.0.2.0", 28, 4),
        prefixes("2001:db8::", 124, 4),
        st.sampled_from(["0.0.0.0/0", "::/0", "192.0.0.0/8"]),
    ),
    max_size=5,
)
CLIENTS = [
    *(f"192.0.2.{number}" for number in range(20)),
    *(f"2001:db8::{number:x}" for number in range(20)),
    *("192.1.0.0", "10.0.0.1", "255.255.255.255", "::", "ffff::"),
]


@given(NETWORKS, NETWORKS)
@example(["192.0.2.0/28"], ["192.0.2.0/28"])
@example(["192.0.2.4/30", "0.0.0.0/0"], ["192.0.2.0/28"])
def test_reduction_means_the_same(allow: list[str], deny: list[str]) -> None:
    reduced = compile_access(allow, deny)
    for client in CLIENTS:
        assert reduced.permits(client) == decide(allow, deny, client), client


@given(NETWORKS, NETWORKS)
def test_reduction_is_disjoint_and_sorted(allow: list[str], deny: list[str]) -> None:
    networks = compile_access(allow, deny).networks
    keys = [(network.version, int(network.network_address)) for network in networks]
    assert keys == sorted(keys)
    pairs = [(one, other) for one in networks for other in networks if one is not other]
    assert not any(one.version == other.version and one.overlaps(other) for one, other in pairs)
