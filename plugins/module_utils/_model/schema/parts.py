# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the schema: endpoints, and the fields of a service that have fields of their own, but for what is about
clients, see :mod:`clients`."""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Endpoint, parse_targets
from ansible_collections.ondemand.superserver.plugins.module_utils._model.names import RAW, RAW_GROUPS
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.forms import (
    duration,
    endpoint,
    proxy,
    size,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.paths import TargetText
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.structures import (
    Field,
    Listing,
    Record,
    Table,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.types import (
    Choice,
    Flag,
    Number,
    OneOf,
    Text,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.values import (
    ACCOUNT,
    BYTES,
    COUNT,
    CPU,
    FILE,
    OCTAL,
    SECONDS,
    daemon_name,
    regular_expression,
    tcp_endpoint,
    udp_endpoint,
    unix_endpoint,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.words import Guide

# Paths that root writes, or whose content it shows. An account that can write to a directory can redirect root.
ONLY_ROOT = "Only root may be able to write to the directories of its path, except to sticky ones such as `/tmp`"

# What an endpoint is made of is read before there is a schema, and so its defaults are those of its type.
ENDPOINT = Record(
    (
        Field("tcp", Text("TCP endpoint", numbers=True, checker=tcp_endpoint), "TCP port, or address and port"),
        Field("udp", Text("UDP endpoint", numbers=True, checker=udp_endpoint), "UDP port, or address and port"),
        Field("unix", Text("absolute path", checker=unix_endpoint), f"path of a unix socket. {ONLY_ROOT}"),
        Field(
            "family",
            Choice(("any", "ipv4", "ipv6")),
            "which addresses a bare port takes: both families (`any`), IPv4 only or IPv6 only",
            Endpoint.family,
        ),
        Field(
            "interface",
            Text("interface name", pattern=r"[A-Za-z0-9_.:@-]{1,15}"),
            "accept only connections that arrive on this interface",
        ),
        Field(
            "freebind",
            Flag(),
            "the host may lack the address, for example because it is assigned after the boot or because another "
            "host has it at the moment. The endpoint waits for the address and accepts connections as soon as the "
            "host has it; the result says that it waits. Without this, the run refuses an address that the host "
            "does not have",
            Endpoint.freebind,
        ),
        Field(
            "backlog", Number(1, 65535), "how many connections may wait to be accepted; omitted: the kernel's maximum"
        ),
        Field("owner", ACCOUNT, "owner of a unix socket", Endpoint.owner),
        Field("group", ACCOUNT, "group of a unix socket", Endpoint.group),
        Field("mode", OCTAL, "mode of a unix socket", Endpoint.mode),
        Field(
            "type",
            Choice(("stream", "datagram", "seqpacket")),
            "type of a unix socket",
            Endpoint.type,
        ),
    ),
    "endpoint",
    short=endpoint,
    guide=Guide("listen"),
)

PROXY = Record(
    (
        Field(
            "to",
            TargetText("`address:port` or absolute path", checker=parse_targets),
            "target of the connections: `127.0.0.1:80`, `[::1]:80`, `localhost:80` (both loopback addresses; no "
            "other name is accepted) or the path of a unix socket, with or without `unix:` before it",
            required=True,
        ),
        Field(
            "unit",
            Text(
                "name of a daemon",
                pattern=r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,199}",
                hint='must be the name of a service: letters, digits, "_", "-", "." and "@", beginning with a letter, '
                "a digit or _",
                checker=daemon_name,
            ),
            "daemon that the first connection starts: a systemd service (`.service` may be left out) where systemd "
            "is PID 1, else a service directory in the scan directory of the s6-svscan that is PID 1. A connection "
            "waits for the daemon for up to `start_timeout`. Omitted: something else starts the daemon",
        ),
        Field(
            "start_timeout",
            SECONDS,
            "seconds that a connection waits until the daemon `unit` has started and accepts it",
            10,
        ),
        Field(
            "idle_timeout",
            SECONDS,
            "seconds without any connection after which the forwarder ends and stops the daemon, if it was started "
            "for a connection; the next connection starts both. Omitted: both keep running",
        ),
    ),
    short=proxy,
    guide=Guide("proxy"),
)

RESOURCES = Record(
    (
        Field("open_files", COUNT, "file descriptors of one process"),
        Field("processes", COUNT, "processes of the account"),
        Field("address_space", BYTES, "address space of one process"),
        Field("data", BYTES, "data segment of one process"),
        Field("stack", BYTES, "stack of one process"),
        Field("core", BYTES, "core file"),
        Field("file_size", BYTES, "largest file that may be written"),
        Field("cpu_time", SECONDS, "CPU seconds of one process"),
        Field("memory_max", BYTES, "memory of the whole service"),
        Field("cpu_quota", CPU, "CPU share of the whole service"),
        Field("tasks_max", COUNT, "processes and threads of the whole service"),
        Field(
            "connection_time",
            SECONDS,
            "seconds that one connection may last; then the handler and its process group get SIGTERM, and 5 "
            "seconds later SIGKILL. `banner` and a TLS handshake have the same limit each",
        ),
    ),
    guide=Guide("resources"),
)

TCP = Record(
    (
        Field("keepalive", Flag(), "TCP keep-alive on accepted connections", False),
        Field("no_delay", Flag(), "disable Nagle's algorithm on accepted connections", False),
        Field("defer_accept", SECONDS, "wake the service only when data has arrived, but wait at most this long"),
    ),
    guide=Guide("tcp"),
)

LOG = Record(
    (
        Field(
            "what",
            Listing(Choice(("host", "pid", "exit", "duration", "refused")), least=1),
            "what is logged. A line at the begin of a connection has the client's address (`host`, `-` on a unix "
            "socket) and the process that serves it (`pid`). A line at its end also has the exit status of that "
            "process (`exit`; for a signal 128 plus its number, also for a handler that ends at the moment when a "
            "signal is sent to it) and the seconds that the connection lasted (`duration`). `refused`: a line for "
            "each client that `access.hours` or `connections.max_load` refuses; other refusals leave no record "
            "that is the same on every backend",
            ["host", "pid", "exit", "duration"],
        ),
        Field(
            "where",
            Choice(("journal", "syslog", "file")),
            "destination of the log; the journal and syslog name it `superserver-` and the service's name",
            "file",
        ),
        Field(
            "file",
            FILE,
            f"log file, which root owns; omitted: `/var/log/superserver/NAME.connections`. {ONLY_ROOT}",
        ),
        Field(
            "rotate_size",
            Number(1, 2**63 - 1, "bytes", reader=size),
            "size at which the log file is rotated: FILE becomes FILE.1, FILE.1 becomes FILE.2 and so on",
            1000000,
        ),
        Field("rotate_keep", Number(1, 1000), "how many rotated files are kept", 10),
    ),
    guide=Guide("log"),
)

PROBE = Record(
    (
        Field("send", Text("text", multiline=True, empty=True), "text that the client sends", ""),
        Field(
            "expect",
            Text("regular expression", multiline=True, empty=True, checker=regular_expression),
            "regular expression that the answer must match",
            "",
        ),
        Field("timeout", Number(1, 300, "seconds", fractions=True, reader=duration), "how long the answer may take", 5),
    ),
    guide=Guide("probe"),
)

_DIRECTIVES = Table(Text("directive", pattern=r"[A-Za-z][A-Za-z0-9_-]*"), OneOf())


def _raw(backend: str) -> Field:
    kinds = {raw.field.partition(".")[2]: raw.doc for raw in RAW if raw.backend == backend}
    if backend not in RAW_GROUPS:
        return Field(backend, _DIRECTIVES, kinds[""], {})
    fields = tuple(Field(name, _DIRECTIVES, doc, {}) for name, doc in kinds.items())
    return Field(backend, Record(fields), RAW_GROUPS[backend])


NATIVE = Record(tuple(map(_raw, dict.fromkeys(raw.backend for raw in RAW))), guide=Guide("native"))
