# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many connections, at once or each right after the one before it."""

from __future__ import annotations

import socket
import time

from steps.served import echoes, rejected, served
from vantage.common import CHUNK, PATIENCE, Step, Wrong
from vantage.point import Vantage


def flood(step: Step, vantage: Vantage) -> None:
    """So many connections come at once, and exactly so many of them are served; some time later one more is, or is
    not."""
    looked = time.monotonic()
    connections = [vantage.connect(step) for _number in range(step["flood"])]
    try:
        echoing = sum(echoes(connection, b"flood\n", b"") for connection in connections)
    finally:
        for connection in connections:
            connection.close()
    if echoing != step["served"]:
        raise Wrong(f"{echoing} of {len(connections)} connections were served, not {step['served']}")
    for later in step.get("then", ()):
        # On a slow host the flood itself takes some of that time.
        time.sleep(max(0.0, looked + later["after"] - time.monotonic()))
        if later["served"]:
            served(step, vantage).close()
        else:
            rejected(step, vantage)
        looked = time.monotonic()


def rapid(step: Step, vantage: Vantage) -> None:
    """So many connections, each as soon as the one before it was served; nc would take longer than that to start."""
    address = (vantage.target(step), step["port"])
    for number in range(step["rapid"]):
        with socket.create_connection(address, PATIENCE) as connection:
            connection.sendall(b"rapid\n")
            if connection.recv(CHUNK) != b"rapid\n":
                raise Wrong(f"connection {number + 1} of {step['rapid']} was not served")
