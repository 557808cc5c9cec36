# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths that a declaration names and that root opens: what is in the way, and who could lead root elsewhere."""

from __future__ import annotations

import os

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.entries import (
    exists,
    is_directory,
    is_file,
    is_socket,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.objections import (
    objection,
    objection_to_file,
    objection_to_reading,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.places import same_name
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.paths import RENAMED
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service


def path_problems(service: Service) -> list[Problem]:
    """Problems of the paths of a service."""
    problems = _banner_problems(service) + _log_problems(service)
    for index, endpoint in enumerate(service.listen):
        if endpoint.transport == "unix":
            problems += _socket_problems(f"{service.path('listen')}[{index}].unix", endpoint.path)
    return problems


def _banner_problems(service: Service) -> list[Problem]:
    file = service.banner.file if service.banner else ""
    if not file:
        return []
    field = service.path("banner.file")
    if not is_file(file):
        return [Problem(field, f'"{file}" is not a file on the host')]
    # Root reads it for every client: a foreign link could show them any file.
    return _unsafe(field, file, "be read by root", objection_to_reading(file))


def _socket_problems(field: str, path: str) -> list[Problem]:
    before, after = RENAMED
    if same_name(path).startswith(before):
        other = after + path[len(before) :]
        return [Problem(field, f'systemd reads "{path}" as "{other}", but on this host they differ; write "{other}"')]
    if exists(path) and not is_socket(path):
        return [Problem(field, f'"{path}" exists and is not a socket')]
    return _unsafe(field, path, "be bound by root", objection(path))


def _unsafe(field: str, path: str, what: str, reason: str) -> list[Problem]:
    if not reason:
        return []
    return [
        Problem(
            field,
            f'"{path}" cannot safely {what}: {reason}. Let only root own and write every directory of the path, or '
            "choose a path below a directory such as /run or /var/log",
        )
    ]


def _log_problems(service: Service) -> list[Problem]:
    file = service.log.file if service.log else ""
    if not file:
        return []
    directory = os.path.dirname(file)
    if not is_directory(directory):
        return [Problem(service.path("log.file"), f'"{directory}" is not a directory on the host; create it first')]
    if exists(file) and not is_file(file):
        return [Problem(service.path("log.file"), f'"{file}" exists and is not a file')]
    field = service.path("log.file")
    return _unsafe(field, file, "be written by root", objection(file)) or _log_file_problems(field, file)


def _log_file_problems(field: str, file: str) -> list[Problem]:
    reason = objection_to_file(file)
    return [Problem(field, f"{reason}; remove it, or choose another file")] if reason else []
