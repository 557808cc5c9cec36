# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers of ports by their names, as far as the given files tell."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.ondemand.superserver.plugins.module_utils._host.network.names import port_number
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.texts import GivenTexts

SERVICES = "/etc/services"


class Ports:
    """The host's /etc/services if it is among the files, and else, or in addition, this host's. Without the host's own
    a name that nobody knows here may be there nevertheless (``certain``)."""

    def __init__(self, files: GivenTexts) -> None:
        text = files.text(SERVICES)
        self.certain = text is not None
        self._known = dict(_numbers(text or ""))

    def number(self, name: str, transport: str) -> int | None:
        """The number; None for a name that is not known."""
        return self._known.get((name, transport)) or port_number(name, transport)


def _numbers(text: str) -> Mapping[tuple[str, str], int]:
    found = {}
    for line in text.split("\n"):
        words = line.partition("#")[0].split()
        number, _slash, transport = words[1].partition("/") if len(words) > 1 else ("", "", "")
        if transport and number.isascii() and number.isdigit():
            found.update({(name, transport): int(number) for name in (words[0], *words[2:])})
    return found
