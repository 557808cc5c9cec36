# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send something, and compare what comes back."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable

from vantage.common import PATIENCE, Answer, Step, Wrong, long_enough, shown
from vantage.point import Connection, Vantage
from vantage.ports import own_port
from vantage.sockets import ESTABLISHED, sockets

AGAIN = 5.0  # seconds after which a datagram is sent again
SILENCE = 2.0  # seconds after which nothing has come back
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def talk(step: Step, vantage: Vantage) -> None:
    """Send, and compare what comes back."""
    # The port that the handler must see is known only when it is chosen here.
    port = own_port() if "environment" in step and step["transport"] != "unix" else 0
    silent = step.get("nothing", False)
    connection = vantage.connect(step, port)
    try:
        if step["send"] or step["type"] == "datagram":
            connection.send(step["send"].encode() or b"\n")
        if not (step.get("keep") or step["type"] == "datagram"):
            connection.finish()
        if "unread" in step:
            _let_it_wait(step)
        deadline = time.monotonic() + step.get("timeout", SILENCE if silent else PATIENCE)
        got, ended = _answer(connection, step, deadline)
        _judge(step, got, vantage, port)
        if step.get("ends") and not ended:
            raise Wrong("the connection stays open")
        if "less" in step and not (ended and len(got) < step["less"]):
            raise Wrong(f"{len(got)} bytes came, and then {'nothing more' if ended else 'others'}")
        if step.get("exact") == "" and not (ended and connection.connected):
            raise Wrong("the connection was not taken, served and closed" if ended else "the connection stays open")
    except Wrong as problem:
        complaint = connection.close()
        raise Wrong(f"{problem} (nc: {complaint})" if complaint else str(problem)) from None
    connection.close()


def _let_it_wait(step: Step) -> None:
    """Read nothing until the server has left the connection, or so many seconds at most."""
    deadline = time.monotonic() + step["unread"]
    connected = False
    while time.monotonic() < deadline:
        was, connected = connected, _is_served(step["port"])
        if was and not connected:
            return
        time.sleep(0.1)


def _is_served(port: int) -> bool:
    """Whether a server has an established connection on its port."""
    return any(each.port == port and each.state == ESTABLISHED for each in sockets("tcp", "tcp6"))


def _answer(connection: Connection, step: Step, deadline: float) -> Answer:
    """What comes back. A datagram that arrives while a daemon ends is thrown away by xinetd (svc_postmortem() in its
    service.c), so that its clients have to send it again."""
    while step.get("again") and time.monotonic() + AGAIN < deadline:
        got, ended = connection.receive(_enough(step), time.monotonic() + AGAIN)
        if got:
            return got, ended
        connection.send(step["send"].encode() or b"\n")
    return connection.receive(_enough(step), deadline)


def _enough(step: Step) -> Callable[[bytes], bool]:
    """Whether there is no need to wait for the end of what comes back."""
    if step["type"] == "datagram" or step.get("nothing"):
        return bool
    if "expect" in step:
        pattern = re.compile(step["expect"].encode(), re.DOTALL)
        return lambda data: pattern.search(data) is not None
    if "exact" in step and step.get("keep"):
        return functools.partial(long_enough, len(step["exact"].encode()))
    return lambda _data: False


def _judge(step: Step, got: bytes, vantage: Vantage, port: int) -> None:
    if step.get("nothing") and got:
        raise Wrong(f"got {shown(got)} instead of nothing")
    if "exact" in step and got != step["exact"].encode():
        raise Wrong(f"got {shown(got)}, not {shown(step['exact'].encode())}")
    if "expect" in step and not re.search(step["expect"].encode(), got, re.DOTALL):
        raise Wrong(f"got {shown(got)}, which does not match {step['expect']}")
    if "environment" in step:
        _judge_environment(step, got, vantage, port)


def _judge_environment(step: Step, got: bytes, vantage: Vantage, port: int) -> None:
    """Exactly what was declared, PATH, and what tells of the client or of the socket."""
    lines = [line for line in got.split(b"\0") if line]
    found = dict(line.decode().split("=", 1) for line in lines)
    if len(lines) != len(found):
        raise Wrong(f"a variable stands twice: {shown(got)}")
    wanted = {"PATH": PATH, **step["environment"]}
    if step["accept"] and step["transport"] != "unix":
        wanted["REMOTE_ADDR"] = vantage.source(step)
        # Not every super-server tells the client's port, so it may be missing, but not wrong.
        if "REMOTE_PORT" in found:
            wanted["REMOTE_PORT"] = str(port)
    if not step["accept"] and step["socket_fd"] == "listen_fds":
        wanted["LISTEN_FDS"] = "1"
        if not found.pop("LISTEN_PID", "").isdigit():
            raise Wrong("there is no LISTEN_PID")
    differing = {name for name in {*wanted, *found} if wanted.get(name) != found.get(name)}
    if differing:
        told = (f"{name} is {found.get(name)!r}, not {wanted.get(name)!r}" for name in sorted(differing))
        raise Wrong("; ".join(told))
