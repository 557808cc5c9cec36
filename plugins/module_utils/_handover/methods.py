# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Handover methods, and the choice of the method for a service.

Pure: what the host permits is handed in as facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.columns import COLUMNS

AUTO = "auto"
REUSEPORT, FDHOLDER, HOLD, GAP = "reuseport", "fdholder", "hold", "gap"


@dataclass(frozen=True)
class Method:
    """One way, for which super-servers and sockets it is made, and what of the host it needs.

    ``general``: whether every super-server can take a port over in this way; of the others its column of the capability
    table tells. ``needs``: names of facts.
    """

    name: str
    general: bool
    transports: frozenset[str]
    needs: tuple[str, ...]


# In order of preference.
METHODS = (
    # xinetd and the servers of s6 do not share a port.
    Method(REUSEPORT, False, frozenset({"tcp", "udp"}), ("duplicate",)),
    # Those of s6-networking take a socket that listens already, and have somebody who keeps it for them.
    Method(FDHOLDER, False, frozenset({"tcp"}), ("same_socket", "duplicate")),
    # A path is not the firewall's.
    Method(HOLD, True, frozenset({"tcp", "udp"}), ("nftables",)),
    Method(GAP, True, frozenset({"tcp", "udp", "unix"}), ()),
)
NAMES = tuple(method.name for method in METHODS)


@dataclass(frozen=True)
class Move:
    """A service whose listeners are open before and after. ``into``: the column that takes them over; ``same``: whether
    that had them before, too, so that the old and the new listener cannot be open at once; ``guarded``: whether the
    guard's rules are replaced in between, which the new listener must not be open without; ``grows``: whether it gets
    others besides, which somebody else may have to close first."""

    into: str
    transports: frozenset[str]
    same: bool = False
    guarded: bool = False
    grows: bool = False


@dataclass(frozen=True)
class Choice:
    """The method of a service, and why it is no better one, or not the one that was asked for; empty where it is."""

    method: str
    why: str = ""


def choose(move: Move, wanted: str, facts: Mapping[str, str]) -> Choice:
    """The first method from the wanted one on that works. ``facts``: by name, what keeps the host from it, in words;
    empty where nothing does."""
    first = 0 if wanted == AUTO else NAMES.index(wanted)
    objections = [] if wanted == AUTO or first == 0 else [f"{wanted} was asked for"]
    for method in METHODS[first:]:
        objection = _objection(method, move, facts)
        if not objection:
            return Choice(method.name, "; ".join(objections))
        # That a method is made for other super-servers is worth a word only where it was asked for.
        if _suits(method, move) or method.name == wanted:
            objections.append(f"{method.name}: {objection}")
    raise ValueError(f"no method for {move}")


def _suits(method: Method, move: Move) -> bool:
    return method.general or method.name in COLUMNS[move.into].handover


def _apart(move: Move) -> str:
    """Why the old and the new listeners cannot be open at once; empty where they can."""
    reasons = (
        (move.same, "the same super-server closes and opens the socket"),
        (move.guarded, "the guard's rules change together with the listener"),
        (move.grows, "the service also gets new listeners"),
    )
    return next((reason for holds, reason in reasons if holds), "")


def _objection(method: Method, move: Move, facts: Mapping[str, str]) -> str:
    """Why a method cannot be used, in words; empty if it can."""
    if not _suits(method, move):
        return f"{move.into} cannot take sockets over"
    apart = _apart(move) if "duplicate" in method.needs else ""
    if apart:
        return apart
    foreign = sorted(move.transports - method.transports)
    if foreign:
        return f"not for {' and '.join(foreign)}"
    return "; ".join(facts[need] for need in method.needs if facts[need])
