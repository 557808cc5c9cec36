# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of systemd: what ``systemctl show`` says of them."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Host

Properties = t.Dict[str, t.List[str]]


def show(names: Sequence[str], properties: Sequence[str], host: Host) -> list[Properties]:
    """These properties of each unit, in the order of the question and with one command; a property that systemd says
    more than once has all of its values. An alias goes by another name in the answer, and what systemd does not know is
    not loaded rather than missing."""
    if not names:
        return []
    listing = host.run(["systemctl", "show", f"--property={','.join(properties)}", "--", *names], check=False)
    return [_properties(block) for block in listing.out.split("\n\n")]


def _properties(block: str) -> Properties:
    values: Properties = {}
    for line in block.strip().splitlines():
        key, _equals, value = line.partition("=")
        values.setdefault(key, []).append(value)
    return values
