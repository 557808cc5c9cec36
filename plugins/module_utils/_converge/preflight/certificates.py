# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and keys that TLS cannot be had with, that others have got or can replace, or that expire."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.sandbox import hidden_by_strict
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.certificates import (
    certificates_problem,
    expiry,
    key_problem,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.entries import is_file
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.objections import objection_to_reading
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.reach import anybody_may_read
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# How long before its expiry a certificate causes a warning.
SOON = datetime.timedelta(days=14)


def certificate_problems(service: Service) -> list[Problem]:
    """Certificates and keys that TLS cannot be had with."""
    if service.tls is None:
        return []
    paths = {"certificate": service.tls.certificate, "key": service.tls.key, "client_ca": service.tls.client_ca}
    wrong = {name: _certificate_problem(name, path, service) for name, path in paths.items() if path}
    if not (wrong["certificate"] or wrong["key"]):
        wrong["key"] = key_problem(service.tls.certificate, service.tls.key)
    found = [
        Problem(service.path(f"tls.{name}"), f'"{paths[name]}" {problem}') for name, problem in wrong.items() if problem
    ]
    return found or exposure_problems(service)


def exposure_problems(service: Service) -> list[Problem]:
    """Keys that other accounts can read, and keys and certificates that they can replace."""
    if service.tls is None:
        return []
    problems = []
    for name in ("key", "client_ca"):
        path = getattr(service.tls, name)
        reason = objection_to_reading(path) if path else ""
        if reason:
            way_out = (
                "let only root own and write every directory of the path, or store the file below a directory such "
                "as /etc/ssl"
            )
            problems.append(Problem(service.path(f"tls.{name}"), f'"{path}" can be replaced: {reason}; {way_out}'))
    if anybody_may_read(service.tls.key):
        problems.append(
            Problem(
                service.path("tls.key"),
                f'"{service.tls.key}" can be read by every account of the host; change its mode to 0600, and '
                "replace the key if another account may have read it",
            )
        )
    return problems


def _certificate_problem(name: str, path: str, service: Service) -> str:
    if not is_file(path):
        return "is not a file on the host; put it there first"
    if hidden_by_strict(service, path):
        return "is hidden by sandbox: strict; put it somewhere else, such as below /etc/ssl"
    return "" if name == "key" else certificates_problem(path)


def expiring(services: Iterable[Service]) -> list[str]:
    """What is told of their certificates now."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return [text for service in services for text in expiry_warnings(service, now)]


def expiry_warnings(service: Service, now: datetime.datetime) -> list[str]:
    """A certificate that has expired, or is about to: its service can still be had by clients that do not care."""
    if service.tls is None:
        return []
    try:
        end = expiry(service.tls.certificate)
    except (OSError, ValueError):
        return []
    if end > now + SOON:
        return []
    verb = "expires" if end > now else "expired"
    return [f'{service.path("tls.certificate")}: "{service.tls.certificate}" {verb} on {end:%Y-%m-%d %H:%M} UTC']
