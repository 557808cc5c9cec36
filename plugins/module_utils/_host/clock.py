# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time and load of the host."""

from __future__ import annotations

import os
import time

BOOT = "/proc/sys/kernel/random/boot_id"
FIRST_PROCESS = "/proc/1/stat"


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


def since_boot() -> tuple[float, str]:
    """Seconds since the boot, and which boot that was: the kernel's, and that of a container, which has a process of
    its own as number 1."""
    with open(BOOT, encoding="ascii") as kernel, open(FIRST_PROCESS, encoding="utf-8") as first:
        # proc_pid_stat(5): the name may hold anything; the 20th word behind it is when the process was started.
        started = first.read().rpartition(")")[2].split()[19]
        return time.clock_gettime(time.CLOCK_BOOTTIME), f"{kernel.read().strip()} {started}"
