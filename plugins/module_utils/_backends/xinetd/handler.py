# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script between xinetd and a program: what xinetd's configuration has no words for. Pure.

That is arguments with blanks, an environment of nothing but what is declared, the name of the variable with the
client's address, a working directory, standard error apart from the client, and the way to pass a listening socket as
fd 3. The script becomes the program, so that the process that xinetd knows is the program's.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.delivery import FENCE, entering, opening
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.process import (
    bounded,
    confined,
    drops_itself,
    ending,
    fence,
    gate,
    limits,
    prlimit,
    reads_files,
    session,
    setpriv,
    variables,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.installed import STDERR


def starts_as_root(service: Service, platform: Platform) -> bool:
    """Whether xinetd cannot set the process up, or what starts the writer of the log must be root's."""
    return service.stderr != "client" or _needs_root(service, platform)


def _needs_root(service: Service, platform: Platform) -> bool:
    """xinetd drops root before it lowers ``nice``, knows all or none of an account's groups, only some limits and no
    capabilities; and the gate, the session, the attendant and what reads files are root's."""
    return bool(
        service.supplementary_groups is not None
        or (service.nice < 0 and service.user != "root")
        or limits(service)
        or confined(service)
        or gate(service, platform)
        or session(service, platform)
        or reads_files(service)
        or drops_itself(service)
        or service.end_children
    )


def handler_argv(service: Service, accept: bool, platform: Platform) -> tuple[str, ...]:
    """What the script becomes once the environment is set."""
    words = bounded(service, platform, datagram=not accept)
    return words if reads_files(service) else (*fence(words, platform), *words)


def _could_do_without(service: Service, platform: Platform) -> bool:
    """Whether root is there for the log alone. An entry of version 1.0.0, until xinetd reads the new one, starts the
    script as the account, which then is neither to be changed nor can be."""
    return service.stderr != "client" and not _needs_root(service, platform)


def _rights(service: Service, platform: Platform) -> tuple[str, ...]:
    """What sets limits and account, where xinetd cannot; the handler's variables come only behind it."""
    if not starts_as_root(service, platform):
        return ()
    account = () if drops_itself(service) else setpriv(service, platform)
    return (*prlimit(service, platform), *account)


def render_handler(service: Service, accept: bool, argv: Sequence[str], platform: Platform) -> str:
    """The script's lines after its head."""
    lines = _stderr(service, platform)
    if service.end_children:
        # The script goes on as a child, before it is told anything about itself. What writes the log is none.
        again = f'exec {shlex.join(ending(service, platform))} "$0" ended'
        lines = ['if [ "$1" != ended ]; then', *(f"    {line}" for line in (*lines, again)), "fi"]
    if accept and gate(service, platform):
        lines.append(f"{shlex.join(gate(service, platform))} || exit 0")
    if service.working_directory != "/":
        lines.append(f"cd -P {shlex.quote(service.working_directory)} || exit 1")
    if _passes_socket(service, accept):
        lines.append("exec 3<&0 </dev/null >&2")
    if _could_do_without(service, platform):
        lines += [f"set -- {shlex.join(setpriv(service, platform))}", '[ -z "$unprivileged" ] || set --']
    lines.append(" \\\n\t".join(_start(service, accept, argv, platform)))
    return "\n".join(lines) + "\n"


def _stderr(service: Service, platform: Platform) -> list[str]:
    if service.stderr == "client":
        return []
    return [
        "exec 2>/dev/null",
        f"name={service.name} python={shlex.quote(platform.python)} unprivileged=",
        f"command . {STDERR}",
    ]


def _start(service: Service, accept: bool, argv: Sequence[str], platform: Platform) -> list[str]:
    """The last command of the script, in parts."""
    logging = ("exec", *(session(service, platform) if accept else ()))
    program = shlex.join(argv)
    rights = (*opening(service, platform), *_rights(service, platform))
    if reads_files(service):
        start = shlex.join([*logging, *rights, *entering(service, platform)])
        return [start, *_dynamic(service, accept), f"{FENCE} {program}"]
    assignments = [f"{name}={shlex.quote(value)}" for name, value in variables(service).items()]
    start = shlex.join([*logging, *rights, platform.program("env"), "-i"])
    if _could_do_without(service, platform):
        start = f'exec "$@" {platform.program("env")} -i'
    return [start, *assignments, *_dynamic(service, accept), program]


def _passes_socket(service: Service, accept: bool) -> bool:
    return not (accept or service.internal) and service.socket_fd == "listen_fds"


def _dynamic(service: Service, accept: bool) -> list[str]:
    if accept:
        # A socket of both families shows IPv4 addresses as IPv4-mapped IPv6 addresses.
        return ['REMOTE_ADDR="${REMOTE_HOST#::ffff:}"']
    return ["LISTEN_FDS=1", 'LISTEN_PID="$$"'] if _passes_socket(service, accept) else []
