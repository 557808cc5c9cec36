# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give the host an address, or take it away."""

from __future__ import annotations

import subprocess
import time

from vantage.common import PATIENCE, Step, Wrong
from vantage.point import Vantage


def address(step: Step, _vantage: Vantage) -> None:
    """Give the host an address or take it away, unless that is so already; then wait for what listens to be there."""
    length = 128 if ":" in step["address"] else 32
    found = subprocess.run(
        ["ip", "-o", "address", "show", "to", step["address"]], stdout=subprocess.PIPE, check=True
    ).stdout
    if bool(found) is not step["there"]:
        verb = "add" if step["there"] else "del"
        subprocess.run(["ip", "address", verb, f"{step['address']}/{length}", "dev", "lo"], check=True)
    if step["there"]:
        _await_validity(step)
        _await_listener(step)


def _await_validity(step: Step) -> None:
    """An address of IPv6 is tentative at first; until it is not, a client of the host itself has another source."""
    deadline = time.monotonic() + PATIENCE
    query = ["ip", "-o", "address", "show", "to", step["address"], "tentative"]
    while subprocess.run(query, stdout=subprocess.PIPE, check=True).stdout:
        if time.monotonic() > deadline:
            raise Wrong(f"{step['address']} is tentative after {PATIENCE:g} s")
        time.sleep(0.05)


def _await_listener(step: Step) -> None:
    """Nothing is said of how long a super-server takes to hear of an address; until then it refuses clients."""
    options = "-Hlun" if step["transport"] == "udp" else "-Hltn"
    host = f"[{step['address']}]" if ":" in step["address"] else step["address"]
    query = f"src {host} and sport = :{step['port']}"
    deadline = time.monotonic() + PATIENCE
    while not subprocess.run(["ss", options, query], stdout=subprocess.PIPE, check=True).stdout:
        if time.monotonic() > deadline:
            raise Wrong(f"nobody listens on {step['address']} after {PATIENCE:g} s")
        time.sleep(0.1)
