# Managed by ondemand.superserver
# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forwarder: passes the connections of listening sockets to a daemon, and ends when it has been idle for a while.

``proxy IDLE MOST PER_SOURCE alone|attended[:PATIENCE] TARGET...``

``proxy each TARGET...`` forwards the one connection that descriptor 0 is, and ends with it.

The sockets are the descriptors from 3 on, as many as LISTEN_FDS says. IDLE is in seconds, MOST the number of
connections at a time, PER_SOURCE that for one client address; 0 is no limit. Each TARGET is ``127.0.0.1:80``,
``[::1]:80`` or a path; the first that takes a connection gets it.

``attended`` means that descriptor 0 is a socket to the daemon keeper: it sends a byte whenever it has started
the daemon, first by itself, then on request, which is a byte as well. A connection waits meanwhile,
for PATIENCE seconds. Before this program ends it lets the daemon keeper stop the daemon; clients that
connect then wait in the queue of the listening socket, which belongs to the super-server.

This file is installed on hosts as a program of its own, so it imports nothing but the standard library.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import os
import resource
import selectors
import socket
import sys
import time
import typing as t
from collections.abc import Callable

# How long, in seconds, a connection waits for the daemon to take it where nothing else is said, how often that is
# tried, and after how long the attendant is asked again.
PATIENCE = 10.0
RETRY = 0.1
ASK = 1.0

# The word for the forwarder of one connection.
EACH = "each"

# How long it does not log again that clients wait, in seconds.
QUIET = 60.0

CHUNK = 1 << 16
WORD = b"."
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

Address = t.Union[str, t.Tuple[str, int]]


class Target(t.NamedTuple):
    """Where connections go to."""

    family: socket.AddressFamily
    address: Address

    @staticmethod
    def parse(text: str) -> Target:
        if text.startswith("/"):
            return Target(socket.AF_UNIX, text)
        host, _colon, port = text.rpartition(":")
        family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
        return Target(family, (host.strip("[]"), int(port)))

    def new_socket(self) -> socket.socket:
        """A socket of its kind, which never waits."""
        made = socket.socket(self.family, socket.SOCK_STREAM)
        made.setblocking(False)
        if self.family != socket.AF_UNIX:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        keep_alive(made)
        return made


def keep_alive(made: socket.socket) -> None:
    """Let the kernel detect a vanished peer, which would keep the daemon running for ever."""
    if made.family != socket.AF_UNIX:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


class Limits(t.NamedTuple):
    """See the words on the command line."""

    idle: int
    most: int
    per_source: int
    patience: float


class Stream:
    """One direction of a connection."""

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.source = source
        self.sink = sink
        self.pending = b""
        self.ended = False
        self.done = False

    def pump(self) -> None:
        """Pass on what can be passed on without waiting. Raises OSError when the source is broken."""
        if not (self.pending or self.ended):
            with contextlib.suppress(BlockingIOError):
                self.pending = self.source.recv(CHUNK)
                self.ended = not self.pending
        try:
            if self.pending:
                self.pending = self.pending[self.sink.send(self.pending) :]
            elif self.ended and not self.done:
                self.done = True
                self.sink.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            return
        except OSError:
            # Nobody reads this any more, but what comes the other way may still be wanted.
            self.pending, self.ended, self.done = b"", True, True

    def interest(self, end: socket.socket) -> int:
        """The events that this direction waits for."""
        if self.pending:
            return WRITE if end is self.sink else 0
        return READ if end is self.source and not self.ended else 0


