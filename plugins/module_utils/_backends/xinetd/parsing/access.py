# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may connect: ``only_from``, ``no_access`` and ``access_times``."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.parsing.source import Source, place
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.restrictions import networks_of
from ansible_collections.ondemand.superserver.plugins.module_utils._model.access import Network, within
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.findings import Place
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.hosts_access import text_of

_LOOPBACK = (ipaddress.ip_network("127.0.0.1/32"), ipaddress.ip_network("::1/128"))
_FIELDS = {"only_from": "access.allow", "no_access": "access.deny"}
_EFFECTS = {"only_from": "admits nobody", "no_access": "keeps nobody out"}
_TIMES = re.compile(r"([0-9]*):([0-9]*)-([0-9]*):([0-9]*)")


def access(source: Source) -> None:
    """Both lists at once: who is in both is denied, however close the prefixes are."""
    denied = _networks(source, "no_access")
    if denied:
        source.draft.set("access.deny", [text_of(network) for network in denied], source.at("no_access"))
    if source.has("only_from"):
        _only_from(source, denied)


def _only_from(source: Source, denied: Sequence[Network]) -> None:
    where, draft = source.at("only_from"), source.draft
    listed = _networks(source, "only_from")
    allowed = [one for one in listed if not any(within(one, other) for other in denied)]
    if allowed:
        draft.set("access.allow", [text_of(network) for network in allowed], where)
    else:
        draft.runs = False
        text = f"only_from = {' '.join(source.values('only_from'))}".rstrip()
        draft.differs(where, "no address is left that may connect, so that the service is disabled", text, "nobody")
    if source.stream and not source.accepts:
        draft.ask(
            where,
            "with wait = yes xinetd 2.3.15.3 lets no client in at all, and 2.3.15.4 lets every client in; the "
            "declaration lets in who is in the list",
            "keep access.allow",
            "remove access.allow, so that every client may connect",
        )


def _networks(source: Source, attribute: str) -> list[Network]:
    found: dict[Network, None] = {}
    for word in source.values(attribute):
        lines = [line for line in source.lines(attribute) if word in line.values]
        where = place(lines[-1]) if lines else source.at(attribute)
        found.update(dict.fromkeys(_of_word(source, attribute, word, where)))
    return list(found)


def _of_word(source: Source, attribute: str, word: str, where: Place) -> Iterable[Network]:
    networks = networks_of(word)
    if networks is None and word == "localhost":
        source.draft.differs(where, "a declaration has addresses", word, "127.0.0.1 and ::1")
        return _LOOPBACK
    if networks is None:
        # Who is missing in a list of those who may connect is only kept out.
        ask = source.draft.ask if attribute == "only_from" else source.draft.ask_closed
        ask(
            where,
            f"{attribute} has {word}, which xinetd compares with the names of clients; a declaration has addresses",
            f"add the addresses of {word} to {_FIELDS[attribute]}",
            f"do without {word}",
        )
    elif not networks:
        effect = _EFFECTS[attribute]
        source.draft.differs(where, "xinetd never finds a client in this address", f"{attribute}: {word}", effect)
    return networks or ()


def hours(source: Source) -> None:
    """xinetd counts the last minute in."""
    windows = [window for word in source.values("access_times") for window in _windows(word)]
    source.draft.set("access.hours", windows, source.at("access_times"))


def _windows(word: str) -> Iterator[str]:
    match = _TIMES.fullmatch(word)
    if match:
        first, minute, last, further = (int(part or "0") for part in match.groups())
        yield f"{_clock(first * 60 + minute)}-{_clock(last * 60 + further + 1)}"


def _clock(minutes: int) -> str:
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"
