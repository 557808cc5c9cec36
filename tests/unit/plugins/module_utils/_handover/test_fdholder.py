# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers of s6 go on with the very sockets that a service has: real ones, with a holder that is only said to be."""

from __future__ import annotations

import os
import socket
import typing as t
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import SocketTable, look
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.backend import S6
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.fdholder import NAME
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.handover import kept_sockets
from ansible_collections.ondemand.superserver.plugins.module_utils._handover import fdholder
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Host, SwitchFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.tests.unit.declarations import service
from ansible_collections.ondemand.superserver.tests.unit.fake_host import FakeHost
from ansible_collections.ondemand.superserver.tests.unit.machine import machine
from ansible_collections.ondemand.superserver.tests.unit.s6_tree import Tree

PLATFORM = Platform(s6="s6-networking", ipv6=False)


class Started(S6):
    """Notes which servers are to be started, and whether the sockets are with the holder by then."""

    def __init__(self) -> None:
        self.started: list[str] = []

    def activate(self, change: Change, platform: Platform, host: Host) -> None:
        self.started += [each.name for each in change.start]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        yield found


def declared(listener: socket.socket, **fields: t.Any) -> Service:
    return service(name="echo", backend="s6", listen=[{"tcp": f"127.0.0.1:{listener.getsockname()[1]}", **fields}])


def seen(one: Service) -> SocketTable:
    return look([one], [], PLATFORM, machine())


def duplicate(listener: socket.socket) -> socket.socket:
    return socket.socket(fileno=os.dup(listener.fileno()))


def test_a_server_goes_on_with_the_socket_that_is_there(listener: socket.socket) -> None:
    one = declared(listener)
    assert fdholder.other_socket(replace(one, backend="xinetd"), one, seen(one), PLATFORM) == ""
    ((name, _listener, backlog),) = kept_sockets(one, PLATFORM)
    found = fdholder.inheriting_of([one], [duplicate(listener)], seen(one), PLATFORM)
    assert list(found.sockets) == [name]
    assert found.backlogs == {name: backlog}
    for entry in found.sockets.values():
        entry.close()


def test_a_server_of_another_socket_cannot() -> None:
    with socket.socket() as unbound:
        unbound.bind(("127.0.0.1", 0))
        one = declared(unbound)
        reason = fdholder.other_socket(replace(one, backend="xinetd"), one, seen(one), PLATFORM)
    assert reason.endswith("has no socket of its own yet")


def test_the_holder_gets_the_socket_before_servers_start(listener: socket.socket) -> None:
    one, s6, host = declared(listener), Started(), Tree(NAME)
    inode = os.fstat(listener.fileno()).st_ino
    inheriting = fdholder.inheriting_of([one], [duplicate(listener)], seen(one), PLATFORM)
    assert inheriting.hand_over({"s6": s6}, PLATFORM, host) == {inode}
    assert s6.started == ["echo"]
    assert sum("s6-fdholder-store" in what for what in host.done) == 1
    # Two accept from it: whoever comes too late must not wait.
    assert not os.get_blocking(listener.fileno())
    assert all(entry.fileno() == -1 for entry in inheriting.sockets.values())
    # It listens as it did.
    with socket.create_connection(listener.getsockname()):
        pass


def test_duplicates_are_closed_where_the_holder_does_not_run(listener: socket.socket) -> None:
    one = declared(listener)
    inheriting = fdholder.inheriting_of([one], [duplicate(listener)], seen(one), PLATFORM)
    with pytest.raises(SwitchFailed, match="holder"):
        inheriting.hand_over({"s6": Started()}, PLATFORM, FakeHost())
    assert all(entry.fileno() == -1 for entry in inheriting.sockets.values())
    with socket.create_connection(listener.getsockname()):
        pass
