# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of the lab share: names, errors, and how a command runs."""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

RUN_ID = os.environ.get("SUPERSERVER_RUN_ID", "dev")
LABEL = "ondemand.superserver"
STATE = Path("/run/superserver-lab")
IDS = STATE / "ids"  # a file for each container that runs, by its name; the connection of the tests reads them
CAP_SYS_ADMIN, CAP_SYS_RESOURCE = 21, 24


class LabError(Exception):
    """Something this machine lacks or a step that failed, worded for the person at the terminal."""


def say(text: str) -> None:
    print(f"lab: {text}", file=sys.stderr, flush=True)


def run(*argv: str, check: bool = True, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command with its output captured; its stderr becomes the error message when it fails."""
    result = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=env)
    if check and result.returncode != 0:
        raise LabError(f"`{shlex.join(argv)}` failed ({result.returncode}): {(result.stderr or result.stdout).strip()}")
    return result


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Keep two invocations from doing the same work at once."""
    STATE.mkdir(mode=0o700, exist_ok=True)
    with open(STATE / f"{name}.lock", "w", encoding="ascii") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def has_capability(number: int) -> bool:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    effective = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return effective is not None and bool(int(effective[1], 16) >> number & 1)
