# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection with TLS, which nc does not know."""

from __future__ import annotations

import functools
import socket
import ssl
import time
import typing as t
from collections.abc import Callable

from vantage.common import CHUNK, PATIENCE, Answer


class Encrypted:
    """A connection with TLS. ``tls`` of a step may name files: the ``ca`` that the server's certificate must be of, and
    a ``certificate`` (with its key) of the client; and the ``maximum`` version."""

    connected = True

    def __init__(self, plain: socket.socket, tls: dict[str, str]) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED if "ca" in tls else ssl.CERT_NONE
        if "ca" in tls:
            context.load_verify_locations(cafile=tls["ca"])
        if "certificate" in tls:
            context.load_cert_chain(tls["certificate"])
        if tls.get("maximum") == "1.2":
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        self._plain = plain
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing)
        try:
            self._until_done(self._tls.do_handshake, time.monotonic() + PATIENCE)
        except OSError:
            plain.close()
            raise

    def _until_done(self, action: Callable[[], t.Any], deadline: float) -> t.Any:
        while True:
            try:
                return action()
            except ssl.SSLWantReadError:
                self._flush()
                self._plain.settimeout(max(deadline - time.monotonic(), 0.001))
                part = self._plain.recv(CHUNK)
                if part:
                    self._incoming.write(part)
                else:
                    self._incoming.write_eof()
            finally:
                self._flush()

    def _flush(self) -> None:
        waiting = self._outgoing.read()
        if waiting:
            self._plain.settimeout(PATIENCE)
            self._plain.sendall(waiting)

    def send(self, data: bytes) -> None:
        self._tls.write(data)
        self._flush()

    def finish(self) -> None:
        """Say that nothing more will be sent; what the server says is still read."""
        try:
            self._tls.unwrap()
        except ssl.SSLWantReadError:
            self._flush()

    def receive(self, enough: Callable[[bytes], bool], deadline: float) -> Answer:
        data = b""
        while not (data and enough(data)):
            try:
                part = self._until_done(functools.partial(self._tls.read, CHUNK), deadline)
            except socket.timeout:
                return data, False
            except (ssl.SSLError, ConnectionError):
                return data, True
            if not part:
                return data, True
            data += part
        return data, False

    def close(self) -> str:
        self._plain.close()
        return ""
