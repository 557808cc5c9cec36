# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs as they are installed on hosts, each in a file of its own."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from ansible_collections.ondemand.superserver.plugins.module_utils._programs.assembly import program


@lru_cache(maxsize=None)
def installed(module: ModuleType) -> str:
    """Where a program is."""
    path = _folder() / module.__name__.rpartition(".")[2]
    path.write_text(program(module), encoding="utf-8")
    path.chmod(0o755)
    return str(path)


@lru_cache(maxsize=None)
def _folder() -> Path:
    folder = tempfile.mkdtemp(prefix="superserver-programs-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
