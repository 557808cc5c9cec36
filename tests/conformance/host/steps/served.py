# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether one more connection is served, or closed because there are too many."""

from __future__ import annotations

import functools
import time

from vantage.common import PATIENCE, Step, Wrong, long_enough, shown
from vantage.point import Connection, Vantage

CLOSED = 15.0  # seconds within which an excess connection must have been closed


def eventually(step: Step, vantage: Vantage) -> Connection:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return served(step, vantage)
        except Wrong:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def served(step: Step, vantage: Vantage) -> Connection:
    """A connection that echoes, after the greeting that the handler may have."""
    connection = vantage.connect(step)
    if echoes(connection, b"held\n", step.get("greeting", "").encode()):
        return connection
    connection.close()
    raise Wrong(f"{_where(step)} is not served")


def echoes(connection: Connection, data: bytes, greeting: bytes) -> bool:
    connection.send(data)
    wanted = greeting + data
    return connection.receive(functools.partial(long_enough, len(wanted)), time.monotonic() + PATIENCE)[0] == wanted


def rejected(step: Step, vantage: Vantage) -> None:
    connection = vantage.connect(step)
    try:
        connection.send(b"excess\n")
        got, ended = connection.receive(bool, time.monotonic() + CLOSED)
        if got:
            raise Wrong(f"{_where(step)} is served beyond the limit: {shown(got)}")
        if not ended:
            raise Wrong(f"{_where(step)} is neither served nor closed beyond the limit")
    finally:
        connection.close()


def _where(step: Step) -> str:
    source = f" from {step['source']}" if "source" in step else ""
    return f"{step['to']} port {step['port']}{source}"
