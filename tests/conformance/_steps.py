# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scenarios do to try a case: each step with what it needs on the host, and from where clients connect."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping

from _cases import Case, Host, Plan

from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Endpoint, listener_of
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# What a step looks at; a step without any of these is a conversation.
LOCAL_ACTIONS = ("log", "written", "node", "backlog", "pause", "sleeper", "held_by", "address")
ENDS = ("exact", "expect", "nothing", "less", "environment", "hold", "flood", "rapid")


def steps(planned: Plan) -> dict[str, list[list[dict[str, t.Any]]]]:
    """What the host itself and the client do, by vantage point: one list of steps for each case."""
    result: dict[str, list[list[dict[str, t.Any]]]] = {"host": [], "client": []}
    for case in planned.tried:
        found = [step for step in _steps(case, planned.host) if planned.host.column in step.pop("only")]
        if planned.host.column == "xinetd":
            found = [{**step, "again": True} if step.get("type") == "datagram" else step for step in found]
        for vantage, groups in result.items():
            mine = [step for step in found if step["from"] == vantage]
            # Waiting by itself proves nothing.
            if any("pause" not in step for step in mine):
                groups.append(mine)
    return result


def _steps(case: Case, host: Host) -> Iterator[dict[str, t.Any]]:
    # An absent service still has the endpoint that must not answer.
    present = [{key: value for key, value in service.items() if key != "state"} for service in case.services]
    later = {key: value for key, value in case.later.items() if key != "state"}
    plain = Case(case.name, case.fields, case.what, tuple(present), later, ports=case.ports)
    services = {service.name: service for service in plain.load(host.backend)}
    for number, step in enumerate(case.client):
        service = services[present[step.get("service", 0)]["name"]]
        for expanded in _expanded(step, service):
            yield {"case": case.name, "step": number + 1, "service": service.name, **expanded}


def _expanded(step: Mapping[str, t.Any], service: Service) -> Iterator[dict[str, t.Any]]:
    """One step for each endpoint, each vantage point and each address that it is meant for."""
    told = {key: value for key, value in step.items() if key not in ("service", "endpoint", "from", "at")}
    told.setdefault("only", ["systemd", "xinetd", "s6-networking", "ucspi"])
    told["accept"], told["socket_fd"] = service.accept, service.socket_fd
    endpoints = [service.listen[step["endpoint"]]] if "endpoint" in step else service.listen
    if "pause" in step:
        yield from ({**told, "from": vantage} for vantage in ("host", "client"))
        return
    for endpoint in endpoints:
        listener = listener_of(endpoint, ipv6=True)
        base = {**told, "transport": endpoint.transport, "type": endpoint.type}
        base.update({"port": listener.port, "to": listener.path})
        if any(name in step for name in LOCAL_ACTIONS):
            yield {**base, "from": "host"}
            return
        for vantage in _vantages(step, endpoint):
            for place in step.get("at") or _places(endpoint, listener.family, vantage):
                yield {**_conversation(base), "from": vantage, "to": place}


def _conversation(step: Mapping[str, t.Any]) -> dict[str, t.Any]:
    if not any(name in step for name in ENDS):
        raise ValueError(f"a step that says nothing about what must come back: {step}")
    defaults: dict[str, t.Any] = {"send": ""}
    if "hold" in step:
        defaults.update({"excess": [], "served": [], "greeting": ""})
    return {**defaults, **step}


def _vantages(step: Mapping[str, t.Any], endpoint: Endpoint) -> tuple[str, ...]:
    if "from" in step:
        return (step["from"],)
    local = endpoint.transport == "unix" or endpoint.address or step.keys() & {"hold", "flood", "rapid"}
    return ("host",) if local else ("host", "client")


def _places(endpoint: Endpoint, family: str, vantage: str) -> tuple[str, ...]:
    """Where an endpoint is reached from a vantage point, by names of addresses (``v4``: loopback, ``a4``: bridge)."""
    if endpoint.transport == "unix":
        return (endpoint.path,)
    if endpoint.address:
        return (endpoint.address,)
    letter = "v" if vantage == "host" else "a"
    return tuple(f"{letter}{number}" for number in {"dual": "46", "ipv4": "4", "ipv6": "6"}[family])
