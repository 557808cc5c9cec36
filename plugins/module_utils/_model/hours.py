# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows of time in which new connections are accepted.

``mon-fri 08:00-18:00``: the days are those on which a window opens, all of them where none are named. A window that
ends before it begins ends on the next day; one that ends when it begins lasts 24 hours. The end is not part of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True)
class Window:
    """``days``: 1 (Monday) to 7, as ``date +%u`` counts; ``start`` and ``end``: hours and minutes, ``0930``."""

    days: tuple[int, ...]
    start: str
    end: str


def parse_window(text: str) -> Window:
    """A window of the schema's form."""
    days, _blank, hours = text.rpartition(" ")
    start, end = hours.replace(":", "").split("-")
    return Window(_days(days), start, end)


def is_open(windows: Iterable[str], day: int, clock: str) -> bool:
    """Whether any of the windows is open on a day, counted like those of :class:`Window`, at ``0930``."""
    return any(_holds(parse_window(text), day, clock) for text in windows)


def _holds(window: Window, day: int, clock: str) -> bool:
    before = (day + 5) % len(DAYS) + 1
    if window.start < window.end:
        return day in window.days and window.start <= clock < window.end
    return (day in window.days and clock >= window.start) or (before in window.days and clock < window.end)


def _days(text: str) -> tuple[int, ...]:
    """Ranges may run over the end of the week."""
    found: set[int] = set()
    for part in text.split(",") if text else ("mon-sun",):
        first, _dash, last = part.partition("-")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        count = (end - begin) % len(DAYS) + 1
        found.update((begin + step) % len(DAYS) + 1 for step in range(count))
    return tuple(sorted(found))
