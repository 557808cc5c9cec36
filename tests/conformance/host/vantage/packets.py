# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection of sequenced packets, which nc does not know."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from vantage.common import CHUNK, Answer


class Packets:
    """A connection of sequenced packets."""

    connected = True

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.connect(path)

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def finish(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def receive(self, enough: Callable[[bytes], bool], deadline: float) -> Answer:
        data = b""
        while not (data and enough(data)):
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                part = self._socket.recv(CHUNK)
            except socket.timeout:
                return data, False
            if not part:
                return data, True
            data += part
        return data, False

    def close(self) -> str:
        self._socket.close()
        return ""
