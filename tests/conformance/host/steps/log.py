# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the log."""

from __future__ import annotations

import re
import subprocess
import time

from vantage.common import PATIENCE, Step, Wrong
from vantage.point import Vantage


def log(step: Step, vantage: Vantage) -> None:
    """The backend's log of the service, or what the command ``of`` prints, holds what was written."""
    wanted = re.compile(step["log"], re.MULTILINE)
    command = [word.replace("NAME", step["service"]) for word in step.get("of", vantage.log)]
    deadline = time.monotonic() + PATIENCE
    while True:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        text = done.stdout.decode(errors="replace")
        if wanted.search(text):
            return
        if time.monotonic() > deadline:
            raise Wrong(f"{' '.join(command)} does not show {step['log']}: {text[-300:]!r}")
        time.sleep(0.2)
