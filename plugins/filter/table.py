# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: table
short_description: Show rows as lines with aligned columns
version_added: 1.0.0
description:
  - Makes a line of text for each row, after a line with the names of the columns.
options:
  _input:
    description:
      - The rows.
    type: list
    elements: dict
    required: true
  columns:
    description:
      - The keys to show, in order. A key that a row lacks is left empty. Underscores are shown as spaces.
    type: list
    elements: str
    required: true
  titles:
    description:
      - Titles of columns, by key, where they differ from the key.
    type: dict
    default: {}
author:
  - Contributors to the ondemand.superserver collection (@ondemand)
"""

EXAMPLES = r"""
---
- name: Read the services of the host
  ondemand.superserver.services_info:
  register: found

- name: Show the owners of the endpoints
  ansible.builtin.debug:
    msg: "{{ found.endpoints | ondemand.superserver.table(['service', 'endpoint', 'owner', 'problem']) }}"
"""

RETURN = r"""
---
_value:
  description: The lines.
  type: list
  elements: str
  sample:
    - service  endpoint  owner
    - echo     tcp:*:7   systemd echo.socket
"""

import typing as t
from collections.abc import Mapping, Sequence


def table(
    rows: Sequence[Mapping[str, t.Any]], columns: Sequence[str], titles: Mapping[str, str] | None = None
) -> list[str]:
    """The lines of a table; see DOCUMENTATION."""
    cells = [[(titles or {}).get(column, column.replace("_", " ")) for column in columns]]
    cells += [[_text(row.get(column)) for column in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]


def _text(value: t.Any) -> str:
    """A value on one line."""
    if value is None:
        return ""
    return ", ".join(map(_text, value)) if isinstance(value, (list, tuple)) else " ".join(str(value).split())


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"table": table}
