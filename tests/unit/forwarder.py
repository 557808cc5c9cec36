# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forwarder as tests start it, with daemons and clients."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.ondemand.superserver.plugins.module_utils._programs.daemons import proxy as _helper_proxy

PROXY = str(Path(_helper_proxy.__file__).resolve())
# The same, with less patience than on hosts.
IMPATIENT = f"import runpy, sys; sys.argv[0] = {PROXY!r}; m = runpy.run_path({PROXY!r}); "
IMPATIENT += "m['main'].__globals__.update(PATIENCE=1.0, ASK=0.2, RETRY=0.05); m['main']()"
# What a super-server does; a number from 3 on may be that of another socket until all have been moved away.
FEW_FILES = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, {files}))"
HANDOVER = "import os; away = [os.dup2(n, 100 + n) for n in {numbers}]; [os.dup2(n, 3 + i) for i, n in enumerate(away)]"


def listening(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)


def free_port() -> int:
    with listening() as probe:
        return int(probe.getsockname()[1])


def place(bound: socket.socket) -> str:
    """An address as the program takes it."""
    name = bound.getsockname()
    if isinstance(name, str):
        return name
    return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"


@contextmanager
def running(
    front: list[socket.socket], *words: str, attendant: socket.socket | None = None, files: int = 1024
) -> Iterator[subprocess.Popen[str]]:
    """A forwarder with these listening sockets."""
    numbers = [bound.fileno() for bound in front]
    code = "; ".join([HANDOVER.format(numbers=numbers), FEW_FILES.format(files=files), IMPATIENT])
    argv = [sys.executable, "-IS", "-c", code, *words]
    process = subprocess.Popen(
        argv,
        env={**os.environ, "LISTEN_FDS": str(len(front))},
        stdin=attendant.fileno() if attendant else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=numbers,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=10)


@contextmanager
def daemon(bound: socket.socket) -> Iterator[None]:
    """Echoes whatever it gets."""

    def talk(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while True:
                data = connection.recv(1 << 16)
                if not data:
                    return
                connection.sendall(data)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=talk, args=bound.accept()[:1], daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield
    finally:
        bound.shutdown(socket.SHUT_RDWR)
        bound.close()


def client(front: socket.socket, source: str = "") -> socket.socket:
    return socket.create_connection(front.getsockname(), 5, (source, 0) if source else None)


def echoed(made: socket.socket, data: bytes) -> bytes:
    """What comes back of data, up to the end."""

    def send() -> None:
        made.sendall(data)
        made.shutdown(socket.SHUT_WR)

    threading.Thread(target=send, daemon=True).start()
    return rest(made)


def rest(made: socket.socket) -> bytes:
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while True:
            data = made.recv(1 << 16)
            if not data:
                break
            found += data
    return found


def served(made: socket.socket) -> bool:
    """Whether a connection, which stays open, is echoed."""
    with contextlib.suppress(OSError):
        made.sendall(b"x")
        return made.recv(1) == b"x"
    return False
