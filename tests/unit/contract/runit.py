# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fourth backend, for tests alone: ucspi's tcpserver, kept running by runit's runsv.

It has what the contract demands and little more. What it cannot do, its column says.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends import process as _process
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend, Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.ownership import Owner, Run, Tracing
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import enforced_by_guard
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.cells import impossible, native
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.columns import Column
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.boot import PATIENCE, applying
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes import table as _processes
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes.table import Holder
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import listening, realising
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import HEADER, File, Host, SwitchFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Endpoint, Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import BACKSTOP
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.installed import shared_programs

OPENING, CLOSING = 8.0, 3.0
# Starts a supervisor for each directory, which stays when this run has ended.
_SUPERVISE = 'runsv=$0; for each; do setsid -f "$runsv" "$each" </dev/null >/dev/null 2>&1; done'

_NO_FILES = impossible("its handlers read no files of the collection")
_REFUSED = ("environment_file", "secrets", "tls.certificate", "tls.key", "tls.client_ca", "tls.minimum_version")
_CELLS = {
    **dict.fromkeys((*_REFUSED, "banner.text", "banner.file", "banner.on"), _NO_FILES),
    "proxy.unit": impossible("it gives up root before anything starts a daemon"),
    "state": native("`disabled`: no supervisor runs"),
    "description": native("comment"),
    "listen.tcp": native("`tcpserver`"),
    "listen.family": native("one server for each endpoint"),
    "listen.backlog": native("`-b`"),
    "accept (true)": native("`tcpserver`"),
    "exec": native("`sh`"),
    "user": native("`setpriv`"),
    "group": native("`setpriv`"),
    "umask": native("`umask`"),
    "nice (0 and up)": native("`nice`"),
    "nice (below 0)": native("`nice`"),
    "working_directory": native("`cd`"),
    "stderr (log)": native("`svlogd`"),
    "stderr (client)": native("`2>&1`"),
}


class DirectoryTracing(Tracing):
    """A server's supervisor runs in its service directory."""

    def of_process(self, holder: Holder) -> Owner | None:
        for pid in _processes.ancestors(holder.pid):
            if _processes.program(pid) == "runsv":
                return Owner("runit", _processes.directory(pid), holder.pid, holder.program)
        return None


