# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: batches
short_description: Divide hosts into batches, with some hosts first
version_added: 1.0.0
description:
  - Divides hosts as the keyword C(serial) of a play does, with a separate first batch for some hosts.
  - The lengths of the batches are a value for C(serial).
options:
  _input:
    description:
      - Names of the hosts, in order.
    type: list
    elements: str
    required: true
  size:
    description:
      - Size of a batch, as a number or as a percentage of all hosts, which is rounded down, but to at least one.
      - A list, or several sizes separated by commas, gives a size for each batch. The last one applies to all
        further batches.
    type: raw
    required: true
  first:
    description:
      - Names of the hosts in the first batch. Names that are not among the hosts are ignored.
    type: list
    elements: str
    default: []
author:
  - Contributors to the ondemand.superserver collection (@ondemand)
"""

EXAMPLES = r"""
---
- name: Show the order in which hosts would be moved
  ansible.builtin.debug:
    msg: "{{ groups['all'] | ondemand.superserver.batches('25%', groups['canary']) }}"
"""

RETURN = r"""
---
_value:
  description: The batches, none of them empty.
  type: list
  elements: list
  sample: [[oak], [elm, ash], [fir]]
"""

import re
import typing as t
from collections.abc import Sequence
from itertools import chain, repeat

from ansible.errors import AnsibleFilterError

_SIZE = re.compile(r"(?P<number>[1-9][0-9]*)(?P<percent>%?)")


def batches(hosts: Sequence[str], size: t.Any, first: Sequence[str] = ()) -> list[list[str]]:
    """The hosts in batches; see DOCUMENTATION."""
    sizes = [_count(text, len(hosts)) for text in _texts(size)]
    leading = [host for host in hosts if host in first]
    rest = [host for host in hosts if host not in first]
    made = [leading] if leading else []
    for count in chain(sizes, repeat(sizes[-1])):
        if not rest:
            break
        made.append(rest[:count])
        rest = rest[count:]
    return made


def _texts(size: t.Any) -> list[str]:
    """Each size, however they were written."""
    entries = size if isinstance(size, (list, tuple)) else str(size).split(",")
    if not entries:
        raise AnsibleFilterError("ondemand.superserver.batches: there must be at least one size")
    return [str(entry).strip() for entry in entries]


def _count(size: str, hosts: int) -> int:
    found = _SIZE.fullmatch(size)
    if found is None or (found["percent"] and int(found["number"]) > 100):
        raise AnsibleFilterError(
            f"ondemand.superserver.batches: a size is a number above 0 or a percentage up to 100%, not {size!r}"
        )
    number = int(found["number"])
    return max(1, number * hosts // 100) if found["percent"] else number


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"batches": batches}
