# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The properties of a handler process that are the same on every backend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import enforced_by_guard
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import CONFIG, LOGS, File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Endpoint
from ansible_collections.ondemand.superserver.plugins.module_utils._model.hours import parse_window
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import PATH, S6, SYSTEMD, Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.records import Log, Proxy
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import BACKSTOP
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.daemons import proxy as _helper_proxy
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.installed import (
    ATTENDANT,
    ENDER,
    GATE,
    INTERNAL,
    NAMED,
    PROXY,
    RECORD,
    SESSION,
)

BANNERS = f"{CONFIG}/banners"

# How long a handler whose time is over may take to end, in seconds.
GRACE = 5
# How long a client may take to read a banner, in seconds; systemd would not wait for longer than 90.
TELLING = 60


@dataclass(frozen=True)
class Limit:
    """A limit of setrlimit(2), as prlimit(1) and as systemd call it."""

    field: str
    option: str
    directive: str


LIMITS = (
    Limit("open_files", "nofile", "LimitNOFILE"),
    Limit("processes", "nproc", "LimitNPROC"),
    Limit("address_space", "as", "LimitAS"),
    Limit("data", "data", "LimitDATA"),
    Limit("stack", "stack", "LimitSTACK"),
    Limit("core", "core", "LimitCORE"),
    Limit("file_size", "fsize", "LimitFSIZE"),
    Limit("cpu_time", "cpu", "LimitCPU"),
)


def variables(service: Service) -> dict[str, str]:
    """The constant part of the environment that a handler is started with: PATH and what was declared, unless that
    comes only behind what is root's; see :func:`command`."""
    return {"PATH": PATH, **({} if attended(service) else dict(service.environment))}


def attended(service: Service) -> bool:
    """Whether the handler is a forwarder with a daemon keeper."""
    return bool(service.proxy and service.proxy.unit)


def confined(service: Service) -> bool:
    """Whether the handler can get neither capabilities nor new privileges. What is the collection's own needs none,
    unless the declaration has it run as root."""
    own = service.internal or (service.proxy and service.user != "root")
    return service.sandbox != "off" or bool(own)


def command(service: Service, platform: Platform, datagram: bool = False) -> tuple[str, ...]:
    """The argument list that starts the handler.

    For a proxy with a daemon it begins with the attendant, which must be root; see :func:`drops_itself`.
    """
    words = handler(service, platform, datagram)
    if service.argv0:
        return (platform.python, "-IS", NAMED, words[0], service.argv0, *words[1:])
    if not (service.proxy and service.proxy.unit):
        return words
    attendant = (platform.python, "-IS", ATTENDANT, *daemon(service.proxy.unit, platform), "--")
    declared = [f"{name}={value}" for name, value in service.environment]
    later = (platform.program("env"), *declared) if declared else ()
    return (*attendant, *setpriv(service, platform), *later, *words)


def handler(service: Service, platform: Platform, datagram: bool = False) -> tuple[str, ...]:
    """The handler's own argument list; for an internal service or a proxy, the program that plays it."""
    if service.proxy:
        return _forwarder(service, service.proxy, platform)
    if not service.internal:
        return service.exec
    if datagram:
        return (platform.python, "-IS", INTERNAL, service.internal, "datagram")
    programs = {
        "echo": ("/bin/cat",),
        "discard": ("/bin/dd", "of=/dev/null", "status=none"),
        "daytime": ("/bin/date", "+%d %b %Y %H:%M:%S %Z\r"),
    }
    return programs.get(service.internal, (platform.python, "-IS", INTERNAL, service.internal))


def _forwarder(service: Service, proxy: Proxy, platform: Platform) -> tuple[str, ...]:
    if service.accept:
        return (platform.python, "-IS", PROXY, _helper_proxy.EACH, *map(_address, proxy.to))
    guarded = enforced_by_guard(service, platform)
    most = service.connections.max if "connections.max" not in guarded else None
    source = service.connections.per_source if "connections.per_source" not in guarded else None
    limited = map(str, (proxy.idle_timeout or 0, most or BACKSTOP, source or 0))
    patience = f":{proxy.start_timeout}" if service.uses("proxy.start_timeout") else ""
    way = f"attended{patience}" if proxy.unit else "alone"
    return (platform.python, "-IS", PROXY, *limited, way, *map(_address, proxy.to))


def _address(target: Endpoint) -> str:
    return target.path or str(target).split(" ", 1)[1]


def daemon(unit: str, platform: Platform) -> tuple[str, str]:
    """The manager that starts a proxy's daemon on this host, and its name for the daemon."""
    if platform.supervised:
        return (S6, f"{platform.scan_directory}/{unit}")
    return (SYSTEMD, unit if unit.endswith(".service") else f"{unit}.service")


def bounded(service: Service, platform: Platform, datagram: bool = False) -> tuple[str, ...]:
    """The handler's argument list, with what ends a connection that lasts too long."""
    words = command(service, platform, datagram)
    longest = service.resources.connection_time
    if longest is None or datagram:
        return words
    return (platform.program("timeout"), "-k", str(GRACE), str(longest), *words)


def ending(service: Service, platform: Platform) -> tuple[str, ...]:
    """Words that end what the handler leaves, for a chain that starts as root; none where that goes on. Who has a
    cgroup for each handler needs none."""
    return (platform.python, "-IS", ENDER) if service.end_children else ()


