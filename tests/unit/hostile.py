# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody else on the host, who has a process and a directory, and wants what is root's."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# Nobody, on every distribution.
STRANGER = 65534
BECOME = f"import os; os.setgroups([]); os.setgid({STRANGER}); os.setuid({STRANGER})\n"
# One that everybody may run, unlike that of a virtual environment.
PYTHON = "/usr/bin/python3"

as_root = pytest.mark.skipif(
    os.geteuid() != 0 or not os.access(PYTHON, os.X_OK), reason="only root can be attacked by others"
)

# Puts a link in the place of whatever is at a path, as often as it can.
LINKER = """
import os, sys
path, target = sys.argv[1:]
print("ready", flush=True)
while True:
    for act in (lambda: os.unlink(path), lambda: os.symlink(target, path)):
        try:
            act()
        except OSError:
            pass
"""
# Puts another directory in the place of one, and back.
SWAPPER = """
import os, sys
path, other = sys.argv[1:]
print("ready", flush=True)
while True:
    for act in (lambda: os.rename(path, path + ".away"), lambda: os.symlink(other, path),
                lambda: os.unlink(path), lambda: os.rename(path + ".away", path)):
        try:
            act()
        except OSError:
            pass
"""
# Holds the lock of a file or directory.
LOCKER = """
import fcntl, os, sys, time
fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX)
print("ready", flush=True)
time.sleep(60)
"""


@contextmanager
def stranger(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A process of somebody else, at work once this begins."""
    argv = [PYTHON, "-IS", "-c", BECOME + code, *map(str, arguments)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as it:
        assert it.stdout
        assert it.stdout.readline() == "ready\n"
        try:
            yield it
        finally:
            it.kill()


def does(code: str, *arguments: object) -> bool:
    """Whether something works that a stranger tries."""
    argv = [PYTHON, "-IS", "-c", f"{BECOME}import sys\n{code}", *map(str, arguments)]
    done = subprocess.run(argv, check=False, stderr=subprocess.DEVNULL, timeout=10)
    return done.returncode == 0


@contextmanager
def place() -> Iterator[Path]:
    """A directory of root's that everybody can enter, unlike those of pytest."""
    folder = Path(tempfile.mkdtemp(prefix="superserver-hostile-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
