# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the files that were written for a service."""

from __future__ import annotations

import json
import os
import re

from vantage.common import Step, Wrong, text_of
from vantage.point import Vantage

MANIFEST = "/var/lib/superserver/manifest.json"


def written(step: Step, _vantage: Vantage) -> None:
    """One of the files that were written for the service has a line like this."""
    with open(MANIFEST, encoding="utf-8") as file:
        files = json.load(file)["files"]
    paths = [path for path, entry in files.items() if entry["service"] == step["service"]]
    pattern = re.compile(step["written"], re.MULTILINE)
    for path in paths:
        if os.path.isfile(path) and pattern.search(text_of(path)):
            return
    raise Wrong(f"no file of {step['service']} has {step['written']}: {', '.join(paths) or 'it has none'}")
