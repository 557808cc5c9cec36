# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values that restrictions of foreign services are compared by."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._model.access import Network

_ANY = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))


@dataclass(frozen=True)
class Filter:
    """Which addresses are let in: those of ``only`` where that is not None, and none of ``denied`` that is not
    ``excepted``."""

    only: tuple[Network, ...] | None = None
    denied: tuple[Network, ...] = ()
    excepted: tuple[Network, ...] = ()

    def permits(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
        """Whether a client of an address is let in."""
        if self.only is not None and not _in(address, self.only):
            return False
        return _in(address, self.excepted) or not _in(address, self.denied)

    @property
    def networks(self) -> tuple[Network, ...]:
        """Everything that it tells apart."""
        return (*(self.only or ()), *self.denied, *self.excepted)


@dataclass(frozen=True)
class SocketMode:
    """Whom a socket's permissions let in."""

    mode: int
    owner: str
    group: str


def _in(address: ipaddress.IPv4Address | ipaddress.IPv6Address, found: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in found)


def networks(words: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and prefixes as systemd shows them."""
    found: list[Network] = []
    for word in words:
        found += _ANY if word == "any" else [ipaddress.ip_network(word, strict=False)]
    return tuple(found)