class Connection:
    """A client, and its way to the daemon once there is one."""

    def __init__(self, client: socket.socket, source: str, proxy: Proxy) -> None:
        self.client = client
        self.source = source
        self.proxy = proxy
        self.upstream: socket.socket | None = None
        self.streams: tuple[Stream, ...] = ()
        self.tries = 0
        self.deadline = time.monotonic() + proxy.limits.patience
        self.next_try = 0.0

    def connect(self) -> None:
        """Begin one more try."""
        target = self.proxy.targets[self.tries % len(self.proxy.targets)]
        self.tries += 1
        self.next_try = time.monotonic() + RETRY
        try:
            self.upstream = target.new_socket()
            self.upstream.connect(target.address)
        except BlockingIOError as problem:
            # A unix socket whose queue is full says the same with another number, and cannot be waited for.
            if self.upstream and target.family != socket.AF_UNIX:
                self.proxy.watch(self.upstream, WRITE, self.connected)
            else:
                self.failed(problem)
        except OSError as problem:
            self.failed(problem)
        else:
            self.begin()

    def connected(self) -> None:
        """The try has come to its end."""
        if self.upstream is None:
            return
        number = self.upstream.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self.failed(OSError(number, os.strerror(number)))
        else:
            self.begin()

    def failed(self, problem: OSError) -> None:
        """Try the next target, or all of them later where that may help; else give up."""
        self.drop_upstream()
        in_time = time.monotonic() < self.deadline
        if in_time and self.tries % len(self.proxy.targets):
            self.connect()
        elif not in_time or not (self.proxy.ask() or isinstance(problem, BlockingIOError)):
            within = "" if in_time else f" in {self.proxy.limits.patience:g} s"
            self.proxy.report(f"the daemon accepted no connection{within}: {problem.strerror or problem}")
            self.close()

    def begin(self) -> None:
        """The daemon has taken the connection."""
        if self.upstream is None:
            return
        self.proxy.waiting.discard(self)
        self.client.setblocking(False)
        self.streams = (Stream(self.client, self.upstream), Stream(self.upstream, self.client))
        self.flow()

    def flow(self) -> None:
        """Pass on what has come, and wait for more, or for the other side to take it."""
        try:
            for stream in self.streams:
                stream.pump()
        except OSError:
            self.close()
            return
        if all(stream.done for stream in self.streams):
            self.close()
            return
        for end in filter(None, (self.client, self.upstream)):
            self.proxy.watch(end, self.streams[0].interest(end) | self.streams[1].interest(end), self.flow)

    def drop_upstream(self) -> None:
        if self.upstream:
            self.proxy.watch(self.upstream, 0)
            self.upstream.close()
            self.upstream = None

    def close(self) -> None:
        self.streams = ()
        self.drop_upstream()
        self.proxy.watch(self.client, 0)
        self.client.close()
        self.proxy.forget(self)


