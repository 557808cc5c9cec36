# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real client: connects, sends, and classifies the result in one word."""

from __future__ import annotations

import errno
import os
import re
import socket
import time
import uuid
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._host.expression import TooSlow, matches

# Errors by what they mean for whoever asked; whatever is not here is "unreachable".
_OUTCOMES = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.ECONNABORTED: "reset",
    errno.EPIPE: "reset",
    errno.ENOENT: "missing",
    errno.ETIMEDOUT: "timeout",
    # A Unix listener whose backlog is full, seen without blocking.
    errno.EAGAIN: "timeout",
}
_KINDS = {"tcp": (socket.SOCK_STREAM,), "udp": (socket.SOCK_DGRAM,)}
_UNIX_KINDS = (socket.SOCK_STREAM, socket.SOCK_SEQPACKET, socket.SOCK_DGRAM)
_CHUNK = 1 << 16  # bytes
_MOST = 1 << 20  # bytes of an answer that are read: a server may never stop sending


@dataclass(frozen=True)
class Answer:
    """What a probe got.

    ``outcome``: ``answered`` (data, or what was waited for), ``refused``, ``reset``, ``closed`` (end of data without
    any), ``timeout``, ``unreachable``, ``missing`` (no such path). ``data`` is everything received; ``seconds`` is how
    long it took; ``detail`` explains in words.
    """

    outcome: str
    data: bytes
    seconds: float
    detail: str


def probe(
    transport: str,
    address: str,
    port: int,
    path: str | None = None,
    *,
    send: bytes = b"",
    timeout: float = 5.0,
    source: str | None = None,
    until: re.Pattern[bytes] | None = None,
) -> Answer:
    """Connect to a literal address and port (``tcp``, ``udp``) or to a path (``unix``, ``@`` for abstract names).

    Sends ``send`` (as one datagram, even when empty, where there are no connections) and receives until the data
    matches ``until``, or without it until any data came, for ``timeout`` seconds in all and at most 1 MiB. An
    ``until`` that matches nothing at all is content with the connection. ``source`` is the local address to connect
    from. Whether a Unix socket takes streams, packets or datagrams is found out by trying.
    """
    started = time.monotonic()
    deadline = started + timeout
    received = bytearray()
    try:
        with _connected(transport, path or address, port, source, deadline) as client:
            outcome, detail = _exchange(client, send, until, deadline, received)
    except OSError as exc:
        outcome, detail = _failure(exc)
    if received:
        outcome = "answered"
    return Answer(outcome, bytes(received), time.monotonic() - started, detail)


def _failure(exc: OSError) -> tuple[str, str]:
    if isinstance(exc, socket.timeout):
        return "timeout", "no connection in time"
    return _OUTCOMES.get(exc.errno or 0, "unreachable"), exc.strerror or str(exc)


def _connected(transport: str, address: str, port: int, source: str | None, deadline: float) -> socket.socket:
    """A connected client, blocking with a time limit. Raises OSError."""
    if transport == "unix":
        name = os.fsencode(address)
        return _connect_unix(b"\0" + name[1:] if name.startswith(b"@") else name, deadline)
    (kind,) = _KINDS[transport]
    targets = socket.getaddrinfo(address, port, type=kind, flags=socket.AI_NUMERICHOST)
    family, _kind, protocol, _name, target = targets[0]
    client = socket.socket(family, kind, protocol)
    try:
        if source:
            client.bind((source, 0))
        client.settimeout(_left(deadline))
        client.connect(target)
    except OSError:
        client.close()
        raise
    return client


def _connect_unix(name: bytes, deadline: float) -> socket.socket:
    """The kernel answers a client of another type than the listener's with EPROTOTYPE, for an abstract name with
    ECONNREFUSED.
    """
    problem = OSError(errno.EPROTOTYPE, os.strerror(errno.EPROTOTYPE))
    for kind in _UNIX_KINDS:
        client = socket.socket(socket.AF_UNIX, kind)
        try:
            if kind == socket.SOCK_DGRAM:
                # Without a name of its own a datagram client cannot be answered.
                client.bind(f"\0superserver-probe-{uuid.uuid4()}")
            client.settimeout(_left(deadline))
            client.connect(name)
            return client
        except OSError as exc:
            client.close()
            if exc.errno == errno.ECONNREFUSED:
                problem = exc
            elif exc.errno != errno.EPROTOTYPE:
                raise
    raise problem


def _exchange(
    client: socket.socket, send: bytes, until: re.Pattern[bytes] | None, deadline: float, received: bytearray
) -> tuple[str, str]:
    """Send, then receive into ``received``; the outcome holds where nothing was received."""
    datagrams = client.type == socket.SOCK_DGRAM
    refusal = _send(client, send, deadline) if send or datagrams else None
    if refusal and datagrams:
        return _failure(refusal)
    if not datagrams and not refusal and until and matches(until, b"", _left(deadline)):
        return "answered", "connected"
    try:
        outcome, detail = _receive(client, until, deadline, received)
    except socket.timeout:
        return (
            "timeout",
            "connected, but no matching answer in time" if received else "connected, but no answer in time",
        )
    except TooSlow:
        return "timeout", "the search for the expression did not end in time"
    return _failure(refusal) if refusal and outcome == "closed" else (outcome, detail)


def _send(client: socket.socket, data: bytes, deadline: float) -> OSError | None:
    """A peer may refuse while it is being written to; what it said before is still there to be read."""
    client.settimeout(_left(deadline))
    try:
        client.sendall(data)
    except OSError as exc:
        return exc
    return None


def _receive(
    client: socket.socket, until: re.Pattern[bytes] | None, deadline: float, received: bytearray
) -> tuple[str, str]:
    while True:
        client.settimeout(_left(deadline))
        data = client.recv(_CHUNK)
        received += data
        if not data and client.type != socket.SOCK_DGRAM:
            return "closed", "the peer closed the connection"
        if until is None or matches(until, received, _left(deadline)):
            return "answered", "answered"
        if len(received) > _MOST:
            return "answered", f"no matching answer in the first {len(received)} bytes"


def _left(deadline: float) -> float:
    """Seconds until the deadline; never 0, which would mean not to wait at all."""
    return max(deadline - time.monotonic(), 0.001)
