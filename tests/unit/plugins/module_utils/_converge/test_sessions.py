# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that are connected while listeners change hands, on real sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend, Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.backend import Systemd
from ansible_collections.ondemand.superserver.plugins.module_utils._converge import sessions
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.tests.unit.declarations import service
from ansible_collections.ondemand.superserver.tests.unit.machine import machine

PLATFORM = Platform()
HOST = machine()
BACKENDS: dict[str, Backend] = {"systemd": Systemd()}


@contextmanager
def client() -> Iterator[tuple[Service, socket.socket, socket.socket]]:
    """A daemon's declaration, a client of it, and the daemon's end of the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as mine, listener.accept()[0] as served:
            yield service(listen=[{"tcp": f"127.0.0.1:{port}"}], accept=False, socket_fd="stdin"), mine, served


def drain(daemon: Service, seconds: float) -> float:
    """How long it takes to stop a daemon."""
    started = time.monotonic()
    sessions.drain({"systemd": Change(stop=(daemon,))}, BACKENDS, seconds, PLATFORM, HOST)
    return time.monotonic() - started


def test_clients_are_waited_for_until_they_are_done() -> None:
    with client() as (daemon, mine, served):

        def done() -> None:
            mine.close()
            served.close()

        leaves = threading.Timer(0.3, done)
        leaves.start()
        assert 0.2 < drain(daemon, 20) < 10
        leaves.join()


def test_clients_are_not_waited_for_for_ever() -> None:
    with client() as (daemon, _mine, _served):
        assert 0.3 < drain(daemon, 0.4) < 5
        assert drain(daemon, 0) < 0.2


def test_nobody_waits_for_clients_that_come_later() -> None:
    with client() as (daemon, mine, served):
        mine.close()
        served.close()
        assert drain(daemon, 20) < 5


def test_handlers_of_connections_go_on() -> None:
    with client() as (daemon, _mine, _served):
        port = str(daemon.listen[0].port)
        assert drain(service(listen=[{"tcp": f"127.0.0.1:{port}"}]), 20) < 5


def test_what_is_told() -> None:
    with client() as (daemon, mine, served):
        before = sessions.sessions([daemon], PLATFORM)
        assert sessions.told(before, before) == {"echo": {"sessions": 1, "sessions_ended": 0}}
        mine.close()
        served.close()
        after = sessions.sessions([daemon], PLATFORM)
        assert sessions.told(before, after) == {"echo": {"sessions": 1, "sessions_ended": 1}}
        assert sessions.told(after, after) == {}


def test_services_whose_clients_count() -> None:
    old, new, gone, off = service(), service(nice=5), service(name="gone"), service(name="off", state="disabled")
    changes = {"systemd": Change(stop=(gone, off), start=(service(name="new"),), refresh=((old, new),))}
    assert sessions.touched(changes) == [gone, old]
