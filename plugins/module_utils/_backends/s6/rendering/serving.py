# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words that open a server's sockets, or take them from the holder, and serve them."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.fdholder import (
    keeping,
    retrieving,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rendering.execline import (
    command as line,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import (
    Server,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import enforced_by_guard
from ansible_collections.ondemand.superserver.plugins.module_utils._model.access import parse_network
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Endpoint, Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.records import Tcp
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import BACKSTOP
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.daemons.binder import AHEAD
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.installed import BINDER

# Servers say on this descriptor that they listen.
READY = "3"
# What an omitted backlog means: more than any kernel grants.
BACKLOG = 65535
# Where the binder finds the sockets that it is handed, from this descriptor on.
FIRST = 4


def rules_directory(server: Server) -> str:
    """Where s6-tcpserver-access looks for the server's access list."""
    return f"{server.home}/data/rules"


def server_lines(server: Server, platform: Platform) -> list[str]:
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
    """What serves the socket that is descriptor 0; the socket launcher, those of the descriptors that it is given."""
    if server.kind == "binder":
        numbers = [str(number) for number, _socket in enumerate(server.sockets, FIRST)]
        return [
            line("redirfd", "-r", "0", "/dev/null"),
            line(platform.python, "-IS", BINDER, "serve", READY, way_of(server), *numbers, "--"),
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
    if not access_rules(server, platform):
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


def way_of(server: Server) -> str:
    if server.accept:
        return "accept"
    return "stdin" if server.service.internal else server.service.socket_fd


def access_rules(server: Server, platform: Platform) -> list[str]:
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
