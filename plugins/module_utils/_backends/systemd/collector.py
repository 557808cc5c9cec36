# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units that copy the standard error of handlers to the journal, through a pipe that a handler can open again. Pure.

There is one for each part of a service. The first handler starts it, and it goes with the socket unit; the program says
what becomes of handlers that are left then.
"""

from __future__ import annotations

import posixpath

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.process import handler
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.parts import (
    Part,
    description,
    native_settings,
    specifier,
    unit_text,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import RUNTIME
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.installed import COLLECTOR

_KIND = ".stderr.service"
_PIPES = f"{RUNTIME}/stderr"
# Below /run, as systemd calls them.
_FOLDERS = "superserver superserver/stderr"

# Raw directives about what a handler says (systemd.exec(5), "Logging and Standard Input/Output").
_LOGGING = (
    *("LogExtraFields", "LogFilterPatterns", "LogLevelMax", "LogNamespace", "LogRateLimitBurst"),
    *("LogRateLimitIntervalSec", "SyslogFacility", "SyslogIdentifier", "SyslogLevel", "SyslogLevelPrefix"),
)

# The limit would be one for all handlers, and what is beyond it would be lost. 0 means the host's own limit, and the
# journal takes up to six times this number, as 32 bits.
_NO_LIMIT = (("LogRateLimitIntervalSec", "1"), ("LogRateLimitBurst", "100000000"))


def collector(part: Part) -> str:
    """Name of the unit that reads what the handlers of a part say. No service has a dot in its name."""
    return f"{part.stem}{_KIND}"


def reads_messages(unit: str) -> bool:
    """Whether a unit of the collection's is one that reads messages."""
    return unit.endswith(_KIND)


def stream(part: Part) -> str:
    """A handler's standard error that is read, as systemd calls it."""
    return f"file:{_pipe(part)}"


def collector_unit(service: Service, part: Part, platform: Platform) -> str:
    """The unit's text. What the declaration says of messages is the reader's, which hands them to the journal."""
    declared = {name: value for name, value in service.native.of("systemd.service").items() if name in _LOGGING}
    unit = [
        ("Description", f"Messages of {description(service)}"),
        ("PartOf", part.socket),
        ("StartLimitIntervalSec", "0"),
    ]
    settings = [
        ("Type", "simple"),
        ("ExecStartPre", f"{COLLECTOR} prepare {_pipe(part)}"),
        ("ExecStart", f"{COLLECTOR} copy {_pipe(part)}"),
        ("ExecStopPost", f"{COLLECTOR} remove {_pipe(part)}"),
        ("Restart", "always"),
        ("RestartSec", "1"),
        # What copies lasts as long as there are handlers.
        ("KillMode", "process"),
        ("StandardInput", "null"),
        ("StandardOutput", "journal"),
        ("StandardError", "journal"),
        ("RuntimeDirectory", _FOLDERS),
        ("RuntimeDirectoryMode", "0700"),
        ("RuntimeDirectoryPreserve", "yes"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
    ]
    if "SyslogIdentifier" not in declared:
        # The program, not what starts it.
        settings.append(("SyslogIdentifier", specifier(posixpath.basename(handler(service, platform)[0]))))
    if not declared.keys() & dict(_NO_LIMIT).keys():
        settings += _NO_LIMIT
    return unit_text(("Unit", unit), ("Service", [*settings, *native_settings(declared)]))


def _pipe(part: Part) -> str:
    return f"{_PIPES}/{part.stem}"
