# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of services that are told apart, where others need none."""

from __future__ import annotations

import itertools

# Of 63 characters that a name may have; the rest is for a number.
_LONGEST = 58


class Names:
    """The names that are given already."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def free(self, wanted: str) -> str:
        """A name that no earlier service has: the wanted one, or one with a number."""
        numbered = (f"{wanted[:_LONGEST]}-{number}" for number in itertools.count(2))
        name = next(one for one in itertools.chain([wanted], numbered) if one not in self._taken)
        self._taken.add(name)
        return name


def renamed(wanted: str, name: str) -> str:
    """What is said of a service that did not get its name."""
    return f'an earlier service is called "{wanted}" already; this one is called "{name}"'
