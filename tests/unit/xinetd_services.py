# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services for xinetd, what is rendered for them, and what a reader of the configuration makes of that."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.backend import Xinetd
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.files import (
    ENTRIES,
    HANDLERS,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import Entry, parse
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, service
from ansible_collections.ondemand.superserver.tests.unit.samples import COMMON

XINETD = Xinetd()
HOST = Platform(init="other", primary_groups={"root": "root", "nobody": "nogroup"})
ONE_FAMILY = replace(HOST, ipv6=False)

NASTY = (
    *("", " ", "a b", "$HOME", "${HOME}", "$", '"', "'", "\\", "\\n", ";", "#", "\n", "\t", "ü€", "`id`"),
    *("{", "}", "=", "-", "-n", "--", "*", "?", "~", "&", "|", "(", "!", "%", "\\\n", "$$", "$(id)"),
)

# Everything that changes how the files look, by the name of the service.
SERVICES: dict[str, Fields] = {
    **COMMON,
    "echo": {"user": "nobody"},
    "ordered": {"requires": ["first", "db"], "after": ["web", "first"]},
    "nasty": {
        "description": "100 % of $HOME \"quoted\" 'x' #1; {a} " + "and more, " * 20 + "and so on",
        "exec": ["/bin/echo", *NASTY],
        "environment": {"A": "a b", "B": "'\n\"", "PATH": "/bin", "HOME": "$HOME"},
        "working_directory": '/srv/a %n $b "c"',
        "umask": "077",
        "nice": 5,
    },
    "assignment": {"exec": ["/opt/a=b/run", "c=d"]},
    "fds": {"accept": False, "user": "nobody", "group": "daemon"},
    "stdin": {"accept": False, "socket_fd": "stdin"},
    "udp": {"listen": [{"udp": "1001"}], "socket_fd": "stdin"},
    "families": {
        "listen": [
            *({"tcp": "1005", "family": "ipv4"}, {"tcp": "1006", "family": "ipv6"}),
            *({"tcp": "1007"}, {"tcp": "[::1]:1008"}, {"tcp": "127.0.0.1:1008"}),
        ]
    },
    "limited": {
        "connections": {"max": 20, "per_source": 3},
        "access": {"allow": ["192.0.2.0/24", "192.0.2.7", "2001:db8::/32", "::1"], "deny": ["192.0.2.128/25"]},
    },
    "denied": {"access": {"deny": ["192.0.2.1", "2001:db8::1", "2001:db8:1::/48"]}},
    "urgent": {"user": "nobody", "nice": -5},
    "urgent-root": {"nice": -5},
    "native": {"native": {"xinetd": {"access_times": ["08:00-12:00", "13:00-17:00"], "rlimit_cpu": 5}}},
}


def made(name: str, **other: t.Any) -> Service:
    return replace(service(name=name, **{**SERVICES.get(name, {}), **other}), backend="xinetd")


def own_files(service: Service, host: Platform = HOST) -> list[File]:
    """Without what all services share."""
    return [file for file in XINETD.render([service], host) if file.service]


def read(service: Service, host: Platform = HOST) -> list[Entry]:
    """A service's entries, by the reader that tells the owners of sockets."""
    (file,) = [file for file in own_files(service, host) if file.path.startswith(f"{ENTRIES}/")]
    found = parse(file.content)
    assert all(isinstance(entry, Entry) for entry in found)
    return t.cast("list[Entry]", found)


def scripts(service: Service, host: Platform = HOST) -> list[File]:
    return [file for file in own_files(service, host) if file.path.startswith(f"{HANDLERS}/")]
