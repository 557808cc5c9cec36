# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A search for a declared expression, for a limited time: some expressions take exponential time."""

from __future__ import annotations

import re
import signal
import typing as t
from contextlib import contextmanager


class TooSlow(Exception):
    """A search has not ended in time."""


def matches(expression: re.Pattern[bytes], data: bytes | bytearray, seconds: float) -> bool:
    """Whether an expression matches anywhere. Raises TooSlow after so many seconds.

    The engine looks for signals while it searches (CPython, ``_sre.c``). Only the main thread can set them.
    """
    with _alarm(max(seconds, 0.001)):
        return bool(expression.search(data))


@contextmanager
def _alarm(seconds: float) -> t.Iterator[None]:
    def give_up(_number: int, _frame: t.Any) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
