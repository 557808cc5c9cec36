# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that was killed, as it has left a host, and what is found there then: its lock, its watcher."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery import watch
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import journal as _journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.journal import Journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import Manifest, manifest_of
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._programs import watcher as _helper_watcher
from ansible_collections.ondemand.superserver.tests.unit.declarations import service

SSH = "192.0.2.7 50022 192.0.2.1 22"
HOST = LocalHost(_helper_watcher.Commands())


def interrupted(state: Path) -> Journal:
    """The journal of a run that changed one file, made another, and was about to change a third."""
    changed, made, untouched = (state / name for name in ("changed", "made", "untouched"))
    for path in (changed, untouched):
        path.write_text("old")
    paths = dict.fromkeys(map(str, (changed, made, untouched)), "xinetd")
    journal = _journal.Journal({path: store.look(path) for path in paths}, paths, {}, Manifest(), False)
    _journal.write(journal)
    changed.write_text("new")
    made.write_text("new")
    # Death came before this took the place of the file.
    untouched.with_name(f"{store.TEMPORARY}{untouched.name}").write_text("ne")
    manifest.save(manifest_of([service()], [], {}))
    return journal


@contextmanager
def held(path: Path, name: str) -> Iterator[t.TextIO]:
    """Somebody else holds the lock."""
    path.parent.mkdir()
    with path.open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(name)
        lock.flush()
        yield lock


# Runs the archive's own program, but for the places that it looks at, by a Python that has nothing else.
WATCHER = """
import sys, zipfile
archive, state = sys.argv[1:]
sys.path.insert(0, archive)
from ansible_collections.ondemand.superserver.plugins.module_utils._host import types
from ansible_collections.ondemand.superserver.plugins.module_utils._programs import watcher as _helper_watcher
types.STATE = state
_helper_watcher.JOURNAL = state + "/journal.json"
program = {"__name__": "watcher"}
exec(zipfile.ZipFile(archive).read("__main__.py"), program)
program.update(JOURNAL=state + "/journal.json", LOCK=state + "/run/lock")
program["watch"]()
collection = "ansible_collections.ondemand.superserver"
print(*{module.__file__.split(".pyz/")[0] for name, module in sys.modules.items() if name.startswith(collection)})
print(*[name for name in sys.modules if name.partition(".")[0] == "ansible"])
"""


def watcher(state: Path) -> subprocess.Popen[str]:
    archive = state.parent / f"{state.name}.pyz"
    archive.write_bytes(watch.program())
    (state / "run").mkdir(exist_ok=True)
    argv = [sys.executable, "-I", "-S", "-c", WATCHER, str(archive), str(state)]
    return subprocess.Popen(argv, text=True, stdout=subprocess.PIPE)