class Runit(Backend):
    """``home`` has a directory for each server, ``logs`` one for what each says."""

    name = "runit"
    owned = "runit service directory"
    columns = (Column("runit", "runit", _CELLS, ("systemd", "s6", "other")),)
    programs = ("runsv", "svlogd", "tcpserver")

    def __init__(self, home: str = "/etc/superserver/runit", logs: str = "/var/log/superserver/runit") -> None:
        self.home = home
        self.logs = logs

    def directories(self, service: Service, platform: Platform) -> dict[str, tuple[Endpoint, Listener]]:
        """The directory of each server of a service, with what that listens on."""
        return {
            f"{self.home}/{service.name}@{listener.address.replace(':', '_')}-{listener.port}": (endpoint, listener)
            for endpoint, listener in zip(service.listen, service.listeners(platform.ipv6))
        }

    def render(self, services: Sequence[Service], platform: Platform) -> list[File]:
        files = [file for service in services for file in self._files(service, platform)]
        argvs = [words for each in services for words in (*_chain(each, platform), _process.gate(each, platform))]
        return [*files, *_process.log_directories(services), *shared_programs(argvs)]

    def _files(self, service: Service, platform: Platform) -> Iterator[File]:
        for directory, (endpoint, listener) in self.directories(service, platform).items():
            logs = f"{self.logs}/{posixpath.basename(directory)}"
            guarded = enforced_by_guard(service, platform)
            server = [f"{shlex.join(applying(platform, PATIENCE))} || exit"] if guarded else []
            server += [f"exec {shlex.join((*_server(endpoint, listener, platform), f'{directory}/handler'))}"]
            if service.enabled:
                yield File(f"{directory}/run", _script(service, server), 0o755, service=service.name)
            log = [f"exec {shlex.join((platform.program('svlogd'), logs))}"]
            for name, lines in (("handler", _handler(service, platform)), ("log/run", log)):
                yield File(f"{directory}/{name}", _script(service, lines), 0o755, service=service.name)
            yield File(logs, mode=0o755, kind="directory", service=service.name)

    def rebinds(self, old: Service, new: Service, platform: Platform) -> bool:
        servers = [
            [_server(endpoint, listener, platform) for endpoint, listener in self.directories(each, platform).values()]
            for each in (old, new)
        ]
        return servers[0] != servers[1]

    def owner(self, service: Service, listener: Listener, platform: Platform) -> tuple[str, str]:
        found = self.directories(service, platform).items()
        return (self.name, next(directory for directory, (_endpoint, own) in found if own == listener))

    def service_of(self, owner: tuple[str, str]) -> str:
        kind, directory = owner
        name, found, _listener = posixpath.basename(directory).partition("@")
        return name if kind == self.name and found and posixpath.dirname(directory) == self.home else ""

    def tracing(self, run: Run) -> Tracing:
        return DirectoryTracing()

    def missing(self, platform: Platform, host: Host) -> str:
        packages = {"runsv": "runit", "tcpserver": "ucspi-tcp-ipv6"}
        return ", ".join(package for program, package in packages.items() if program not in platform.programs)

    def reload(self, platform: Platform, host: Host) -> None:
        """Remove what supervisors have left where files are gone."""
        paths = [f"{self.home}/{name}" for name in host.names(self.home)]
        for path in paths:
            if not host.exists(f"{path}/handler"):
                host.remove_tree(path)

    def release(self, change: Change, platform: Platform, host: Host) -> None:
        controls = [
            f"{path}/supervise/control" for service in change.stop for path in self.directories(service, platform)
        ]
        for path in controls:
            host.control(path, b"dx")
        # A session that lives on keeps its logger, and that the supervisor.
        host.wait(lambda: not any(host.control(path, b"") for path in controls), CLOSING)

    def activate(self, change: Change, platform: Platform, host: Host) -> None:
        services = [*change.start, *(new for _old, new in change.refresh if new.enabled)]
        servers = {path: own for service in services for path, own in self.directories(service, platform).items()}
        new = [path for path in servers if not host.control(f"{path}/supervise/control", b"u")]
        host.run([platform.program("sh"), "-c", _SUPERVISE, platform.program("runsv"), *new])
        listeners = [listener for _endpoint, listener in servers.values()]
        if not host.wait(lambda: all(realising(each, listening()) for each in listeners), OPENING):
            raise SwitchFailed(f"not listening after {OPENING:.0f} s\n{self.log(services, platform, host)}")

    def health(self, services: Sequence[Service], platform: Platform, host: Host) -> dict[str, str]:
        return {
            service.name: f"{directory} is not supervised"
            for service in services
            if service.enabled
            for directory in self.directories(service, platform)
            if not host.control(f"{directory}/supervise/control", b"")
        }

    def log(self, services: Sequence[Service], platform: Platform, host: Host) -> str:
        names = [posixpath.basename(path) for service in services for path in self.directories(service, platform)]
        lines = [line for name in names for line in (host.read(f"{self.logs}/{name}/current") or "").splitlines()]
        return "\n".join(lines[-20:])


def _script(service: Service, lines: Sequence[str]) -> str:
    return "\n".join(["#!/bin/sh", f"# {HEADER}. {service.description}", *lines, ""])


def _server(endpoint: Endpoint, listener: Listener, platform: Platform) -> tuple[str, ...]:
    """Without -H, -R and -l it would ask DNS and the client about every client; 0 is every address of both families."""
    address = "0" if listener.family == "dual" else listener.address
    limits = ("-b", str(endpoint.backlog or 128), "-c", str(BACKSTOP))
    return (platform.program("tcpserver"), "-1", "-Q", "-H", "-R", "-l", "0", *limits, address, str(listener.port))


def _handler(service: Service, platform: Platform) -> list[str]:
    gate = _process.gate(service, platform)
    lines = [f"umask {service.umask}", f"cd {shlex.quote(service.working_directory)} || exit"]
    lines += [f"{shlex.join(gate)} || exit"] if gate else []
    lines += ["exec 2>&1"] if service.stderr == "client" else []
    before, handler = map(shlex.join, _chain(service, platform))
    return [*lines, f'exec {before} "REMOTE_ADDR=$TCPREMOTEIP" "REMOTE_PORT=$TCPREMOTEPORT" {handler}']


def _chain(service: Service, platform: Platform) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What starts the handler of a connection, up to its environment, and the handler itself."""
    words = _process.bounded(service, platform)
    declared = (f"{name}={value}" for name, value in _process.variables(service).items())
    return (
        *_process.ending(service, platform),
        *_process.session(service, platform),
        *((platform.program("nice"), "-n", str(service.nice)) if service.nice else ()),
        *_process.prlimit(service, platform),
        *_process.setpriv(service, platform),
        *(platform.program("env"), "-i", *declared),
    ), (*_process.fence(words, platform), *words)
