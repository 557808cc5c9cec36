# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of declared interfaces: one that belongs to a VRF, or is one, may get no client."""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._host.network.vrf import (
    is_vrf,
    setting_that_hides,
    vrf_of,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service


def interface_problems(service: Service) -> list[Problem]:
    """Problems of the interfaces of a service. Those that do not exist yet have none."""
    found = []
    for index, endpoint in enumerate(service.listen):
        problem = _problem(endpoint.interface, endpoint.transport) if endpoint.interface else ""
        if problem:
            found.append(Problem(f"{service.path('listen')}[{index}].interface", problem))
    return found


def _problem(interface: str, transport: str) -> str:
    vrf = vrf_of(interface)
    if vrf:
        return (
            f'"{interface}" belongs to the VRF "{vrf}", and the kernel reports its packets under that name; '
            f'write "{vrf}"'
        )
    setting = setting_that_hides(transport) if is_vrf(interface) else ""
    if setting:
        return f'"{interface}" is a VRF, and listeners of this host get no clients from it; set {setting} to 1 first'
    return ""
