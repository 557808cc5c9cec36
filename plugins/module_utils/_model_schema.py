# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema of one service, as a table: field, kind, meaning, default.

Validation, the schema reference in the documentation and the test that every field has a row in the capability table
all read this table.
"""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._model_endpoints import parse_targets
from ansible_collections.ondemand.superserver.plugins.module_utils._model_types import (
    Choice,
    Field,
    Flag,
    Hidden,
    Listing,
    Number,
    OneOf,
    Record,
    Table,
    Text,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model_values import (
    ACCOUNT,
    BYTES,
    CIDR,
    COUNT,
    HOURS,
    NAME,
    OCTAL,
    PROGRAM,
    SECONDS,
    VARIABLE,
    daemon_name,
    directory,
    log_file,
    plain_end,
    regular_expression,
    secret_value,
    service_or_unit,
    tcp_endpoint,
    udp_endpoint,
    unix_endpoint,
    variable_value,
)

BACKENDS = ("systemd", "xinetd", "s6")
INTERNALS = ("echo", "discard", "daytime", "time", "chargen")

# Written into every backend where a service declares no connections.max: no backend's own default is neutral
# (systemd 64, xinetd none, s6 40), and 1000 is the most that every backend can hold.
BACKSTOP = 1000

# The account of the collection's own, which the roles make: for what faces clients and needs no other.
OWN_ACCOUNT = "superserver"

# Where root writes, or shows what it reads. Who can write a directory can lead root elsewhere.
ONLY_ROOT = "Nobody but root may be able to write the directories on the way to it, sticky ones like `/tmp` aside"

ENDPOINT = Record(
    (
        Field("tcp", Text("TCP endpoint", numbers=True, checker=tcp_endpoint), "TCP port, or address and port"),
        Field("udp", Text("UDP endpoint", numbers=True, checker=udp_endpoint), "UDP port, or address and port"),
        Field("unix", Text("absolute path", checker=unix_endpoint), f"path of a unix socket. {ONLY_ROOT}"),
        Field(
            "family",
            Choice(("any", "ipv4", "ipv6")),
            "which addresses a bare port takes: both families (`any`), IPv4 only or IPv6 only",
            "any",
        ),
        Field(
            "interface",
            Text("interface name", pattern=r"[A-Za-z0-9_.:@-]{1,15}"),
            "take connections that come in through this interface only",
        ),
        Field(
            "freebind",
            Flag(),
            "the host may be without the address, which comes some time after the boot, say, or is another host's just "
            "now. The endpoint waits for it, and takes connections as soon as it is there; that it waits is told. "
            "Without this, an address that the host does not have is refused",
            False,
        ),
        Field(
            "backlog", Number(1, 65535), "how many connections may wait to be accepted; omitted: the kernel's maximum"
        ),
        Field("owner", ACCOUNT, "owner of a unix socket", "root"),
        Field("group", ACCOUNT, "group of a unix socket", "root"),
        Field("mode", OCTAL, "mode of a unix socket", "0660"),
        Field(
            "type",
            Choice(("stream", "datagram", "seqpacket")),
            "type of a unix socket",
            "stream",
        ),
    ),
    "endpoint",
)

PROXY = Record(
    (
        Field(
            "to",
            Text("`address:port` or absolute path", checker=parse_targets),
            "where connections are forwarded to: `127.0.0.1:80`, `[::1]:80`, `localhost:80` (both of these addresses; "
            "no other name is taken) or the path of a unix socket, with or without `unix:` before it",
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
            "daemon that the first connection starts: a systemd service (`.service` may be left out) where systemd is "
            "PID 1, else a directory of the scan directory of the s6-svscan that is PID 1. A connection waits for it, "
            "for up to `start_timeout`. Omitted: something else starts the daemon",
        ),
        Field(
            "start_timeout",
            SECONDS,
            "seconds that a connection waits for the daemon `unit` to take it, which has to be started first",
            10,
        ),
        Field(
            "idle_timeout",
            SECONDS,
            "seconds without any connection after which the forwarder ends and, if it was started for a connection, "
            "the daemon is stopped; the next connection starts both. Omitted: they stay",
        ),
    )
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
        Field("cpu_quota", Number(1, 100000, "per cent of one CPU"), "CPU share of the whole service"),
        Field("tasks_max", COUNT, "processes and threads of the whole service"),
        Field(
            "connection_time",
            SECONDS,
            "seconds that one connection may last; then its handler is told to end, and after 5 more it is killed. "
            "`banner` has as many of its own, and so has a TLS handshake",
        ),
    )
)

RATE = Record(
    (
        Field("count", Number(1, 10000), "new connections accepted at once, and then in each interval", required=True),
        Field("interval", Number(1, 86400, "seconds"), "length of the interval", 1),
        Field("pause", Number(0, 86400, "seconds"), "how long every connection is refused once there were more", 0),
    )
)

CONNECTIONS = Record(
    (
        Field("max", COUNT, "connections served at the same time; one more is closed at once"),
        Field("per_source", COUNT, "connections served at the same time for one client address; one more is closed"),
        Field("rate", RATE, "limit of new connections"),
        Field(
            "max_load",
            Number(0, 10000, fractions=True),
            "one-minute load from which on new connections are closed at once",
        ),
    )
)

ACCESS = Record(
    (
        Field("allow", Listing(CIDR), "who may connect; if there is any entry, nobody else may", []),
        Field(
            "deny", Listing(CIDR), "who may not connect; the most specific prefix of both lists wins, deny a tie", []
        ),
        Field(
            "hours",
            Listing(HOURS),
            "when new connections are accepted; at other times they are closed at once. A window that ends before it "
            "begins ends on the next day; its days are those on which it begins",
            [],
        ),
    )
)

TCP = Record(
    (
        Field("keepalive", Flag(), "TCP keep-alive on accepted connections", False),
        Field("no_delay", Flag(), "disable Nagle's algorithm on accepted connections", False),
        Field("defer_accept", SECONDS, "wake the service only when data has arrived, waiting at most this long"),
    )
)

BANNER = Record(
    (
        Field("text", Text("text", multiline=True), "what is sent"),
        Field("file", Text("absolute path", checker=directory), f"file whose content is sent. {ONLY_ROOT}"),
        Field(
            "on",
            Choice(("connect", "refuse")),
            "when it is sent: before the handler starts, or to a client that `access.hours` or `connections.max_load` "
            "turns away (what else refuses a client sends nothing). A client has a minute to read it, or "
            "`resources.connection_time` if that is less",
            "connect",
        ),
    )
)

TLS = Record(
    (
        Field(
            "certificate",
            Text("absolute path", checker=directory),
            "certificate (PEM), with those of intermediate CAs behind it; read for each connection",
            required=True,
        ),
        Field(
            "key",
            Text("absolute path", checker=directory),
            f"private key (PEM), without a passphrase. Not everybody may be able to read it. {ONLY_ROOT}",
            required=True,
        ),
        Field(
            "client_ca",
            Text("absolute path", checker=directory),
            f"accept only clients with a certificate of this CA. {ONLY_ROOT}",
        ),
        Field("minimum_version", Choice(("1.2", "1.3")), "lowest TLS version", "1.2"),
    )
)

LOG = Record(
    (
        Field(
            "what",
            Listing(Choice(("host", "pid", "exit", "duration", "refused")), least=1),
            "what is logged. A line when a connection begins has the client's address (`host`, `-` on a unix socket) "
            "and the process that serves it (`pid`); a line when it ends has besides how that ended (`exit`, 128 and "
            "the signal's number for a signal, and for a handler that ends just when one is sent to it) and after how "
            "many seconds (`duration`). `refused`: a line for each client that `access.hours` or "
            "`connections.max_load` turns away; what else refuses a client leaves no record that would be the same "
            "everywhere",
            ["host", "pid", "exit", "duration"],
        ),
        Field(
            "where",
            Choice(("journal", "syslog", "file")),
            "where the log goes: to the journal and syslog as `superserver-` with the service's name",
            "file",
        ),
        Field(
            "file",
            Text("absolute path", checker=log_file),
            f"log file, which root owns; omitted: `/var/log/superserver/NAME.connections`. {ONLY_ROOT}",
        ),
        Field(
            "rotate_size",
            Number(1, 2**63 - 1, "bytes"),
            "size from which the log file is put aside: FILE becomes FILE.1, FILE.1 becomes FILE.2 and so on",
            1000000,
        ),
        Field("rotate_keep", Number(1, 1000), "how many files that were put aside are kept", 10),
    )
)

PROBE = Record(
    (
        Field("send", Text("text", multiline=True, empty=True), "what the client sends", ""),
        Field(
            "expect",
            Text("regular expression", multiline=True, empty=True, checker=regular_expression),
            "what must come back",
            "",
        ),
        Field("timeout", Number(1, 300, "seconds", fractions=True), "how long the answer may take", 5),
    )
)

_DIRECTIVES = Table(Text("directive", pattern=r"[A-Za-z][A-Za-z0-9_-]*"), OneOf())
NATIVE = Record(
    (
        Field(
            "systemd",
            Record((Field("socket", _DIRECTIVES, "[Socket]", {}), Field("service", _DIRECTIVES, "[Service]", {}))),
            "directives of the socket and of the service unit",
        ),
        Field("xinetd", _DIRECTIVES, "attributes of the xinetd service", {}),
        Field("s6", _DIRECTIVES, "files of the s6 service directory", {}),
    )
)

SERVICE = Record(
    (
        Field("name", NAME, "the service's name", required=True),
        Field(
            "state",
            Choice(("present", "disabled", "absent")),
            "`present`: configured and listening; `disabled`: configured, not listening, also after a reboot; "
            "`absent`: removed",
            "present",
        ),
        Field("backend", Choice(BACKENDS), "super-server of this service; omitted: the host's `superserver_backend`"),
        Field("description", Text("one line", empty=True, checker=plain_end), "what the service is, in one line", ""),
        Field("listen", Listing(ENDPOINT, least=1), "endpoints, each exactly one of `tcp`, `udp`, `unix`"),
        Field(
            "accept",
            Flag(),
            "`true`: one handler process for each connection, with the connection as fd 0 and 1; `false`: one process "
            "gets the listening socket. Omitted: `true` for stream endpoints, `false` for datagrams",
        ),
        Field(
            "socket_fd",
            Choice(("listen_fds", "stdin")),
            "how a process with `accept: false` gets its socket: as fd 3 with LISTEN_FDS and LISTEN_PID, or as fd 0 "
            "and 1",
            "listen_fds",
        ),
        Field(
            "exec",
            Listing(Text("word", multiline=True, empty=True), least=1, first=PROGRAM),
            "program and arguments, delivered byte for byte",
        ),
        Field(
            "internal",
            Choice(INTERNALS),
            "one of the small built-in services; on UDP all but `discard` need `access.allow`, or addresses of the "
            "host itself",
        ),
        Field(
            "proxy",
            PROXY,
            "forward connections to a daemon, which sees the forwarder as its client. The forwarder is one process of "
            "the account `user`, without capabilities and new privileges, which gets the sockets as with "
            "`accept: false`. Only root starts and stops the daemon",
        ),
        Field(
            "user",
            ACCOUNT,
            "account the handler runs as. With `exec` there is none by default, whether `accept` is true or false: "
            "name one, or `root` where the program needs root's rights. A forwarder (`proxy`) without one runs as "
            f"`{OWN_ACCOUNT}`, an account of the collection's own, which the roles make where a service needs it. "
            "Internal services, which take no `user`, and stunnel run as it, too",
        ),
        Field("group", ACCOUNT, "group the handler runs as; omitted: the account's own group"),
        Field(
            "supplementary_groups",
            Listing(ACCOUNT),
            "exactly the handler's supplementary groups (`[]`: none); omitted: the account's own from the group "
            "database",
        ),
        Field("umask", OCTAL, "file mode creation mask of the handler", "022"),
        Field("nice", Number(-20, 19), "scheduling priority of the handler", 0),
        Field(
            "working_directory", Text("absolute path", checker=directory), "directory that the handler starts in", "/"
        ),
        Field(
            "environment",
            Table(VARIABLE, Text("value", multiline=True, empty=True, checker=variable_value)),
            "the handler's environment: these, those of `environment_file` and `secrets`, PATH (unless given there), "
            "REMOTE_ADDR and, where the backend knows it, REMOTE_PORT; nothing else",
            {},
        ),
        Field(
            "environment_file",
            Text("absolute path", checker=log_file),
            "file on the host with more variables for the environment, which root reads at each start of a handler. "
            "Its lines are NAME=value, comments that begin with `#`, or empty. A value reaches to the end of its line "
            "and means itself; backslashes, quotes at its beginning and blanks around it are refused. What "
            "`environment` and `secrets` declare goes before what the file says. It must be root's, writable for "
            "nobody else and no symbolic link, and nobody but root may be able to write the directories on the way to "
            "it. While it is missing, or has any other line, no handler starts",
        ),
        Field(
            "secrets",
            Table(VARIABLE, Hidden(Text("value", multiline=True, empty=True, checker=secret_value))),
            "variables for the environment whose values must not be told, such as vaulted ones. They stand in a file "
            "that only root can read, and in nothing that is shown or logged; a change of one shows as a change, and "
            "no more. None of them can be in `environment` as well",
            {},
        ),
        Field(
            "stderr",
            Choice(("log", "client")),
            "where the handler's standard error goes: to the backend's log or to the client",
            "log",
        ),
        Field("resources", RESOURCES, "limits"),
        Field("connections", CONNECTIONS, "how many clients are served"),
        Field("access", ACCESS, "who is served, and when"),
        Field("tcp", TCP, "TCP options"),
        Field("banner", BANNER, "text sent before the handler runs"),
        Field("tls", TLS, "terminate TLS before the handler"),
        Field(
            "log",
            LOG,
            "log of connections, in the same words on every backend (what a handler says on its standard error goes "
            "elsewhere)",
        ),
        Field(
            "requires",
            Listing(Text("service or unit name", checker=service_or_unit)),
            "what there must be before this service: other services of the declaration, whose listeners are opened "
            "before this one's, or units of systemd, which are started before a handler is, and without which none is",
        ),
        Field(
            "after",
            Listing(Text("service or unit name", checker=service_or_unit)),
            "the same order, but only if the others are to be started at all: services may be disabled, and units need "
            "not run",
        ),
        Field(
            "sandbox",
            Choice(("off", "basic", "strict")),
            "how far the handler is confined; `basic`: no new privileges and no capabilities; `strict`: besides, the "
            "file system is read-only, home directories, devices and other processes' temporary files are hidden, and "
            "the kernel's settings are out of reach",
            "off",
        ),
        Field(
            "probe",
            PROBE,
            "how the service is proven; omitted: only the socket is checked. The probe comes from an address of the "
            "host itself that `access` lets in",
        ),
        Field("native", NATIVE, "raw directives for one backend, for what the schema does not cover"),
    ),
    "service",
)
