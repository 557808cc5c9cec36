# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look for the daemon behind a proxy."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from vantage.common import PATIENCE, Step, Wrong
from vantage.point import Vantage

IDLE = "/run/conformance-idle-"


def sleeper(step: Step, _vantage: Vantage) -> None:
    """The daemon on that port or path runs, or ends soon, ``idle`` seconds or more after its last client."""
    deadline = time.monotonic() + PATIENCE
    while _sleeps(step["sleeper"]) is step["runs"]:
        if step["runs"] or time.monotonic() > deadline:
            raise Wrong(f"the sleeper of {step['sleeper']} {'does not run' if step['runs'] else 'still runs'}")
        time.sleep(0.5)
    if "idle" in step:
        idle = float(Path(f"{IDLE}{step['sleeper']}").read_text(encoding="ascii"))
        if idle < step["idle"]:
            raise Wrong(f"the sleeper of {step['sleeper']} was ended {idle:.1f} s after its last client")


def _sleeps(place: str) -> bool:
    done = subprocess.run(["pgrep", "-f", f"/sleeper {place}$"], stdout=subprocess.DEVNULL, check=False)
    return done.returncode != 0


def pause(step: Step, _vantage: Vantage) -> None:
    """Let some seconds pass, for a daemon to find that nobody comes."""
    time.sleep(step["pause"])
