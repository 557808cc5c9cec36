# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runtimes that systemd starts at boot.

systemd serves nobody while it reads its units, which takes a tenth of a second and more however few there are. So
systemctl sets and removes the links by itself (``--root``), which only matter at boot; Debian's way of keeping an init
script beside a unit in step would have systemd read its units several times.
"""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Host

# Where systemd keeps units that it has made of init scripts (systemd-sysv-generator(8)).
GENERATED = "/run/systemd/generator.late"


def enable(unit: str, host: Host) -> None:
    """Have a unit started at every boot. Raises SwitchFailed, for example when it is masked."""
    _change("enable", unit, host)


def retire(unit: str, host: Host) -> None:
    """Stop a unit, and do not start it at boot any more. Raises SwitchFailed."""
    # "disable --now" would leave it running where there is an init script only.
    host.run(["systemctl", "stop", unit])
    _change("disable", unit, host)


def _change(verb: str, unit: str, host: Host) -> None:
    if host.exists(f"{GENERATED}/{unit}"):
        host.run(["systemctl", verb, unit])
    else:
        host.run(["systemctl", "--root=/", verb, unit], environment={"SYSTEMCTL_SKIP_SYSV": "1"})
