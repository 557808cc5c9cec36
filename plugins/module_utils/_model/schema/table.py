# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema of one service, as a table: field, kind, meaning, default.

Validation, the schema reference in the documentation and the test that every field has a row in the capability table
all read this table.
"""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._model.names import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.clients import (
    ACCESS,
    BANNER,
    CONNECTIONS,
    TLS,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.parts import (
    ENDPOINT,
    LOG,
    NATIVE,
    PROBE,
    PROXY,
    RESOURCES,
    TCP,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.structures import (
    Field,
    Listing,
    Record,
    Table,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.types import (
    Choice,
    Flag,
    Hidden,
    Number,
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
        Field("description", Text("one line", empty=True, checker=plain_end), "the service in one line", ""),
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
            "name that the program of `exec` gets as its own (argv[0]), such as `in.telnetd` for `tcpd`; its other "
            "arguments stay as they are. A script gets its path all the same, because the kernel sets it. Omitted: "
            "the path of the program",
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
            "forward connections to a daemon, which sees the forwarder as its client. The forwarder is one process "
            "of the account `user`, without capabilities and new privileges; it gets the sockets as with `accept: "
            "false`. Root starts and stops the daemon",
        ),
        Field(
            "user",
            ACCOUNT,
            "account that the handler runs as. `exec` has no default, whether `accept` is true or false: name an "
            "account, or `root` if the program needs root's rights. The default of a forwarder (`proxy`) is "
            f"`{OWN_ACCOUNT}`, the collection's own account, which the roles create where a service needs it. "
            "Internal services, which accept no `user`, and stunnel run as this account, too",
        ),
        Field("group", ACCOUNT, "group that the handler runs as; omitted: the account's own group"),
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
            "variables of the handler's environment. It has these, those of `environment_file` and `secrets`, PATH "
            "(unless given there), REMOTE_ADDR and, where the backend knows it, REMOTE_PORT; nothing else",
            {},
        ),
        Field(
            "environment_file",
            FILE,
            "file on the host with more variables for the environment, which root reads at each start of a "
            "handler. Its lines are NAME=value, comments that begin with `#`, or empty. A value ends with its line "
            "and is taken literally; backslashes, quotes at its beginning and blanks around it are refused. "
            "`environment` and `secrets` override the file. The file must belong to root, must be writable for "
            "root only and must not be a symbolic link, and only root may be able to write to the directories of "
            "its path. While the file is missing, or has any other line, no handler starts",
        ),
        Field(
            "secrets",
            Table(VARIABLE, Hidden(Text("value", multiline=True, empty=True, checker=secret_value))),
            "variables for the environment whose values must stay secret, such as vaulted ones. They are stored in "
            "a file that only root can read, and nothing shows or logs them; a changed value is reported as a "
            "change without the value. None of them can be in `environment` as well",
            {},
        ),
        Field(
            "stderr",
            Choice(("log", "client")),
            "destination of the handler's standard error: the backend's log or the client. For the log it is a "
            "pipe, which the handler can open by a path such as `/dev/stderr` under every account",
            "log",
        ),
        Field(
            "end_children",
            Flag(),
            "what happens to processes that a handler has started and that still run when it ends. `false`: they "
            "keep running. `true`: they get SIGTERM, and 5 seconds later SIGKILL, also those in a session of their "
            "own",
            False,
        ),
        Field("resources", RESOURCES, "limits"),
        Field("connections", CONNECTIONS, "how many clients are served"),
        Field("access", ACCESS, "which clients are served, and when"),
        Field("tcp", TCP, "TCP options"),
        Field("banner", BANNER, "text sent before the handler runs"),
        Field("tls", TLS, "terminate TLS before the handler"),
        Field(
            "log",
            LOG,
            "log of connections, in the same form on every backend (the handler's standard error is not part of "
            "it, see `stderr`)",
        ),
        Field(
            "requires",
            Listing(Text("service or unit name", checker=service_or_unit)),
            "what this service needs: other services of the declaration, whose listeners are opened before those "
            "of this service, or systemd units, which are started before a handler; without them no handler starts",
        ),
        Field(
            "after",
            Listing(Text("service or unit name", checker=service_or_unit)),
            "the same order, but without the need: the services may be disabled, and the units need not run",
        ),
        Field(
            "sandbox",
            Choice(("off", "basic", "strict")),
            "how far the handler is confined; `basic`: no new privileges and no capabilities; `strict`: in "
            "addition, the file system is read-only, home directories, devices and temporary files of other "
            "processes are hidden, and the kernel's settings are protected",
            "off",
        ),
        Field(
            "probe",
            PROBE,
            "how a client proves the service; omitted: only the socket is checked. The probe connects from an "
            "address of the host itself that `access` allows",
        ),
        Field("native", NATIVE, "raw directives for one backend, for what the schema does not cover"),
    ),
    "service",
    guide=Guide(),
)
