# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that is only said to be there.

It takes the place of a :class:`LocalHost`, so mypy compares each of its methods with what the collection calls, and
none of them reaches the machine.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Mapping, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import (
    Host,
    Process,
    Result,
    SwitchFailed,
)


class NoCommands:
    """A machine that nothing may be run on."""

    def run_command(self, *args: t.Any, **_options: t.Any) -> t.NoReturn:
        raise AssertionError(f"{args} would be run on this machine")


class FakeHost(LocalHost):
    """Files, processes and answers of commands as they are given.

    ``done`` is what was done, in order and in words: commands, signals and what was written into FIFOs. By the same
    words ``answers`` says what comes back (nothing, with code 0, from all others), and ``effects`` what happens then.
    """

    def __init__(
        self,
        *processes: Process,
        files: Mapping[str, str] | None = None,
        answers: Mapping[str, Result] | None = None,
    ) -> None:
        super().__init__(NoCommands())
        self.running = list(processes)
        self.files = dict(files or {})
        self.answers = dict(answers or {})
        self.effects: dict[str, Callable[[], None]] = {}
        self.done: list[str] = []
        self.argvs: list[list[str]] = []
        self.removed: list[str] = []

    def answer(self, argv: Sequence[str]) -> Result:
        """What a command gives back."""
        return self.answers.get(" ".join(argv), Result(0, "", ""))

    def happens(self, what: str) -> None:
        self.done.append(what)
        self.effects.get(what, lambda: None)()

    def run(
        self,
        argv: Sequence[str],
        check: bool = True,
        environment: Mapping[str, str] | None = None,
        descriptors: Sequence[int] = (),
    ) -> Result:
        self.commands.append(" ".join(argv[:2]))
        self.argvs.append(list(argv))
        self.happens(" ".join(argv))
        answer = self.answer(argv)
        if check and answer.code:
            raise SwitchFailed(f"{' '.join(argv)} ended with {answer.code}: {answer.err}")
        return answer

    def run_plain(self, argv: Sequence[str]) -> tuple[int, str, str]:
        result = self.run(argv, check=False)
        return result.code, result.out, result.err

    def read(self, path: str) -> str | None:
        return self.files.get(path)

    def text(self, path: str) -> str | None:
        return self.files.get(path)

    def exists(self, path: str) -> bool:
        return path in self.files or bool(self.names(path))

    def names(self, path: str) -> list[str]:
        below = (file[len(path) + 1 :] for file in self.files if file.startswith(f"{path}/"))
        return sorted({name.partition("/")[0] for name in below})

    def executable(self, path: str) -> bool:
        return path in self.files

    def processes(self) -> list[Process]:
        return self.running

    def signal(self, process: Process, number: int) -> None:
        self.happens(f"signal {number} to {process.pid}")

    def lives(self, process: Process) -> bool:
        return process in self.running

    def control(self, fifo: str, data: bytes) -> bool:
        """What is a file here is one that somebody reads."""
        self.happens(f"{data.decode()} to {fifo}")
        return fifo in self.files

    def remove_tree(self, path: str) -> None:
        self.removed.append(path)
        self.files = {file: text for file, text in self.files.items() if not file.startswith(f"{path}/")}

    def wait(self, happened: Callable[[], bool], seconds: float) -> bool:
        """What does not happen at once does not happen."""
        return happened()


# For mypy: it is all that backends need of a host.
_COMPARED: Host = FakeHost()