def limits(service: Service) -> list[tuple[Limit, int]]:
    """The limits that a service declares."""
    declared = ((limit, getattr(service.resources, limit.field)) for limit in LIMITS)
    return [(limit, value) for limit, value in declared if value is not None]


def prlimit(service: Service, platform: Platform) -> tuple[str, ...]:
    """Words that set the service's limits, for a chain that starts as root; none where it declares none."""
    words = [f"--{limit.option}={value}:{value}" for limit, value in limits(service)]
    return (platform.program("prlimit"), *words) if words else ()


def gate(service: Service, platform: Platform) -> tuple[str, ...]:
    """The admission check: a command that says whether a connection may be served now, and that sends the banner; empty
    if every connection is served without a banner. Root must run it, with the connection as its standard output."""
    words: list[str] = []
    if service.connections.max_load is not None:
        words += ["-l", str(round(service.connections.max_load * 100))]
    for window in map(parse_window, service.access.hours):
        words += ["-w", f"{''.join(map(str, window.days))}:{window.start}-{window.end}"]
    if service.banner:
        words += ["-c" if service.banner.on == "connect" else "-r", banner_file(service)]
    return (*_turning_away(service, platform), *_in_time(service, platform), GATE, *words) if words else ()


def _in_time(service: Service, platform: Platform) -> tuple[str, ...]:
    """Words that end the admission check with a separate status if a client does not read its banner."""
    longest = min(TELLING, service.resources.connection_time or TELLING)
    return (platform.program("timeout"), "-k", str(GRACE), str(longest)) if service.banner else ()


def session(service: Service, platform: Platform) -> tuple[str, ...]:
    """Words that log a connection, for a chain that starts as root; none where nothing is logged of it.

    What they run has more in its environment than they have: what bash exports.
    """
    what = [part for part in service.log.what if part != "refused"] if service.log else []
    return (*_logging(service, what, platform), "--") if what else ()


def _turning_away(service: Service, platform: Platform) -> tuple[str, ...]:
    what = service.log.what if service.log else ()
    return (*_logging(service, what, platform), "-r", "--") if "refused" in what else ()


def _logging(service: Service, what: Sequence[str], platform: Platform) -> tuple[str, ...]:
    log = service.log or Log()
    places = {"journal": ("-j",), "syslog": ("-l",)}
    kept = ("-f", log_file(service), "-s", str(log.rotate_size), "-k", str(log.rotate_keep))
    written = (*kept, "-p", platform.python, "-a", RECORD)
    return (SESSION, "-n", service.name, "-w", ",".join(what), *places.get(log.where, written))


def log_file(service: Service) -> str:
    """Where the log of connections is; empty where it is in no file of its own."""
    if service.log is None or service.log.where != "file":
        return ""
    return service.log.file or f"{LOGS}/{service.name}.connections"


def log_directories(services: Sequence[Service]) -> list[File]:
    """The directory of logs that are at no place of their own."""
    usual = any(log_file(service) and service.log and not service.log.file for service in services)
    return [File(LOGS, mode=0o755, kind="directory")] if usual else []


def banner_file(service: Service) -> str:
    """Where the text for clients is; empty where there is none."""
    if service.banner is None:
        return ""
    return service.banner.file or f"{BANNERS}/{service.name}"


def banners(services: Sequence[Service]) -> list[File]:
    """The texts that are not in files of their own."""
    return [
        File(banner_file(service), service.banner.text, service=service.name)
        for service in services
        if service.banner and service.banner.text
    ]


def runs(argv: Sequence[str], service: Service, platform: Platform, datagram: bool = False) -> bool:
    """Whether a process with these arguments is the service's handler. A script has its interpreter in front, and its
    path whatever its name is to be."""
    program, *rest = handler(service, platform, datagram)
    found = _trimmed(argv)
    wanted = {_trimmed((name, *rest)) for name in (program, service.argv0 or program)}
    return any(found[-len(words) :] == words for words in wanted)


def _trimmed(words: Sequence[str]) -> tuple[str, ...]:
    """Words without empty ones at the end, which /proc does not tell from none."""
    count = len(words)
    while count and not words[count - 1]:
        count -= 1
    return tuple(words[:count])


def fence(words: Sequence[str], platform: Platform) -> tuple[str, ...]:
    """What must stand between env and a handler; none for most. env would take such a program for a variable."""
    return (platform.program("nice"), "-n", "0", "--") if "=" in words[0] else ()


def reads_files(service: Service) -> bool:
    """Whether variables of the handler stand in files, which root has to read."""
    return bool(service.environment_file or service.secrets)


def drops_itself(service: Service) -> bool:
    """Whether the handler's command line is to be started as root, and changes to the service's account by itself."""
    return bool(service.tls or (service.proxy and service.proxy.unit))


def setpriv(service: Service, platform: Platform) -> tuple[str, ...]:
    """Words that become the service's account with exactly its groups, for a chain that starts as root.

    util-linux's setpriv takes names; without --regid the group would stay root's.
    """
    group = service.group or platform.primary_groups.get(service.user, service.user)
    if service.supplementary_groups is None:
        groups = "--init-groups"
    elif service.supplementary_groups:
        groups = "--groups=" + ",".join(service.supplementary_groups)
    else:
        groups = "--clear-groups"
    nothing = ("--no-new-privs", "--inh-caps=-all", "--bounding-set=-all") if confined(service) else ()
    return (platform.program("setpriv"), f"--reuid={service.user}", f"--regid={group}", groups, *nothing, "--")
