# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One endpoint put to the test: what the kernel's table says of it, and who owns it; and the list of all."""

from __future__ import annotations

import ipaddress
import os
import re
import time
import typing as t
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.owners import (
    Holder,
    Owner,
    Run,
    holders,
    owner_words,
    owners,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.proof.client import (
    Client,
    Row,
    judge,
    targets,
    text,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.entries import exists
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.places import same_name
from ansible_collections.ondemand.superserver.plugins.module_utils._host.network.names import port_number
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import (
    Socket,
    ipv6_usable,
    listening,
    realising,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import (
    ANY,
    TRANSPORTS,
    Endpoint,
    Listener,
    collide,
    listener_of,
    parse_endpoint,
    resolve_port,
)

_CLIENT_OPTIONS = ("connect", "send", "expect", "refuse")
_ANYTHING = re.compile(b"")
# Why owners cannot be taken over, by what holds their sockets.
Objections = t.Callable[[t.Mapping[Owner, t.Sequence[Holder]]], t.Mapping[Owner, str]]


@dataclass(frozen=True)
class Assertion:
    """What is to be true of one endpoint. ``owner`` is a kind and a name, as in :class:`Owner`."""

    endpoint: Endpoint
    listener: Listener
    free: bool
    owner: tuple[str, str] | None
    client: Client | None


@dataclass(frozen=True)
class Finding:
    """What was found; ``problem`` is empty where it is as asserted."""

    problem: str
    holders: list[Row]
    answer: Row | None = None


@dataclass(frozen=True)
class _Held:
    """One socket with everything known about it."""

    entry: Socket
    holders: list[Holder]
    owner: Owner | None

    def rows(self) -> list[Row]:
        return [_row(self.entry, holder, self.owner) for holder in self.holders] or [_row(self.entry, None, self.owner)]

    def __str__(self) -> str:
        return f"{self.entry} held by {self.owner or 'no visible process'}"


def assertion_of(options: Mapping[str, t.Any]) -> Assertion:
    """The assertion that the listener module's options make. Raises ValueError, saying what would be right."""
    endpoint = _endpoint(options)
    listener = listener_of(endpoint, ipv6_usable())
    owner = next(((kind, name) for kind, name in (options["owner"] or {}).items() if name), None)
    free = options["state"] == "free"
    asked = [name for name in _CLIENT_OPTIONS if options[name]]
    surplus = asked + (["owner"] if owner else [])
    if free and surplus:
        raise ValueError(f"nothing can answer at a free endpoint: remove {', '.join(surplus)}, or assert state held")
    if options["refuse"] and (options["expect"] or options["connect"]):
        raise ValueError("refuse asserts that nothing comes back: remove expect and connect")
    if options["source"] and not asked:
        raise ValueError(f"source needs a connection: add one of {', '.join(_CLIENT_OPTIONS)}")
    negative = [name for name in ("timeout", "retries", "delay") if options[name] < 0]
    if negative:
        raise ValueError(f"must not be negative: {', '.join(negative)}")
    client = _client(options) if asked else None
    if client and not targets(listener, client.source):
        raise ValueError(f"the source {client.source} cannot reach {endpoint}: it is of another address family")
    return Assertion(endpoint, listener, free, owner, client)


def examine_until(assertion: Assertion, run: Run, retries: int, delay: float) -> tuple[Finding, int]:
    """Examine until all is as asserted, ``retries`` more times at the most, ``delay`` seconds apart; and count."""
    for attempt in range(1, retries + 1):
        finding = examine(assertion, run)
        if not finding.problem:
            return finding, attempt
        time.sleep(delay)
    return examine(assertion, run), retries + 1


def examine(assertion: Assertion, run: Run) -> Finding:
    """Compare one assertion with the host as it is now."""
    listener = assertion.listener
    sockets = [entry for entry in listening() if _same_port(listener, entry)]
    if assertion.free:
        bound = [entry for entry in sockets if collide(listener, entry.listener)]
    else:
        bound = _bound(assertion, sockets)
    held = _survey(bound or sockets, run)
    rows = [row for each in held for row in each.rows()]
    if assertion.free:
        return Finding(f"{assertion.endpoint} is not free: found {_list(held)}" if bound else "", rows if bound else [])
    problem = _not_held(assertion, held) if not bound else _wrong_owner(assertion, held)
    if problem or not assertion.client:
        return Finding(problem, rows)
    problem, answer = judge(listener, assertion.client)
    return Finding(problem, rows, answer)


def inventory(
    run: Run, transports: Iterable[str], kinds: Iterable[str], objections: Objections = lambda _owners: {}
) -> list[Row]:
    """Every socket that waits for clients, with the process that its owner holds it by.

    ``transports`` and ``kinds`` (of owners) select; empty selects all. ``objections`` says why owners cannot be taken
    over.
    """
    transports, kinds = set(transports) or set(TRANSPORTS), set(kinds)
    held = _survey([entry for entry in listening() if entry.transport in transports], run)
    chosen = [each for each in held if not kinds or (each.owner and each.owner.kind in kinds)]
    objected = objections({each.owner: each.holders for each in chosen if each.owner})
    found = []
    for each in chosen:
        holding = (holder for holder in each.holders if each.owner and holder.pid == each.owner.pid)
        row = _row(each.entry, next(holding, None), each.owner)
        if each.owner:
            row["owner"]["objection"] = text(os.fsencode(objected.get(each.owner, "")))
        found.append(row)
    return found


def _endpoint(options: Mapping[str, t.Any]) -> Endpoint:
    transport = next(name for name in TRANSPORTS if options[name] is not None)
    endpoint = resolve_port(parse_endpoint(transport, options[transport]), port_number)
    family = options["family"]
    if family != "any":
        if transport == "unix" or (endpoint.address and endpoint.family != family):
            raise ValueError(f"{endpoint} cannot be of family {family}: remove family")
        endpoint = replace(endpoint, family=family)
    if options["interface"] and transport == "unix":
        raise ValueError("a Unix socket is not bound to an interface: remove interface")
    return replace(endpoint, interface=options["interface"])


def _client(options: Mapping[str, t.Any]) -> Client:
    expect = None
    if options["expect"]:
        try:
            expect = re.compile(options["expect"].encode("utf-8"))
        except re.error as exc:
            raise ValueError(f"expect is not a regular expression: {exc}") from None
        if expect.search(b""):
            raise ValueError("expect matches an empty answer, so it could never fail; use connect")
    elif not options["send"] and not options["refuse"]:
        expect = _ANYTHING
    source = options["source"] and str(ipaddress.ip_address(options["source"]))
    send = (options["send"] or "").encode("utf-8")
    return Client(send, expect, options["refuse"], source, options["timeout"])


def _same_port(listener: Listener, entry: Socket) -> bool:
    address = entry.address if entry.transport == "unix" else ""
    return (entry.transport, entry.port, address) == (listener.transport, listener.port, same_name(listener.path))


def _bound(assertion: Assertion, sockets: list[Socket]) -> list[Socket]:
    """The sockets that are the endpoint. Where no address is of IPv6, a dual-stack socket is no more than IPv4."""
    listener = assertion.listener
    found = realising(listener, sockets)
    if not found and assertion.endpoint.family == "any" and listener.wildcard:
        return realising(replace(listener, family="dual", address=ANY["ipv6"]), sockets)
    return found


def _survey(sockets: list[Socket], run: Run) -> list[_Held]:
    held = holders(entry.inode for entry in sockets)
    owned = owners(sockets, run, held)
    return [_Held(entry, held[entry.inode], owned.get(entry.inode)) for entry in sockets]


def _not_held(assertion: Assertion, others: list[_Held]) -> str:
    if others:
        return f"{assertion.endpoint} is not held as asserted ({_described(assertion.listener)}): found {_list(others)}"
    if assertion.listener.transport == "unix":
        there = "the path exists" if exists(assertion.listener.path) else "the path does not exist"
        return f"{assertion.endpoint} is not held: nothing listens there, and {there}"
    return f"{assertion.endpoint} is not held: nothing uses the port"


def _described(listener: Listener) -> str:
    families = {"ipv4": "IPv4 only", "ipv6": "IPv6 only", "dual": "IPv4 and IPv6"}
    where = "every address" if listener.wildcard else listener.address
    device = f" of {listener.interface}" if listener.interface else ""
    return f"{where}{device}, {families[listener.family]}"


def _wrong_owner(assertion: Assertion, held: list[_Held]) -> str:
    if assertion.owner is None:
        return ""
    wrong = [each for each in held if not _owned(each, *assertion.owner)]
    if not wrong:
        return ""
    return f"{assertion.endpoint} does not belong to {owner_words(*assertion.owner)}: found {_list(wrong)}"


def _owned(held: _Held, kind: str, name: str) -> bool:
    if kind == "program":
        return name in {holder.program for holder in held.holders}
    if held.owner is None or held.owner.kind != kind or not held.owner.name:
        return False
    return BACKENDS[kind].is_owner(name, held.owner.name)


def _list(held: list[_Held]) -> str:
    return "; ".join(str(each) for each in held)


def _row(entry: Socket, holder: Holder | None, owner: Owner | None) -> Row:
    return {
        "transport": entry.transport,
        "family": entry.family,
        "address": text(os.fsencode(entry.address)),
        "port": entry.port,
        "dual": entry.dual,
        "type": entry.type,
        "interface": entry.interface or "",
        "backlog": entry.backlog,
        "inode": entry.inode,
        "pid": holder.pid if holder else None,
        "program": text(os.fsencode(holder.program)) if holder else "",
        "user": holder.user if holder else "",
        "owner": {"kind": owner.kind, "name": text(os.fsencode(owner.name))} if owner else None,
    }
