# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The socket launcher as tests start it, and clients of its sockets."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager

from ansible_collections.ondemand.superserver.plugins.module_utils._programs.daemons import binder as _helper_binder
from ansible_collections.ondemand.superserver.tests.unit.programs import installed

BINDER = installed(_helper_binder)
# The same, with less patience than on hosts.
IMPATIENT = f"import runpy, sys; sys.argv[0] = {BINDER!r}; m = runpy.run_path({BINDER!r}); "
IMPATIENT += "m['main'].__globals__.update(PATIENCE=0.2, PAUSE=0.3); m['main']()"


# How many words describe a socket of each kind.
WORDS = {"tcp": 5, "udp": 4, "unix": 7}


@contextmanager
def running(way: str, words: list[str], *program: str) -> Iterator[subprocess.Popen[str]]:
    """A binder that serves sockets."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(bound) for bound in bind_all(words)]
        read, write = os.pipe()
        numbers = [str(bound.fileno()) for bound in sockets]
        argv = [sys.executable, "-IS", "-c", IMPATIENT, "serve", str(write), way, *numbers, "--", *program]
        process = subprocess.Popen(
            argv, pass_fds=[write, *map(int, numbers)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        os.close(write)
    try:
        assert os.read(read, 9) == b"\n", process.communicate()
        yield process
    finally:
        os.close(read)
        process.terminate()
        process.communicate(timeout=10)


def bind_all(words: list[str]) -> Iterator[socket.socket]:
    while words:
        count = WORDS[words[0]]
        yield _helper_binder.bind_one(words[:count])
        words = words[count:]


def refused(*words: str) -> str:
    """What a binder says that cannot bind."""
    done = bind(*words, program=("/bin/true",))
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr


def bind(*words: str, program: t.Sequence[str]) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-IS", BINDER, "bind", *words, "--", *program]
    return subprocess.run(argv, text=True, capture_output=True, check=False, timeout=10)


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-IS", "-c", f"import json, os, socket, sys, time\n{code}")


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET6, kind) as probe:
        probe.bind(("::", 0))
        return int(probe.getsockname()[1])


def ask(port: int, host: str = "127.0.0.1") -> bytes:
    with socket.create_connection((host, port), timeout=5) as client:
        return b"".join(iter(lambda: client.recv(999), b""))


def datagrams(port: int, *messages: bytes) -> socket.socket:
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(5)
    client.connect(("127.0.0.1", port))
    for message in messages:
        client.send(message)
    return client
