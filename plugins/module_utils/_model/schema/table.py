# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema of one service, as a table: field, kind, meaning, default.

Validation, the schema reference in the documentation and the test that every field has a row in the capability table
all read this table.
"""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.parts import (
    ACCESS,
    BANNER,
    CONNECTIONS,
    ENDPOINT,
    LOG,
    NATIVE,
    PROBE,
    PROXY,
    RESOURCES,
    TCP,
    TLS,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.types import (
    Choice,
    Field,
    Flag,
    Hidden,
    Listing,
    Number,
    Record,
    Table,
    Text,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.values import (
    ACCOUNT,
    DIRECTORY,
    FILE,
    NAME,
    OCTAL,
    PROGRAM,
    VARIABLE,
    plain_end,
    secret_value,
    service_or_unit,
    variable_value,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.words import Guide

BACKENDS = ("systemd", "xinetd", "s6")
INTERNALS = ("echo", "discard", "daytime", "time", "chargen")

# Written into every backend where a service declares no connections.max: no backend's own default is neutral
# (systemd 64, xinetd none, s6 40), and 1000 is the most that every backend can hold.
BACKSTOP = 1000

# The account of the collection's own, which the roles make: for what faces clients and needs no other.
OWN_ACCOUNT = "superserver"

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
            "argv0",
            Text("word", multiline=True),
            "what the program of `exec` is told as its own name (argv[0]), such as `in.telnetd` for `tcpd`; what is in "
            "`exec` behind the program stays as it is. A script is told its path all the same, by the kernel. "
            "Omitted: the path of the program",
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
        Field("working_directory", DIRECTORY, "directory that the handler starts in", "/"),
        Field(
            "environment",
            Table(VARIABLE, Text("value", multiline=True, empty=True, checker=variable_value)),
            "the handler's environment: these, those of `environment_file` and `secrets`, PATH (unless given there), "
            "REMOTE_ADDR and, where the backend knows it, REMOTE_PORT; nothing else",
            {},
        ),
        Field(
            "environment_file",
            FILE,
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
            "where the handler's standard error goes: to the backend's log or to the client. For the log it is a pipe, "
            "which the handler can open by a path, such as `/dev/stderr`, whatever its account",
            "log",
        ),
        Field(
            "end_children",
            Flag(),
            "what becomes of processes that a handler has started and that are left when it ends. `false`: they go on. "
            "`true`: they are told to end, and after 5 seconds they are killed, also those in a session of their own",
            False,
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
    guide=Guide(),
)
