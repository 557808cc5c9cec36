# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In what the inetds differ that there are: one row for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_INTERNALS = ("echo", "discard", "chargen", "daytime", "time")


def _sockets(**families: str) -> Mapping[str, tuple[str, str]]:
    """By what stands behind tcp and udp; ``bare`` for nothing."""
    return {
        f"{transport}{'' if suffix == 'bare' else suffix[1:]}": (transport, family)
        for transport in ("tcp", "udp")
        for suffix, family in families.items()
    }


@dataclass(frozen=True)
class Dialect:
    """How one inetd reads its file.

    * ``sockets``: transport and family by protocol.
    * ``rate``: after how many starts in a minute a service is off for ten, unless a line says otherwise; 0 for never.
    * ``limits``: what is between ``nowait`` and such a number, empty where none is taken.
    * ``groups``: what may be between account and group.
    * ``addresses``: whether one may be before the service. ``unix``: whether there are unix sockets.
    * ``quotes``: whether words may be quoted. ``continued``: whether a line that begins with a blank goes on with the
      one before it. ``words``: how many arguments count, with argv[0]; 0 for all.
    * ``directory``: files of it are read as well. ``searches``: programs without a path are looked for.
    """

    name: str
    sockets: Mapping[str, tuple[str, str]]
    rate: int
    limits: str
    groups: str
    addresses: bool
    unix: bool
    internals: tuple[str, ...] = _INTERNALS
    quotes: bool = False
    continued: bool = False
    words: int = 0
    directory: str = ""
    searches: bool = False


DIALECTS = {
    dialect.name: dialect
    for dialect in (
        Dialect(
            "openbsd",
            _sockets(bare="any", _4="ipv4", _6="ipv6", _46="any"),
            rate=256,
            limits=".",
            groups=".:",
            addresses=True,
            unix=True,
            continued=True,
            words=20,
        ),
        Dialect(
            "inetutils",
            _sockets(bare="ipv4", _4="ipv4", _6="any", _6only="ipv6"),
            rate=40,
            limits=".",
            groups=":.",
            addresses=False,
            unix=False,
            quotes=True,
            directory="/etc/inetd.d",
        ),
        Dialect(
            "busybox",
            _sockets(bare="ipv4", _6="any"),
            rate=0,
            limits=".",
            groups=":.",
            addresses=True,
            unix=True,
            continued=True,
            words=20,
            searches=True,
        ),
        Dialect(
            "freebsd",
            _sockets(bare="ipv4", _4="ipv4", _6="ipv6", _46="any"),
            rate=256,
            limits="/",
            groups=":",
            addresses=False,
            unix=True,
            internals=(*_INTERNALS, "auth"),
            quotes=True,
            continued=True,
            words=20,
        ),
        Dialect(
            "inetd_compat",
            _sockets(bare="any"),
            rate=0,
            limits="",
            groups=".",
            addresses=False,
            unix=False,
            internals=("echo", "chargen", "daytime", "time"),
        ),
    )
}
USUAL = "openbsd"
