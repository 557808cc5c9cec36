# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What xinetd is on a host."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Inquiry
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Host


def facts(inquiry: Inquiry) -> dict[str, t.Any]:
    """Its version, where a service needs it."""
    needed = any(service.backend == "xinetd" for service in inquiry.services)
    return {"xinetd": _version(inquiry.platform.programs, inquiry.host) if needed else ""}


def _version(programs: Mapping[str, str], host: Host) -> str:
    if "xinetd" not in programs:
        return ""
    result = host.run([programs["xinetd"], "-version"], check=False)
    found = re.search(r"(\d+(?:\.\d+)+)", result.out + result.err)
    return found.group(1) if found else ""
