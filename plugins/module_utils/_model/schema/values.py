# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What single values of a declaration may look like: kinds, and checkers, which raise ValueError with what would be
right."""

from __future__ import annotations

import re

from ansible_collections.ondemand.superserver.plugins.module_utils._model.access import parse_network
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import parse_endpoint
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.forms import duration, percentage, size
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.paths import PathText, is_folder
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.types import Number, Text

# Set by the backends themselves, so a declaration cannot.
RESERVED_VARIABLES = ("REMOTE_ADDR", "REMOTE_PORT", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")


# execve(2) takes 131072 bytes with the name, the sign and a NUL.
LONGEST_SECRET = 130000

# (uid_t) -1 means that there is none, see chown(2).
_HIGHEST_ID = 2**32 - 2

# Other units than services.
_UNIT_TYPES = ("socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope")
_SERVICE_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}"
# systemd.unit(5): at most 255 characters.
_UNIT_NAME = rf"[A-Za-z0-9:_.@-]{{1,240}}\.(service|{'|'.join(_UNIT_TYPES)})"


def _name(text: str) -> None:
    if text.startswith(("s6rc-", "s6-rc-", "superserver-")):
        raise ValueError('must not begin with "s6rc-", "s6-rc-" or "superserver-"; these names are reserved')


def _program(text: str) -> None:
    if not text.startswith("/"):
        raise ValueError(f'must be an absolute path, such as "/usr/bin/{text}"; no PATH is searched')
    if text.endswith("/"):
        raise ValueError("must be a program, not a directory")
    if set(text) & set("\"'\\$\t"):
        raise ValueError("must be a path without quotes, backslash, $ and tab: systemd could not start the program")


def directory(text: str) -> None:
    if not text.startswith("/"):
        raise ValueError('must be an absolute path, such as "/srv"')
    if ".." in text.split("/"):
        raise ValueError('must be a path without "..": systemd does not take it')
    plain_end(text)


def log_file(text: str) -> None:
    directory(text)
    if is_folder(text):
        raise ValueError("must be a file, not a directory")


def plain_end(text: str) -> None:
    if text != text.strip() or text.endswith("\\"):
        raise ValueError("must not begin or end with a blank, or end with a backslash: unit files cannot express it")


def regular_expression(text: str) -> None:
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as exc:
        raise ValueError(f"is not a regular expression: {exc}") from None


def variable(text: str) -> None:
    if text in RESERVED_VARIABLES:
        raise ValueError("is set by the super-server itself; choose another name")


def variable_value(text: str) -> None:
    if "\r" in text:
        raise ValueError("must not contain a carriage return: systemd drops such a variable")


def secret_value(text: str) -> None:
    variable_value(text)
    if len(text.encode("utf-8")) > LONGEST_SECRET:
        raise ValueError(f"must not have more than {LONGEST_SECRET} bytes: Linux allows no longer variable")


def tcp_endpoint(text: str) -> None:
    parse_endpoint("tcp", text)


def udp_endpoint(text: str) -> None:
    parse_endpoint("udp", text)


def unix_endpoint(text: str) -> None:
    parse_endpoint("unix", text)


def daemon_name(text: str) -> None:
    name, _dot, suffix = text.rpartition(".")
    if name and suffix in _UNIT_TYPES:
        raise ValueError(f'must be a service, not a {suffix}; leave ".{suffix}" out')
    if (name if suffix == "service" else text).endswith("@"):
        raise ValueError('is a template; write an instance, such as "name@instance"')


def _account(text: str) -> None:
    if text.isdigit() and ((text.startswith("0") and text != "0") or int(text) > _HIGHEST_ID):
        raise ValueError(f'must be the name of an account, or a number from 0 to {_HIGHEST_ID}, not "{text}"')


def service_or_unit(text: str) -> None:
    """A service of the declaration, or a unit of systemd."""
    if not re.fullmatch(_SERVICE_NAME, text) and not re.fullmatch(_UNIT_NAME, text):
        raise ValueError('must be the name of a service, or of a unit of systemd with its type, as in "nginx.service"')


VARIABLE = Text(
    "variable name",
    pattern=r"[A-Za-z_][A-Za-z0-9_]*",
    hint="must be a variable name: letters, digits and _",
    checker=variable,
)
NAME = Text(
    "service name",
    pattern=_SERVICE_NAME,
    hint='must be 1 to 63 letters, digits, "_" or "-", beginning with a letter or digit: it becomes a unit, a file '
    "and a directory",
    checker=_name,
)
ACCOUNT = Text(
    "name or number of an account",
    pattern=r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,253}\$?",
    hint='must be the name of an account, or its number: letters, digits, "_", "-", "." and "@"',
    numbers=True,
    checker=_account,
)
DIRECTORY = PathText("absolute path", checker=directory)
FILE = PathText("absolute path", checker=log_file)
PROGRAM = Text("absolute path of a program", checker=_program)
OCTAL = Text("octal mode", pattern=r"0?[0-7]{3}", hint='must be three octal digits in quotes, such as "022"')
CIDR = Text("address or CIDR prefix", checker=parse_network)
HOURS = Text(
    "time window, in the host's time zone",
    pattern=r"((mon|tue|wed|thu|fri|sat|sun)([,-](mon|tue|wed|thu|fri|sat|sun))* )?"
    r"([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]",
    hint='must be a window such as "22:00-06:00" or "mon-fri 08:00-18:00"',
)
BYTES = Number(0, 2**63 - 1, "bytes", reader=size)
COUNT = Number(1, 2**31 - 1)
SECONDS = Number(1, 2**31 - 1, "seconds", reader=duration)
CPU = Number(1, 100000, "per cent of one CPU", reader=percentage)
