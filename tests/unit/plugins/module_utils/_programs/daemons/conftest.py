# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets in front of the forwarder, and daemons behind it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from ansible_collections.ondemand.superserver.tests.unit.forwarder import daemon, listening, place


@pytest.fixture
def front() -> Iterator[socket.socket]:
    with listening() as bound:
        yield bound


@pytest.fixture
def back() -> Iterator[str]:
    """Where a daemon listens."""
    bound = listening()
    with daemon(bound):
        yield place(bound)
