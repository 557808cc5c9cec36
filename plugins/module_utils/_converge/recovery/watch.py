# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the watcher: a program on the host that rolls a switch back when the run dies."""

from __future__ import annotations

import inspect
import io
import sys
import zipfile
from collections.abc import Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery import boot as _boot
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery.rollback import recover
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import journal as _journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.leftovers import remove_leftovers
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.store import Seen
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import Commands, LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.platform import booted_by_systemd
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._programs import watcher

PATH = _boot.PROGRAM
PREFIX = "ansible_collections.ondemand.superserver.plugins.module_utils."

# The cause of a failed rollback may disappear: a full disk, a port that is taken. Seconds between two attempts.
PAUSE = watcher.PAUSE

# A separate unit survives the end of the run's session and needs no message bus. Processes that it starts survive it.
UNIT = (
    "systemd-run",
    "--quiet",
    "--collect",
    "--service-type=forking",
    "--property=KillMode=process",
    "--description=Watcher of a run of ondemand.superserver",
)
# When the host boots: once the network is there, which addresses of listeners belong to.
LATER = ("--no-block", "--property=After=basic.target network.target")


def arm(platform: Platform, host: LocalHost) -> None:
    """Start the watcher; it waits when this returns. Raises SwitchFailed or OSError."""
    wanted = Seen("file", program(), 0o600, "root", "root")
    if store.look(PATH) != wanted:
        store.restore(PATH, wanted)
    _start(UNIT if platform.managed else (), host)


def _start(unit: Sequence[str], host: LocalHost) -> None:
    host.run([*unit, sys.executable, "-I", PATH])


def program() -> bytes:
    """The helper with everything of this collection that this process has loaded: what began a switch can undo it."""
    texts = {"__main__.py": inspect.getsource(watcher)}
    for name, module in sorted(sys.modules.items()):
        if name.startswith(PREFIX) and not hasattr(module, "__path__"):
            texts[f"{name.replace('.', '/')}.py"] = inspect.getsource(module)
    folders = {path[:end] for path in texts for end, letter in enumerate(path) if letter == "/"}
    texts.update({f"{folder}/__init__.py": "" for folder in folders})
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path in sorted(texts):
            archive.writestr(zipfile.ZipInfo(path), texts[path])
    return stream.getvalue()


def undo(commands: Commands) -> float:
    """What the watcher does when the run has ended without an end of its switch; the next run tells of it. Returns the
    seconds after which to look again, 0 for never."""
    journal = _journal.read()
    if journal is None:
        return 0.0
    if journal.awaited:
        return journal.awaited
    remove_leftovers()
    told = recover(journal, LocalHost(commands))
    _journal.tell(told)
    left = _journal.read() is not None
    if left:
        watcher.complain("\n".join(told))
    return PAUSE if left else 0.0


def boot(commands: Commands) -> None:
    """What is done when the host boots with a journal. Of this boot there is none: it would be for others to undo."""
    journal, host = _journal.read(), LocalHost(commands)
    if journal is None or journal.awaited:
        return
    _boot.put_back(journal, host)
    _start((*UNIT, *LATER) if booted_by_systemd() else (), host)
