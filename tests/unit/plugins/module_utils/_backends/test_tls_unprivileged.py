# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As whom, and with which rights, what has a client's connection runs, by the kernel's own words."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, service
from ansible_collections.ondemand.superserver.tests.unit.own_host import (
    NUMBER,
    PATIENCE,
    children,
    free_port,
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


def eventually(look: Callable[[], list[int]]) -> list[int]:
    """What is found once there is one; what only starts or hands on has let go of the connection then."""
    deadline = time.monotonic() + PATIENCE
    found = look()
    while len(found) != 1 and time.monotonic() < deadline:
        time.sleep(0.02)
        found = look()
    return found


def the_holder(client: socket.socket) -> int:
    (pid,) = eventually(lambda: holders(client))
    return pid


def test_the_forwarder(backend: str, daemon: str) -> None:
    made = service(**declared(backend, proxy={"to": daemon}))
    with served(made) as client:
        assert echoes(client)
        pid = the_holder(client)
        check_rights(pid)


# One that runs already, to whoever asks.
SYSTEMCTL = File("/usr/local/sbin/systemctl", "#!/bin/sh\n[ $1 != show ] || echo active\n", 0o755)


def test_the_forwarder_beside_its_attendant(backend: str, daemon: str) -> None:
    made = service(**declared(backend, proxy={"to": daemon, "unit": "some"}))
    with served(made, SYSTEMCTL) as client:
        assert echoes(client)
        pid = the_holder(client)
        check_rights(pid)
        # systemd, which is played, would have what reads messages elsewhere.
        (attendant,) = (child for child in children(pid) if status(child)["Name"] != "collector")
        assert status(attendant)["Uid"].split()[1] == "0"


def test_a_small_service(backend: str) -> None:
    made = service(**declared(backend, internal="echo"))
    with served(made) as client:
        assert echoes(client)
        pid = the_holder(client)
        check_rights(pid)


def test_a_forwarder_that_is_declared_root(backend: str, daemon: str) -> None:
    made = service(**declared(backend, proxy={"to": daemon}, user="root"))
    with served(made) as client:
        assert echoes(client)
        pid = the_holder(client)
        assert status(pid)["Uid"].split()[1] == "0"


@dataclass(frozen=True)
class Keys:
    """What a service and its client have, made of nothing but the collection's own words: paths on the service's host,
    the files there, and those of the client."""

    certificate: str
    key: str
    files: tuple[File, ...]
    authority: Path
    mine: Path


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """One certificate for everything, which only root can read on the host."""
    if not (shutil.which("stunnel") and shutil.which("openssl")):
        pytest.skip("stunnel or openssl is not installed")
    folder = tmp_path_factory.mktemp("keys")
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = {name: folder / f"{name}.pem" for name in ("key", "certificate", "both")}
    subprocess.run(
        [*make, *names, "-keyout", files["key"], "-out", files["certificate"]], check=True, capture_output=True
    )
    files["both"].write_text(files["certificate"].read_text() + files["key"].read_text())
    there = "/etc/superserver-test"
    on_host = [File(there, mode=0o700, kind="directory")]
    on_host += [File(f"{there}/{name}.pem", files[name].read_text(), 0o600) for name in ("key", "certificate")]
    return Keys(f"{there}/certificate.pem", f"{there}/key.pem", tuple(on_host), files["certificate"], files["both"])


def given_up(client: socket.socket) -> list[int]:
    """What has the connection, once it is nobody of root's."""
    found = [(pid, status(pid)) for pid in holders(client)]
    return [pid for pid, about in found if about and about["Name"].startswith("stunnel") and about["Uid"][0] != "0"]


@contextmanager
def encrypted(
    backend: str, keys: Keys, tls: Mapping[str, str] | None = None, **fields: object
) -> Iterator[tuple[ssl.SSLSocket, int]]:
    """The connection of a client of a service with TLS, and the process that has the other end of it."""
    declared_tls = {"certificate": keys.certificate, "key": keys.key, **(tls or {})}
    made = service(**declared(backend, **{"exec": ["/bin/cat"], "tls": declared_tls, **fields}))
    with served(made, *keys.files) as client:
        # It must not be root's any more before the client says its first word.
        (stunnel,) = eventually(lambda: given_up(client))
        check_rights(stunnel, confined=False)
        context = ssl.create_default_context(cafile=str(keys.authority))
        context.load_cert_chain(keys.mine)
        with context.wrap_socket(client.dup(), server_hostname="localhost") as safe:
            yield safe, stunnel


IDENTITY = ["/bin/sh", "-c", "grep -E '^(Uid|Groups|NoNewPrivs)' /proc/self/status; exec cat"]


def test_stunnel_and_what_is_behind_it(backend: str, keys: Keys) -> None:
    behind = {"exec": IDENTITY, "user": "nobody", "supplementary_groups": ["adm"]}
    with encrypted(backend, keys, None, **behind) as (client, stunnel):
        with client.makefile("r") as reader:
            assert [reader.readline().split()[1] for _line in range(3)] == ["65534", "4", "0"]
        assert echoes(client)
        assert the_holder(client) == stunnel


def test_stunnel_asks_for_a_certificate_that_only_root_can_read(backend: str, keys: Keys) -> None:
    with encrypted(backend, keys, tls={"client_ca": keys.certificate}) as (client, _stunnel):
        assert echoes(client)


def test_a_small_service_behind_stunnel(backend: str, keys: Keys) -> None:
    with encrypted(backend, keys, exec=None, internal="daytime") as (client, _stunnel):
        assert client.recv(4)[2:3] == b" "


def test_a_silent_client_leaves_nothing_behind(backend: str, keys: Keys) -> None:
    made = service(**declared(backend, exec=["/bin/cat"], tls={"certificate": keys.certificate, "key": keys.key}))
    with served(made, *keys.files) as client:
        (stunnel,) = eventually(lambda: given_up(client))
        (waiting,) = children(stunnel)
        assert status(waiting)["Uid"].split()[1] == "0"
        client.close()
        deadline = time.monotonic() + PATIENCE
        while Path(f"/proc/{waiting}/status").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not Path(f"/proc/{stunnel}").exists() or status(stunnel)["State"].startswith("Z")
