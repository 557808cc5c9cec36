# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's keeper as one more service of s6, where that is the first process."""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6 import control
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6 import rc as _s6_rc
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rendering.execline import (
    block,
    command,
    script,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import (
    home,
    scanned_at,
    supervised_at,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.boot import (
    ENDING,
    PATIENCE,
    STARTING,
    applying,
    keeping,
    load_again,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File, Host
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard.rules import RULES

# What s6 calls it. No service has such a name.
NAME = "_guard"
# Where s6 hears that the rules are loaded.
_READY = "3"


def service_directory(platform: Platform) -> list[File]:
    """The keeper as one more service of s6, where that is the first process."""
    load = f"[ ! -e {RULES} ] || {load_again(platform)}"
    contents = [
        ("run", script(_run(platform), platform, "keeps the guard's rules loaded"), 0o755),
        ("finish", script([command(platform.program("sh"), "-c", load)], platform), 0o755),
        ("notification-fd", f"{_READY}\n", 0o644),
        *([("type", "longrun\n", 0o644)] if platform.s6_rc else []),
    ]
    places = [] if platform.s6_rc else scanned_at(NAME, platform)
    return [
        *(File(f"{home(NAME, platform)}/{name}", text, mode) for name, text, mode in contents),
        *(File(path, home(NAME, platform), 0o777, "link") for path in places),
    ]


def _run(platform: Platform) -> list[str]:
    return [command("fdmove", "-c", "2", "1"), command(*keeping(platform, _READY))]


def loaded_first(platform: Platform) -> str:
    """Words that let a server of s6 wait for the rules before it listens."""
    return block("if", command(*applying(platform, PATIENCE)))


def start(platform: Platform, host: Host) -> None:
    """Have the keeper run; s6-rc does nothing for one that was stopped without it."""
    if platform.s6_rc:
        _s6_rc.change("-u", [NAME], float(STARTING), platform, host)
    else:
        control.tell_scanner(platform, control.RESCAN, host)
    control.tell(supervised_at(NAME, platform), control.UP, host)


def stop(platform: Platform, host: Host) -> None:
    """Have the keeper end."""
    directory = supervised_at(NAME, platform)
    control.tell(directory, control.DOWN, host)
    if platform.s6_rc:
        _s6_rc.change("-d", [NAME], ENDING, platform, host)
    host.wait(lambda: not control.status(directory, host).pid, ENDING)
