# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services as some version of this collection stored them on a host.

They were checked when they were declared, by the schema of that version. Today's has no say in them: what it does not
know is kept and not looked at, and what it has in addition is as if it had not been declared.
"""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.build import build
from ansible_collections.ondemand.superserver.plugins.module_utils._model.names import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# What each field is made of, as JSON has it. A field of another shape says that this is no service.
_SHAPES: tuple[tuple[type, str], ...] = (
    (str, "name backend state description socket_fd internal user group umask working_directory environment_file"),
    (str, "stderr sandbox"),
    (int, "accept nice"),
    (list, "listen exec supplementary_groups requires after"),
    (dict, "proxy environment secrets resources connections access tcp banner tls log probe native"),
)
_REQUIRED = ("name", "backend", "listen")
_WRONG = (TypeError, ValueError, KeyError, AttributeError, RuntimeError)


class NotUnderstood(ValueError):
    """What is stored is not what it should be; the text says why."""


def stored_service(value: t.Any) -> Service:
    """Make a service again from what :meth:`Service.to_json` gave, in this version or another. Raises NotUnderstood."""
    _check_shapes(value)
    fields = complete(value)
    try:
        return build(fields, fields["backend"], dict.fromkeys(fields, "manifest"))
    except _WRONG as exc:
        raise NotUnderstood(f'of "{value["name"]}" no service can be made: {type(exc).__name__}: {exc}') from exc


def complete(value: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The fields of a service that was stored, with what those that are not there meant then and do not mean now.

    Up to version 1.0.0 a handler without ``user`` was root's.
    """
    return dict(value) if value.get("internal") else {"user": "root", **value}


def _check_shapes(value: t.Any) -> None:
    if not isinstance(value, Mapping):
        raise NotUnderstood("a service is not a record")
    for name in _REQUIRED:
        if not value.get(name):
            raise NotUnderstood(f"a service has no {name}")
    for shape, names in _SHAPES:
        for name in names.split():
            if not isinstance(value.get(name, shape()), shape):
                raise NotUnderstood(f'"{value["name"]}": {name} is of another kind')
    if "/" in value["name"]:
        raise NotUnderstood(f'"{value["name"]}" is no name')
    if value["backend"] not in BACKENDS:
        raise NotUnderstood(f'"{value["name"]}" has the backend "{value["backend"]}", which this version does not know')
