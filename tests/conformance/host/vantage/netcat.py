# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection as a person would make it, with nc."""

from __future__ import annotations

import contextlib
import os
import pwd
import select
import subprocess
import threading
import time
import typing as t
from collections.abc import Callable

from vantage.common import CHUNK, PATIENCE, Answer

PIPE = 1 << 15  # bytes that a pipe holds in any case


class Netcat:
    """One connection of nc."""

    def __init__(self, argv: list[str], account: str | None) -> None:
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **(_identity(account) if account else {}),
        )
        self._writer: threading.Thread | None = None

    def send(self, data: bytes) -> None:
        """What no pipe holds is sent while the answer is read, or else nobody would ever go on."""
        if len(data) < PIPE:
            self._write(data)
        else:
            self._writer = threading.Thread(target=self._write, args=(data,), daemon=True)
            self._writer.start()

    def finish(self) -> None:
        """Say that nothing more will be sent."""
        if self._writer:
            threading.Thread(target=self._finish, args=(self._writer,), daemon=True).start()
        else:
            self._finish()

    def _write(self, data: bytes) -> None:
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(data)
            self._process.stdin.flush()

    def _finish(self, writer: threading.Thread | None = None) -> None:
        assert self._process.stdin
        if writer:
            writer.join()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    def receive(self, enough: Callable[[bytes], bool], deadline: float) -> Answer:
        """What came back, and whether it was all of it: until the end, until it is enough, or until the deadline."""
        assert self._process.stdout
        data = b""
        while not (data and enough(data)):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._process.stdout], [], [], left)[0]:
                return data, False
            part = os.read(self._process.stdout.fileno(), CHUNK)
            if not part:
                return data, True
            data += part
        return data, False

    @property
    def connected(self) -> bool:
        """Whether there was a connection at all; known only when it has ended."""
        return self._process.wait(PATIENCE) == 0

    def close(self) -> str:
        """Give up; what nc complained of."""
        assert self._process.stdout
        assert self._process.stderr
        self.finish()
        self._process.kill()
        self._process.wait()
        with self._process.stdout, self._process.stderr as complaint:
            text: bytes = complaint.read()
        return text.decode(errors="replace").strip()


def _identity(account: str) -> dict[str, t.Any]:
    entry = pwd.getpwnam(account)
    groups = os.getgrouplist(account, entry.pw_gid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": groups}
