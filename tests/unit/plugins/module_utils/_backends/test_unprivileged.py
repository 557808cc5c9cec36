# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As whom, and with which rights, what has a client's connection runs, by the kernel's own words."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends._base import File
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._registry import BACKENDS
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, service
from ansible_collections.ondemand.superserver.tests.unit.own_host import (
    NUMBER,
    children,
    holders,
    on_own_host,
    served,
    status,
)

SUPER_SERVERS = {"systemd": "sh", "xinetd": "xinetd", "s6": "s6-fdholderd"}
NOTHING = "0000000000000000"

pytestmark = on_own_host


def there(backend: str) -> str:
    if not shutil.which(SUPER_SERVERS[backend]):
        pytest.skip(f"{SUPER_SERVERS[backend]} is not installed")
    return backend


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return there(str(request.param))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture
def daemon() -> Iterator[str]:
    """A daemon that says what it hears."""

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=echo, args=(connection,), daemon=True).start()

    def echo(connection: socket.socket) -> None:
        with connection:
            for data in iter(lambda: connection.recv(4096), b""):
                connection.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def declared(backend: str, **fields: object) -> Fields:
    # Options of the socket have s6 do without servers of other packages.
    listen = [{"tcp": f"127.0.0.1:{free_port()}"}]
    return {"listen": listen, "backend": backend, "tcp": {"keepalive": True}, "exec": None, **fields}


def check_rights(pid: int, confined: bool = True) -> None:
    """It is the collection's own account, with no groups but its own, and can become nothing else."""
    found = status(pid)
    number = str(NUMBER)
    assert found["Uid"].split() == [number] * 4
    assert found["Gid"].split() == [number] * 4
    assert found["Groups"].split() in ([], [number])
    assert {found[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {NOTHING}
    assert found["NoNewPrivs"] == "1"
    if confined:
        assert found["CapBnd"] == NOTHING


def echoes(client: socket.socket, text: bytes = b"hello\n") -> bool:
    client.sendall(text)
    return client.recv(len(text)) == text


def test_the_forwarder(backend: str, daemon: str) -> None:
    made = service(**declared(backend, proxy={"to": daemon}))
    with served(made) as client:
        assert echoes(client)
        (pid,) = holders(client)
        check_rights(pid)


# One that runs already, to whoever asks.
SYSTEMCTL = File("/usr/local/sbin/systemctl", "#!/bin/sh\n[ $1 != show ] || echo active\n", 0o755)


def test_the_forwarder_beside_its_attendant(backend: str, daemon: str) -> None:
    made = service(**declared(backend, proxy={"to": daemon, "unit": "some"}))
    with served(made, SYSTEMCTL) as client:
        assert echoes(client)
        (pid,) = holders(client)
        check_rights(pid)
        (attendant,) = children(pid)
        assert status(attendant)["Uid"].split()[1] == "0"


def test_a_small_service(backend: str) -> None:
    made = service(**declared(backend, internal="echo"))
    with served(made) as client:
        assert echoes(client)
        (pid,) = holders(client)
        check_rights(pid)


def test_a_forwarder_that_is_declared_root(backend: str, daemon: str) -> None:
    made = service(**declared(backend, proxy={"to": daemon}, user="root"))
    with served(made) as client:
        assert echoes(client)
        (pid,) = holders(client)
        assert status(pid)["Uid"].split()[1] == "0"
