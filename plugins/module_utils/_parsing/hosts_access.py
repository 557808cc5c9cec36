# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What /etc/hosts.allow and hosts.deny, which libwrap reads, let in, as access lists of a declaration."""

from __future__ import annotations

import ipaddress
import re
import typing as t
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._host.network.libwrap import (
    ALLOW,
    DENY,
    Rule,
    about,
    split,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.access import Network, within, without
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.draft import Draft
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.findings import Place
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.texts import GivenTexts

EVERYBODY: tuple[Network, ...] = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
_LOOPBACK: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.1/32"), ipaddress.ip_network("::1/128"))
_NAMED = {"ALL": EVERYBODY, "localhost": _LOOPBACK}
_PREFIX = re.compile(r"(?:[0-9]{1,3}[.]){1,3}")
_BRACKETED = re.compile(r"\[(?P<address>[^\]]+)\](?P<rest>(?:/[0-9]+)?)")


@dataclass(frozen=True)
class Verdict:
    """Who is let in: with ``closed`` these networks alone, else everybody but these. ``unread``: rules about a daemon
    whose clients are no addresses, or which do more than let in and keep out."""

    closed: bool = False
    networks: tuple[Network, ...] = ()
    unread: tuple[tuple[Place, str], ...] = ()
    place: Place = field(default_factory=Place)


class HostsAccess:
    """Both files, if any of them is given."""

    def __init__(self, files: GivenTexts) -> None:
        texts = {path: files.text(path) for path in (ALLOW, DENY)}
        self.given = any(text is not None for text in texts.values())
        self._rules = [(path, rule) for path, text in texts.items() for rule in split(text or "")]

    def verdict(self, daemons: Collection[str]) -> Verdict:
        """About daemons of these names: the first rule that fits a client counts, and without any it is let in."""
        rules = [(path, rule) for path, rule in self._rules if about(rule.daemons, daemons)]
        unread, read = [], []
        for path, rule in rules:
            networks = _clients(rule.clients) if _is_plain(rule) else None
            if networks is None:
                unread.append((Place(path, rule.line), rule.text))
            else:
                read.append((path == ALLOW and rule.options != ["deny"], networks))
        place = Place(rules[0][0], rules[0][1].line) if rules else Place()
        closed = any(not permits and set(EVERYBODY) <= set(networks) for permits, networks in read)
        found: list[Network] = []
        for permits, networks in reversed(read):
            found = [*found, *networks] if permits is closed else _without(found, networks)
        return Verdict(closed, _collapsed(found), tuple(unread), place)


def _is_plain(rule: Rule) -> bool:
    return not any("@" in name for name in rule.daemons) and rule.options in ([], ["allow"], ["deny"])


def _clients(words: Sequence[str]) -> list[Network] | None:
    """Networks of a list; None where some word is none."""
    if "EXCEPT" in words:
        place = words.index("EXCEPT")
        some, others = _clients(words[:place]), _clients(words[place + 1 :])
        return None if some is None or others is None else _without(some, others)
    found = [_networks(word) for word in words]
    known = [networks for networks in found if networks is not None]
    return [network for networks in known for network in networks] if words and len(known) == len(found) else None


def _networks(word: str) -> Sequence[Network] | None:
    if word in _NAMED:
        return _NAMED[word]
    bracketed = _BRACKETED.fullmatch(word)
    text = bracketed["address"] + bracketed["rest"] if bracketed else word
    if _PREFIX.fullmatch(word):
        octets = word.rstrip(".").split(".")
        text = f"{'.'.join([*octets, *['0'] * 3][:4])}/{8 * len(octets)}"
    elif ":" in word and not bracketed:
        return None
    try:
        return (ipaddress.ip_network(text, strict=False),)
    except ValueError:
        return None


def _without(networks: Iterable[Network], holes: Iterable[Network]) -> list[Network]:
    found = list(networks)
    for hole in holes:
        found = [part for network in found for part in without(network, hole)]
    return found


def _collapsed(networks: Iterable[Network]) -> tuple[Network, ...]:
    by_version: dict[int, list[t.Any]] = {4: [], 6: []}
    for network in networks:
        by_version[network.version].append(network)
    return tuple(one for version in by_version.values() for one in ipaddress.collapse_addresses(version))


def restrict(draft: Draft, verdict: Verdict) -> None:
    """Let in whom both the lists so far and libwrap let in."""
    for place, text in verdict.unread:
        draft.ask_closed(
            place,
            f"libwrap applies the rule {text}, which is about more than addresses",
            "write what it means into access",
            "do without the rule",
        )
    allowed = [ipaddress.ip_network(text) for text in draft.get("access.allow", [])]
    denied = [ipaddress.ip_network(text) for text in draft.get("access.deny", [])]
    if verdict.closed:
        allowed = _both(allowed or EVERYBODY, verdict.networks)
    else:
        denied = list(_collapsed([*denied, *verdict.networks]))
    lets_nobody_in = verdict.closed or "allow" in draft.get("access", {})
    allowed = [one for one in allowed if not any(within(one, other) for other in denied)]
    if allowed and not set(EVERYBODY) <= set(allowed):
        draft.set("access.allow", [text_of(network) for network in allowed], verdict.place)
    elif lets_nobody_in and not allowed:
        draft.runs = False
        draft.differs(verdict.place, "libwrap lets nobody in, so that the service is disabled", "enabled", "nobody")
    if denied:
        draft.set("access.deny", [text_of(network) for network in denied], verdict.place)


def _both(some: Iterable[Network], others: Sequence[Network]) -> list[Network]:
    found = [one if within(one, other) else other for one in some for other in others if _overlap(one, other)]
    return list(_collapsed(found))


def _overlap(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def text_of(network: Network) -> str:
    """A network as a declaration has it."""
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)
