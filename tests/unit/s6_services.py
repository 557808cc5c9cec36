# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services as s6 has them, and how their service directories are followed."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.backend import S6
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.fdholder import KEEP
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import SERVICES as DIRECTORIES
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform, Rc
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, service
from ansible_collections.ondemand.superserver.tests.unit.execline_syntax import Chain, follow, read_script
from ansible_collections.ondemand.superserver.tests.unit.samples import COMMON

NASTY = (
    *("", " ", "a b", "$HOME", "${HOME}", "$", '"', "'", "\\", "\\n", "\\\\", ";", "#", "\n", "\t", "\r", "ü€"),
    *(
        "{",
        "}",
        "{}",
        "=",
        "-",
        "$tcpremoteip",
        "${tcpremoteip}",
        "\\${tcpremoteport}",
        "tcpremoteip_",
        "$tcpremoteip_",
    ),
)
VARIABLES = {f"V{number}": value for number, value in enumerate(NASTY) if "\r" not in value}

# Everything that changes how service directories look, by the name of the service.
SERVICES: dict[str, Fields] = {
    **COMMON,
    "echo": {},
    "ordered": {"requires": ["first", "db"], "after": ["web", "first"]},
    "nasty": {
        "description": "100 % of $HOME \"quoted\" 'x' #1; {a}",
        "exec": ["/bin/echo", *NASTY],
        "environment": {**VARIABLES, "PATH": "/bin", "HOME": "/"},
        "working_directory": '/srv/a %n $b "c"',
        "umask": "077",
        "nice": -5,
    },
    "assignment": {"exec": ["/opt/a=b/run", "c=d"]},
    "stdin": {"accept": False, "socket_fd": "stdin", "user": "nobody", "group": "daemon"},
    "sockets": {
        "listen": [{"tcp": "1001"}, {"tcp": "127.0.0.1:1002"}, {"udp": "1001"}],
        "accept": False,
        "connections": {"max": 5},
    },
    "families": {
        "listen": [
            *({"tcp": "1005", "family": "ipv4"}, {"tcp": "1006", "family": "ipv6"}),
            *({"tcp": "1007"}, {"tcp": "[::1]:1008", "backlog": 9}),
        ]
    },
    "unix": {
        "listen": [
            {"unix": "/run/sub/a b.sock", "owner": "nobody", "group": "adm", "mode": "0600", "backlog": 20},
            {"unix": "/run/b"},
        ],
    },
    "unix-datagrams": {"listen": [{"unix": "/run/c", "type": "datagram"}], "socket_fd": "stdin"},
    "limited": {
        "connections": {"max": 20, "per_source": 3},
        "access": {"allow": ["192.0.2.0/24", "2001:db8::/32"], "deny": ["192.0.2.128/25"]},
    },
    "denied": {"access": {"deny": ["192.0.2.1", "::/0"]}},
    "native": {"native": {"s6": {"timeout-kill": 5000, "down-signal": "SIGQUIT"}}},
}

GROUPS = {"root": "root", "nobody": "nogroup"}
PROVIDERS = {
    "ucspi": Platform(s6="ucspi", primary_groups=GROUPS),
    "s6-networking": Platform(s6="s6-networking", s6_path="/opt/s6/bin", primary_groups=GROUPS),
}
UCSPI, NETWORKING = PROVIDERS.values()
AS_PID_1 = replace(UCSPI, init="s6", scan_directory="/run/service")
UNDER_S6_RC = replace(
    NETWORKING, init="s6", scan_directory="/run/service", s6_rc=Rc(("/etc/s6-rc/source",), "/etc/s6-rc/source/default")
)

BINDERS = (
    "tcpserver",
    *(f"s6-tcpserver{digit}-socketbinder" for digit in ("", "4", "6")),
    "s6-ipcserver-socketbinder",
    "binder",
)

# What a server sets for its handler.
SET = {"TCPREMOTEIP": "192.0.2.7", "TCPREMOTEPORT": "4711", "LISTEN_PID": "99"}


def made(name: str, **other: t.Any) -> Service:
    return replace(service(name=name, **{**SERVICES[name], **other}), backend="s6")


def files_of(name: str, platform: Platform = UCSPI) -> list[File]:
    return S6().render([made(name)], platform)


def directory_files(files: t.Iterable[File]) -> list[File]:
    """Without the collection's own programs and what is behind TLS, which have their tests."""
    behind = ("/etc/superserver/tls/", "/etc/superserver/banners/", "/usr/local/lib/superserver/")
    return [file for file in files if file.service and not file.path.startswith(behind)]


def chains(files: t.Iterable[File]) -> dict[str, Chain]:
    """Every server's chain, by the name of its service directory, and of the script that it ends with."""
    contents = {file.path: file.content for file in files if file.service and file.path.startswith(DIRECTORIES)}
    found = {}
    for path, content in contents.items():
        if path.endswith("/run") and not path.endswith("/log/run"):
            words = read_script(content)
            if words[-1] in contents:
                words = words[:-1] + read_script(contents[words[-1]])
            found[path.split("/")[-2]] = follow(words, SET)
    return found


def binding(chain: Chain) -> list[tuple[str, list[str]]]:
    """What binds sockets: in the chain itself, or for the holder."""
    kept = [
        program for (block,) in chain.arguments("if") if block[0] == KEEP for program in follow(block[3:], {}).programs
    ]
    return [(name, words) for name, words in [*chain.programs, *kept] if name in BINDERS and "serve" not in words[:3]]
