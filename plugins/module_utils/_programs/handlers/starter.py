# Managed by ondemand.superserver
# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the handler behind TLS as root, while stunnel, which talks to the client, has no rights.

``starter wait HANDLER -- COMMAND...`` becomes COMMAND, which has a socket to a child as its descriptor 4. The child has
nothing to do with the client's connection; when it is handed another one, it becomes HANDLER, with that as its
descriptors 0 and 1. REMOTE_HOST and REMOTE_PORT are the client's, as the kernel has them.

``starter ask`` hands over its descriptor 0. It is what stunnel runs for a client that it has come to terms with.

Nothing but that descriptor passes between them, and once only. When COMMAND ends before, so does the child.

This file is installed on hosts as a program of its own, so it imports nothing but the standard library. It is started
twice for each connection: without ``socket`` that takes half the time.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _socket
import os
import sys

# Where COMMAND has its end.
ASKING = 4
WORD = b"."
# Bytes of one descriptor, a C integer.
SIZE = 4


def wait(words: list[str]) -> None:
    """``starter wait``."""
    end = words.index("--")
    mine, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    if os.fork():
        mine.close()
        os.dup2(theirs.fileno(), ASKING)
        # Where it has been that number all the time, the copy is none.
        os.set_inheritable(ASKING, True)
        become(words[end + 1 :], {**os.environb})
    theirs.close()
    environment = {**os.environb, **client(0)}
    let_go(0, 1)
    if receive(mine):
        become([words[0]], environment)


def client(descriptor: int) -> dict[bytes, bytes]:
    """What is known of who is connected; on a unix socket nobody has an address."""
    try:
        connection = _socket.socket(fileno=os.dup(descriptor))
    except OSError:
        return {b"REMOTE_HOST": b""}
    try:
        host, port = _socket.getnameinfo(connection.getpeername(), _socket.NI_NUMERICHOST | _socket.NI_NUMERICSERV)
    except (OSError, TypeError):
        return {b"REMOTE_HOST": b""}
    finally:
        connection.close()
    return {b"REMOTE_HOST": host.encode(), b"REMOTE_PORT": port.encode()}


def let_go(*descriptors: int) -> None:
    """The connection ends when who talks to the client closes it."""
    nothing = os.open("/dev/null", os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(nothing, descriptor)
    os.close(nothing)


def receive(mine: _socket.socket) -> bool:
    """Have what is handed over as descriptors 0 and 1; whether there was anything."""
    _data, about, _flags, _from = mine.recvmsg(len(WORD), _socket.CMSG_SPACE(SIZE), _socket.MSG_CMSG_CLOEXEC)
    mine.close()
    for _level, kind, value in about:
        if kind == _socket.SCM_RIGHTS and len(value) == SIZE:
            handed = int.from_bytes(value, sys.byteorder)
            os.dup2(handed, 0)
            os.dup2(handed, 1)
            os.close(handed)
            return True
    return False


def ask() -> None:
    """``starter ask``."""
    asking = _socket.socket(fileno=ASKING)
    handed = (0).to_bytes(SIZE, sys.byteorder)
    asking.sendmsg([WORD], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, handed)])


def become(command: list[str], environment: dict[bytes, bytes]) -> None:
    # Python ignores these, and an ignored signal stays ignored.
    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)
    try:
        os.execve(command[0], command, environment)
    except OSError as exc:
        sys.stderr.write(f"starter: {command[0]}: {exc.strerror}\n")
        raise SystemExit(127) from exc


def main() -> None:
    """``starter wait`` or ``starter ask``."""
    if sys.argv[1] == "ask":
        ask()
    else:
        wait(sys.argv[2:])


if __name__ == "__main__":
    main()
