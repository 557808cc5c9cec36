# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host that a module runs on, as backends see it."""

from __future__ import annotations

import os
import time
import typing as t
from collections.abc import Callable, Mapping, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import disk, store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes import pidfd, table
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Process, Result, SwitchFailed

# How long to wait between two looks at something that is about to happen, in seconds.
POLL = 0.005

# What commands say is read by machines. systemd 247 colours what it complains of, whoever reads it, unless it is told.
PLAIN = {"LC_ALL": "C", "SYSTEMD_COLORS": "0", "SYSTEMD_LOG_COLOR": "0"}


class Commands(t.Protocol):
    """What runs commands: an AnsibleModule, or the watcher's own where there is no module."""

    def run_command(self, *args: t.Any, **options: t.Any) -> t.Any:
        """Code, output and errors of a command. Raises OSError where there is no such program."""


class LocalHost:
    """Implements :class:`types.Host`. ``commands`` counts what was run, for the result's statistics."""

    def __init__(self, module: Commands) -> None:
        self._module = module
        self.commands: list[str] = []

    def run(
        self,
        argv: Sequence[str],
        check: bool = True,
        environment: Mapping[str, str] | None = None,
        descriptors: Sequence[int] = (),
    ) -> Result:
        self.commands.append(" ".join(argv[:2]))
        passed = {"pass_fds": tuple(descriptors)} if descriptors else {}
        code, out, err = self._module.run_command(
            list(argv),
            environ_update={**PLAIN, **(environment or {})},
            handle_exceptions=False,
            **passed,
        )
        if check and code:
            raise SwitchFailed(
                f"{' '.join(argv[:3])} ended with {code}: {err.strip() or out.strip() or 'it printed nothing'}"
            )
        return Result(code, out, err)

    def run_plain(self, argv: Sequence[str]) -> tuple[int, str, str]:
        """The same as a tuple, for the listener functions."""
        result = self.run(argv, check=False)
        return result.code, result.out, result.err

    def read(self, path: str) -> str | None:
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ProcessLookupError):
            return None

    def text(self, path: str) -> str | None:
        return disk.text(path)

    def exists(self, path: str) -> bool:
        return os.path.lexists(path)

    def names(self, path: str) -> list[str]:
        return disk.names(path)

    def executable(self, path: str) -> bool:
        """Whether there is a program at ``path``."""
        return os.path.isfile(path) and os.access(path, os.X_OK)

    def processes(self) -> list[Process]:
        return list(table.running())

    def signal(self, process: Process, number: int) -> None:
        pidfd.tell(process, number)

    def lives(self, process: Process) -> bool:
        """Whether it has not ended."""
        return pidfd.lives(process)

    def control(self, fifo: str, data: bytes) -> bool:
        try:
            descriptor = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return False
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)
        return True

    def remove_tree(self, path: str) -> None:
        """Remove a directory with all that is in it."""
        store.remove_tree(path)

    def wait(self, happened: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL)
        return True
