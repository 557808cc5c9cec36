# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at a socket's backlog."""

from __future__ import annotations

import subprocess

from vantage.common import Step, Wrong
from vantage.point import Vantage


def backlog(step: Step, _vantage: Vantage) -> None:
    """The kernel's table says how many connections may wait."""
    query = f"sport = :{step['port']}"
    done = subprocess.run(["ss", "-Hltn", query], stdout=subprocess.PIPE, check=True)
    found = {line.split()[2] for line in done.stdout.decode().splitlines()}
    if found != {str(step["backlog"])}:
        raise Wrong(f"the backlog is {', '.join(sorted(found)) or 'nowhere'}, not {step['backlog']}")
