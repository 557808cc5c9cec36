# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What everything shares that knows of a host: files, processes, results of commands, and the interface of a host."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

HEADER = "Managed by ondemand.superserver"
# Where a file has lines of comment.
NOTICE = f"# {HEADER}: changes made here are undone by its next run."

STATE = "/var/lib/superserver"
RUNTIME = "/run/superserver"
CONFIG = "/etc/superserver"
LIBRARY = "/usr/local/lib/superserver"
LOGS = "/var/log/superserver"
# What must not be told stands in files below, and nowhere else.
SECRETS = f"{CONFIG}/secrets"


@dataclass(frozen=True)
class File:
    """One thing that a backend wants on the host.

    ``kind``: ``file`` (``content`` and ``mode`` are kept as rendered), ``link`` (``content`` is its target),
    ``directory`` and ``seed`` (created if absent, with owner and mode; their content is foreign and is never
    removed). ``service`` is the name of the service it belongs to, empty for what all services of a backend
    share; ``backend`` is filled in by :func:`offline.render_all`.
    """

    path: str
    content: str = ""
    mode: int = 0o644
    kind: str = "file"
    owner: str = "root"
    group: str = "root"
    service: str = ""
    backend: str = ""

    @property
    def secret(self) -> bool:
        """Whether its content is secret."""
        return self.kind == "file" and is_secret(self.path)


def is_secret(path: str) -> bool:
    """Whether the content of a file is secret."""
    return path.startswith(f"{SECRETS}/")


@dataclass(frozen=True)
class Result:
    """Result of a command."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Process:
    """One running process. ``started`` is in clock ticks since boot, so that a reused pid is told apart."""

    pid: int
    parent: int
    program: str
    argv: tuple[str, ...]
    started: int


class SwitchFailed(Exception):
    """A step of a switch failed; the caller rolls back."""


class Texts(t.Protocol):
    """Files that are only read, wherever they are."""

    def text(self, path: str) -> str | None:
        """What a regular file has, None where there is none."""

    def names(self, path: str) -> list[str]:
        """What is in a directory; nothing where there is none."""


class Host(t.Protocol):
    """The host, as far as backends need it."""

    def run(
        self,
        argv: Sequence[str],
        check: bool = True,
        environment: Mapping[str, str] | None = None,
        descriptors: Sequence[int] = (),
    ) -> Result:
        """Run a command, which gets these descriptors, too; with ``check`` a code other than 0 raises SwitchFailed with
        what it printed."""

    def read(self, path: str) -> str | None:
        """Text of a file, None where there is none."""

    def text(self, path: str) -> str | None:
        """What a regular file has, to the last byte; None for anything else, which may keep a reader waiting."""

    def exists(self, path: str) -> bool:
        """Whether anything is at ``path``."""

    def names(self, path: str) -> list[str]:
        """What is in a directory, in order; nothing where there is none."""

    def processes(self) -> list[Process]:
        """Every process, in one pass over /proc."""

    def signal(self, process: Process, number: int) -> None:
        """Send a signal to a process that was seen, never to another of the same id; one that is gone is no error."""

    def control(self, fifo: str, data: bytes) -> bool:
        """Write into a FIFO without blocking; False where nobody reads it."""

    def remove_tree(self, path: str) -> None:
        """Remove a directory with all that is in it; nothing there is no error."""

    def wait(self, happened: Callable[[], bool], seconds: float) -> bool:
        """Poll until ``happened()``, at most so long."""
