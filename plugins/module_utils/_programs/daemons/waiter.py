# Managed by ondemand.superserver
# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes xinetd read its configuration again when the host gets an address that xinetd could not bind.

``waiter LIST``

LIST is a file with an endpoint on each line, such as ``tcp 192.0.2.7 80``. xinetd gives an endpoint up whose address is
not there when it starts, until it gets a signal to read its configuration. This program ends when the file is gone.

This file is installed on hosts as a program of its own, so it imports nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import select
import signal
import socket
import struct
import sys
import time
import typing as t

# The kernel tells of new addresses, linux/rtnetlink.h. It does not tell here of routes that make others local: looking
# every so many seconds finds those, and what is new in the file.
GROUPS = 0x10 | 0x100
LOOK = 5.0
# Several addresses often come together; xinetd reads once for all of them.
SETTLE = 0.1
# How long xinetd may take until it can get that signal, and until it has opened its sockets, in seconds.
PATIENCE = 10.0
POLL = 0.02

CONFIG = "/etc/xinetd.conf"
LISTEN = "0A"
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


class Endpoint(t.NamedTuple):
    """A socket that xinetd is to have."""

    transport: str
    address: str
    port: int

    @property
    def version(self) -> int:
        return 6 if ":" in self.address else 4


class Process(t.NamedTuple):
    """What /proc tells of a process."""

    pid: int
    parent: int
    argv: t.Sequence[str]
    status: str


def read_list(path: str) -> list[Endpoint] | None:
    """The endpoints; None where the file is gone."""
    try:
        with open(path, encoding="ascii") as lines:
            words = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    except FileNotFoundError:
        return None
    return [Endpoint(transport, address, int(port)) for transport, address, port in words]


def can_be_bound(address: str) -> bool:
    """Whether the address is there: an IPv6 address is not before nobody else is found to have it."""
    with socket.socket(FAMILIES[6 if ":" in address else 4], socket.SOCK_DGRAM) as trial:
        try:
            trial.bind((address, 0))
        except OSError as problem:
            return problem.errno != errno.EADDRNOTAVAIL
    return True


def is_open(endpoint: Endpoint) -> bool:
    """Whether anybody has the endpoint, see proc_pid_net(5): numbers of 32 bits in the host's byte order."""
    suffix = "6" if endpoint.version == 6 else ""
    packed = socket.inet_pton(FAMILIES[endpoint.version], endpoint.address)
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    wanted = "".join(f"{word:08X}" for word in words) + f":{endpoint.port:04X}"
    with open(f"/proc/net/{endpoint.transport}{suffix}", encoding="ascii") as rows:
        columns = [row.split()[:4] for row in rows]
    return any(row[1] == wanted and (endpoint.transport == "udp" or row[3] == LISTEN) for row in columns)


def find_xinetd() -> Process | None:
    """The xinetd of this host: not one of a container, not one with a configuration of its own, not a child."""
    running = {process.pid: process for process in xinetds()}
    for process in running.values():
        config = dict(zip(process.argv, process.argv[1:])).get("-f", CONFIG)
        namespaces = re.search(r"^NSpid:(.*)$", process.status, re.MULTILINE)
        nested = namespaces is not None and len(namespaces.group(1).split()) > 1
        if process.parent not in running and config == CONFIG and not nested:
            return process
    return None


def xinetds() -> t.Iterator[Process]:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                status = read(f"/proc/{entry}/status")
                if status.startswith("Name:\txinetd\n"):
                    parent = int(field(status, "PPid"))
                    yield Process(int(entry), parent, read(f"/proc/{entry}/cmdline").split("\0"), status)


def read(path: str) -> str:
    with open(path, encoding="utf-8", errors="surrogateescape") as text:
        return text.read()


def field(status: str, name: str) -> str:
    found = re.search(rf"^{name}:\s*(\S+)", status, re.MULTILINE)
    return found.group(1) if found else "0"


def ready() -> Process | None:
    """xinetd, once it would not be ended by a hangup any more."""
    process = find_xinetd()
    caught = process is not None and int(field(process.status, "SigCgt"), 16) >> (signal.SIGHUP - 1) & 1
    return process if caught else None


def tell_xinetd() -> bool:
    """Have xinetd read its configuration; False where there is none that could."""
    process = until(ready)
    if process is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        hang_up(process.pid)
    return True


def hang_up(pid: int) -> None:
    """The number may be another process's by now, where Python or the kernel cannot hold a process."""
    try:
        descriptor = os.pidfd_open(pid)
    except (AttributeError, OSError):
        os.kill(pid, signal.SIGHUP)
        return
    try:
        if read(f"/proc/{pid}/status").startswith("Name:\txinetd\n"):
            signal.pidfd_send_signal(descriptor, signal.SIGHUP)
    finally:
        os.close(descriptor)


Found = t.TypeVar("Found")


def until(look: t.Callable[[], Found]) -> Found:
    """What a look gives when it gives something, or when it has been long enough."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = look()
        if found or time.monotonic() > deadline:
            return found
        time.sleep(POLL)


def names(endpoints: t.Iterable[Endpoint]) -> str:
    return ", ".join(" ".join(map(str, endpoint)) for endpoint in endpoints)


def open_them(closed: list[Endpoint]) -> None:
    """Have xinetd open these, and say how that went."""
    if not tell_xinetd():
        report(f"xinetd does not run and cannot open {names(closed)}")
    elif until(lambda: all(map(is_open, closed))):
        report(f"the address exists now, and xinetd has read its configuration again: {names(closed)}")
    else:
        report(
            "xinetd has read its configuration again but did not open "
            f"{names(each for each in closed if not is_open(each))}"
        )


def report(what: str) -> None:
    """Write a line to the log."""
    sys.stderr.write(f"waiter: {what}\n")
    sys.stderr.flush()


def next_look(changes: socket.socket) -> None:
    """Wait until addresses have changed, or it is time to look all the same."""
    if select.select([changes], [], [], LOOK)[0]:
        time.sleep(SETTLE)
        # It says so where it had no room for all that there was to tell.
        with contextlib.suppress(OSError):
            while True:
                changes.recv(1 << 16, socket.MSG_DONTWAIT)


def wait_for_addresses(path: str) -> None:
    """What is new in the file is left to the run that wrote it, which has xinetd read it; but not for longer than until
    the next look."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as changes:
        changes.bind((0, GROUPS))
        wanted = read_list(path)
        known = suspects = wanted or []
        while wanted is not None:
            here = {address for address in {endpoint.address for endpoint in wanted} if can_be_bound(address)}
            closed = [each for each in wanted if each in suspects and each.address in here and not is_open(each)]
            if closed:
                open_them(closed)
            suspects = [each for each in wanted if each.address not in here or each not in known]
            known = wanted
            next_look(changes)
            wanted = read_list(path)


if __name__ == "__main__":
    wait_for_addresses(sys.argv[1])
