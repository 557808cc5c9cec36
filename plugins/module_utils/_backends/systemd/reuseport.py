# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Socket units that share their ports with foreign listeners during a switch. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.parts import parts
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import HEADER, File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# No boot finds anything here.
UNITS = "/run/systemd/system"
DROP_IN = "superserver-handover.conf"

_SETTINGS = f"""\
# {HEADER}, until its run has ended.

[Socket]
ReusePort=yes
"""


def sharing_files(services: Iterable[Service], platform: Platform) -> list[File]:
    """A drop-in for every socket unit of these services."""
    return [
        File(f"{UNITS}/{part.socket}.d/{DROP_IN}", _SETTINGS)
        for service in services
        for part in parts(service, platform)
    ]
