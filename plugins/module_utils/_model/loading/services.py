# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the layers of a declaration to services: merged, checked, built."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.order import check_order
from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.rules import (
    check_services,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import Layer, Merged, merge
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.build import build
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration, Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.types import collector
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service


def load_services(layers: Sequence[Layer], defaults: t.Any, backend: str, key: bytes = b"") -> list[Service]:
    """Turn the layers of a declaration into services, sorted by name, without those that are declared ``absent``.

    ``backend`` is the host's; a service may name its own. ``key`` is what digests of secrets are made with. Raises
    InvalidDeclaration with every problem found.
    """
    problems: list[Problem] = []
    merged = merge(layers, defaults, problems)
    check_order([entry for entry in merged if "name" in entry.fields], backend, collector(problems))
    return _services(merged, backend, problems, key)


def _services(merged: Sequence[Merged], backend: str, problems: list[Problem], key: bytes = b"") -> list[Service]:
    present = [entry for entry in merged if entry.fields.get("state") != "absent"]
    check_services(present, problems)
    if problems:
        raise InvalidDeclaration(problems)
    services = [build(entry.fields, backend, entry.origins, key) for entry in present]
    return sorted(services, key=lambda service: service.name)
