# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services under s6-svscan: what is written, and how servers are stopped and started. What their manager is decides
whether these are service directories in a scan directory, or definitions that s6-rc makes such directories of."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends import boot as _systemd_boot
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend, Change, Inquiry
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.boot import EarlyProgram, Means
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.delivery import secret_files
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.ownership import Run, Tracing
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6 import (
    closing,
    control,
    guard,
    handover,
    limit,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6 import rc as _s6_rc
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6 import startup as opening
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.control import PATIENCE
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.description.columns import COLUMNS
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.description.facts import PROGRAMS, facts
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.description.native import (
    native_problems,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.description.tracing import (
    KEEPER,
    DirectoryTracing,
    is_directory,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.fdholder import NAME as HOLDER
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rendering.files import render_services
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.restart import bindings, restarted
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.runtime import (
    UNIT,
    UNIT_FILE,
    ensure_running,
    health,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import (
    SERVICES,
    home,
    scanned_at,
    server_at,
    servers,
    supervised_at,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.tls import (
    merge_files,
    tls_files,
    wrap_with_tls,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File, Host, Process, SwitchFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

START = 0.1  # what one more server may add to PATIENCE
LOG_LINES = 20

# execlineb reads a whole script before it runs its first program, which "true" replaces here: nothing else is run.
PARSE = 'for script do said=$({ echo true; cat "$script"; } | "$0" -P /dev/stdin 2>&1) || echo "$script: $said"; done'


class S6(Backend):
    """The backend ``s6``; see :class:`base.Backend` for what each method must do."""

    name = "s6"
    owned = "s6 service directory"
    owner_rank = 1
    keepers = frozenset({KEEPER})
    columns = COLUMNS
    by_rc = True
    offline_options: t.ClassVar[Mapping[str, str]] = {"s6_provider": "s6"}
    programs = PROGRAMS
    binds_ahead = True

    def fitness(self, processes: Sequence[Process]) -> int:
        """Where a scan directory is running."""
        return 2 if any(process.program == "s6-svscan" for process in processes) else -1

    def early(self, program: EarlyProgram) -> Means | None:
        return opening.early(program)

    def facts(self, inquiry: Inquiry) -> Mapping[str, t.Any]:
        return facts(inquiry)

    def render(self, services: Sequence[Service], platform: Platform) -> list[File]:
        fronts = [wrap_with_tls(service, platform) for service in services]
        front, back = render_services(fronts, platform), tls_files(services, platform)
        return merge_files(secret_files(services), merge_files(back, front))

    def further_problems(self, service: Service, platform: Platform) -> list[Problem]:
        return native_problems(service)

    def rebinds(self, old: Service, new: Service, platform: Platform) -> bool:
        return bindings(old, platform) != bindings(new, platform)

    def owner(self, service: Service, listener: Listener, platform: Platform) -> tuple[str, str]:
        for server in servers(service, platform):
            if server.holds(listener):
                return ("s6", server.directory)
        raise ValueError(f"{service.name} does not listen on {listener}")

    def service_of(self, owner: tuple[str, str]) -> str:
        """With another provider a service had other directories."""
        kind, directory = owner
        return control.service_name(server_at(directory)) if kind == self.name else ""

    def is_first(self, platform: Platform) -> bool:
        return platform.supervised

    def start_guard(self, platform: Platform, host: Host) -> None:
        guard.start(platform, host)

    def stop_guard(self, platform: Platform, host: Host) -> None:
        guard.stop(platform, host)

    def by_hand(self, name: str) -> str:
        return f"s6-svc -d {name}"

    def not_adoptable(self, name: str) -> str:
        return f"is an s6 service directory ({name}), which is not taken over; bring it down by hand"

    def reserved_paths(self, service: Service, platform: Platform) -> list[str]:
        return [path for server in servers(service, platform) for path in scanned_at(server.name, platform)]

    def disturbed(
        self, services: Sequence[Service], files: Sequence[File], platform: Platform, host: Host
    ) -> tuple[list[Problem], list[str]]:
        """Directories of others take some of the places that s6-svscan has."""
        return limit.objections(files, platform, host) if services else [], []

    def tracing(self, run: Run) -> Tracing:
        return DirectoryTracing()

    def is_owner(self, asked: str, found: str) -> bool:
        return is_directory(asked, found)

    def missing(self, platform: Platform, host: Host) -> str:
        found = platform.programs
        missing = [
            package for program, package in (("s6-svscan", "s6"), ("execlineb", "execline")) if program not in found
        ]
        if not {"s6-tcpserver", "tcpserver"} & set(found):
            missing.append("TCP servers (s6-networking or ucspi-tcp-ipv6)")
        if platform.s6_rc:
            missing += _s6_rc.missing(platform.s6_rc, platform, host)
        elif platform.managed and not host.exists(UNIT_FILE):
            missing.append(UNIT)
        elif platform.init == "other":
            missing.append("systemd or s6-svscan as PID 1, to run it")
        return ", ".join(missing)

    def check(self, root: str, files: Sequence[File], platform: Platform, host: Host) -> list[str]:
        found = _s6_rc.check(root, platform.s6_rc, platform, host) if platform.s6_rc else []
        execlineb = platform.program("execlineb")
        scripts = [f"{root}{file.path}" for file in files if file.content.startswith(f"#!{execlineb} ")]
        if not scripts:
            return found
        result = host.run([platform.program("sh"), "-c", PARSE, execlineb, *scripts], check=False)
        return [*found, *(line.replace(root, "") for line in (result.out + result.err).splitlines())]

    def start_runtime(self, platform: Platform, host: Host) -> None:
        ensure_running(platform, host)

    def reload(self, platform: Platform, host: Host) -> None:
        """Forget servers whose files are gone, and what s6 itself left in their directories. New ones are not started:
        that is for ``activate``."""
        gone = {
            name: owned
            for name, owned in control.supervised(platform, host).items()
            if not host.exists(f"{home(name, platform)}/run")
        }
        left = [] if platform.s6_rc else closing.abandoned(host)
        if platform.s6_rc:
            changed = [*gone, *_s6_rc.unknown(platform.s6_rc, host)]
            _s6_rc.update(platform.s6_rc, PATIENCE + START * len(changed), platform, host)
        elif gone or left:
            closing.drop(gone, platform, host)
        if gone:
            # Without its files a server cannot take its sockets back by itself.
            control.forget(gone.__contains__, PATIENCE, platform, host)
        closing.remove_directories([f"{SERVICES}/{name}" for name in dict.fromkeys([*gone, *left])], host)

    def prepare(self, change: Change, platform: Platform, host: Host) -> None:
        """Supervisors and loggers of new servers start, which are two processes of three; s6-rc has its supervisors
        since the update."""
        every = [server for service in change.start for server in servers(service, platform)]
        new = [server for server in every if not control.tell(server.directory, control.NOTHING, host)]
        if platform.s6_rc or not new or not control.tell_scanner(platform, control.NOTHING, host):
            return
        opening.supervise(new, PATIENCE + START * len(new), platform, host)

    def reopens(self, change: Change, platform: Platform) -> list[Service]:
        """The holder keeps what is started again open, where a server can take that."""
        return [
            new
            for old, new in change.refresh
            if not all(server.kept for server in restarted(old, new, change.replaced, platform))
        ]

    def kept_sockets(self, service: Service, platform: Platform) -> list[tuple[str, Listener, int]]:
        return handover.kept_sockets(service, platform)

    def differing_socket(self, old: Service, new: Service, platform: Platform) -> str:
        return handover.obstacle(old, new, platform)

    def give(self, descriptors: Mapping[str, int], platform: Platform, host: Host) -> None:
        handover.start_holder(platform, host)
        handover.give(descriptors, platform, host)

    def release(self, change: Change, platform: Platform, host: Host) -> None:
        """Sessions live on: a server that gets a signal to end leaves them alone."""
        stopped = {service.name for service in change.stop}
        closing.bring_down(control.servers_of(stopped, platform, host), platform, host)

        def is_down(server: str) -> bool:
            # A tree that has just been started may start one meanwhile, which goes on with what is kept for it.
            if control.service_name(server) not in stopped:
                return False
            return not control.status(supervised_at(server, platform), host).pid

        control.forget(is_down, PATIENCE, platform, host)

    def activate(self, change: Change, platform: Platform, host: Host) -> None:
        ensure_running(platform, host)
        starting = [server for service in change.start for server in servers(service, platform)]
        restarting = [
            server for old, new in change.refresh for server in restarted(old, new, change.replaced, platform)
        ]
        before = {server.name: control.status(server.directory, host).pid for server in restarting}
        waiting = [*starting, *restarting]
        seconds = PATIENCE + START * len(waiting)
        touched = [*change.start, *(new for _old, new in change.refresh)]
        self._stop_undeclared(touched, platform, host)
        if any(server.kept for server in waiting):
            control.tell(supervised_at(HOLDER, platform), control.UP, host)
        for server in restarting:
            control.tell(server.directory, control.RESTART, host)
        if platform.s6_rc:
            names = [server.name for server in starting]
            _s6_rc.change("-u", names, seconds, platform, host)
        else:
            opening.allow(touched, platform, host)
            control.tell_scanner(platform, control.RESCAN, host)
            opening.bring_up(starting, host)

        late = [server.service for server in opening.late(waiting, before, seconds, host)]
        if late:
            failed = ", ".join(sorted({service.name for service in late}))
            raise SwitchFailed(f"not listening after {seconds:.0f} s: {failed}\n{self.log(late, platform, host)}")

    @staticmethod
    def _stop_undeclared(services: Sequence[Service], platform: Platform, host: Host) -> None:
        """Servers of these services that are no longer among theirs would keep what the new ones need."""
        wanted = {server.name for service in services for server in servers(service, platform)}
        names = {service.name for service in services}
        found = [name for name in control.servers_of(names, platform, host) if name not in wanted]
        closing.bring_down(found, platform, host)

        def undeclared(server: str) -> bool:
            return control.service_name(server) in names and server not in wanted

        control.forget(undeclared, PATIENCE, platform, host)

    def health(self, services: Sequence[Service], platform: Platform, host: Host) -> dict[str, str]:
        return health(services, platform, host)

    def log(self, services: Sequence[Service], platform: Platform, host: Host) -> str:
        lines = []
        for logs in dict.fromkeys(server.logs for service in services for server in servers(service, platform)):
            lines += (host.read(f"{logs}/current") or "").splitlines()[-LOG_LINES:]
        return "\n".join(lines[-LOG_LINES:])

    def stop_runtime(self, platform: Platform, host: Host) -> None:
        if platform.managed:
            _systemd_boot.retire(UNIT, host)
            # A session that lives on keeps its logger, and that the tree until systemd's patience is at its end.
            host.run(["systemctl", "reset-failed", UNIT], check=False)
            # What s6-svscan left; the unit makes its directory again.
            host.remove_tree(platform.scan_directory)
        host.remove_tree(SERVICES)
