# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attributes of an xinetd service, for the check of ``native.xinetd``.

The names and numbers of values are those of the attribute table of xinetd 2.3.15. xinetd itself ignores an attribute
that it does not know, or that has a wrong number of values, and starts the service without it.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# How many values an attribute has; 0: any number.
VALUES = {
    "access_times": 0,
    "banner": 1,
    "banner_fail": 1,
    "banner_success": 1,
    "bind": 1,
    "cps": 2,
    "deny_time": 1,
    "disable": 1,
    "env": 0,
    "flags": 0,
    "group": 1,
    "groups": 1,
    "id": 1,
    "instances": 1,
    "interface": 1,
    "libwrap": 1,
    "log_on_failure": 0,
    "log_on_success": 0,
    "log_type": 0,
    "max_load": 1,
    "nice": 1,
    "no_access": 0,
    "only_from": 0,
    "passenv": 0,
    "per_source": 1,
    "port": 1,
    "protocol": 1,
    "redirect": 2,
    "rlimit_as": 1,
    "rlimit_cpu": 1,
    "rlimit_data": 1,
    "rlimit_files": 1,
    "rlimit_rss": 1,
    "rlimit_stack": 1,
    "rpc_number": 1,
    "rpc_version": 1,
    "server": 1,
    "server_args": 0,
    "socket_type": 1,
    "type": 0,
    "umask": 1,
    "user": 1,
    "v6only": 1,
    "wait": 1,
}

# What is rendered already, or would undo what is, and the field to use instead.
OWNED = {
    "bind": "listen",
    "cps": "connections.rate",
    "disable": "state",
    "env": "environment",
    "flags": "listen",
    "group": "group",
    "groups": "supplementary_groups",
    "id": "name",
    "instances": "connections.max",
    "interface": "listen",
    "libwrap": "access",
    "log_on_failure": "log",
    "log_on_success": "log",
    "log_type": "log",
    "nice": "nice",
    "no_access": "access.deny",
    "only_from": "access.allow",
    "passenv": "environment",
    "per_source": "connections.per_source",
    "port": "listen",
    "protocol": "listen",
    "redirect": "proxy",
    "rpc_number": "listen",
    "rpc_version": "listen",
    "server": "exec",
    "server_args": "exec",
    "socket_type": "listen",
    "type": "listen",
    "umask": "umask",
    "user": "user",
    "v6only": "listen.family",
    "wait": "accept",
}

# A line may have 16384 bytes (xinetd.conf(5)); the name and the operator need some of them.
MOST_BYTES = 16000


def refuse_native(service: Service) -> list[Problem]:
    """Attributes that xinetd does not know, that belong to the schema, or that a line cannot hold."""
    return [
        Problem(f"{service.path('native')}.xinetd.{name}", message)
        for name, value in service.native.of("xinetd").items()
        for message in _problems(name, words(value))
    ]


def words(value: str | t.Sequence[str]) -> list[str]:
    """The values of an attribute: xinetd splits at blanks and knows no quoting."""
    text = value if isinstance(value, str) else " ".join(value)
    return [word for word in re.split(r"[ \t]", text) if word]


def _problems(name: str, values: list[str]) -> t.Iterator[str]:
    if name in OWNED:
        yield f"is written by the collection; use the field {OWNED[name]}"
        return
    if name not in VALUES:
        known = ", ".join(sorted(VALUES.keys() - OWNED.keys()))
        yield f"is not an attribute of a service; known here are {known}"
        return
    wanted = VALUES[name] or max(1, len(values))
    if len(values) != wanted:
        yield f"takes {wanted} {'value' if wanted == 1 else 'values'}, but {len(values)} were given"
    if any(word.startswith("#") for word in values):
        yield 'must not have a word that begins with "#": xinetd reads it as a value, not as a comment'
    if len(" ".join(values).encode("utf-8")) > MOST_BYTES:
        yield f"must be at most {MOST_BYTES} bytes long: xinetd cuts longer lines"
