# Managed by ondemand.superserver
# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small services of RFC 862 to 868, for a connection on fd 0 or for datagrams on a socket on fd 0.

This file is installed on hosts as a program of its own, so it imports nothing but the standard library.
"""

from __future__ import annotations

import itertools
import os
import select
import socket
import stat
import sys
import time

# A datagram server ends after so many idle seconds; the super-server starts it again when something arrives.
IDLE = 30.0
MOST = 65535

# RFC 867 counts from 1900, Unix from 1970.
EPOCH = 2208988800
# RFC 864: 72 of the 95 printable characters a line, the next line beginning one character later.
PRINTABLE = bytes(range(32, 127))
WIDTH = 72
# RFC 864: a datagram holds at most 512 characters.
DATAGRAM = 512


def line(number: int) -> bytes:
    """The ``number``-th line of RFC 864's pattern."""
    start = number % len(PRINTABLE)
    return (PRINTABLE * 2)[start : start + WIDTH] + b"\r\n"


def daytime() -> bytes:
    """The date as text."""
    return time.strftime("%d %b %Y %H:%M:%S %Z\r\n").encode("ascii")


def clock() -> bytes:
    """RFC 868: seconds since 1900 as four bytes."""
    return ((int(time.time()) + EPOCH) & 0xFFFFFFFF).to_bytes(4, "big")


def chargen() -> bytes:
    """RFC 864 for datagrams: some lines, at most 512 bytes."""
    lines = b"".join(line(number) for number in range(int(time.time()), int(time.time()) + 7))
    return lines[:DATAGRAM]


def stream(name: str) -> None:
    """Serve one connection."""
    if name == "echo":
        while True:
            data = os.read(0, MOST)
            if not data:
                return
            write(data)
    if name == "discard":
        while os.read(0, MOST):
            pass
    elif name == "chargen":
        number = 0
        while True:
            write(b"".join(line(number + offset) for offset in range(50)))
            number += 50
    else:
        write(daytime() if name == "daytime" else clock())


def write(data: bytes) -> None:
    """Write all of it to the connection."""
    while data:
        data = data[os.write(1, data) :]


def datagrams(name: str) -> None:
    """Answer datagrams until there have been none for a while."""
    answers = {"daytime": daytime, "time": clock, "chargen": chargen}
    servers = inherited()
    while True:
        ready = select.select(servers, [], [], IDLE)[0]
        if not ready:
            return
        for server in ready:
            try:
                data, peer = server.recvfrom(MOST, socket.MSG_DONTWAIT)
            except BlockingIOError:
                # Its checksum was wrong, and the kernel has dropped it.
                continue
            # An answer to one of these ports would be answered in turn, for ever.
            if name == "discard" or (isinstance(peer, tuple) and peer[1] in (7, 13, 19, 37)):
                continue
            answer = data if name == "echo" else answers[name]()
            try:
                server.sendto(answer, peer)
            except OSError as problem:
                sys.stderr.write(f"{peer}: {problem}\n")


def inherited() -> list[socket.socket]:
    """Standard input where it is a socket, otherwise those that systemd hands over, which begin at 3."""
    if is_socket(0):
        return [socket.socket(fileno=0)]
    return [socket.socket(fileno=number) for number in itertools.takewhile(is_socket, itertools.count(3))]


def is_socket(number: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(number).st_mode)
    except OSError:
        return False


def main() -> None:
    """``internal NAME`` serves a connection, ``internal NAME datagram`` a socket."""
    if len(sys.argv) > 2:
        datagrams(sys.argv[1])
        return
    try:
        stream(sys.argv[1])
    except (BrokenPipeError, ConnectionResetError):
        # The client has gone; nothing is left to do.
        os._exit(0)


if __name__ == "__main__":
    main()
