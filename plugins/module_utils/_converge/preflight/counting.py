# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits that the guard keeps by counting connections, on a host where somebody keeps the kernel from tracking them."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import enforced_by_guard
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.network.tracking import Untracked, untracked
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

COUNTED = ("connections.max", "connections.per_source")


def counting_problems(
    services: Iterable[Service], platform: Platform, host: LocalHost
) -> tuple[list[Problem], list[str]]:
    """What is wrong with limits that are not kept for any client, and warnings of those that are not for some."""
    counting = [
        (service, fields)
        for service in services
        for fields in ([name for name in COUNTED if name in enforced_by_guard(service, platform)],)
        if service.enabled and fields and "nft" in platform.programs
    ]
    rules = untracked(platform.program("nft"), host) if counting else []
    problems, warnings = [], []
    for service, fields in counting:
        for rule in rules:
            ports = {end.port for end in service.listeners(platform.ipv6) if end.transport == "tcp"}
            for port in sorted(port for port in ports if rule.covers(port)):
                problem = Problem(service.path(fields[0]), _told(rule, port))
                if rule.everybody:
                    problems.append(problem)
                else:
                    warnings.append(str(problem))
    return problems, warnings


def _told(rule: Untracked, port: int) -> str:
    whose = "" if rule.everybody else " of some clients"
    return (
        f'connections{whose} to port {port} cannot be counted: the rule "{rule.rule}" of the table {rule.table} '
        "switches connection tracking off for them. Remove the port from that rule, or leave the limit out"
    )
