# Managed by ondemand.superserver
# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The socket launcher, three programs of a chain: one binds a socket, one sets its options, and one waits for clients.

``binder bind SOCKET -- PROGRAM [ARGUMENT...]`` is replaced by PROGRAM, which has the socket as fd 0. SOCKET is one of::

    tcp FAMILY ADDRESS PORT BACKLOG [freebind]          FAMILY: ipv4, ipv6 (IPv6 only) or dual
    udp FAMILY ADDRESS PORT [freebind]                  freebind: the host may not have the address
    unix TYPE PATH OWNER GROUP MODE BACKLOG             TYPE: stream, datagram or seqpacket

``binder set KEEPALIVE NO_DELAY DEFER_ACCEPT -- PROGRAM [ARGUMENT...]`` gives the listening TCP socket that is fd 0
these options (1 or 0; the last one in seconds), which its connections inherit, and is replaced by PROGRAM.

``binder serve READY WAY DESCRIPTOR... -- PROGRAM [ARGUMENT...]`` waits until a client arrives on the sockets of these
descriptors, starts PROGRAM, which accepts it, and waits again when PROGRAM has ended. READY is the number of a
descriptor that gets a line when it waits for the first time. WAY is how the program gets its share:

* ``listen_fds``: every socket, from fd 3 on; fd 0 is /dev/null.
* ``stdin``: one socket as fd 0 and 1.
* ``accept``: there is a program for each connection, which has it as fd 0 and 1. TCPREMOTEIP and TCPREMOTEPORT are set.

LISTEN_PID is always set. When this program is terminated, it ends a program that has the sockets too.

This file is installed on hosts as a program of its own, with what it imports of the collection in its place.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import grp
import os
import pwd
import select
import signal
import socket
import stat
import sys
import time

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.paths import Folder, declared

# How long to wait, in seconds, after a program that failed, or that left everything unread, before it is started again.
PAUSE = 1.0
# How long a program may take to end after SIGTERM, in seconds.
PATIENCE = 5.0
# How many connections are served at a time.
MOST = 1000
# The word for a socket of an address that the host may not have, and the kernel's number for it, linux/in.h.
AHEAD = "freebind"
FREEBIND = 15
OPTIONS = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY),
    (socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT),
)
TYPES = {"stream": socket.SOCK_STREAM, "datagram": socket.SOCK_DGRAM, "seqpacket": socket.SOCK_SEQPACKET}
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGABRT)


def bind_one(words: list[str]) -> socket.socket:
    """The socket that the words describe. Raises OSError, and KeyError for an account that is not there."""
    return bind_unix(*words[1:]) if words[0] == "unix" else bind_network(words)


def bind_network(words: list[str]) -> socket.socket:
    """A TCP socket that listens, or a UDP socket; ahead of the address, where that is to come later."""
    ahead = words[-1] == AHEAD
    transport, family, address, port, *backlog = words[:-1] if ahead else words
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    bound = socket.socket(socket.AF_INET if family == "ipv4" else socket.AF_INET6, kind)
    if family != "ipv4":
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(family == "ipv6"))
    if transport == "tcp":
        # With UDP this would let others take the same port.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if ahead:
        # It holds for both families, and the one that IPv6 has of its own came later, with Linux 4.15.
        bound.setsockopt(socket.IPPROTO_IP, FREEBIND, 1)
    bound.bind((address, int(port)))
    if transport == "tcp":
        bound.listen(int(backlog[0]))
    return bound


def bind_unix(*words: str) -> socket.socket:
    """A unix socket, by its type, path, owner, group, mode and backlog; nobody else can reach it before it has its
    owner and mode."""
    kind, path, owner, group, mode, backlog = words
    bound = socket.socket(socket.AF_UNIX, TYPES[kind])
    user, its_group = pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid
    folder, name = os.path.split(path)
    with declared(folder, make=0o755) as here:
        remove_stale(here, name, TYPES[kind])
        before = os.umask(0o777)
        try:
            # The kernel keeps the very words for others to see, so that they are the path's. In a directory that only
            # root can write they lead nowhere else.
            bound.bind(path)
        finally:
            os.umask(before)
        here.grant(name, user, its_group, int(mode, 8))
    if kind != "datagram":
        bound.listen(int(backlog))
    return bound


