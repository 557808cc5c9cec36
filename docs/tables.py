# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the generated tables of the documentation share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

# Columns of the capability table, in words.
COLUMN_TITLES = {
    "systemd": "systemd",
    "xinetd": "xinetd",
    "s6-networking": "s6 with s6-networking",
    "ucspi": "s6 with ucspi-tcp",
}


def table(titles: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    """A list-table."""
    yield from [".. list-table::", "   :header-rows: 1", f"   :widths: {' '.join(map(str, widths))}", ""]
    for row in (titles, *rows):
        for number, cell in enumerate(row):
            yield f"   {' ' if number else '*'} - {cell}".rstrip()
