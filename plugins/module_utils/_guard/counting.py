# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's rules that count the clients of a service. Pure.

`ct count` counts a connection from its first packet, and since Linux 6.19 from no other one; so it also counts those
whose sender never existed, for a minute each. Below the limit it decides alone. Above it the client is looked at again
when it has answered the service's answer, which nobody can who does not get that: then a set that has everybody who
got so far says whether there is room. Who is in it leaves with the last of its packets.

The kernel keeps of each connection what was seen of it, in labels; connections from before the rules have none.
"""

from __future__ import annotations

from collections.abc import Sequence

OPENING = "tcp flags & (fin | syn | rst | ack) == syn"
_RESET = "tcp flags & rst == rst"
_LAST = "tcp flags & fin == fin"

# Bits of a connection's label: it began under these rules; there was no room by the first count; it is in the set; the
# client, or the service, has sent its last; the rate has been asked about it.
_BEGUN, _DOUBTFUL, _COUNTED, _CLIENT_ENDED, _SERVER_ENDED, _RATED = 127, 126, 125, 124, 123, 122
# Only a client that gets the service's answer can send this.
_ANSWERED = f"ct label {_BEGUN} ct state established tcp flags & (syn | rst) == 0"
# How long the set has a connection that nothing is heard of: as long as the kernel has by default (nf_conntrack), when
# one side has ended and when none has.
_IDLE, _ENDING = "5d", "2m"


def chain_lines(name: str, rules: Sequence[str]) -> list[str]:
    """A chain as it stands in the file of rules."""
    return [f"\tchain {name} {{", *(f"\t\t{rule}" for rule in rules), "\t}"]


def render_count(service: str, most: int, sets: list[str], chains: list[str]) -> list[str]:
    """Rules for the chain of a service with so many clients at most, and what they need."""
    members = f"open-{service}"
    sets += [f"\tset {members} {{", f"\t\ttypeof ct id; size {most}; flags dynamic,timeout; gc-interval 1s;", "\t}"]
    chains += chain_lines(f"gone-{service}", [f"delete @{members} {{ ct id }}"])
    chains += chain_lines(
        f"admit-{service}",
        [
            f"ct label {_COUNTED} return",
            f"add @{members} {{ ct id timeout {_IDLE} }} ct label set {_COUNTED} return",
            f"ct label {_DOUBTFUL} counter reject with tcp reset",
        ],
    )
    chains += chain_lines(f"leave-{service}", _ending(service, _SERVER_ENDED, _CLIENT_ENDED))
    return [
        f"{OPENING} ct state new ct label set {_BEGUN} ct count over {most} ct label set {_DOUBTFUL}",
        f"{_ANSWERED} jump admit-{service}",
        *_ending(service, _CLIENT_ENDED, _SERVER_ENDED),
    ]


def render_rate(service: str, over: str, pause: int, sets: list[str], chains: list[str]) -> list[str]:
    """Rules for the chain of a service that is to be ``over`` a rate with clients that have answered, and what they
    need. That it pauses is an entry of its set that goes by itself; who comes meanwhile is refused at once."""
    members = f"paused-{service}"
    refused = f"refused-{service}"
    chains += chain_lines(refused, ["counter reject with tcp reset"])
    pausing = f"add @{members} {{ meta l4proto timeout {pause}s }} " if pause else ""
    once = [f"ct label {_RATED} return", f"ct label set {_RATED} {over} {pausing}jump {refused}"]
    chains += chain_lines(f"rate-{service}", once)
    begin = [f"{OPENING} ct state new ct label set {_BEGUN}", f"{_ANSWERED} jump rate-{service}"]
    if not pause:
        return begin
    sets += [f"\tset {members} {{", "\t\ttype inet_proto; flags dynamic,timeout;", "\t}"]
    chains += chain_lines(members, [f"{OPENING} counter reject with tcp reset"])
    return [f"meta l4proto @{members} jump {members}", *begin]


def _ending(service: str, mine: int, other: int) -> list[str]:
    """What follows from packets of one side. Those between the end of one side and that of the other keep it in."""
    lingering = f"update @open-{service} {{ ct id timeout {_ENDING} }}"
    return [
        f"{_RESET} ct label {_COUNTED} ct state established goto gone-{service}",
        f"{_LAST} ct label {other} goto gone-{service}",
        f"{_LAST} ct label {_COUNTED} ct label set {mine} {lingering} return",
        f"ct label {mine} return",
        f"ct label {other} {lingering}",
    ]
