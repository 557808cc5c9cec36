# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at the process that has a client's connection."""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import socket
import time

from vantage.common import CHUNK, PATIENCE, Step, Wrong, text_of
from vantage.encrypted import Encrypted
from vantage.point import Vantage
from vantage.sockets import sockets

# A set of capabilities, as the kernel writes it.
NOTHING = "0000000000000000"


def held_by(step: Step, _vantage: Vantage) -> None:
    """What has a client's connection is of this account, without rights and without a way to get any: before the client
    says a word, where that is to be seen, and when it is served."""
    with socket.create_connection(("127.0.0.1", step["port"]), PATIENCE) as plain:
        port = plain.getsockname()[1]
        if "tls" in step:
            _eventually_held(step, port)
            Encrypted(plain, step["tls"]).send(b"hello\n")
        else:
            plain.sendall(b"hello\n")
            plain.recv(CHUNK)
        _eventually_held(step, port)


def _eventually_held(step: Step, port: int) -> None:
    """It takes a moment until a program has been started, and has given up what it had."""
    deadline = time.monotonic() + PATIENCE
    while True:
        wrong = _wrongly_held(step, port)
        if not wrong:
            return
        if time.monotonic() > deadline:
            raise Wrong(wrong)
        time.sleep(0.1)


def _wrongly_held(step: Step, port: int) -> str:
    account = pwd.getpwnam(step["held_by"])
    wanted = {
        "Uid": [str(account.pw_uid)] * 4,
        "Gid": [str(account.pw_gid)] * 4,
        "CapInh": [NOTHING],
        "CapPrm": [NOTHING],
        "CapEff": [NOTHING],
        "CapAmb": [NOTHING],
        "NoNewPrivs": ["1"],
    }
    holders = _holders(step["port"], port)
    if not holders:
        return "nobody has the connection"
    for pid in holders:
        found = _rights(pid)
        if {name: found.get(name) for name in wanted} != wanted or found.get("Groups", []) not in (
            [],
            wanted["Gid"][:1],
        ):
            return f"the connection is held by process {pid}: {found}"
    return ""


def _rights(pid: int) -> dict[str, list[str]]:
    with contextlib.suppress(OSError):
        lines = text_of(f"/proc/{pid}/status").splitlines()
        return {name: value.split() for name, _colon, value in (line.partition(":") for line in lines)}
    return {}


def _holders(port: int, clients: int) -> set[int]:
    """The processes that have the server's end of a connection; not process 1, which goes on to have those that systemd
    hands to services, and reads nothing of them.
    """
    links = {f"socket:[{each.inode}]" for each in sockets("tcp", "tcp6") if (each.port, each.peer) == (port, clients)}
    found = set()
    for path in glob.iglob("/proc/[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if os.readlink(path) in links:
                found.add(int(path.split("/")[2]))
    return found - {1}
