# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the init system starts xinetd at boot, and having it do so or not.

Nobody can be asked where s6-svscan is PID 1, or an init system that is not known here: what starts there is up to the
host's own scripts.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends import boot as _systemd_boot
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.boot import INITTAB, OPENRC_RUNS, UPDATE_RC
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Host, SwitchFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform

UNIT = "xinetd.service"

OPENRC_LINKS = tuple(f"/etc/runlevels/{level}/xinetd" for level in ("sysinit", "boot", "default"))

# Whether a runlevel has a link that starts xinetd, and that leads somewhere.
LINKED = 'for link in /etc/rc"$1".d/S[0-9][0-9]xinetd; do [ -e "$link" ] && exit; done; exit 1'
_LEVEL = re.compile(r"^[^#:]*:([1-5]):initdefault:", re.MULTILINE)

Commands = t.Sequence[t.Sequence[str]]


@dataclass(frozen=True)
class Scripts:
    """An init system that runs init scripts: how it is asked about xinetd's, and the commands that have it start that
    at boot or not."""

    asked: Callable[[Host], bool]
    enable: Commands
    disable: Commands


def _sysvinit_starts(host: Host) -> bool:
    level = _LEVEL.search(host.read(INITTAB) or "")
    return host.run(["/bin/sh", "-c", LINKED, "sh", level.group(1) if level else "2"], check=False).code == 0


def _openrc_starts(host: Host) -> bool:
    return any(host.exists(path) for path in OPENRC_LINKS)


# Links that are gone in some runlevels only come back when all of them are made anew. Those that are renamed, unlike
# those that are removed, stay as they are when the package is upgraded.
_ENABLE = ((UPDATE_RC, "xinetd", "remove"), (UPDATE_RC, "xinetd", "defaults"))
_DISABLE = ((UPDATE_RC, "xinetd", "disable"),)

SYSVINIT = Scripts(_sysvinit_starts, _ENABLE, _DISABLE)
OPENRC_ON_DEBIAN = Scripts(_openrc_starts, _ENABLE, _DISABLE)
OPENRC = Scripts(
    _openrc_starts,
    (("rc-update", "add", "xinetd", "default"),),
    (("rc-update", "--all", "delete", "xinetd"),),
)


def _has_openrc(host: Host) -> bool:
    return host.exists(OPENRC_RUNS)


def forget(host: Host) -> None:
    """Have OpenRC not take a xinetd for started that has ended by itself: it would not start it again. Scripts that are
    not its own, like Debian's, do not know the word, and need none."""
    if _has_openrc(host):
        host.run(["rc-service", "xinetd", "zap"], check=False)


def _scripts(platform: Platform, host: Host) -> Scripts | None:
    if platform.init != "other":
        return None
    debian = host.exists(UPDATE_RC)
    if _has_openrc(host):
        return OPENRC_ON_DEBIAN if debian else OPENRC
    return SYSVINIT if debian and host.exists(INITTAB) else None


def starts(platform: Platform, host: Host) -> bool:
    """Whether xinetd will run after a reboot, as far as that can be known."""
    if platform.managed:
        result = host.run(["systemctl", "is-enabled", UNIT], check=False)
        return result.out.strip() in ("enabled", "static", "indirect")
    scripts = _scripts(platform, host)
    return scripts is None or scripts.asked(host)


def enable(platform: Platform, host: Host) -> None:
    """Start xinetd at every boot. Raises SwitchFailed, for example when its unit is masked."""
    if starts(platform, host):
        return
    if platform.managed:
        _systemd_boot.enable(UNIT, host)
        return
    scripts = _scripts(platform, host)
    if scripts:
        _tell(scripts, scripts.enable, True, host)


def retire(platform: Platform, host: Host) -> None:
    """Do not start xinetd at boot any more; under systemd, stop it as well. Raises SwitchFailed."""
    if platform.managed:
        _systemd_boot.retire(UNIT, host)
        return
    scripts = _scripts(platform, host)
    if scripts and scripts.asked(host):
        _tell(scripts, scripts.disable, False, host)


def _tell(scripts: Scripts, commands: Commands, wanted: bool, host: Host) -> None:
    """Whether it worked is seen by the links: rc-update also fails when there is a runlevel without one."""
    said = [host.run(command, check=False) for command in commands]
    if scripts.asked(host) != wanted:
        state = "not" if wanted else "still"
        words = "\n".join(filter(None, ((result.err or result.out).strip() for result in said)))
        raise SwitchFailed(f"xinetd is {state} started at boot, after {commands[-1][0]}: {words}")
