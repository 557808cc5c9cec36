# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking a port over from a socket that somebody else has: on real sockets of this kernel."""

from __future__ import annotations

import os
import socket
import typing as t
from collections.abc import Iterator

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets import duplication

# Of each socket the family, the address and, for IPv6, whether it is for that alone.
Sockets = t.Tuple[t.Tuple[int, str, t.Optional[int]], ...]

# The sockets that were there and those that come: one for both families, or one for each.
DUAL: Sockets = ((socket.AF_INET6, "::", 0),)
HALVES: Sockets = ((socket.AF_INET, "0.0.0.0", None), (socket.AF_INET6, "::", 1))
CLIENTS = 20


class Port:
    """Listeners on one port, all of them closed in the end."""

    def __init__(self) -> None:
        self.number = 0
        self.sockets: list[socket.socket] = []

    def listen(self, form: Sockets, sharing: bool) -> list[socket.socket]:
        """Bind sockets of a form to the port, the first of all to any that is free."""
        made = []
        for family, address, only in form:
            entry = socket.socket(family, socket.SOCK_STREAM)
            self.sockets.append(entry)
            entry.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            entry.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(sharing))
            if only is not None:
                entry.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
            entry.bind((address, self.number))
            entry.listen(4 * CLIENTS)
            entry.setblocking(False)
            self.number = entry.getsockname()[1]
            made.append(entry)
        return made

    def connect(self) -> None:
        for address in ("127.0.0.1", "::1"):
            for _number in range(CLIENTS):
                with socket.create_connection((address, self.number), timeout=5):
                    pass


def accepted(listeners: list[socket.socket]) -> int:
    count = 0
    for listener in listeners:
        while True:
            try:
                listener.accept()[0].close()
            except BlockingIOError:
                break
            count += 1
    return count


@pytest.fixture
def port() -> Iterator[Port]:
    found = Port()
    yield found
    for entry in found.sockets:
        entry.close()


@pytest.mark.parametrize(("before", "after"), [(DUAL, DUAL), (HALVES, DUAL), (DUAL, HALVES), (HALVES, HALVES)])
def test_old_socket_steps_back_and_forward(port: Port, before: Sockets, after: Sockets) -> None:
    old = port.listen(before, sharing=False)
    for listener in old:
        duplication.share(listener)
    new = port.listen(after, sharing=True)
    for listener in old:
        duplication.step_back(listener)
    port.connect()
    assert (accepted(old), accepted(new)) == (0, 2 * CLIENTS)
    for listener in new:
        listener.close()
    for listener in old:
        duplication.step_forward(listener)
    port.connect()
    assert accepted(old) == 2 * CLIENTS


@pytest.mark.parametrize("sockets", [DUAL, HALVES])
def test_old_socket_comes_first_until_it_steps_back(port: Port, sockets: Sockets) -> None:
    old = port.listen(sockets, sharing=False)
    for listener in old:
        duplication.share(listener)
    assert not any(duplication.come_first(listener) for listener in old)
    new = port.listen(sockets, sharing=True)
    assert all(duplication.come_first(listener) for listener in old)
    port.connect()
    assert (accepted(old), accepted(new)) == (2 * CLIENTS, 0)
    for listener in old:
        duplication.step_back(listener)
    port.connect()
    assert (accepted(old), accepted(new)) == (0, 2 * CLIENTS)


@pytest.mark.parametrize(("before", "after"), [(HALVES, DUAL), (DUAL, HALVES)])
def test_sockets_of_other_families_are_no_group(port: Port, before: Sockets, after: Sockets) -> None:
    old = port.listen(before, sharing=False)
    for listener in old:
        duplication.share(listener)
    port.listen(after, sharing=True)
    assert not any(duplication.come_first(listener) for listener in old)


def test_old_socket_that_is_left_alone_again(port: Port) -> None:
    """As when a run dies while its socket comes first."""
    old = port.listen(DUAL, sharing=False)
    duplication.share(old[0])
    (new,) = port.listen(DUAL, sharing=True)
    assert duplication.come_first(old[0])
    new.close()
    port.connect()
    assert accepted(old) == 2 * CLIENTS


def test_what_waits_in_the_old_socket_is_not_lost(port: Port) -> None:
    old = port.listen(DUAL, sharing=False)
    port.connect()
    duplication.share(old[0])
    port.listen(DUAL, sharing=True)
    duplication.step_back(old[0])
    assert accepted(old) == 2 * CLIENTS


def test_duplicate_of_a_process_s_socket(port: Port) -> None:
    (listener,) = port.listen(DUAL, sharing=False)
    inode = os.fstat(listener.fileno()).st_ino
    (found,) = duplication.duplicates(os.getpid(), [inode])
    with found as copy:
        assert copy.fileno() != listener.fileno()
        assert os.fstat(copy.fileno()).st_ino == inode
        assert copy.getsockname() == listener.getsockname()


def test_socket_that_is_gone() -> None:
    with pytest.raises(OSError, match="no socket 1 any more"):
        duplication.duplicates(os.getpid(), [1])


def test_a_duplicate_is_the_same_socket(port: Port) -> None:
    (listener,) = port.listen(DUAL, sharing=False)
    with listener.dup() as copy:
        assert duplication.inode_of(copy) == duplication.inode_of(listener) == os.fstat(listener.fileno()).st_ino


def test_who_accepts_beside_another_process_does_not_wait_for_a_connection(port: Port) -> None:
    (listener,) = port.listen(DUAL, sharing=False)
    listener.setblocking(True)
    with listener.dup() as copy:
        duplication.accept_beside(copy, 2 * CLIENTS)
        port.connect()
        assert accepted([listener, copy]) == 2 * CLIENTS
        assert (listener.gettimeout(), copy.gettimeout()) == (None, 0.0)
