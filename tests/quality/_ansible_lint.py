# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-lint with fewer processes; arguments, rules and report are its own.

For the syntax check ansible-lint starts ansible-playbook once for each playbook, and again for each that another one
imports. Nearly all of their time goes into importing Ansible. Here the playbooks of a directory share one process. Only
where that one fails is each of them checked alone, so that ansible-lint reports it as ever.
"""

from __future__ import annotations

import subprocess
import sys
import typing as t
from collections.abc import Callable
from pathlib import Path

from ansible_compat.runtime import Runtime
from ansiblelint import runner
from ansiblelint.__main__ import main
from ansiblelint.errors import MatchError
from ansiblelint.file_utils import Lintable

Worker = Callable[[Lintable], list[MatchError]]

passed: set[Path] = set()
_has_playbook = Runtime.has_playbook


class Runner(runner.Runner):
    def _map_syntax_check_workers(self, worker: Worker, files: list[Lintable]) -> list[list[MatchError]]:
        directories: dict[Path, list[Lintable]] = {}
        for file in files:
            # Roles are directories, and each is checked alone.
            directories.setdefault(file.path if file.kind == "role" else file.path.parent, []).append(file)

        def check(together: list[Lintable]) -> list[MatchError]:
            if len(together) > 1 and self._good(together):
                passed.update(file.path.resolve() for file in together)
                return []
            return [match for file in together for match in worker(file)]

        # It works on lists of files as on files.
        return super()._map_syntax_check_workers(check, t.cast("list[Lintable]", list(directories.values())))

    def _good(self, playbooks: list[Lintable]) -> bool:
        command = ["ansible-playbook", "--syntax-check", *(str(playbook.path) for playbook in playbooks)]
        return subprocess.run(command, env=self.app.runtime.environ, capture_output=True, check=False).returncode == 0


def has_playbook(self: Runtime, playbook: str, *, basedir: Path | None = None) -> bool:
    return Path(basedir or "", playbook).resolve() in passed or _has_playbook(self, playbook, basedir=basedir)


if __name__ == "__main__":
    runner.Runner = Runner  # type: ignore[misc]
    Runtime.has_playbook = has_playbook  # type: ignore[method-assign]
    sys.exit(main())
