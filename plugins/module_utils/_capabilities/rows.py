# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The capability table: one row per field (and case), one cell per backend.

A test fails when a field of the schema has no row, or a row no conformance case.
"""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.cells import Row
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.clients import CLIENTS
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.handlers import HANDLERS
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.listeners import LISTENERS

ROWS: tuple[Row, ...] = (*LISTENERS, *HANDLERS, *CLIENTS)
