# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A declaration without what goes without saying: fields that equal their defaults, and records without any field."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.meaning import accepts
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.structures import Listing, Record
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import SERVICE

# Means something although all that it says goes without saying: that connections are logged.
_MEANT = "log"


def minimal(fields: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The same service in as few fields as there can be, in the order of the schema."""
    found = _of_record(SERVICE, fields)
    bare = {name: value for name, value in found.items() if name != "accept"}
    return bare if "accept" in found and found["accept"] == accepts(bare) else found


def _of_record(record: Record, fields: Mapping[str, t.Any]) -> dict[str, t.Any]:
    known = [name for name in record.by_name if name in fields]
    unknown = [name for name in fields if name not in record.by_name]
    values = {name: _of_field(record, name, fields[name]) for name in (*known, *unknown)}
    return {name: value for name, value in values.items() if not _needless(record, name, value)}


def _of_field(record: Record, name: str, value: t.Any) -> t.Any:
    kind = record.by_name[name].kind if name in record.by_name else None
    if isinstance(kind, Record) and isinstance(value, Mapping):
        return _of_record(kind, value) or (dict(list(value.items())[:1]) if name == _MEANT else {})
    if isinstance(kind, Listing) and isinstance(kind.item, Record) and isinstance(value, list):
        return [_of_record(kind.item, entry) if isinstance(entry, Mapping) else entry for entry in value]
    return value


def _needless(record: Record, name: str, value: t.Any) -> bool:
    entry = record.by_name.get(name)
    if value is None:
        return True
    if entry is None or entry.required:
        return False
    if isinstance(entry.kind, Record):
        return not value
    return entry.default is not None and bool(value == entry.default)
