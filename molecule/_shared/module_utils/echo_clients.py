# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients on the host itself of services that greet and then send back what they get."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress

PATIENCE = 10.0  # seconds that an answer may take


class Wrong(Exception):
    """Something is not as it should be."""


def require(right: bool, otherwise: str) -> None:
    if not right:
        raise Wrong(otherwise)


class Session:
    """One client's connection."""

    def __init__(self, place: int | str, greeting: bytes = b"") -> None:
        self._socket = socket.socket(socket.AF_UNIX if isinstance(place, str) else socket.AF_INET)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(place if isinstance(place, str) else ("127.0.0.1", place))
        got = self._receive(len(greeting))
        require(got == greeting, f"{place} says {got!r}, not {greeting!r}")

    def _receive(self, length: int) -> bytes:
        data = b""
        with suppress(OSError):
            while len(data) < length:
                part = self._socket.recv(length - len(data))
                if not part:
                    break
                data += part
        return data

    @property
    def alive(self) -> bool:
        """Whether what is sent comes back."""
        with suppress(OSError):
            self._socket.sendall(b"alive?\n")
            return self._receive(7) == b"alive?\n"
        return False

    def close(self) -> None:
        self._socket.close()


def refused(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as client:
        client.settimeout(PATIENCE)
        return client.connect_ex(("127.0.0.1", port)) != 0


def eventually(what: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        require(time.monotonic() < deadline, otherwise)
        time.sleep(0.1)


def serves(place: int | str, greeting: bytes = b"") -> bool:
    try:
        session = Session(place, greeting)
    except (OSError, Wrong):
        return False
    alive = session.alive
    session.close()
    return alive
