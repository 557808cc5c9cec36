# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of small services, with the sockets that a super-server gives it."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import (
    internal as _helper_internal,
)

# Opens the descriptors of its first arguments as 3, 4 and so on, as systemd does, and becomes the rest.
AS_SYSTEMD = """
import os, sys
end = sys.argv.index("--")
copies = [os.dup2(int(word), 40 + at) for at, word in enumerate(sys.argv[1:end])]
os.closerange(3, 40)
for at, number in enumerate(copies):
    os.dup2(number, 3 + at)
os.closerange(40, 64)
os.execv(sys.argv[end + 1], sys.argv[end + 1:])
"""


@pytest.mark.parametrize("number", [1, 2, 3])
def test_each_socket_of_datagrams_is_served(number: int) -> None:
    servers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for each in range(number)]
    for server in servers:
        server.bind(("127.0.0.1", 0))
    words = [sys.executable, "-IS", _helper_internal.__file__, "echo", "datagram"]
    descriptors = [str(server.fileno()) for server in servers]
    with subprocess.Popen(
        [sys.executable, "-IS", "-c", AS_SYSTEMD, *descriptors, "--", *words],
        stdin=subprocess.DEVNULL,
        pass_fds=[server.fileno() for server in servers],
    ) as process:
        try:
            for server in servers:
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                    client.settimeout(5)
                    client.sendto(b"hello", server.getsockname())
                    assert client.recv(99) == b"hello"
        finally:
            process.kill()
    for server in servers:
        server.close()


def test_standard_input_is_served() -> None:
    kind = (socket.AF_INET, socket.SOCK_DGRAM)
    with socket.socket(*kind) as server, socket.socket(*kind) as client:
        server.bind(("127.0.0.1", 0))
        words = [sys.executable, "-IS", _helper_internal.__file__, "echo", "datagram"]
        with subprocess.Popen(words, stdin=server.fileno()) as process:
            try:
                client.settimeout(5)
                client.sendto(b"hello", server.getsockname())
                assert client.recv(99) == b"hello"
            finally:
                process.kill()
