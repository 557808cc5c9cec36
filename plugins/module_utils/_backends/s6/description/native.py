# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a service directory that a declaration may add."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service


def _milliseconds(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,9}", text) is not None


# Signals on which every server ends, and no session with it unless it gets one, too.
_SIGNALS = ("SIGTERM", "SIGQUIT", "SIGINT", "SIGABRT")

# Files of a service directory that a declaration may add: what is right, in words, and its check.
NATIVE: Mapping[str, tuple[str, Callable[[str], bool]]] = {
    "timeout-kill": ("a number of milliseconds", _milliseconds),
    "timeout-finish": ("a number of milliseconds", _milliseconds),
    "max-death-tally": ("a number from 0 to 4096", lambda text: _milliseconds(text) and int(text) <= 4096),
    "down-signal": (f"one of {', '.join(_SIGNALS)}", lambda text: text in _SIGNALS),
}


def native_problems(service: Service) -> list[Problem]:
    """What is wrong with the files that a service adds."""
    problems = []
    for name, value in service.native.of("s6").items():
        path = f"{service.path('native')}.s6.{name}"
        if name not in NATIVE:
            known = ", ".join(NATIVE)
            problems.append(
                Problem(path, f"is not a file that can be added to the service directory; allowed are {known}")
            )
        elif not isinstance(value, str) or not NATIVE[name][1](value):
            problems.append(Problem(path, f"must be {NATIVE[name][0]}"))
    return problems
