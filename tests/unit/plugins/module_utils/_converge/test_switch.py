# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sockets a switch waits for."""

from __future__ import annotations

import socket
import typing as t
from collections.abc import Iterator

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend, Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.backend import S6
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.backend import Xinetd
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import progress
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps import listeners
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Site
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.order import switching
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.transition import Transition
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.switch import carry_out
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import SwitchFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs import watcher
from ansible_collections.ondemand.superserver.tests.unit.declarations import service

HOST = LocalHost(watcher.Commands())


class Closing(S6):
    """Has closed its listeners already, or never does."""

    def release(self, *_arguments: t.Any) -> None:
        return


class Waking(Xinetd):
    """Listens as soon as it is woken."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener

    def start_runtime(self, *_arguments: t.Any) -> None:
        self._listener.listen()

    def activate(self, *_arguments: t.Any) -> None:
        return

    def after_activate(self, *_arguments: t.Any) -> None:
        return


class Hindered(Waking):
    """Listens when it has read its files so many times."""

    def __init__(self, listener: socket.socket, times: int) -> None:
        super().__init__(listener)
        self._times = times
        self.read = 0

    def start_runtime(self, *_arguments: t.Any) -> None:
        return

    def activate(self, *_arguments: t.Any) -> None:
        self.read += 1
        if self.read == self._times:
            self._listener.listen()


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Bound, but not yet listening."""
    monkeypatch.setattr(listeners, "PATIENCE", 0.1)
    monkeypatch.setattr(progress, "begin", lambda _number: None)
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        yield opened


def transition_of(listener: socket.socket, before: str = "s6") -> Transition:
    """Something that listens there goes from this super-server to xinetd."""

    def declared(backend: str) -> Service:
        return service(listen=[{"tcp": f"127.0.0.1:{listener.getsockname()[1]}"}], backend=backend)

    stop, start = (declared(before),), (declared("xinetd"),)
    changes = {before: Change(stop), "xinetd": Change(stop if before == "xinetd" else (), start)}
    return Transition(changes)


def switch(transition: Transition, backends: t.Mapping[str, Backend]) -> None:
    """As a run does it."""
    stopped = [service for change in transition.changes.values() for service in change.stop]
    site = Site(backends, Platform(), HOST, listeners.sockets_of(stopped, Platform()))
    carry_out(switching(transition, Transition({}), backends, Platform()), site)


def test_what_was_opened_meanwhile_is_not_waited_for(listener: socket.socket) -> None:
    switch(transition_of(listener), {"s6": Closing(), "xinetd": Waking(listener)})


def test_what_there_was_before_is_waited_for(listener: socket.socket) -> None:
    listener.listen()
    with pytest.raises(SwitchFailed, match="were not closed"):
        switch(transition_of(listener), {"s6": Closing(), "xinetd": Waking(listener)})


def test_runtime_is_not_woken_for_what_it_had_itself(listener: socket.socket) -> None:
    switch(transition_of(listener, before="xinetd"), {"xinetd": Waking(listener)})
    assert not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)


@pytest.mark.parametrize(("times", "read"), [(1, 1), (2, 2), (99, 1 + listeners.AGAIN)])
def test_files_are_read_again_for_what_was_not_opened(listener: socket.socket, times: int, read: int) -> None:
    xinetd = Hindered(listener, times)
    switch(transition_of(listener), {"s6": Closing(), "xinetd": xinetd})
    assert xinetd.read == read