def remove_stale(folder: Folder, name: str, kind: int) -> None:
    """Remove a socket that nobody listens on any more. Raises OSError for one that is in use, and for anything else."""
    found = folder.look(name)
    if found is None:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise FileExistsError(errno.EEXIST, "exists and is not a socket", folder.at(name))
    if is_served(folder, name, kind):
        raise OSError(errno.EADDRINUSE, "is in use", folder.at(name))
    folder.remove(name)


def is_served(folder: Folder, name: str, kind: int) -> bool:
    """Whether somebody has a socket open, also one whose queue is full."""
    entry = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder.number)
    try:
        with socket.socket(socket.AF_UNIX, kind) as client:
            client.setblocking(False)
            return client.connect_ex(f"/proc/self/fd/{entry}") != errno.ECONNREFUSED
    finally:
        os.close(entry)


class Binder:
    """Runs one program for the sockets, or one for each connection."""

    def __init__(self, sockets: list[socket.socket], program: list[str]) -> None:
        self.sockets = sockets
        self.program = program
        # Of the program that has the sockets; programs that have a connection are only counted.
        self.child = 0
        self.serving = 0
        self.woken, waker = os.pipe()
        os.set_blocking(self.woken, False)
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        # Without a handler of its own a signal leaves no byte.
        signal.signal(signal.SIGCHLD, lambda *_details: None)

    def wait(self, sockets: list[socket.socket]) -> list[socket.socket]:
        """Those that something has arrived at; none after a signal. A signal just before a process goes to sleep would
        not be answered until it wakes, but for the byte that Python leaves for each."""
        poll = select.poll()
        for number in (self.woken, *(bound.fileno() for bound in sockets)):
            poll.register(number, select.POLLIN)
        ready = {number for number, _event in poll.poll()}
        if self.woken in ready:
            os.read(self.woken, 512)
        return [bound for bound in sockets if bound.fileno() in ready]

    def serve(self, way: str) -> None:
        """Start the program whenever something arrives."""
        while True:
            seen = {bound: first(bound) for bound in self.wait(self.sockets)}
            if seen:
                failed = self.run(way)
                still = select.select(self.sockets, [], [], 0)[0]
                if failed or any(bound in seen and seen[bound] == first(bound) for bound in still):
                    time.sleep(PAUSE)

    def run(self, way: str) -> bool:
        """Run the program to its end; whether it failed."""
        numbers = [bound.fileno() for bound in self.sockets]
        with open("/dev/null", "rb") as nothing:
            if way == "stdin":
                passed = {0: numbers[0], 1: numbers[0]}
            else:
                passed = {0: nothing.fileno(), **{3 + index: number for index, number in enumerate(numbers)}}
            self.child = self.start(passed, {})
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        while not os.waitid(os.P_PID, self.child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            self.wait([])
        # Its id is another one's as soon as it has been waited for, and must get no signal then.
        child, self.child = self.child, 0
        _child, status = os.waitpid(child, 0)
        if status:
            killed = os.WIFSIGNALED(status)
            how = f"signal {os.WTERMSIG(status)}" if killed else f"exit status {os.WEXITSTATUS(status)}"
            report(f"the program ended with {how}")
        return status != 0

    def accept(self) -> None:
        """Start the program for every connection, as long as there are not too many."""
        while True:
            for bound in self.wait(self.sockets if self.serving < MOST else []):
                self.take(bound)
            self.reap()

    def take(self, bound: socket.socket) -> None:
        """Start the program for one connection."""
        try:
            connection, peer = bound.accept()
            with connection:
                variables = {"TCPREMOTEIP": peer[0], "TCPREMOTEPORT": str(peer[1])}
                self.start({0: connection.fileno(), 1: connection.fileno()}, variables)
                self.serving += 1
        except OSError as problem:
            report(f"a connection was lost: {problem}")
            time.sleep(0.05)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)

    def reap(self) -> None:
        """Count the programs that have ended."""
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                self.serving -= 1

    def start(self, descriptors: dict[int, int], variables: dict[str, str]) -> int:
        """Start the program with these descriptors and variables; the caller keeps its id, then unblocks signals."""
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        pid = os.fork()
        if pid:
            # The child does the same; the second call may fail.
            with contextlib.suppress(OSError):
                os.setpgid(pid, pid)
            return pid
        try:
            os.setpgid(0, 0)
            become(self.program, descriptors, variables)
        except OSError as problem:
            report(f"{self.program[0]} could not be started: {problem}")
        finally:
            os._exit(127)

    def end(self, *_details: object) -> None:
        """End, with the program that has the sockets; those that have a connection go on."""
        for bound in self.sockets:
            bound.close()
        if self.child:
            with contextlib.suppress(ProcessLookupError):
                self.stop_child()
        os._exit(0)

    def stop_child(self) -> None:
        """Tell the program to end, and make it, with all that it has started and that has the sockets too. Raises
        ProcessLookupError when nothing of it is left."""
        os.killpg(self.child, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline + PAUSE:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.child, os.WNOHANG)
            os.killpg(self.child, signal.SIGKILL if time.monotonic() > deadline else 0)
            time.sleep(0.005)


