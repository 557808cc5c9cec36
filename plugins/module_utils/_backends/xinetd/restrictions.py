# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restrictions of clients of a service of xinetd, as xinetd 2.3.15 understands its entry and the defaults.

Only what somebody has written counts: that xinetd would refuse more than fifty connections a second anyway is nobody's
wish. Where an entry adds to what the defaults deny, or has its own instead, is not told apart: both count.
"""

from __future__ import annotations

import ipaddress
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import Restriction
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.restrictions import Filter
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import Entry
from ansible_collections.ondemand.superserver.plugins.module_utils._host.network import libwrap as _libwrap
from ansible_collections.ondemand.superserver.plugins.module_utils._model.access import Network
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener

_DOTTED = re.compile(r"[0-9]+(\.[0-9]+){0,3}")
_FACTORS = re.compile(r"(?P<stem>[0-9.]*)\{(?P<last>[0-9,]+)\}")
_WINDOW = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")
_UNLIMITED = "UNLIMITED"


def restrictions(entry: Entry, defaults: Entry, listeners: tuple[Listener, ...]) -> list[Restriction]:
    """Of one entry, which listens on these."""
    found = [restriction for look in _LOOKS for restriction in look(entry, defaults)]
    return [Restriction(each.word, each.text, each.kind, each.value, listeners) for each in found]


def _set(entry: Entry, defaults: Entry, attribute: str) -> Sequence[str] | None:
    """The words of an attribute in an entry, or else in the defaults; None where it is not set."""
    return entry.attributes.get(attribute, defaults.attributes.get(attribute))


def _only_from(entry: Entry, defaults: Entry) -> Iterator[Restriction]:
    words = _set(entry, defaults, "only_from")
    if words is not None:
        only = tuple(network for word in words for network in networks_of(word) or ())
        told = f"allows only {' '.join(words)}" if words else "allows no client"
        yield Restriction("only_from", told, "access", Filter(only=only))


def _no_access(entry: Entry, defaults: Entry) -> Iterator[Restriction]:
    """Who has a name and no address cannot be compared."""
    words = [*entry.attributes.get("no_access", ()), *defaults.attributes.get("no_access", ())]
    found = {word: networks_of(word) for word in dict.fromkeys(words)}
    told = f"denies {' '.join(found)}"
    if any(each is None for each in found.values()):
        yield Restriction("no_access", told, "rules")
    elif found:
        denied = tuple(network for each in found.values() for network in each or ())
        yield Restriction("no_access", told, "access", Filter(denied=denied))


def networks_of(word: str) -> tuple[Network, ...] | None:
    """What an address in a list stands for; None for a name. xinetd never finds anybody in a prefix of 128 bits."""
    factors = _FACTORS.fullmatch(word)
    if factors:
        parts = [networks_of(factors["stem"] + last) for last in factors["last"].split(",") if last]
        return tuple(network for part in parts for network in part or ())
    if _DOTTED.fullmatch(word):
        return _dotted(word)
    try:
        network = ipaddress.ip_network(word, strict=False)
    except ValueError:
        return None
    return () if network.version == 6 and word.endswith("/128") else (network,)


def _dotted(word: str) -> tuple[Network, ...]:
    """Zeros at the end stand for every number."""
    octets = [*word.split("."), *["0"] * 3][:4]
    meant = len(octets)
    while meant and not int(octets[meant - 1]):
        meant -= 1
    try:
        return (ipaddress.ip_network(f"{'.'.join(str(int(each)) for each in octets)}/{8 * meant}"),)
    except ValueError:
        return ()


def _access_times(entry: Entry, _defaults: Entry) -> Iterator[Restriction]:
    words = entry.attributes.get("access_times")
    if words:
        minutes = frozenset(minute for word in words for minute in _minutes(word))
        yield Restriction("access_times", f"is open only at {' '.join(words)}", "hours", minutes)


def _minutes(word: str) -> Iterable[int]:
    """Of a day; the last one counts."""
    match = _WINDOW.fullmatch(word)
    if not match:
        return ()
    start_hour, start, end_hour, end = (int(number) for number in match.groups())
    return range(start_hour * 60 + start, end_hour * 60 + end + 1)


def _numbers(entry: Entry, defaults: Entry) -> Iterator[Restriction]:
    for word, kind, text in _NUMBERS:
        values = _set(entry, defaults, word) or ()
        number = _number(values[0]) if values and len(values) == _COUNTS.get(word, 1) else None
        if number is not None and not (word == "cps" and not number):
            yield Restriction(word, text.format(values[0]), kind, number)


# Each with the kind of value that it is compared by.
_NUMBERS = (
    ("instances", "max", "serves at most {} clients at a time"),
    ("per_source", "per_source", "serves at most {} clients of one address at a time"),
    ("cps", "rate", "accepts at most {} connections a second"),
    ("max_load", "max_load", "serves no client from a load of {} on"),
)
_COUNTS = {"cps": 2}


def _number(word: str) -> float | None:
    if word.upper() == _UNLIMITED:
        return None
    try:
        return float(word)
    except ValueError:
        return None


def _wrapped(entry: Entry, _defaults: Entry) -> Iterator[Restriction]:
    """xinetd looks for the name of the program, tcpd for the one that it is called by."""
    flags = {flag.upper() for flag in entry.many("flags")}
    server, arguments = entry.one("server"), entry.attributes.get("server_args", [])
    called = arguments[0] if "NAMEINARGS" in flags and arguments else server
    names = set()
    if "NOLIBWRAP" not in flags:
        names.add(entry.one("libwrap") or posixpath.basename(called) or entry.id)
    if server and _libwrap.wraps(server):
        names.add(posixpath.basename(called))
    rules = _libwrap.rules(names) if names else []
    if rules:
        yield Restriction("libwrap", f"applies the rules {'; '.join(rules)}", "rules")


_LOOKS: tuple[Callable[[Entry, Entry], Iterator[Restriction]], ...] = (
    _only_from,
    _no_access,
    _access_times,
    _numbers,
    _wrapped,
)
