# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What connections, and the steps that use them, have in common."""

from __future__ import annotations

import typing as t

PATIENCE = 30.0  # seconds that an answer may take
CHUNK = 1 << 16

Step = t.Dict[str, t.Any]
Answer = t.Tuple[bytes, bool]


class Wrong(Exception):
    """Something is not as it should be; the text says what was found."""


def shown(data: bytes) -> str:
    text = repr(data)[1:]
    return text if len(text) <= 200 else f"{text[:150]}... ({len(data)} bytes)"


def text_of(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def long_enough(length: int, data: bytes) -> bool:
    return len(data) >= length
