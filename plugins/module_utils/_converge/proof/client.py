# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client gets at a listener, and whether that is what it must get."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ansible_collections.ondemand.superserver.plugins.module_utils._host.expression import TooSlow, matches
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.probe import Answer, probe
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import ipv6_usable
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener

Row = t.Dict[str, t.Any]
# An address to connect to, and one of the host's own to connect from; None: whichever the kernel takes.
Way = t.Tuple[str, t.Optional[str]]

# By the family of a listener, where it is reached from the host itself.
LOOPBACK = {"ipv4": ("127.0.0.1",), "ipv6": ("::1",), "dual": ("127.0.0.1", "::1")}


@dataclass(frozen=True)
class Client:
    """What a client does and must get: something that matches ``expect``, anything (None), or nothing (``refuse``)."""

    send: bytes
    expect: re.Pattern[bytes] | None
    refuse: bool
    source: str | None
    timeout: float


def targets(listener: Listener, source: str | None) -> list[str]:
    """The addresses to connect to: for every address, those of loopback in each family that is in use."""
    if listener.transport == "unix":
        return [] if source else [listener.path]
    found = list(LOOPBACK[listener.family] if listener.wildcard else (listener.address,))
    if source:
        return [address for address in found if (":" in address) == (":" in source)]
    if listener.family == "dual" and not ipv6_usable():
        return found[:1]
    return found


def judge(listener: Listener, client: Client, ways: Sequence[Way] = ()) -> tuple[str, Row]:
    """Try these ways, or every target; what the first one that is not as asserted gave, else the last."""
    problem, row = "", {}
    for target, source in ways or [(target, client.source) for target in targets(listener, client.source)]:
        answer = probe(
            listener.transport,
            target,
            listener.port,
            listener.path,
            send=client.send,
            timeout=client.timeout,
            source=source,
            until=client.expect,
        )
        row = _answer_row(target, answer)
        problem = _disappointment(client, answer)
        if problem:
            return f"{replace(listener, address=target, family=_family(target))}: {problem}", row
    return problem, row


def _disappointment(client: Client, answer: Answer) -> str:
    if client.refuse:
        return f"nothing should come back, but {_words(answer)}" if answer.outcome == "answered" else ""
    if answer.outcome != "answered":
        return f"no answer, but {_words(answer)}"
    return _mismatch(client.expect, client.timeout, answer) if client.expect else ""


def _mismatch(expect: re.Pattern[bytes], timeout: float, answer: Answer) -> str:
    try:
        if matches(expect, answer.data, timeout):
            return ""
    except TooSlow:
        return (
            f"the search for {expect.pattern.decode()!r} in the answer takes more than {timeout:g} s; write an "
            f"expression that can match in only one way ({_words(answer)})"
        )
    return f"the answer should match {expect.pattern.decode()!r}, but {_words(answer)}"


def _words(answer: Answer) -> str:
    got = f"{text(answer.data)[:200]!r} came back" if answer.data else answer.outcome
    return f"{got} after {answer.seconds:.1f} s ({answer.detail})"


def _family(address: str) -> str:
    return "unix" if address.startswith("/") else "ipv6" if ":" in address else "ipv4"


def _answer_row(target: str, answer: Answer) -> Row:
    return {
        "address": target,
        "outcome": answer.outcome,
        "text": text(answer.data),
        "seconds": round(answer.seconds, 3),
        "detail": answer.detail,
    }


def text(data: bytes) -> str:
    """What was received, or a name of the host's, as text that every result can have."""
    return data.decode("utf-8", "replace")
