# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which servers must be started again for a change."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rendering.process import (
    process_lines,
    run_file,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import (
    Server,
    servers,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.tls import wrap_with_tls
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service


def bindings(service: Service, platform: Platform) -> list[tuple[object, ...]]:
    return [(server.name, server.kind, server.sockets, service.tcp) for server in servers(service, platform)]


def restarted(old: Service, new: Service, replaced: Mapping[str, str] | None, platform: Platform) -> list[Server]:
    """The servers that must be started again to be as declared."""
    before = {server.name: _running(server, platform) for server in servers(wrap_with_tls(old, platform), platform)}
    repair = old.to_json() == new.to_json()

    def must(server: Server) -> bool:
        if repair:
            return _may_run_anything(server, replaced)
        return before.get(server.name) != _running(server, platform) or _ran_another(server, replaced, platform)

    return [server for server in servers(wrap_with_tls(new, platform), platform) if must(server)]


def _may_run_anything(server: Server, replaced: Mapping[str, str] | None) -> bool:
    """Whether a server that only has to be repaired may not be what it should. One whose port would close goes on where
    only files were repaired that each connection reads."""
    return replaced is None or server.kept or run_file(server) in replaced


def _ran_another(server: Server, replaced: Mapping[str, str] | None, platform: Platform) -> bool:
    """Whether the file that was there was another version's, or foreign."""
    before = (replaced or {}).get(run_file(server))
    return before is not None and not before.endswith("\n".join(["", *process_lines(server, platform), ""]))


def _running(server: Server, platform: Platform) -> tuple[object, ...]:
    """What runs until the server is started again; handlers of connections read their secrets by themselves."""
    return (process_lines(server, platform), () if server.accept else server.service.secrets)
