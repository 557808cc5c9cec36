# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service with TLS as xinetd starts it for a connection, with the real stunnel."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends import tls as _terminator
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import CONFIG, LIBRARY
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import OWN_ACCOUNT
from ansible_collections.ondemand.superserver.tests.unit.declarations import service
from ansible_collections.ondemand.superserver.tests.unit.hostile import place

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("stunnel", "openssl"))), reason="needs root, stunnel and openssl"
)


# Not every machine has the collection's own account.
HOST = Platform(primary_groups={"nobody": "nogroup", OWN_ACCOUNT: "nogroup"})


@pytest.fixture
def folder() -> t.Iterator[Path]:
    """Where stunnel, too, can reach what it starts."""
    with place() as found:
        yield found


def installed(folder: Path, **fields: t.Any) -> Path:
    """What xinetd starts, with everything below another directory than on hosts."""
    names = {name: str(folder / name) for name in ("cert", "key")}
    subject = ["-subj", "/CN=x", "-days", "2", "-keyout", names["key"], "-out", names["cert"]]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject], check=True, stderr=subprocess.DEVNULL
    )
    tls = {"certificate": names["cert"], "key": names["key"]}
    made = service(**{"tls": tls, "user": "nobody", "stderr": "client", "backend": "xinetd", **fields})
    moved = {LIBRARY: f"{folder}/lib", CONFIG: f"{folder}/etc", f" = {OWN_ACCOUNT}\n": " = nobody\n"}
    for file in BACKENDS["xinetd"].render([made], HOST):
        path, content = file.path, file.content
        for old, new in moved.items():
            path, content = path.replace(old, new), content.replace(old, new)
        if file.kind == "file" and path.startswith(str(folder)):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(content, encoding="utf-8")
            Path(path).chmod(file.mode)
    return folder / "lib/handlers/echo"


def agreed(client: socket.socket) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(client)


@contextlib.contextmanager
def serving(handler: Path) -> t.Iterator[tuple[socket.socket, subprocess.Popen[bytes]]]:
    """A client, and the process that xinetd would have started for its connection."""
    listening = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listening.getsockname())
    connection, _peer = listening.accept()
    with listening, client, subprocess.Popen(
        [handler], stdin=connection.fileno(), stdout=connection.fileno()
    ) as process:
        connection.close()
        yield client, process


@pytest.mark.parametrize("shakes_hands", [True, False], ids=["agrees on a key", "says nothing"])
def test_a_client_that_does_not_read_is_left_once_its_time_is_over(shakes_hands: bool, folder: Path) -> None:
    """What the handler has left in stunnel is for a client that does not take it."""
    handler = installed(folder, exec=["/usr/bin/head", "-c", "99999999", "/dev/zero"], resources={"connection_time": 1})
    with serving(handler) as (client, process):
        held = agreed(client) if shakes_hands else client
        if shakes_hands:
            # The handler is there.
            assert held.recv(1) == b"\0"
        begin = time.monotonic()
        try:
            process.wait(30)
        finally:
            held.close()
        # For the handshake, for the handler, and for both to end.
        assert time.monotonic() - begin < 1 + 1 + 2 * 5 + 5


def test_a_client_that_agrees_on_a_key_for_ever_has_a_time_for_that(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit of stunnel's own begins anew with every byte."""
    monkeypatch.setattr(_terminator, "HANDSHAKE", 1)
    handler = installed(folder)
    hello, context = ssl.MemoryBIO(), ssl.create_default_context()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="x").do_handshake()
    with serving(handler) as (client, process):
        begin = time.monotonic()
        for byte in hello.read():
            with contextlib.suppress(ConnectionError):
                client.sendall(bytes([byte]))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.3)
                break
            if time.monotonic() - begin > 10:
                process.terminate()
                pytest.fail("it goes on and on")


def served_by(daemon: socket.socket) -> None:
    """Answers one client in capitals, after its name, and hangs up."""
    with daemon, daemon.accept()[0] as connection:
        connection.sendall(b"capitals\n")
        connection.sendall(connection.recv(99).upper())


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_forwarder_behind_tls(kind: str, folder: Path) -> None:
    """The daemon's first word comes before the client's, and its end is the client's."""
    if kind == "unix":
        daemon = socket.socket(socket.AF_UNIX)
        daemon.bind(f"{folder}/daemon")
        os.chmod(f"{folder}/daemon", 0o666)
        daemon.listen(5)
        target = f"{folder}/daemon"
    else:
        daemon = socket.create_server(("127.0.0.1", 0))
        target = f"127.0.0.1:{daemon.getsockname()[1]}"
    threading.Thread(target=served_by, args=[daemon], daemon=True).start()
    handler = installed(folder, exec=None, stderr=None, proxy={"to": target})
    listening = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listening.getsockname(), timeout=10)
    connection, _peer = listening.accept()
    with listening, client, subprocess.Popen(
        [handler], stdin=connection.fileno(), stdout=connection.fileno()
    ) as process:
        connection.close()
        with agreed(client) as held:
            assert held.recv(99) == b"capitals\n"
            held.sendall(b"hello\n")
            assert held.recv(99) == b"HELLO\n"
            assert held.recv(99) == b""
        process.wait(10)


def test_a_forwarder_behind_tls_without_a_daemon(folder: Path) -> None:
    handler = installed(folder, exec=None, stderr=None, proxy={"to": f"{folder}/nobody"})
    listening = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listening.getsockname(), timeout=10)
    connection, _peer = listening.accept()
    with listening, client, subprocess.Popen(
        [handler], stdin=connection.fileno(), stdout=connection.fileno()
    ) as process:
        connection.close()
        with agreed(client) as held:
            assert held.recv(99) == b""
        process.wait(10)
