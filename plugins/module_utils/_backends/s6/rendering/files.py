# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All files of services: service directories or definitions, their loggers, and what servers share."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.delivery import opening
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.process import (
    banners,
    ending,
    log_directories,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.fdholder import NAME as HOLDER
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.fdholder import (
    finish_script,
    holder_files,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.guard import NAME as KEEPER
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.guard import (
    loaded_first,
    service_directory,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rc import bundles, definition
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rendering.execline import (
    command as line,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rendering.execline import (
    continuation,
    script,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rendering.handler import (
    HANDLER,
    gate_words,
    handler_lines,
    handler_words,
    session_words,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rendering.process import process_lines
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rendering.serving import (
    READY,
    access_rules,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import (
    Server,
    scanned_at,
    servers,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import enforced_by_guard
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import LOGS, File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.installed import BINDER, shared_programs

# Standard output is the logger.
LOGGED = line("fdmove", "-c", "2", "1")
# Ten old files of a megabyte each, and no more in all: a file grows beyond its size while s6-log waits for the disk.
ROTATION = ("n10", "s1000000", "S10000000")


def render_services(services: Sequence[Service], platform: Platform) -> list[File]:
    """All files of these services."""
    every = [server for service in services for server in servers(service, platform)]
    files = [file for server in every for file in _server_files(server, platform)]
    argvs = [
        words
        for server in every
        for words in (handler_words(server, platform), gate_words(server, platform), session_words(server, platform))
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


def _server_files(server: Server, platform: Platform) -> list[File]:
    service = server.service
    run = script([LOGGED, *_guard(server, platform), *process_lines(server, platform)], platform, service.description)
    contents = [
        ("run", run, 0o755),
        *_beside(server, platform),
        ("notification-fd", f"{READY}\n", 0o644),
        *((name, f"{value}\n", 0o644) for name, value in service.native.of("s6").items()),
        *((path, "", 0o644) for path in access_rules(server, platform)),
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
    """What makes the files a service directory of a scan directory; links last, so that s6-svscan never
    finds it incomplete."""
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
    return [(HANDLER, continuation(handler_lines(server, platform), platform), 0o755)]


def _guard(server: Server, platform: Platform) -> list[str]:
    """Without its rules a service must not listen."""
    return [loaded_first(platform)] if enforced_by_guard(server.service, platform) else []
