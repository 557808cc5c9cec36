# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declarations as tests write them, and what becomes of them."""

from __future__ import annotations

import typing as t

from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import BASE, Layer
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.services import load_services
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

Fields = t.Dict[str, t.Any]

ECHO: Fields = {"name": "echo", "listen": [{"tcp": "7"}], "exec": ["/bin/cat"], "user": "root"}


def load(*entries: Fields, defaults: Fields | None = None, backend: str = "systemd") -> list[Service]:
    """The services of one list; those with ``exec`` are root's where nothing else is said."""
    account = {} if "user" in (defaults or {}) else {"user": "root"}
    owned = [{**account, **entry} if "exec" in entry else entry for entry in entries]
    return load_services([Layer(BASE, owned)], defaults, backend)


def entry_of(fields: t.Mapping[str, t.Any]) -> Fields:
    """:data:`ECHO` with other fields; None takes a field away. What has no program of its own gets no account by it."""
    account = {"user": None} if fields.get("exec", ()) is None or "internal" in fields else {}
    return {name: value for name, value in {**ECHO, **account, **fields}.items() if value is not None}


def service(**fields: t.Any) -> Service:
    """One service, as by :func:`entry_of`. The services that it wants to have are declared as well."""
    entry = entry_of(fields)
    needed = {name for field in ("requires", "after") for name in fields.get(field, ()) if "." not in name}
    others = [{**ECHO, "name": name, "listen": [{"unix": f"/run/{name}"}]} for name in sorted(needed)]
    backend = fields.get("backend", "systemd")
    return next(each for each in load(entry, *others, backend=backend) if each.name == entry["name"])


def refusal(
    *entries: t.Any, layers: t.Mapping[str, t.Any] | None = None, defaults: t.Any = None
) -> list[tuple[str, str]]:
    """Path and message of every problem of a declaration; an empty list when there is none.

    ``entries`` are the base list, ``layers`` other variables by name.
    """
    every = [Layer(BASE, list(entries)), *(Layer(name, value) for name, value in (layers or {}).items())]
    try:
        load_services(every, defaults, "systemd")
    except InvalidDeclaration as exc:
        return [(problem.path, problem.message) for problem in exc.problems]
    return []


def redeclared(value: t.Mapping[str, t.Any]) -> Service:
    """What was stored of a service, declared again: it keeps to the schema, too."""
    (found,) = load_services([Layer("manifest", [dict(value)])], None, str(value["backend"]))
    return found
