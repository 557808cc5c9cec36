# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stopping servers of s6, and removing what s6 keeps of those whose files are gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6 import control
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6 import rc as _s6_rc
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.control import PATIENCE
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import (
    SERVICES,
    is_logger,
    supervised_at,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Host
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform

# How long a logger may take until its last line, in seconds.
LOGGER_PATIENCE = 1.0
# What s6-supervise makes in the directories of a server and its logger, and what keeps one from starting.
_MADE_LATER = frozenset({"down", "event", "log", "supervise"})


def drop(gone: Mapping[str, bool], platform: Platform, host: Host) -> None:
    """Have supervisors end: those of an s6-svscan by its word, others by their own."""
    control.tell_scanner(platform, control.DROP, host)
    for name, owned in gone.items():
        if not owned:
            control.tell(supervised_at(name, platform), control.EXIT, host)
    wait_until_unsupervised([name for name in gone if not is_logger(name)], PATIENCE, platform, host)
    # Sessions keep their logger; it ends with the last of them, and needs no directory for that.
    wait_until_unsupervised([name for name in gone if is_logger(name)], LOGGER_PATIENCE, platform, host)


def abandoned(host: Host) -> list[str]:
    """Names of service directories that have nothing but what is made after a server's files: s6-svscan may have
    rescanned just before a run died, and its supervisor need not have begun yet."""
    return [
        name
        for name in host.names(SERVICES)
        if all(_MADE_LATER.issuperset(host.names(path)) for path in (f"{SERVICES}/{name}", f"{SERVICES}/{name}/log"))
    ]


def remove_directories(paths: Sequence[str], host: Host) -> None:
    """Remove directories that a supervisor may be making something in for the last time."""

    def are_gone() -> bool:
        for path in paths:
            host.remove_tree(path)
        return not any(map(host.exists, paths))

    host.wait(are_gone, PATIENCE)


def bring_down(names: Sequence[str], platform: Platform, host: Host) -> None:
    """Stop servers for good."""
    directories = [supervised_at(name, platform) for name in names]
    for directory in directories:
        control.tell(directory, control.DOWN, host)
    if platform.s6_rc:
        _s6_rc.change("-d", names, PATIENCE, platform, host)
    host.wait(lambda: not any(control.status(directory, host).pid for directory in directories), PATIENCE)


def wait_until_unsupervised(names: Sequence[str], seconds: float, platform: Platform, host: Host) -> None:
    directories = [supervised_at(name, platform) for name in names]
    host.wait(lambda: not any(control.tell(directory, control.NOTHING, host) for directory in directories), seconds)
