# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendering of service directories. Pure.

What every connection costs is a few program starts, so that whatever can be done once is done before the server starts.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.delivery import FENCE, entering, opening
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.process import (
    BINDER,
    banners,
    bounded,
    drops_itself,
    ending,
    gate,
    log_directories,
    prlimit,
    reads_files,
    session,
    setpriv,
    shared_programs,
    variables,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.execline import (
    block,
    continuation,
    script,
    substitution,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.execline import command as line
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.fdholder import NAME as HOLDER
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.fdholder import (
    finish_script,
    holder_files,
    keeping,
    retrieving,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.guard import NAME as KEEPER
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.guard import (
    loaded_first,
    service_directory,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rc import ENABLED, bundles, definition
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import (
    SERVICES,
    Server,
    scanned_at,
    servers,
    supervised_at,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import enforced_by_guard
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import LOGS, File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.access import parse_network
from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.order import is_unit
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Endpoint, Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.records import Tcp
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import BACKSTOP
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.daemons.binder import AHEAD

# Standard output is the logger.
LOGGED = line("fdmove", "-c", "2", "1")
# The pipe to the logger is root's, who made it: whatever its account, a handler may open it anew for writing, as
# programs do with /dev/stderr.
OPENABLE = block("foreground", line("chmod", "0622", "/proc/self/fd/2"))
# Servers say on this descriptor that they listen.
READY = "3"
# What an omitted backlog means: more than any kernel grants.
BACKLOG = 65535
# The usual soft limit of open files (systemd.exec(5), getrlimit(2)).
OPEN_FILES = "1024"
# Ten old files of a megabyte each, and no more in all: a file grows beyond its size while s6-log waits for the disk.
ROTATION = ("n10", "s1000000", "S10000000")
# What runs for a connection, in a file of its own.
HANDLER = "handler"
# Servers of other services are waited for until they listen, for ten seconds each at most. At boot theirs may be
# supervised later than one's own. Entries are enabled servers, or service directories of any.
WAIT = """\
entries=$1 places=$2
shift 2
for name do
    for entry in "$entries$name" "$entries$name".*; do
        tries=0
        while [ -e "$entry" ] && [ ! -e "$entry/down" ] && [ "$tries" -lt 50 ]; do
            [ "$(s6-svstat -o ready "$places/${entry##*/}" 2>/dev/null)" != true ] || break
            tries=$((tries + 1))
            sleep 0.2
        done
    done
done"""
# Where the binder finds the sockets that it is handed, from this descriptor on.
FIRST = 4


def render_services(services: Sequence[Service], platform: Platform) -> list[File]:
    """All files of these services."""
    every = [server for service in services for server in servers(service, platform)]
    files = [file for server in every for file in _server_files(server, platform)]
    argvs = [
        words
        for server in every
        for words in (_handler(server, platform), _gate(server, platform), _session(server, platform))
    ]
    argvs += [words for service in services for words in (opening(service, platform), ending(service, platform))]
    argvs += [(BINDER,) for server in every if server.uses_binder]
    holder = holder_files(platform) if any(server.kept for server in every) else []
    keeper = service_directory(platform) if any(_kept_apart(server, platform) for server in every) else []
    shared = bundles(platform.s6_rc) if platform.s6_rc and every else []
    # The servers of a service share a directory of logs.
    return [
        *{file.path: file for file in files}.values(),
        *log_directories(services),
        *banners(services),
        *shared_programs(argvs),
        *holder,
        *keeper,
        *shared,
    ]


def process_lines(server: Server, platform: Platform) -> list[str]:
    """What a server is and runs: where this changes, it must be started again. Access lists are read by every
    connection, and the guard is somebody else's.

    A server that nobody keeps the socket for finds its handler in a file, which every connection reads. So it is
    started again, which closes its port for a moment, only when it has changed itself.
    """
    rest = _chain(server, platform) if server.kept else [line(_handler_file(server))]
    return [*_preparation(server, platform), *_server(server, platform), *rest]


def run_file(server: Server) -> str:
    """What starts the server; it ends in the lines of :func:`process_lines`."""
    return f"{server.home}/run"


def rules_directory(server: Server) -> str:
    """Where s6-tcpserver-access looks for the server's access list."""
    return f"{server.home}/data/rules"


def _server_files(server: Server, platform: Platform) -> list[File]:
    service = server.service
    run = script([LOGGED, *_guard(server, platform), *process_lines(server, platform)], platform, service.description)
    contents = [
        ("run", run, 0o755),
        *_beside(server, platform),
        ("notification-fd", f"{READY}\n", 0o644),
        *((name, f"{value}\n", 0o644) for name, value in service.native.of("s6").items()),
        *((path, "", 0o644) for path in _rules(server, platform)),
    ]
    logger = script([line(platform.program("s6-log"), *ROTATION, "T", server.logs)], platform)
    managed = (
        definition(server, logger, _needs(server, platform), platform)
        if platform.s6_rc
        else _scanned(server, logger, platform)
    )
    folders = dict.fromkeys((f"{LOGS}/{service.name}", server.logs))
    return [
        *(File(folder, "", 0o750, "directory", service=service.name) for folder in folders),
        *(File(f"{server.home}/{name}", text, mode, service=service.name) for name, text, mode in contents),
        *managed,
    ]


def _scanned(server: Server, logger: str, platform: Platform) -> list[File]:
    """What makes the files a service directory of a scan directory; links last, for it to be complete when somebody
    looks."""
    name = server.service.name
    return [
        File(f"{server.home}/log/run", logger, 0o755, service=name),
        *([File(f"{server.home}/down", service=name)] if not server.service.enabled else []),
        *(File(path, server.home, 0o777, "link", service=name) for path in scanned_at(server.name, platform)),
    ]


def _needs(server: Server, platform: Platform) -> list[str]:
    """What s6-rc has to have up before the server."""
    return [*([HOLDER] if server.kept else []), *([KEEPER] if _kept_apart(server, platform) else [])]


def _kept_apart(server: Server, platform: Platform) -> bool:
    """Whether s6 is what starts the keeper of this server's rules."""
    guarded = server.service.enabled and enforced_by_guard(server.service, platform)
    return platform.supervised and bool(guarded)


def _beside(server: Server, platform: Platform) -> list[tuple[str, str, int]]:
    """The script that goes with ``run``."""
    if server.kept:
        return [("finish", finish_script(server.kept_names, platform), 0o755)]
    return [(HANDLER, continuation(_chain(server, platform), platform), 0o755)]


def _handler_file(server: Server) -> str:
    return f"{server.home}/{HANDLER}"


def _guard(server: Server, platform: Platform) -> list[str]:
    """Without its rules a service must not listen."""
    return [loaded_first(platform)] if enforced_by_guard(server.service, platform) else []


def _preparation(server: Server, platform: Platform) -> list[str]:
    """What is done once. The binder says by itself that it listens; other servers say it on standard output."""
    return [
        *_order(server.service, platform),
        OPENABLE,
        *([line("fdmove", "1", READY)] if server.kind != "binder" else []),
        line("cd", "/"),
        line("umask", server.service.umask),
        # The unit gives s6-svscan more, which needs two descriptors for each server.
        *([line("s6-softlimit", "-o", OPEN_FILES)] if platform.managed else []),
    ]


def _order(service: Service, platform: Platform) -> list[str]:
    """Other services are waited for as long as they take, but not for ever."""
    others = [name for name in dict.fromkeys((*service.requires, *service.after)) if not is_unit(name)]
    entries = ENABLED if platform.s6_rc else f"{SERVICES}/"
    words = (WAIT, "wait", entries, posixpath.dirname(supervised_at("", platform)), *others)
    return [block("foreground", line(platform.program("sh"), "-c", *words))] if others else []


def _server(server: Server, platform: Platform) -> list[str]:
    if server.kept:
        return [*_kept(server, platform), *_serving(server, platform)]
    ((endpoint, listener),) = server.sockets
    return [_ucspi(endpoint, listener, platform)]


def _kept(server: Server, platform: Platform) -> list[str]:
    """Get hold of every socket, as descriptor 0; the binder may have several, and gets them elsewhere."""
    lines = []
    for name, (endpoint, listener) in zip(server.kept_names, server.sockets):
        # s6's own binds to addresses only that are there.
        binding = _bind_tcp if server.kind == "tcp" and not listener.freebind else _bind
        binding_lines = [*binding(endpoint, listener, platform), *_options(server.service.tcp, listener, platform)]
        lines.append(keeping(name, binding_lines))
    for number, name in enumerate(server.kept_names, FIRST):
        lines.append(retrieving(name, platform))
        lines += [line("fdmove", str(number), "0")] if server.kind == "binder" else []
    return lines


def _bind_tcp(endpoint: Endpoint, listener: Listener, platform: Platform) -> list[str]:
    words = ("-b", _backlog(endpoint), listener.address, str(listener.port))
    return [line(platform.program(f"s6-tcpserver{_digit(listener, platform)}-socketbinder"), *words)]


def _bind(endpoint: Endpoint, listener: Listener, platform: Platform) -> list[str]:
    return [line(platform.python, "-IS", BINDER, "bind", *_bound(endpoint, listener), "--")]


def _options(options: Tcp, listener: Listener, platform: Platform) -> list[str]:
    if listener.transport != "tcp" or options == Tcp():
        return []
    values = (int(options.keepalive), int(options.no_delay), options.defer_accept or 0)
    return [line(platform.python, "-IS", BINDER, "set", *map(str, values), "--")]


def _serving(server: Server, platform: Platform) -> list[str]:
    """What serves the socket that is descriptor 0; the binder, those that it is told."""
    if server.kind == "binder":
        numbers = [str(number) for number, _socket in enumerate(server.sockets, FIRST)]
        return [
            line("redirfd", "-r", "0", "/dev/null"),
            line(platform.python, "-IS", BINDER, "serve", READY, _way(server), *numbers, "--"),
        ]
    limits = ("-1", "-v1", "-c", str(BACKSTOP))
    if server.kind == "unix":
        return [line(platform.program("s6-ipcserverd"), *limits, "-C", str(BACKSTOP))]
    return _s6_networking(server, limits, platform)


def _s6_networking(server: Server, limits: Sequence[str], platform: Platform) -> list[str]:
    guarded = enforced_by_guard(server.service, platform)
    most = server.service.connections.per_source if "connections.per_source" not in guarded else None
    digit = _digit(server.sockets[0][1], platform)
    serving = line(platform.program(f"s6-tcpserver{digit}d"), *limits, "-C", str(most or BACKSTOP))
    if not _rules(server, platform):
        return [serving]
    # Without -H, -R and -l it would ask DNS about every client.
    access = (platform.program("s6-tcpserver-access"), "-v1", "-H", "-R", "-l", "0", "-i", rules_directory(server))
    return [serving, line(*access)]


def _digit(listener: Listener, platform: Platform) -> str:
    """Before s6-networking 2.6 each family has programs of its own."""
    if "s6-tcpserver4d" not in platform.programs or "s6-tcpserverd" in platform.programs:
        return ""
    return "4" if listener.family == "ipv4" else "6"


def _ucspi(endpoint: Endpoint, listener: Listener, platform: Platform) -> str:
    # Without -H, -R and -l it would ask DNS and the client about every client; "0" is every address of both families.
    address = "0" if listener.family == "dual" else listener.address
    return line(
        *(platform.program("tcpserver"), "-1", "-Q", "-H", "-R", "-l", "0"),
        *("-b", _backlog(endpoint), "-c", str(BACKSTOP), address, str(listener.port)),
    )


def _bound(endpoint: Endpoint, listener: Listener) -> tuple[str, ...]:
    if listener.transport == "unix":
        granted = (endpoint.owner, endpoint.group, endpoint.mode)
        return ("unix", endpoint.type, endpoint.path, *granted, _backlog(endpoint))
    address = (listener.transport, listener.family, listener.address, str(listener.port))
    backlog = (_backlog(endpoint),) if listener.transport == "tcp" else ()
    return (*address, *backlog, *((AHEAD,) if listener.freebind else ()))


def _backlog(endpoint: Endpoint) -> str:
    return str(endpoint.backlog or BACKLOG)


def _way(server: Server) -> str:
    if server.accept:
        return "accept"
    return "stdin" if server.service.internal else server.service.socket_fd


def _chain(server: Server, platform: Platform) -> list[str]:
    """What runs for a connection, or on the sockets: first as root, then as the service's account, then the handler in
    its environment.

    env takes everything with "=" for a variable until something has none, so that a program's path must not have one.
    """
    service = server.service
    words = _handler(server, platform)
    declared = [f"{name}={value}" for name, value in variables(service).items()]
    passed = _passed(server)
    reading = opening(service, platform)
    importing, references = substitution(passed.values(), [*words, *declared, *reading, service.working_directory])
    lines = [block("if", line(*_gate(server, platform)))] if _gate(server, platform) else []
    # Before anything reads the process id.
    lines += [line(*ending(service, platform))] if service.end_children else []
    lines += [line(*_session(server, platform))] if _session(server, platform) else []
    lines += [importing] if passed else []
    if service.stderr == "client" and _way(server) != "listen_fds":
        lines.append(line("fdmove", "-c", "2", "1"))
    if service.nice:
        lines.append(line(platform.program("nice"), "-n", str(service.nice)))
    lines += [line(*reading)] if reading else []
    lines += [line(*prlimit(service, platform))] if prlimit(service, platform) else []
    lines += [] if drops_itself(service) else [line(*setpriv(service, platform))]
    if service.working_directory != "/":
        lines.append(line("cd", service.working_directory))
    found = [f"{name}={references[variable]}" for name, variable in passed.items()]
    if _way(server) == "listen_fds":
        found.append(f"LISTEN_FDS={len(server.sockets)}")
    if reads_files(service):
        return [*lines, line(*entering(service, platform), *found, FENCE), line(*words)]
    fence = (platform.program("nice"), "-n", "0") if "=" in words[0] else ()
    return [*lines, line(platform.program("env"), "-i", *declared, *found, *fence), line(*words)]


def _passed(server: Server) -> dict[str, str]:
    """Variables that only the server knows, and how it calls them."""
    way = _way(server) if server.kind == "binder" else "accept"
    if way == "listen_fds":
        return {"LISTEN_PID": "LISTEN_PID"}
    if way == "accept" and server.kind != "unix":
        return {"REMOTE_ADDR": "TCPREMOTEIP", "REMOTE_PORT": "TCPREMOTEPORT"}
    return {}


def _handler(server: Server, platform: Platform) -> tuple[str, ...]:
    return bounded(server.service, platform, datagram=server.sockets[0][0].datagram)


def _gate(server: Server, platform: Platform) -> tuple[str, ...]:
    return gate(server.service, platform) if _serves_connections(server) else ()


def _session(server: Server, platform: Platform) -> tuple[str, ...]:
    return session(server.service, platform) if _serves_connections(server) else ()


def _serves_connections(server: Server) -> bool:
    return _way(server) == "accept" or server.accept


def _rules(server: Server, platform: Platform) -> list[str]:
    """The access list, as paths below the service directory: a prefix is a directory that holds ``allow`` or ``deny``.

    s6 goes by the longest prefix that matches, as the schema does, so that nothing has to be compiled; one more prefix
    is for all other addresses.
    """
    access = server.service.access
    guarded = enforced_by_guard(server.service, platform) & {"access.allow", "access.deny"}
    if server.kind != "tcp" or guarded or not (access.allow or access.deny):
        return []
    family, version, others = ("ip4", 4, "0.0.0.0_0") if server.sockets[0][1].family == "ipv4" else ("ip6", 6, "::_0")
    verdicts = {others: "deny" if access.allow else "allow"}
    for verdict, networks in (("allow", access.allow), ("deny", access.deny)):
        for network in map(parse_network, networks):
            if network.version == version:
                verdicts[str(network).replace("/", "_")] = verdict
    return [f"data/rules/{family}/{prefix}/{verdict}" for prefix, verdict in sorted(verdicts.items())]
