# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hold: one nftables table that drops new connections to ports that are closed for the moment, so that
clients try again instead of being refused. Pure.

Datagrams to such a port are dropped, too: they are lost either way, but nobody is told that the port is closed.

Every port is an element that ends by itself: a run that dies leaves a table that holds nothing any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ansible_collections.ondemand.superserver.plugins.module_utils._guard.rules import FAMILIES
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener

TABLE = "superserver-hold"
# How long ports are held if nobody lifts the hold, in seconds.
SECONDS = 5


def held(listeners: Iterable[Listener]) -> list[Listener]:
    """The listeners that a firewall can hold, which excludes paths."""
    return [listener for listener in listeners if listener.transport != "unix"]


def render_hold(listeners: Iterable[Listener]) -> str:
    """Rules that replace those of an earlier hold, in one transaction. The number of rules is always the same."""
    elements: dict[str, list[str]] = {}
    for listener in listeners:
        for name, element in _elements(listener):
            elements.setdefault(name, []).append(element)
    lines = [
        # Adding before deleting makes the replacement work whether the table exists or not.
        f"table inet {TABLE}",
        f"delete table inet {TABLE}",
        f"table inet {TABLE} {{",
        *(line for name, found in sorted(elements.items()) for line in _set(name, found)),
        "\tchain input {",
        "\t\ttype filter hook input priority filter - 20; policy accept;",
        "\t\ttcp flags & (fin | syn | rst | ack) != syn accept",
        *(f"\t\t{_match(name)} @{name} drop" for name in sorted(elements)),
        "\t}",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _elements(listener: Listener) -> Iterator[tuple[str, str]]:
    """The sets that a listener goes into, and as what."""
    if listener.wildcard:
        families = list(FAMILIES) if listener.family == "dual" else [listener.family]
        yield from ((f"ports-{family}", f"{listener.transport} . {listener.port}") for family in families)
    else:
        yield f"addresses-{listener.family}", f"{listener.transport} . {listener.address} . {listener.port}"


def _set(name: str, elements: Iterable[str]) -> Iterator[str]:
    kind, _dash, family = name.partition("-")
    address = f" . {FAMILIES[family][1]}" if kind == "addresses" else ""
    yield f"\tset {name} {{"
    yield f"\t\ttype inet_proto{address} . inet_service; flags timeout; timeout {SECONDS}s;"
    yield f"\t\telements = {{ {', '.join(dict.fromkeys(elements))} }}"
    yield "\t}"


def _match(name: str) -> str:
    kind, _dash, family = name.partition("-")
    address = f" . {FAMILIES[family][0]} daddr" if kind == "addresses" else ""
    return f"meta nfproto {family} meta l4proto{address} . th dport"
