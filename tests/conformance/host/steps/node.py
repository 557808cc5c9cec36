# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at a socket's path."""

from __future__ import annotations

import grp
import os
import pwd
import stat

from vantage.common import Step, Wrong
from vantage.point import Vantage


def node(step: Step, _vantage: Vantage) -> None:
    """The socket's path has the owner, the group and the mode that were declared."""
    wanted = step["node"]
    status = os.stat(step["to"])
    found = {
        "owner": pwd.getpwuid(status.st_uid).pw_name,
        "group": grp.getgrgid(status.st_gid).gr_name,
        "mode": f"{stat.S_IMODE(status.st_mode):04o}",
    }
    if not stat.S_ISSOCK(status.st_mode) or found != wanted:
        raise Wrong(f"{step['to']} has {found}, not {wanted}")