def first(bound: socket.socket) -> object:
    """What would be received next, to tell whether somebody received it; connections all look alike."""
    if bound.type != socket.SOCK_DGRAM:
        return None
    try:
        return bound.recvfrom(64, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except OSError:
        return None


def become(program: list[str], descriptors: dict[int, int], variables: dict[str, str]) -> None:
    """Replace this process, a child, by the program."""
    restore_signals()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    beyond = max(descriptors) + 1
    copies = [(wanted, fcntl.fcntl(have, fcntl.F_DUPFD_CLOEXEC, beyond)) for wanted, have in descriptors.items()]
    for wanted, copy in copies:
        os.dup2(copy, wanted)
    os.execvpe(program[0], program, {**os.environ, **variables, "LISTEN_PID": str(os.getpid())})


def restore_signals() -> None:
    """Python ignores some signals, and an ignored signal stays ignored."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ, *ENDING):
        signal.signal(number, signal.SIG_DFL)


def report(what: str) -> None:
    """Write a line to the log."""
    sys.stderr.write(f"binder: {what}\n")
    sys.stderr.flush()


def bind(words: list[str], program: list[str]) -> None:
    """Bind a socket and be replaced by a program that has it."""
    try:
        bound = bind_one(words)
    except (OSError, KeyError) as problem:
        report(f"cannot bind {' '.join(words)}: {problem}")
        raise SystemExit(1) from problem
    # A server of s6 that finds nobody to accept must not wait there; serve has sockets that wait.
    bound.setblocking(False)
    os.dup2(bound.fileno(), 0)
    restore_signals()
    os.execvp(program[0], program)


def set_options(words: list[str], program: list[str]) -> None:
    """Give fd 0 its options and be replaced by a program that has it."""
    with socket.socket(fileno=os.dup(0)) as listening:
        for (level, option), value in zip(OPTIONS, words):
            listening.setsockopt(level, option, int(value))
    restore_signals()
    os.execvp(program[0], program)


def serve(words: list[str], program: list[str]) -> None:
    """Run a program whenever something arrives."""
    ready, way, sockets = int(words[0]), words[1], [socket.socket(fileno=int(number)) for number in words[2:]]
    for inherited in sockets:
        inherited.set_inheritable(False)
        inherited.setblocking(True)
    binder = Binder(sockets, program)
    for number in ENDING:
        signal.signal(number, binder.end)
    os.write(ready, b"\n")
    os.close(ready)
    if way == "accept":
        binder.accept()
    binder.serve(way)


def main() -> None:
    role, end = sys.argv[1], sys.argv.index("--")
    {"bind": bind, "set": set_options, "serve": serve}[role](sys.argv[2:end], sys.argv[end + 1 :])


if __name__ == "__main__":
    main()
