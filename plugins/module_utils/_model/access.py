# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access lists: the most specific prefix wins, deny wins a tie, a non-empty allow list means default deny.

No two super-servers agree on precedence (systemd: any allow wins; xinetd: any deny wins; s6: the longest prefix wins),
so a declaration is reduced to lists for which all of them come to the same answer.
"""

from __future__ import annotations

import ipaddress
import typing as t
from collections.abc import Iterable
from dataclasses import dataclass

Network = t.Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


@dataclass(frozen=True)
class AccessList:
    """What a backend enforces: disjoint networks, sorted.

    ``closed``: only ``networks`` may connect (possibly nobody). Otherwise everybody but ``networks`` may.
    """

    closed: bool
    networks: tuple[Network, ...]

    def permits(self, address: str) -> bool:
        """Whether a client with this address may connect."""
        client = ipaddress.ip_address(address)
        inside = any(client.version == network.version and client in network for network in self.networks)
        return inside == self.closed


def parse_network(text: str) -> Network:
    """Read an address or a prefix in CIDR notation. Raises ValueError, saying what would be right."""
    if "%" in text:
        raise ValueError(f'"{text}" has a zone; write the plain address or prefix')
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        return _explain(text)
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(ipaddress.IPv6Network("::ffff:0:0/96")):
        raise ValueError(f'"{text}" is an IPv4-mapped IPv6 prefix; write the IPv4 prefix')
    return network


def _explain(text: str) -> t.NoReturn:
    try:
        loose = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            f'"{text}" is not an address or a CIDR prefix such as "192.0.2.0/24" or "2001:db8::/32"; host names '
            "are not accepted, because their addresses can change unnoticed; write addresses, or resolve the names "
            "in the inventory, for example with the lookup community.general.dig"
        ) from None
    raise ValueError(f'"{text}" has host bits set; write "{loose}", or the single address')


def compile_access(allow: Iterable[str], deny: Iterable[str]) -> AccessList:
    """Reduce two lists to one that needs no precedence."""
    allowed = {parse_network(text) for text in allow}
    denied = {parse_network(text) for text in deny}
    if not allowed:
        return AccessList(closed=False, networks=_collapse(denied))
    return AccessList(closed=True, networks=_collapse(_effective(allowed - denied, denied)))


def restricts(allow: Iterable[str]) -> bool:
    """Whether a list of who may connect leaves anybody of each family out; an empty one does not."""
    networks = _collapse({parse_network(text) for text in allow})
    return bool(networks) and all(network.prefixlen for network in networks)


def _effective(allowed: set[Network], denied: set[Network]) -> set[Network]:
    """Walk from the widest prefix to the narrowest: a later, narrower one overrides what it covers."""
    result: set[Network] = set()
    for network in sorted(allowed | denied, key=lambda entry: entry.prefixlen):
        if network in allowed:
            result.add(network)
        else:
            result = {part for entry in result for part in without(entry, network)}
    return result


def within(one: Network, other: Network) -> bool:
    """Whether all of one network is in the other."""
    # That both are of one family is what mypy cannot tell.
    return one.version == other.version and one.subnet_of(other)  # type: ignore[arg-type]


def without(network: Network, hole: Network) -> Iterable[Network]:
    """What is left of a network when another one is taken away from it."""
    if network.version != hole.version or not network.overlaps(hole):
        return (network,)
    if network.prefixlen >= hole.prefixlen:
        return ()
    # They overlap, so both are of one family.
    return t.cast("Iterable[Network]", network.address_exclude(hole))  # type: ignore[arg-type]


def _collapse(networks: Iterable[Network]) -> tuple[Network, ...]:
    v4 = [network for network in networks if isinstance(network, ipaddress.IPv4Network)]
    v6 = [network for network in networks if isinstance(network, ipaddress.IPv6Network)]
    return (*ipaddress.collapse_addresses(v4), *ipaddress.collapse_addresses(v6))
