# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program that systemd runs when the host boots, before it starts sockets and services. Pure."""

from __future__ import annotations

import posixpath

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.boot import EarlyProgram, Means
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.parts import UNITS
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.boot import UNIT as GUARD
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File


def early(program: EarlyProgram) -> Means:
    """Before sysinit.target, after which every socket and service is started that does not say otherwise. systemd wants
    it again with whatever is started later: then there is what it is not to run with."""
    unit = f"{UNITS}/{program.name}.service"
    link = f"{UNITS}/sysinit.target.wants/{program.name}.service"
    return Means(
        lambda platform: platform.managed,
        (File(unit, _unit(program)), File(link, unit, kind="link")),
        folders=(posixpath.dirname(link),),
    )


def _unit(program: EarlyProgram) -> str:
    return f"""{program.note}

[Unit]
Description={program.description}
DefaultDependencies=no
ConditionPathExists={program.wanted}
ConditionPathExists=!{program.unless}
RequiresMountsFor={program.folder}
After=local-fs.target
Before=sysinit.target {GUARD}
Conflicts=shutdown.target
Before=shutdown.target

[Service]
Type=oneshot
ExecStart={" ".join(program.argv)}
"""
