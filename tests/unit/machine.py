# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This machine, as backends see a host: enough of it for their checkers."""

from __future__ import annotations

import os
import subprocess
import typing as t
from collections.abc import Mapping, Sequence
from pathlib import Path

from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Host, Result


class _Machine:
    def run(self, argv: Sequence[str], check: bool = True, environment: Mapping[str, str] | None = None) -> Result:
        done = subprocess.run(
            argv, env={**os.environ, **(environment or {})}, text=True, capture_output=True, check=check
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def read(self, path: str) -> str | None:
        return Path(path).read_text(errors="surrogateescape") if Path(path).is_file() else None


def machine() -> Host:
    """A host that runs commands and has files."""
    return t.cast("Host", _Machine())
