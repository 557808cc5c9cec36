# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which values xinetd 2.3.15 takes for the attributes of its services, on this host or on any.

Names of hosts are not looked up, which would take as long as a name server wants: they are taken as they are.
"""

from __future__ import annotations

import posixpath
import re
import typing as t

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.grammar import Entry
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.lines import Assignment, fold
from ansible_collections.ondemand.superserver.plugins.module_utils._host import accounts as _accounts
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import entries
from ansible_collections.ondemand.superserver.plugins.module_utils._host.network.names import (
    literal_address,
    port_number,
    protocol_number,
)

Values = t.Sequence[str]
_Test = t.Callable[[Values], bool]

SOCKET_TYPES = ("stream", "dgram", "raw", "seqpacket")
_TYPES = ("rpc", "internal", "unlisted", "special", "tcpmux", "tcpmuxplus")
_FLAGS = (
    *("reuse", "intercept", "noretry", "idonly", "nameinargs", "nodelay", "keepalive", "nolibwrap", "sensor"),
    *("ipv4", "ipv6", "labeled"),
)
_SUCCESS = ("host", "duration", "exit", "pid", "userid", "traffic")
_FAILURE = ("host", "attempt", "userid")
_FACILITIES = (
    *("daemon", "auth", "authpriv", "user", "mail", "lpr", "news", "uucp", "ftp"),
    *(f"local{number}" for number in range(8)),
)
_LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
# Numbers as the C library reads them.
_BLANKS = " \t\n\v\f\r"
_SPACES = f"[{_BLANKS}]*"
_DECIMAL = re.compile(f"{_SPACES}(?:([+-]?[0-9]+){_SPACES})?")
_OCTAL = re.compile(f"{_SPACES}(?:([+-]?[0-7]+){_SPACES})?")
_FLOAT = re.compile(
    f"{_SPACES}[+-]?(?P<number>inf|nan|0x[0-9a-f]+|(?:[0-9]+[.]?[0-9]*|[.][0-9]+)(?:e[+-]?[0-9]+)?)", re.IGNORECASE
)
_HOST = re.compile(r"(?=.*[^0-9.])[A-Za-z0-9._-]+")
_TIMES = re.compile(r"([0-9]*):([0-9]*)-([0-9]*):([0-9]*)")
_SEVERAL = re.compile(r"(?:[0-9]+(?:[.][0-9]+)*[.]?)?\{[0-9]+(?:,[0-9]+)*\}")
_UNITS = {"k": 1024, "m": 1024 * 1024}
_LARGEST = 2**64
# What depends on the host.
_OF_HOST = ("group", "server", "user")


def fits(entry: Entry, given: Assignment) -> bool:
    """Whether xinetd takes the values; there are as many as the attribute has."""
    if given.name == "log_type" and "log_type" in entry.specified:
        return False
    if given.name == "env" and given.operator == "-=":
        return False
    test = _TESTS.get(given.name)
    return test is None or test(given.values)


def fits_somewhere(entry: Entry, given: Assignment) -> bool:
    """The same on a host that has the accounts and programs."""
    return given.name in _OF_HOST or fits(entry, given)


def number(text: str) -> int | None:
    """A whole number; None for what is none. xinetd keeps 32 bits of it."""
    value = _c_number(_DECIMAL, text, -(2**63), 2**63)
    return None if value is None else (value + 2**31) % 2**32 - 2**31


def _c_number(pattern: t.Pattern[str], text: str, least: int, end: int) -> int | None:
    match = pattern.fullmatch(text)
    if not match:
        return None
    value = int(match.group(1) or "0", 8 if pattern is _OCTAL else 10)
    return value if least <= value < end else None


def _unsigned(text: str) -> int | None:
    value = _c_number(_DECIMAL, text, 1 - _LARGEST, _LARGEST)
    return None if value is None else value % _LARGEST


def _words_of(*known: str) -> _Test:
    return lambda values: all(fold(value) in known for value in values)


def _some_of(*known: str) -> _Test:
    return lambda values: bool(values) and all(fold(value) in known for value in values)


def _number_from(least: int, end: int, *words: str) -> _Test:
    def test(values: Values) -> bool:
        value = number(values[0])
        return fold(values[0]) in words or (value is not None and least <= value < end)

    return test


def _account(values: Values) -> bool:
    return _known(_accounts.is_user, values[0])


def _group(values: Values) -> bool:
    return _known(_accounts.is_group, values[0])


def _known(is_there: t.Callable[[str], bool], name: str) -> bool:
    return int(name) < _LARGEST if re.fullmatch("[0-9]+", name) else is_there(name)


def _server(values: Values) -> bool:
    return entries.executable(posixpath.join("/", values[0]))


def _addresses(values: Values) -> bool:
    return all(_address(value) for value in values)


def _address(text: str) -> bool:
    """What is neither an address nor a host is left out, unless it has a comma, or several in braces that are wrong."""
    if "{" in text:
        digits = re.match(r"[0-9.]*", text)
        before = digits.group() if digits else ""
        wrong = before.startswith(".") or ".." in before
        return not wrong and (text[len(before)] != "{" or _SEVERAL.fullmatch(text) is not None)
    dots = re.match(r"[0-9]*(?:[.][0-9]+)*[.]{2}|[.](?=[0-9.]*$)", text)
    return "," not in text and not dots


def _access_times(values: Values) -> bool:
    return bool(values) and all(_interval(value) for value in values)


def _interval(text: str) -> bool:
    match = _TIMES.fullmatch(text)
    if not match:
        return False
    first, minutes, last, further = (int(part or "0") for part in match.groups())
    return first < 24 and last < 24 and minutes < 60 and further < 60 and first * 60 + minutes < last * 60 + further


def _rpc_versions(values: Values) -> bool:
    first, dash, last = values[0].partition("-")
    least, most = number(first), number(last if dash else first)
    return least is not None and most is not None and least <= most


def _environment(values: Values) -> bool:
    return all("=" in value for value in values)


def _bind(values: Values) -> bool:
    return _host(values[0])


def _host(text: str) -> bool:
    """An address, or what may be the name of a host."""
    return bool(literal_address(text) or _HOST.fullmatch(text))


def _redirect(values: Values) -> bool:
    port = number(values[1])
    if port is None or port <= 0:
        port = port_number(values[1], "tcp") or 0
    return 0 < port < 2**16 and _host(values[0])


def _rate(values: Values) -> bool:
    return all(_unsigned(value) is not None for value in values)


def _load(values: Values) -> bool:
    match = _FLOAT.match(values[0])
    return match is not None and re.match("0+(?:[.]0*)?$|[.]0+$", match["number"]) is None


def load(text: str) -> float | None:
    """A load as the C library reads it: what comes behind the number is no matter. None for what is none."""
    match = _FLOAT.match(text)
    if not match:
        return None
    digits = match["number"].lower()
    return float.fromhex(digits) if digits.startswith("0x") else float(digits)


def _limit(values: Values) -> bool:
    return fold(values[0]) == "unlimited" or size(values[0]) is not None


def size(text: str) -> int | None:
    """A size with a unit, or without one; None for what is none."""
    bare = fold(text).rstrip(_BLANKS)
    unit = _UNITS.get(bare[-1:], 1)
    size = _unsigned(bare[:-1] if unit > 1 else bare)
    return None if size is None or size * unit >= _LARGEST else size * unit


def _seconds(values: Values) -> bool:
    return fold(values[0]) == "unlimited" or _unsigned(values[0]) is not None


def _umask(values: Values) -> bool:
    value = _c_number(_OCTAL, values[0], -(2**63), 2**63)
    return value is not None and 0 <= value <= 0o777


def _log_type(values: Values) -> bool:
    kind = fold(values[0]) if values else ""
    if kind == "file":
        return 2 <= len(values) <= 4 and _log_limits(values[2:])
    known = len(values) > 1 and fold(values[1]) in _FACILITIES
    return kind == "syslog" and known and len(values) < 4 and all(fold(value) in _LEVELS for value in values[2:])


def _log_limits(values: Values) -> bool:
    sizes = [size(value) for value in values]
    known = [size for size in sizes if size is not None]
    return len(known) == len(sizes) and known == sorted(known)


def _protocol(values: Values) -> bool:
    return protocol_number(values[0]) is not None


def _arguments(values: Values) -> bool:
    return bool(values)


_ANY = (-(2**31), 2**31)
_YES_OR_NO = _words_of("yes", "no")
_COUNT = _number_from(0, 2**31, "unlimited")
# Attributes that are not here take everything.
_TESTS: dict[str, _Test] = {
    "access_times": _access_times,
    "bind": _bind,
    "cps": _rate,
    "deny_time": _number_from(*_ANY, "forever", "never"),
    "disable": _YES_OR_NO,
    "env": _environment,
    "flags": _some_of(*_FLAGS),
    "group": _group,
    "groups": _YES_OR_NO,
    "instances": _COUNT,
    "interface": _bind,
    "log_on_failure": _words_of(*_FAILURE),
    "log_on_success": _words_of(*_SUCCESS),
    "log_type": _log_type,
    "max_load": _load,
    "nice": _number_from(*_ANY),
    "no_access": _addresses,
    "only_from": _addresses,
    "per_source": _COUNT,
    "port": _number_from(0, 2**16),
    "protocol": _protocol,
    "redirect": _redirect,
    **{f"rlimit_{name}": _limit for name in ("as", "data", "files", "rss", "stack")},
    "rlimit_cpu": _seconds,
    "rpc_number": _number_from(*_ANY),
    "rpc_version": _rpc_versions,
    "server": _server,
    "server_args": _arguments,
    "socket_type": _words_of(*SOCKET_TYPES),
    "type": _some_of(*_TYPES),
    "umask": _umask,
    "user": _account,
    "v6only": _YES_OR_NO,
    "wait": _YES_OR_NO,
}
