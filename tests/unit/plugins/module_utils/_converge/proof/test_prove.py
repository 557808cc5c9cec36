# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof by sockets of this machine: who has them, and what comes back from them."""

from __future__ import annotations

import contextlib
import socket
import threading
import typing as t
from collections.abc import Iterator

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import look
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.backend import Xinetd
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.proof import prove
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.tests.unit.declarations import service
from ansible_collections.ondemand.superserver.tests.unit.machine import machine

HOST = Platform(init="other")


class Mine(Xinetd):
    """A super-server whose sockets are those of this process."""

    def service_of(self, owner: tuple[str, str]) -> str:
        return "echo" if owner[0] == "program" else ""


OWN, OTHERS = {"xinetd": Mine()}, {"xinetd": Xinetd()}


def echo(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _address = listener.accept()
            with connection:
                connection.sendall(connection.recv(100))


@pytest.fixture
def port() -> Iterator[int]:
    """Where what is sent comes back."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=echo, args=(listener,), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def declared(port: int, **fields: t.Any) -> Service:
    return service(name="echo", backend="xinetd", listen=[{"tcp": f"127.0.0.1:{port}"}], **fields)


def failures(*services: Service, backends: dict[str, t.Any] | None = None) -> list[str]:
    return [str(each) for each in prove.prove_listeners(services, backends or OWN, HOST, machine())]


def test_a_listener_that_its_backend_has_is_proven(port: int) -> None:
    assert failures(declared(port)) == []


def test_a_listener_of_somebody_else_is_not(port: int) -> None:
    (text,) = failures(declared(port), backends=OTHERS)
    assert text.startswith(f"echo: tcp:127.0.0.1:{port} belongs to program ")


def test_a_listener_that_is_not_there_is_waited_for(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prove, "PATIENCE", 0.1)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        later = bound.getsockname()[1]
        assert failures(declared(later)) == [f"echo: tcp:127.0.0.1:{later} is not open"]
        monkeypatch.setattr(prove, "PATIENCE", 20.0)
        timer = threading.Timer(0.3, bound.listen)
        timer.start()
        assert failures(declared(later)) == []
        timer.join()


def test_a_disabled_service_must_not_listen(port: int) -> None:
    (text,) = failures(declared(port, state="disabled"))
    assert text == f"echo: tcp:127.0.0.1:{port} is open though the service is disabled"
    assert failures(declared(port, state="disabled"), backends=OTHERS) == []


@pytest.mark.parametrize(
    ("probe", "answer", "proven"),
    [
        ({"send": "a", "expect": "^a$"}, "a", True),
        # Then the connection is enough.
        ({"send": "a"}, "", True),
        ({"send": "a", "expect": "b", "timeout": 1}, "a", False),
    ],
)
def test_an_answer_proves_what_is_declared_of_it(probe: dict[str, t.Any], answer: str, proven: bool, port: int) -> None:
    one = declared(port, probe=probe)
    assert bool(prove.prove_answers([one], HOST)) is not proven
    (row,) = prove.probe_service(one, HOST)
    assert (row["service"], row["endpoint"], row["answer"]) == ("echo", f"tcp:127.0.0.1:{port}", answer)
    assert bool(row["problem"]) is not proven


def test_what_declares_no_probe_is_not_asked(port: int) -> None:
    assert prove.probe_service(declared(port), HOST) == []
    assert prove.prove_answers([declared(port, state="disabled", probe={"expect": "b"})], HOST) == []


def test_a_row_for_each_endpoint(port: int) -> None:
    one = declared(port)
    (row,) = prove.status_rows([one], look([], [one], HOST, machine()), OWN, HOST)
    assert (row["state"], row["problem"], row["waits_for"]) == ("present", "", "")
    assert row["owner"].startswith("program ")
    assert len(row["inodes"]) == 1
    (row,) = prove.status_rows([one], look([], [], HOST, machine()), OWN, HOST)
    assert (row["owner"], row["inodes"], row["problem"]) == ("", [], f"tcp:127.0.0.1:{port} is not open")
