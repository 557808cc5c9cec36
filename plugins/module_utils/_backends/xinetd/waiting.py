# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The waiter for addresses of xinetd's endpoints: xinetd drops an endpoint whose address the host lacks at its start,
as after a boot that is faster than the network, until it reads its configuration again."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.boot import UNIT as XINETD
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.daemon import of_this_host
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import (
    CONFIG,
    LIBRARY,
    NOTICE,
    File,
    Host,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.assembly import program
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.daemons import waiter as _helper_waiter

WAITER = f"{LIBRARY}/waiter"
LIST = f"{CONFIG}/xinetd-addresses"
UNIT = "superserver-addresses.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"
UNIT_LINK = f"/etc/systemd/system/{XINETD}.wants/{UNIT}"


def needed(services: Sequence[Service], platform: Platform) -> bool:
    """Whether any endpoint can be without its address. Pure."""
    return bool(_lines(services, platform)) and platform.able("waiter")


def waiter_files(services: Sequence[Service], platform: Platform) -> list[File]:
    """The program, what it waits for, and what starts it with xinetd. Pure."""
    if not needed(services, platform):
        return []
    return [
        File(WAITER, program(_helper_waiter), 0o755),
        File(LIST, f"{NOTICE}\n{''.join(_lines(services, platform))}"),
        File(UNIT_FILE, _unit(platform)),
        File(UNIT_LINK, UNIT_FILE, 0o777, "link"),
    ]


def _lines(services: Sequence[Service], platform: Platform) -> list[str]:
    return [
        f"{listener.transport} {listener.address} {listener.port}\n"
        for service in services
        if service.enabled
        for listener in service.listeners(platform.ipv6)
        if listener.mobile
    ]


def _unit(platform: Platform) -> str:
    return f"""{NOTICE}

[Unit]
Description=Wait for the addresses of on-demand services
PartOf={XINETD}
After={XINETD}
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={platform.python} -BIS {WAITER} {LIST}
Restart=on-failure
RestartSec=1
NoNewPrivileges=yes

[Install]
WantedBy={XINETD}
"""


def settle(services: Sequence[Service], platform: Platform, host: Host) -> None:
    """Start the waiter where it is needed, and end it where it is not. Raises SwitchFailed."""
    wanted = needed(services, platform)
    if wanted and not runs(host):
        host.run(["systemctl", "start", UNIT])
    elif not wanted and runs(host):
        # It also ends by itself when its list is gone, as it may be where a run is undone, together with the unit.
        host.run(["systemctl", "stop", UNIT], check=False)


def runs(host: Host) -> bool:
    """Whether the waiter runs."""
    return any(WAITER in process.argv and of_this_host(process, host) for process in host.processes())
