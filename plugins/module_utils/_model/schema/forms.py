# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values as people write them, and the one form that each is stored in.

Every function takes what has one meaning only and raises ValueError, saying what would be right, for the rest. What it
returns is what the schema takes anyway, so that ``256M`` and ``268435456`` are the same declaration.
"""

from __future__ import annotations

import re
import typing as t
from fractions import Fraction

from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.paths import without_scheme

# systemd, xinetd, docker and podman agree on these: powers of 1024.
_SIZES = {"": 1, **{letter: 1024**power for power, letter in enumerate("KMGTPE", 1)}}
_SIZE = re.compile(r"(?P<amount>[0-9]+(?:\.[0-9]+)?) ?(?P<letter>[kmgtpeKMGTPE]?)(?P<rest>iB|i|B|b)?")
_NO_LIMIT = ("unlimited", "infinity", "max", "none", "-1")
_LONGEST = 40  # characters of a text that is looked at as a number

# systemd.time(7), without months and years, which have no one length.
_UNITS: tuple[tuple[str, Fraction], ...] = (
    ("ms msec", Fraction(1, 1000)),
    ("s sec second seconds", Fraction(1)),
    ("m min minute minutes", Fraction(60)),
    ("h hr hour hours", Fraction(3600)),
    ("d day days", Fraction(86400)),
    ("w week weeks", Fraction(604800)),
)
_SECONDS = {word: seconds for words, seconds in _UNITS for word in words.split()}
_PART = re.compile(r"(?P<amount>[0-9]+(?:\.[0-9]+)?) ?(?P<unit>[A-Za-z]+) ?")
_WHOLE = re.compile(r"0|[1-9][0-9]*")
_RATE = re.compile(r"(?P<count>[1-9][0-9]*) ?/ ?(?P<interval>.+)")
_TRANSPORT = re.compile(r"(?P<endpoint>.+)/(?P<transport>tcp|udp)")

Number = t.Union[int, float]


def size(text: str) -> Number:
    """Bytes: ``256M``, ``1.5G``, ``64KiB``, each a power of 1024."""
    if text.lower() in _NO_LIMIT:
        raise ValueError("a number of bytes, or a size such as 256M or 64KiB; leave the field out for no limit")
    match = _SIZE.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None or (not match["letter"] and match["rest"] not in (None, "B")):
        raise ValueError("a number of bytes, or a size such as 256M or 64KiB")
    letter, rest = match["letter"].upper(), match["rest"]
    if letter and rest in ("B", "b"):
        amount = match["amount"]
        raise ValueError(
            f'{amount}{letter}iB if powers of 1024 are meant; "{text}" is counted by 1000 in some places and by 1024 '
            "in others"
        )
    return _number(_amount(match["amount"], leading=bool(letter)) * _SIZES[letter])


def duration(text: str) -> Number:
    """Seconds: ``90``, ``10m``, ``1h30m``, ``1h 30min``."""
    if len(text) > _LONGEST:
        raise ValueError(_DURATION)
    if _WHOLE.fullmatch(text):
        return int(text)
    position, total, last = 0, Fraction(0), None
    while position < len(text):
        match = _PART.match(text, position)
        if match is None:
            raise ValueError(_DURATION)
        unit = _SECONDS.get(match["unit"])
        if unit is None or (last is not None and unit >= last):
            raise ValueError(_DURATION)
        total, last, position = total + _amount(match["amount"]) * unit, unit, match.end()
    if last is None or text != text.strip():
        raise ValueError(_DURATION)
    return _number(total)


_DURATION = (
    "a number of seconds, or a duration such as 90s, 10m or 1h30m (ms, s, m, h, d, w, the longest first; m is "
    "minutes, and months and years have no fixed length)"
)


def percentage(text: str) -> Number:
    """Per cent: ``50%``."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?%", text) if len(text) <= _LONGEST else None
    if match is None:
        raise ValueError("a percentage, such as 50 or 50%; two CPUs are 200%")
    return _number(_amount(match[1]))


def rate(value: t.Any) -> dict[str, t.Any]:
    """``50/10s`` is 50 in each ten seconds, ``50/s`` and ``50/minute`` in each one."""
    match = _RATE.fullmatch(value) if isinstance(value, str) and len(value) <= _LONGEST else None
    # A number alone is a length here and a pause in what xinetd calls cps.
    if match is None or _WHOLE.fullmatch(match["interval"]):
        raise ValueError(
            "a count and an interval with its unit, such as 50/10s, or a mapping such as {count: 50, interval: 10}"
        )
    word = match["interval"]
    interval = duration(word if word[0].isdigit() else f"1{word}")
    return {"count": int(match["count"]), **({} if interval == 1 else {"interval": interval})}


def endpoint(value: t.Any) -> dict[str, t.Any]:
    """``80`` and ``127.0.0.1:80`` are TCP, ``53/udp`` says it, and a path is a unix socket."""
    if isinstance(value, int) and not isinstance(value, bool):
        return {"tcp": str(value)}
    if not isinstance(value, str):
        raise ValueError(_ENDPOINT)
    path = without_scheme(value)
    if path.startswith("/"):
        return {"unix": path}
    match = _TRANSPORT.fullmatch(value)
    text, transport = (match["endpoint"], match["transport"]) if match else (value, "tcp")
    if match is None and not value.rpartition(":")[2].isdigit():
        raise ValueError(f'{_ENDPOINT}; a port name needs its transport, as in {{tcp: "http"}}')
    return {transport: text}


_ENDPOINT = 'an endpoint such as {tcp: "80"}, {udp: "127.0.0.1:53"} or {unix: /run/name.sock}'


def proxy(value: t.Any) -> dict[str, t.Any]:
    """Where connections go alone."""
    if not isinstance(value, str):
        raise ValueError('a mapping such as {to: "127.0.0.1:80"}')
    return {"to": value}


def _amount(text: str, leading: bool = True) -> Fraction:
    """A decimal number. Where nothing follows it, a zero before other digits would be octal for some."""
    if text.startswith("0") and text[1:2].isdigit():
        raise ValueError("a number without leading zeros")
    if not leading and "." in text:
        raise ValueError("a whole number of bytes, or a size such as 256M or 64KiB")
    return Fraction(text)


def _number(value: Fraction) -> Number:
    return int(value) if value.denominator == 1 else float(value)
