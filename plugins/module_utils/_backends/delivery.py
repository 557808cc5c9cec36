# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of a handler from files: the files, and the words of a command line that read them. Pure.

Root reads them before it changes to the service's account, and they are set after that, by one program; see there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import NOTICE, SECRETS, File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.installed import ENVIRONMENT


def secrets_file(service: Service) -> str:
    """Where a service's secrets are."""
    return f"{SECRETS}/{service.name}"


def secret_files(services: Sequence[Service]) -> list[File]:
    """The files of secrets, one for each service that has any; only root can read them."""
    files = [
        File(secrets_file(service), _text(service), 0o600, service=service.name)
        for service in services
        if service.secrets
    ]
    return [File(SECRETS, mode=0o700, kind="directory"), *files] if files else []


def _text(service: Service) -> str:
    lines = [f"{name}={escaped(secret.value or '')}" for name, secret in service.secrets]
    return "\n".join([NOTICE, *lines]) + "\n"


def escaped(value: str) -> str:
    """A value in one line."""
    return value.replace("\\", "\\\\").replace("\n", "\\n")


def opening(service: Service, platform: Platform) -> tuple[str, ...]:
    """Words that read a service's files, for a chain that is root's as yet; none where it has none."""
    words: list[str] = []
    if service.environment_file:
        words += ["-f", service.environment_file]
    if service.secrets:
        words += ["-s", secrets_file(service)]
    if not words:
        return ()
    quiet = ("-q",) if service.stderr == "client" else ()
    return (platform.python, "-IS", ENVIRONMENT, "open", *words, *quiet, "--")


def entering(service: Service, platform: Platform, kept: Iterable[str] = ()) -> tuple[str, ...]:
    """Words that build the environment from the variables that were read and declared, and from existing ones;
    further variables go between these words and :data:`FENCE`."""
    keeping = [word for name in kept for word in ("-k", name)]
    declared = [f"{name}={value}" for name, value in service.environment]
    return (platform.python, "-IS", ENVIRONMENT, "enter", *keeping, *declared)


# Ends the words of :func:`entering`; what follows is the handler.
FENCE = "--"
