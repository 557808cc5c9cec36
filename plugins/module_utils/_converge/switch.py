# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out and undoes the steps of a run, and measures the gaps."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import bound
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import progress
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Site, Step
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener

# How often the gap meter looks, in seconds.
SAMPLING = 0.002


def carry_out(steps: Sequence[Step], site: Site, before: int = 0) -> None:
    """Carry out steps in their order. ``before``: how many steps have been carried out before. Raises SwitchFailed or
    OSError."""
    number = before
    for step in steps:
        if step.line:
            number += 1
            progress.begin(number)
        step.do(site)


def undo_all(steps: Sequence[Step], site: Site) -> None:
    """Undo steps from the last to the first, however far the run had come. Raises SwitchFailed or OSError."""
    for step in reversed(steps):
        step.undo(site)


class GapMeter:
    """Samples the kernel's table in a thread while listeners change hands.

    The gap of a service is the time during which any of its listeners was not bound, in milliseconds.
    """

    def __init__(self, listeners: Mapping[str, Sequence[Listener]]) -> None:
        self._listeners = {name: entries for name, entries in listeners.items() if entries}
        self._absent: dict[str, float] = {}
        self._gaps: dict[str, float] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> GapMeter:
        if self._listeners:
            self._thread.start()
        return self

    def __exit__(self, *_details: object) -> None:
        self._done.set()
        if self._listeners:
            self._thread.join()

    def _sample(self) -> None:
        while not self._done.is_set():
            found = bound(listener for listeners in self._listeners.values() for listener in listeners)
            now = time.monotonic()
            for name, listeners in self._listeners.items():
                if all(found[listener] for listener in listeners):
                    since = self._absent.pop(name, None)
                    if since is not None:
                        self._gaps[name] = self._gaps.get(name, 0.0) + now - since
                else:
                    self._absent.setdefault(name, now)
            self._done.wait(SAMPLING)

    def gaps(self) -> dict[str, float]:
        """Milliseconds by service, rounded."""
        return {name: round(self._gaps.get(name, 0.0) * 1000, 1) for name in self._listeners}