class Proxy:
    """All connections."""

    def __init__(self, targets: list[Target], limits: Limits, attendant: socket.socket | None) -> None:
        self.targets = targets
        self.limits = limits
        self.attendant = attendant
        # The attendant has not said yet that the daemon runs.
        self.asked = attendant is not None
        self.last_asked = time.monotonic()
        self.selector = selectors.DefaultSelector()
        self.listeners: list[socket.socket] = []
        self.room = room()
        # When to listen again, 0 while listening; and when the reason was last logged.
        self.resume_at = 0.0
        self.told_at = -QUIET
        self.connections: set[Connection] = set()
        self.waiting: set[Connection] = set()
        self.sources: collections.Counter[str] = collections.Counter()
        self.idle_since = time.monotonic()

    def serve(self, listeners: list[socket.socket]) -> None:
        """Forward until nobody has been connected for long enough."""
        self.listeners = listeners
        self.listen()
        if self.attendant:
            self.watch(self.attendant, READ, self.hear)
        while not self.idle():
            self.turn()

    def forward(self, client: socket.socket) -> None:
        """Forward one connection to its end."""
        self.take(client, "")
        self.tend()
        while self.connections:
            self.turn()

    def turn(self) -> None:
        """Do what there is to be done."""
        for key, _events in self.selector.select(self.rest()):
            # What was done for another socket of this round may have closed this one.
            if self.selector.get_map().get(key.fd) is key:
                key.data()
        self.tend()

    def listen(self) -> None:
        """Take connections in."""
        self.resume_at = 0.0
        for listener in self.listeners:
            self.watch(listener, READ, functools.partial(self.accept, listener))

    def pause(self, why: str) -> None:
        """Leave new clients in the queue for a while, until the resource that they need is available."""
        now = time.monotonic()
        if now - self.told_at >= QUIET:
            self.told_at = now
            self.report(f"clients wait: {why}")
        self.resume_at = now + RETRY
        for listener in self.listeners:
            self.watch(listener, 0)

    def idle(self) -> bool:
        """Whether the forwarder is idle for long enough to end."""
        spent = time.monotonic() - self.idle_since
        return bool(self.limits.idle) and not self.connections and spent >= self.limits.idle

    def rest(self) -> float | None:
        """Seconds until the next action that does not depend on a socket."""
        if self.waiting or self.resume_at:
            return RETRY
        if self.connections or not self.limits.idle:
            return None
        return max(0.0, self.idle_since + self.limits.idle - time.monotonic())

    def watch(self, watched: socket.socket, events: int, then: Callable[[], object] | None = None) -> None:
        """Call ``then`` on these events, or on none."""
        there = self.selector.get_map().get(watched.fileno()) if watched.fileno() >= 0 else None
        if there and not events:
            self.selector.unregister(watched)
        elif there and (there.events, there.data) != (events, then):
            self.selector.modify(watched, events, then)
        elif events and not there:
            self.selector.register(watched, events, then)

    def accept(self, listener: socket.socket) -> None:
        """Take a connection in, or close it where there are too many."""
        if len(self.connections) >= self.room:
            self.pause(f"the limit of open files allows only {self.room} connections at a time")
            return
        try:
            client, peer = listener.accept()
        except OSError as problem:
            self.pause(str(problem))
            return
        keep_alive(client)
        source = peer[0] if isinstance(peer, tuple) else ""
        if self.full(source):
            client.close()
        else:
            self.take(client, source)

    def take(self, client: socket.socket, source: str) -> None:
        """Have a client wait for the daemon to take its connection."""
        connection = Connection(client, source, self)
        self.connections.add(connection)
        self.waiting.add(connection)
        self.sources[source] += 1

    def full(self, source: str) -> bool:
        most, per_source = self.limits.most, self.limits.per_source
        return bool((most and len(self.connections) >= most) or (per_source and self.sources[source] >= per_source))

    def tend(self) -> None:
        """Try again what has waited for long enough, and close what has waited for too long."""
        now = time.monotonic()
        if self.resume_at and now >= self.resume_at:
            self.listen()
        for connection in list(self.waiting):
            if now >= connection.deadline:
                connection.failed(TimeoutError("the daemon does not answer"))
            elif not (connection.upstream or self.asked) and now >= connection.next_try:
                connection.connect()

    def forget(self, connection: Connection) -> None:
        self.connections.discard(connection)
        self.waiting.discard(connection)
        self.sources[connection.source] -= 1
        if not self.sources[connection.source]:
            del self.sources[connection.source]
        self.idle_since = time.monotonic()

    def ask(self) -> bool:
        """Ask for the daemon to be started, unless that was done just now; whether there is anybody to ask."""
        now = time.monotonic()
        if self.attendant and not self.asked and now - self.last_asked >= ASK:
            self.asked, self.last_asked = True, now
            self.attendant.sendall(WORD)
        return self.attendant is not None

    def hear(self) -> None:
        """Read an answer of the daemon keeper, or notice its end."""
        if self.attendant is None:
            return
        self.asked = False
        if not self.attendant.recv(CHUNK):
            self.report("the attendant has ended, so that nothing starts the daemon")
            self.watch(self.attendant, 0)
            self.attendant = None

    def end(self) -> None:
        """Wait until the daemon keeper has stopped the daemon, so that the next forwarder does not find a daemon that
        is ending."""
        if self.attendant:
            self.attendant.shutdown(socket.SHUT_WR)
            while self.attendant.recv(CHUNK):
                pass

    @staticmethod
    def report(what: str) -> None:
        """Write a line to the log."""
        sys.stderr.write(f"proxy: {what}\n")
        sys.stderr.flush()


def allow_files() -> None:
    """A connection is two open files, and the usual limit is low."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def room() -> int:
    """For how many connections there are files, two for each; some more are for what is not a connection."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, (soft - len(os.listdir("/proc/self/fd")) - 2) // 2)


def forward_each(targets: list[Target]) -> None:
    """Forward the connection that this process was started for, and have it open nowhere else."""
    client = socket.socket(fileno=os.dup(0))
    os.dup2(2, 1)
    with open("/dev/null", "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    Proxy(targets, Limits(0, 0, 0, PATIENCE), None).forward(client)


def main() -> None:
    if sys.argv[1] == EACH:
        forward_each([Target.parse(text) for text in sys.argv[2:]])
        return
    idle, most, per_source = map(int, sys.argv[1:4])
    way, _colon, patience = sys.argv[4].partition(":")
    attendant = socket.socket(fileno=0) if way == "attended" else None
    limits = Limits(idle, most, per_source, float(patience or PATIENCE))
    listeners = [socket.socket(fileno=3 + index) for index in range(int(os.environ["LISTEN_FDS"]))]
    allow_files()
    proxy = Proxy([Target.parse(text) for text in sys.argv[5:]], limits, attendant)
    proxy.serve(listeners)
    proxy.end()


if __name__ == "__main__":
    main()
