# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a port is that a service wants."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends._registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._converge._live import Live
from ansible_collections.ondemand.superserver.plugins.module_utils._converge._preflight import holder_problems
from ansible_collections.ondemand.superserver.plugins.module_utils._host._owners import Owner
from ansible_collections.ondemand.superserver.plugins.module_utils._host._sockets import Socket
from ansible_collections.ondemand.superserver.plugins.module_utils._model_platform import Platform
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, service

INODE = 4
SOCKET = Socket("tcp", "ipv6", "::", 7, True, "stream", INODE, 0, 64, "")
ECHO = {"listen": [{"tcp": "7"}]}

# Kind and name of the owner of port 7, what the host had before, whether the port can be had by a service on xinetd.
HOLDERS: tuple[tuple[str, str, Fields | None, bool], ...] = (
    ("xinetd", "echo", None, True),
    ("xinetd", "other", None, False),
    ("systemd", "echo.socket", {"backend": "systemd"}, True),
    ("systemd", "inetd.socket", {"backend": "systemd"}, False),
    # xinetd goes on to serve what has lost its file.
    ("xinetd", "", {"backend": "xinetd"}, True),
    ("xinetd", "", {"backend": "xinetd", "listen": [{"tcp": "8"}]}, False),
    ("xinetd", "", {"backend": "systemd"}, False),
    ("xinetd", "", None, False),
)


def test_a_daemon_that_outlived_its_super_server_is_ours() -> None:
    declared = service(**ECHO, backend="xinetd")
    live = Live({("tcp", 7): [SOCKET]}, {INODE: Owner("systemd", "xinetd.service", 99, "p")})
    assert holder_problems([declared], {"echo": declared}, live, BACKENDS, Platform())
    mine = replace(live, orphans={INODE: "echo"})
    assert not holder_problems([declared], {"echo": declared}, mine, BACKENDS, Platform())


@pytest.mark.parametrize(("kind", "name", "held", "ours"), HOLDERS)
def test_whose_a_port_is(kind: str, name: str, held: Fields | None, ours: bool) -> None:
    declared = service(**ECHO, backend="xinetd")
    have = {"echo": service(**{**ECHO, **held})} if held is not None else {}
    live = Live({("tcp", 7): [SOCKET]}, {INODE: Owner(kind, name, 99, "p")})
    problems = holder_problems([declared], have, live, BACKENDS, Platform())
    assert [problem.path for problem in problems] == ([] if ours else [f"{declared.path('listen')}[0]"])
