# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep connections open."""

from __future__ import annotations

from steps.served import echoes, eventually, rejected, served
from vantage.common import Step, Wrong
from vantage.point import Connection, Vantage


def hold(step: Step, vantage: Vantage) -> None:
    """Keep as many connections as are allowed; while they are served, the excess is closed and others are served;
    when one of them ends, another client is served."""
    held: list[Connection] = []
    try:
        held = _fill(step, vantage)
        for excess in step["excess"]:
            rejected({**step, **excess}, vantage)
        for other in step["served"]:
            served({**step, **other}, vantage).close()
        for number, connection in enumerate(held):
            if not echoes(connection, f"again {number}\n".encode(), b""):
                raise Wrong(f"connection {number + 1} of {len(held)} did not outlive the excess")
        if step["excess"]:
            held.pop().close()
            held.append(eventually(step, vantage))
    finally:
        for connection in held:
            connection.close()


def _fill(step: Step, vantage: Vantage) -> list[Connection]:
    """A connection that ended just now may still be counted, so a refusal is not yet final."""
    held: list[Connection] = []
    try:
        while len(held) < step["hold"]:
            held.append(eventually(step, vantage))
    except Wrong as problem:
        for connection in held:
            connection.close()
        raise Wrong(f"only {len(held)} of {step['hold']} connections were served: {problem}") from None
    return held
