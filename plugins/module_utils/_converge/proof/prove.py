# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof: the kernel's table, the owner of each listener, and the answers to declared probes. Files are no
proof."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import (
    SocketTable,
    bound,
    lacks_address,
    listener_problem,
    look,
    to_be_open,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.proof.client import Client, judge
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.proof.probing import (
    obstacle,
    this_moment,
    ways_now,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import realising
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# How long listeners may take to appear, in seconds.
PATIENCE = 10.0
_ANYTHING = re.compile(b"")
_NO_WAY = "the service would refuse the probe, because access allows no address of this host"


@dataclass(frozen=True)
class Failure:
    """A service that is not as it should be, and in what way."""

    service: Service
    text: str

    def __str__(self) -> str:
        return f"{self.service.name}: {self.text}"


def prove_listeners(
    services: Sequence[Service], backends: Mapping[str, Backend], platform: Platform, host: LocalHost
) -> list[Failure]:
    """Wait until every service's listeners are as they should be; what still is not."""

    wanted = [
        listener
        for service in services
        if service.enabled
        for listener in to_be_open(service, backends[service.backend], platform)
    ]
    host.wait(lambda: all(bound(wanted).values()), PATIENCE)
    live = look(services, [], platform, host)
    found = [
        Failure(service, listener_problem(service, live, backends[service.backend], platform)) for service in services
    ]
    return [failure for failure in found if failure.text]


def prove_answers(services: Sequence[Service], platform: Platform) -> list[Failure]:
    """Probe every enabled service that declares how; what did not answer as it should."""
    return [
        Failure(service, row["problem"])
        for service in services
        if service.enabled
        for row in probe_service(service, platform)
        if row["problem"]
    ]


def probe_service(service: Service, platform: Platform) -> list[dict[str, t.Any]]:
    """Probe every endpoint of a service that declares how, from where it lets clients in: ``endpoint``, ``answer``,
    ``seconds``, ``problem``. What lets nobody in just now is not probed."""
    if service.probe is None or obstacle(service, this_moment()):
        return []
    expect = re.compile(service.probe.expect.encode("utf-8"), re.DOTALL) if service.probe.expect else _ANYTHING
    client = Client(service.probe.send.encode("utf-8"), expect, False, None, service.probe.timeout)
    rows = []
    for listener, possible in ways_now(service, platform).items():
        problem, answer = judge(listener, client, possible) if possible else (_NO_WAY, {})
        rows.append(
            {
                "service": service.name,
                "endpoint": str(listener),
                "answer": answer.get("text", ""),
                "outcome": answer.get("outcome", ""),
                "seconds": answer.get("seconds"),
                "problem": problem,
            }
        )
    return rows


def status_rows(
    services: Sequence[Service], live: SocketTable, backends: Mapping[str, Backend], platform: Platform
) -> list[dict[str, t.Any]]:
    """One row for each endpoint: who should hold it, who does, and what is wrong with that."""
    rows = []
    for service in services:
        problem = listener_problem(service, live, backends[service.backend], platform)
        for listener in service.listeners(platform.ipv6):
            sockets = realising(listener, live.near(listener))
            rows.append(
                {
                    "service": service.name,
                    "backend": service.backend,
                    "state": service.state,
                    "endpoint": str(listener),
                    "owner": " ".join(live.owner(sockets[0])) if sockets else "",
                    "inodes": sorted(socket.inode for socket in sockets),
                    "waits_for": listener.address if service.enabled and lacks_address(listener) else "",
                    "problem": problem,
                }
            )
    return rows
