# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time and load of the host."""

from __future__ import annotations

import os
import time


def local_time() -> tuple[int, str]:
    """The day of the week from 1 (Monday) on, and hours and minutes, in the host's time zone whatever that of the
    connection is: what ``date '+%u %H%M'`` says to a handler's gate."""
    zone = os.environ.pop("TZ", None)
    time.tzset()
    try:
        now = time.localtime()
    finally:
        if zone is not None:
            os.environ["TZ"] = zone
            time.tzset()
    return now.tm_wday + 1, time.strftime("%H%M", now)


def load() -> float:
    """The one-minute average."""
    return os.getloadavg()[0]
