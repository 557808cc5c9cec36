# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets on their host: the key of their digests, and the values that a digest stands for."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.delivery import secrets_file
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import STATE, File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.build import seal
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.records import Secret
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers.environment import (
    Refused,
    read_secrets,
)

PATH = f"{STATE}/key"
# In bytes.
LENGTH = 32


def load_key() -> bytes:
    """The host's key; a new one where it has none as yet."""
    seen = store.look(PATH)
    return seen.content if seen and seen.kind == "file" and seen.content else os.fsencode(secrets.token_hex(LENGTH))


def keep_key(key: bytes, services: Iterable[Service]) -> None:
    """Store the key where there is anything to be told by it."""
    file = File(PATH, os.fsdecode(key), 0o600)
    if any(service.secrets for service in services) and not store.matches(file, store.look(PATH)):
        store.install(file)


def recalled(services: Sequence[Service], key: bytes) -> list[Service]:
    """The services, with the values of secrets of which they have digests only, as the host itself tells services."""
    return [_recalled(service, key) for service in services]


def problems_of(service: Service) -> list[Problem]:
    """Values that the host does not have any more."""
    return [
        Problem(
            service.path(f"secrets.{name}"),
            "is a digest, but the host no longer has the value that it stands for; declare the value",
        )
        for name, secret in service.secrets
        if secret.value is None
    ]


def _recalled(service: Service, key: bytes) -> Service:
    if all(secret.value is not None for _name, secret in service.secrets):
        return service
    there = _there(service)
    found = tuple((name, _value(name, secret, service, there, key)) for name, secret in service.secrets)
    return replace(service, secrets=found)


def _there(service: Service) -> dict[bytes, bytes]:
    try:
        return read_secrets(secrets_file(service))
    except Refused:
        return {}


def _value(name: str, secret: Secret, service: Service, there: dict[bytes, bytes], key: bytes) -> Secret:
    value = there.get(os.fsencode(name))
    if secret.value is not None or value is None:
        return secret
    known = seal(value.decode("utf-8", "replace"), service.name, name, key)
    return known if known == secret else secret
