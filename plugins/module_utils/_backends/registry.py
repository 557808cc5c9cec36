# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backends, by name."""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import ForeignServices
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.ownership import WORDS
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.backend import S6
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.backend import Systemd
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.backend import Xinetd
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.columns import COLUMNS
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.columns import (
    register as register_columns,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.names import BACKENDS as NAMES

BACKENDS: dict[str, Backend] = {}


def register(backend: Backend) -> None:
    """Add a backend: what declarations may name, what it can do, and what owners of its sockets are called."""
    BACKENDS[backend.name] = backend
    if backend.name not in NAMES:
        NAMES.append(backend.name)
    WORDS[backend.name] = backend.owned
    register_columns(backend.columns)


def foreign_services() -> dict[str, ForeignServices]:
    """What is known of services of others, by the name of the backend whose kind they are of."""
    return {name: backend.foreign for name, backend in BACKENDS.items() if backend.foreign}


def manager() -> str:
    """The name of the backend that is the manager of the host's units."""
    return next(name for name, backend in BACKENDS.items() if backend.manages_units)


for _backend in (Systemd(), Xinetd(), S6()):
    register(_backend)

__all__ = ("BACKENDS", "COLUMNS", "foreign_services", "manager", "register")
