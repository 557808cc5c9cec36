# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words that run for a connection, or on the sockets: admission check, limits, account, environment and handler."""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.delivery import FENCE, entering, opening
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.process import (
    bounded,
    drops_itself,
    ending,
    gate,
    prlimit,
    reads_files,
    session,
    setpriv,
    variables,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rendering.execline import (
    block,
    substitution,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rendering.execline import (
    command as line,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rendering.serving import way_of
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import (
    Server,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform

# What runs for a connection, in a file of its own.
HANDLER = "handler"


def handler_file(server: Server) -> str:
    return f"{server.home}/{HANDLER}"


def handler_lines(server: Server, platform: Platform) -> list[str]:
    """What runs for a connection, or on the sockets: first as root, then as the service's account, then the handler in
    its environment.

    env takes everything with "=" for a variable until something has none, so that a program's path must not have one.
    """
    service = server.service
    words = handler_words(server, platform)
    declared = [f"{name}={value}" for name, value in variables(service).items()]
    passed = _passed(server)
    reading = opening(service, platform)
    importing, references = substitution(passed.values(), [*words, *declared, *reading, service.working_directory])
    lines = [block("if", line(*gate_words(server, platform)))] if gate_words(server, platform) else []
    # Before anything reads the process id.
    lines += [line(*ending(service, platform))] if service.end_children else []
    lines += [line(*session_words(server, platform))] if session_words(server, platform) else []
    lines += [importing] if passed else []
    if service.stderr == "client" and way_of(server) != "listen_fds":
        lines.append(line("fdmove", "-c", "2", "1"))
    if service.nice:
        lines.append(line(platform.program("nice"), "-n", str(service.nice)))
    lines += [line(*reading)] if reading else []
    lines += [line(*prlimit(service, platform))] if prlimit(service, platform) else []
    lines += [] if drops_itself(service) else [line(*setpriv(service, platform))]
    if service.working_directory != "/":
        lines.append(line("cd", service.working_directory))
    found = [f"{name}={references[variable]}" for name, variable in passed.items()]
    if way_of(server) == "listen_fds":
        found.append(f"LISTEN_FDS={len(server.sockets)}")
    if reads_files(service):
        return [*lines, line(*entering(service, platform), *found, FENCE), line(*words)]
    fence = (platform.program("nice"), "-n", "0") if "=" in words[0] else ()
    return [*lines, line(platform.program("env"), "-i", *declared, *found, *fence), line(*words)]


def _passed(server: Server) -> dict[str, str]:
    """Variables that only the server knows, and how it calls them."""
    way = way_of(server) if server.kind == "binder" else "accept"
    if way == "listen_fds":
        return {"LISTEN_PID": "LISTEN_PID"}
    if way == "accept" and server.kind != "unix":
        return {"REMOTE_ADDR": "TCPREMOTEIP", "REMOTE_PORT": "TCPREMOTEPORT"}
    return {}


def handler_words(server: Server, platform: Platform) -> tuple[str, ...]:
    return bounded(server.service, platform, datagram=server.sockets[0][0].datagram)


def gate_words(server: Server, platform: Platform) -> tuple[str, ...]:
    return gate(server.service, platform) if _serves_connections(server) else ()


def session_words(server: Server, platform: Platform) -> tuple[str, ...]:
    return session(server.service, platform) if _serves_connections(server) else ()


def _serves_connections(server: Server) -> bool:
    return way_of(server) == "accept" or server.accept
