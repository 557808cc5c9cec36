# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS for a handler: stunnel runs in its place, and starts it behind the encryption. Pure.

Backends are given a service whose handler is stunnel, and need to know nothing else. What the handler is to find (its
account, limits, environment) and what speaks to the client must be behind stunnel, so that it is taken from that
service and done by a script.

stunnel is root until it has read its certificates and keys, which is before the client has a word. Then it is the
collection's own account, without rights, and so is all that it could start. The script is started by somebody who has
been root's all the time; see the starter.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.delivery import FENCE, entering, opening
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.process import (
    GRACE,
    banners,
    bounded,
    fence,
    gate,
    log_directories,
    prlimit,
    reads_files,
    session,
    setpriv,
    variables,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import (
    CONFIG,
    LIBRARY,
    NOTICE,
    File,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.records import Resources, Tls
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import OWN_ACCOUNT
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.installed import (
    SESSION,
    STARTER,
    TERMINATOR,
    shared_programs,
)

# How long a client may take to agree on a key, in seconds; a declared time of connections may be shorter.
HANDSHAKE = 60
# Who is connected may be silent for as long as stunnel can count, in seconds: 24 days.
SILENCE = 2147483

# A socket without addresses is "localhost" to stunnel; a socket of both families shows IPv4 addresses as IPv4-mapped
# IPv6 addresses.
_CLIENT = """\
case $REMOTE_HOST in
*[.:]*) set -- "REMOTE_ADDR=${REMOTE_HOST#::ffff:}" ${REMOTE_PORT:+"REMOTE_PORT=$REMOTE_PORT"} ;;
*) set -- ;;
esac"""


# What stunnel needs until it has given up root: to read keys of others than root, and to give it up.
_RIGHTS = ("--no-new-privs", "--inh-caps=-all", "--bounding-set=-all,+dac_override,+setgid,+setuid")


def configuration_file(service: Service) -> str:
    """What stunnel reads for each connection, so that a new certificate needs no restart. Version 1.0.0 had another
    name for it, whose file is what stunnel reads until its super-server starts it in the new way."""
    return f"{CONFIG}/tls/{service.name}.inetd.conf"


def script_file(service: Service) -> str:
    """What stunnel starts for a client that it has come to terms with."""
    return f"{LIBRARY}/handlers/{service.name}.tls"


def wrap_with_tls(service: Service, platform: Platform) -> Service:
    """The service as its super-server is to start it: stunnel in the place of a handler that is behind TLS.

    What a cgroup limits counts both of them.
    """
    if service.tls is None:
        return service
    shared = ("memory_max", "cpu_quota", "tasks_max")
    return replace(
        service,
        exec=(
            *(TERMINATOR, str(_handshake(service)), *_starter("wait", platform), script_file(service), "--"),
            *_stunnel(service, platform),
        ),
        argv0="",
        internal="",
        proxy=None,
        user="root",
        group=None,
        supplementary_groups=None,
        working_directory="/",
        environment=(),
        environment_file="",
        secrets=(),
        stderr="log",
        resources=Resources(
            connection_time=_longest(service), **{name: getattr(service.resources, name) for name in shared}
        ),
        connections=replace(service.connections, max_load=None),
        access=replace(service.access, hours=()),
        banner=None,
        log=None,
    )


def _starter(word: str, platform: Platform) -> tuple[str, ...]:
    return (platform.python, "-IS", STARTER, word)


def _stunnel(service: Service, platform: Platform) -> tuple[str, ...]:
    return (platform.program("setpriv"), *_RIGHTS, "--", platform.program("stunnel"), configuration_file(service))


def _longest(service: Service) -> int | None:
    """What stunnel may last: its client's time to agree on a key, the handler's, and what both may take to end. By
    itself it would wait for as long as a client that does not read what a handler has left in it."""
    longest = service.resources.connection_time
    return longest and _handshake(service) + longest + 2 * GRACE


def _handshake(service: Service) -> int:
    return min(HANDSHAKE, service.resources.connection_time or HANDSHAKE)


def _nothing(_service: Service) -> tuple[str, ...]:
    return ()


def tls_files(
    services: Sequence[Service], platform: Platform, passed: Callable[[Service], tuple[str, ...]] = _nothing
) -> list[File]:
    """What stunnel needs for these services, and what it starts. ``passed``: more variables that the super-server may
    have set for a handler."""
    return [
        file for service in services if service.tls for file in _files(service, service.tls, passed(service), platform)
    ]


def merge_files(back: Sequence[File], front: Sequence[File]) -> list[File]:
    """Both, and what both of them want, such as a program of the collection's, once. What is behind something comes
    before it, so that it is there when a client comes while files are written."""
    return list({file.path: file for file in (*back, *front)}.values())


def _files(service: Service, tls: Tls, passed: Sequence[str], platform: Platform) -> Iterator[File]:
    yield File(configuration_file(service), _configuration(service, tls, platform), 0o600, service=service.name)
    yield File(script_file(service), _script(service, passed, platform), 0o755, service=service.name)
    yield from log_directories([service])
    yield from banners([service])
    yield from shared_programs(
        [
            bounded(service, platform),
            gate(service, platform),
            _session(service, platform),
            opening(service, platform),
        ]
    )


def _session(service: Service, platform: Platform) -> tuple[str, ...]:
    """There is always one, because the terminator lasts as long as that."""
    return session(service, platform) or (SESSION, "-n", service.name, "-w", "", "--")


def _configuration(service: Service, tls: Tls, platform: Platform) -> str:
    """See stunnel(8). Values reach to the end of their line, and nothing in them has a meaning."""
    program, *words = _starter("ask", platform)
    settings = [
        # Later than it reads what follows.
        ("setuid", OWN_ACCOUNT),
        ("setgid", platform.primary_groups.get(OWN_ACCOUNT, OWN_ACCOUNT)),
        # Only then messages go to standard error, and that of the handler is the same.
        ("foreground", "yes"),
        ("syslog", "no"),
        # What went wrong, and no more.
        ("debug", "warning"),
        ("cert", tls.certificate),
        ("key", tls.key),
        # Without any it complains of having none, for every connection.
        ("CAfile", tls.client_ca or tls.certificate),
        *([("verifyChain", "yes")] if tls.client_ca else []),
        ("sslVersionMin", f"TLSv{tls.minimum_version}"),
        ("renegotiation", "no"),
        ("TIMEOUTbusy", str(_handshake(service))),
        ("TIMEOUTidle", str(SILENCE)),
        ("TIMEOUTclose", str(GRACE)),
        ("exec", program),
        ("execArgs", " ".join((program, *words))),
    ]
    return "\n".join([NOTICE, "", *(f"{name} = {value}" for name, value in settings)]) + "\n"


def _script(service: Service, passed: Sequence[str], platform: Platform) -> str:
    """Like what backends do where there is no TLS; ``umask`` and ``nice`` are what stunnel was started with."""
    # The terminator waits for a word that the client has come to terms.
    lines = ["#!/bin/sh", NOTICE, "echo >&5"]
    if service.stderr == "client":
        lines.append("exec 2>&1")
    if gate(service, platform):
        lines.append(f"{shlex.join(gate(service, platform))} || exit 0")
    if service.working_directory != "/":
        lines.append(f"cd -P {shlex.quote(service.working_directory)} || exit 1")
    more = [f'set -- "$@" ${{{name}:+"{name}=${name}"}}' for name in passed]
    return "\n".join([*lines, _CLIENT, *more, " \\\n\t".join(_start(service, platform))]) + "\n"


def _start(service: Service, platform: Platform) -> list[str]:
    """The last command of the script, in parts."""
    rights = (*prlimit(service, platform), *setpriv(service, platform))
    program = bounded(service, platform)
    if reads_files(service):
        before = (*_session(service, platform), *opening(service, platform), *rights, *entering(service, platform))
        return [shlex.join(["exec", *before]), '"$@"', shlex.join([FENCE, *program])]
    assignments = [f"{name}={shlex.quote(value)}" for name, value in variables(service).items()]
    start = shlex.join(["exec", *_session(service, platform), *rights, platform.program("env"), "-i"])
    return [start, *assignments, '"$@"', shlex.join([*fence(program, platform), *program])]
