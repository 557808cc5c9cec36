# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services of the tests whose handlers send back what they get, as this host's own clients see them."""

from __future__ import annotations

import socket
import time
import typing as t
from dataclasses import dataclass

ANSWER = 3.0  # seconds that one answer may take
TYPES = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
FAMILIES = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
ADDRESSES = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


@dataclass(frozen=True)
class Endpoint:
    transport: str
    port: int
    family: socket.AddressFamily

    def answers(self) -> bool:
        """Whether what is sent comes back."""
        with socket.socket(self.family, TYPES[self.transport]) as client:
            client.settimeout(ANSWER)
            try:
                client.connect((ADDRESSES[self.family], self.port))
                client.sendall(b"alive\n")
                return client.recv(6) == b"alive\n"
            except OSError:
                return False


def endpoints(services: list[dict[str, t.Any]]) -> list[Endpoint]:
    """Every endpoint; a port of any family is one for each. The only addresses are those that clients ask."""
    return [
        Endpoint(transport, int(entry[transport].rpartition(":")[2]), family)
        for service in services
        for entry in service["listen"]
        for transport in TYPES
        if transport in entry
        for name, family in FAMILIES.items()
        if _family(entry, transport) in ("any", name)
    ]


def _family(entry: dict[str, str], transport: str) -> str:
    address = entry[transport].rpartition(":")[0]
    if address:
        return "ipv6" if address.startswith("[") else "ipv4"
    return entry.get("family", "any")


def silent_after(wanted: list[Endpoint], seconds: float) -> list[Endpoint]:
    """What is still silent so many seconds from now."""
    deadline = time.monotonic() + seconds
    while True:
        silent = [endpoint for endpoint in wanted if not endpoint.answers()]
        if not silent or time.monotonic() > deadline:
            return silent
        time.sleep(0.2)
