# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree of s6-svscan: what runs it where systemd is PID 1, and whether it has what each server needs."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends import boot as _systemd_boot
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6 import (
    control,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6 import rc as _s6_rc
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6 import startup as opening
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.control import PATIENCE
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.fdholder import NAME as HOLDER
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import (
    Server,
    logger_of,
    servers,
    supervised_at,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Host, SwitchFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# Runs s6-svscan where systemd is PID 1.
UNIT = "superserver-s6.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"
UNIT_LINK = f"/etc/systemd/system/multi-user.target.wants/{UNIT}"


def _ailments(server: Server, platform: Platform, host: Host) -> str:
    if platform.s6_rc and not _s6_rc.known_at_boot(server, platform.s6_rc, host):
        return f"{platform.s6_rc.compiled}, the boot database, does not contain {server.name} as declared"
    return _ailment(server.name, platform, host) or _ailment(logger_of(server.name, platform), platform, host)


def _ailment(name: str, platform: Platform, host: Host) -> str:
    # s6-rc has such files come and go, and none of them outlives a boot.
    if not platform.s6_rc and host.exists(opening.down_file(name, platform)):
        return f"{opening.down_file(name, platform)} prevents its start at boot"
    directory = supervised_at(name, platform)
    return "" if control.tell(directory, control.NOTHING, host) else f"{directory} is not supervised"


def _holder_ailment(platform: Platform, host: Host) -> str:
    directory = supervised_at(HOLDER, platform)
    running = control.status(directory, host).ready
    return _ailment(HOLDER, platform, host) or ("" if running else f"{directory} does not run")


def ensure_running(platform: Platform, host: Host) -> None:
    def scanned() -> bool:
        return control.tell_scanner(platform, control.NOTHING, host)

    if platform.managed and not (host.exists(UNIT_LINK) and scanned()):
        _systemd_boot.enable(UNIT, host)
        host.run(["systemctl", "start", UNIT])
    if not host.wait(scanned, PATIENCE):
        raise SwitchFailed(f"no s6-svscan runs on {platform.scan_directory}")


def health(services: Sequence[Service], platform: Platform, host: Host) -> dict[str, str]:
    """By service, what keeps it from being served although its files are right."""
    enabled = [service for service in services if service.enabled]
    if platform.managed and not host.exists(UNIT_LINK):
        return {service.name: f"{UNIT} is not enabled at boot" for service in enabled}
    if not control.tell_scanner(platform, control.NOTHING, host):
        return {service.name: f"no s6-svscan runs on {platform.scan_directory}" for service in enabled}
    running = [server for service in enabled for server in servers(service, platform)]
    holder = _holder_ailment(platform, host) if any(server.kept for server in running) else ""
    found = [
        (server.service.name, (holder if server.kept else "") or _ailments(server, platform, host))
        for server in running
    ]
    return {name: ailment for name, ailment in found if ailment}
