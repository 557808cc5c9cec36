# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a handler process is given, the same on every backend."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends import _helper_binder, _helper_internal
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._base import LIBRARY, File
from ansible_collections.ondemand.superserver.plugins.module_utils._model import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._model_platform import PATH, Platform

# Small services need no account of their own.
INTERNAL_USER = "nobody"

INTERNAL = f"{LIBRARY}/internal"
BINDER = f"{LIBRARY}/binder"


def variables(service: Service) -> dict[str, str]:
    """The constant part of the handler's environment: PATH and what was declared."""
    return {"PATH": PATH, **dict(service.environment)}


def user(service: Service) -> str:
    """The account that the handler runs as."""
    return INTERNAL_USER if service.internal else service.user


def command(service: Service, platform: Platform, datagram: bool = False) -> tuple[str, ...]:
    """The handler's argument list; for an internal service, the program that plays it."""
    if not service.internal:
        return service.exec
    if datagram:
        return (platform.python, "-IS", INTERNAL, service.internal, "datagram")
    programs = {
        "echo": ("/bin/cat",),
        "discard": ("/bin/dd", "of=/dev/null", "status=none"),
        "daytime": ("/bin/date", "+%d %b %Y %H:%M:%S %Z\r"),
    }
    return programs.get(service.internal, (platform.python, "-IS", INTERNAL, service.internal))


def runs(argv: Sequence[str], service: Service, platform: Platform, datagram: bool = False) -> bool:
    """Whether a process with these arguments is the service's handler. A script has its interpreter in front."""
    wanted, found = _trimmed(command(service, platform, datagram)), _trimmed(argv)
    return found[-len(wanted) :] == wanted


def _trimmed(words: Sequence[str]) -> tuple[str, ...]:
    """Words without empty ones at the end, which /proc does not tell from none."""
    count = len(words)
    while count and not words[count - 1]:
        count -= 1
    return tuple(words[:count])


def setpriv(service: Service, platform: Platform) -> tuple[str, ...]:
    """Words that become the service's account with exactly its groups, for a chain that starts as root.

    util-linux's setpriv takes names; without --regid the group would stay root's.
    """
    account = user(service)
    group = service.group or platform.primary_groups.get(account, account)
    if service.supplementary_groups is None:
        groups = "--init-groups"
    elif service.supplementary_groups:
        groups = "--groups=" + ",".join(service.supplementary_groups)
    else:
        groups = "--clear-groups"
    return (platform.program("setpriv"), f"--reuid={account}", f"--regid={group}", groups, "--")


def shared_programs(argvs: Sequence[Sequence[str]]) -> list[File]:
    """The collection's own programs, those of them that any of these command lines runs."""
    words = {word for argv in argvs for word in argv}
    modules = {INTERNAL: _helper_internal, BINDER: _helper_binder}
    return [File(path, inspect.getsource(module), 0o755) for path, module in sorted(modules.items()) if path in words]
