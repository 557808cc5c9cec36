# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's keeper on a host: the program, and the unit or service that starts it before services that need the
rules. Pure.

A table can belong to the process that created it; then ``nft flush ruleset`` of another process does not remove
it. So one process keeps running, and systemd or s6 starts it again when it ends. When it dies, its supervisor
loads the rules again at once, until the next process has started.
"""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import LIBRARY, NOTICE, File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.assembly import program
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard import guard as _helper_guard
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard import rules as _helper_rules
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard.rules import RULES, TABLE

KEEPER = f"{LIBRARY}/guard"
UNIT = "superserver-guard.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"
UNIT_LINK = f"/etc/systemd/system/sysinit.target.wants/{UNIT}"
# How long a server may wait for the rules when a host boots, in seconds.
PATIENCE = "30"
# How long the keeper may take to start, and to end, in seconds.
STARTING, ENDING = 10, 5.0


def keeper_files(platform: Platform) -> list[File]:
    """The keeper's program, and on a systemd host its unit; s6 has a service directory, which is the backend's."""
    files = [
        File(KEEPER, program(_helper_guard), 0o755),
        File(f"{LIBRARY}/{_helper_guard.BESIDE}", program(_helper_rules)),
    ]
    if platform.managed:
        files += [File(UNIT_FILE, _unit(platform)), File(UNIT_LINK, UNIT_FILE, 0o777, "link")]
    return files


def keeping(platform: Platform, *arguments: str) -> tuple[str, ...]:
    """The command that is the keeper. Compiled files beside it would stay when it is removed."""
    return (platform.python, "-BIS", KEEPER, "keep", *arguments)


def applying(platform: Platform, seconds: str) -> tuple[str, ...]:
    """The command that makes the keeper load the rules, after waiting for the keeper for at most that time."""
    return (platform.python, "-BIS", KEEPER, "apply", seconds)


def required(platform: Platform) -> list[tuple[str, str]]:
    """Settings of a unit that must not start before the rules are loaded, nor go on when the keeper is stopped."""
    return [("Requires", UNIT), ("After", UNIT)] if platform.managed else []


def load_again(platform: Platform) -> str:
    """Shell words that load the rules if the table vanished with the keeper."""
    nft = platform.program("nft")
    return f"{nft} -t list table inet {TABLE} >/dev/null 2>&1 || {nft} -f {RULES}"


def _loop(platform: Platform) -> str:
    """Shell words that start the keeper again when it was killed. Were that left to systemd, it would also start again
    everything that requires the unit, and close ports for that."""
    return (
        f"while :; do {' '.join(keeping(platform))}; code=$?; "
        f'[ "$code" -gt 128 ] || exit "$code"; {load_again(platform)}; sleep 0.1; done'
    )


def _unit(platform: Platform) -> str:
    # systemd has a meaning for a single dollar sign.
    loop = _loop(platform).replace("$", "$$")
    shell = platform.program("sh")
    return f"""{NOTICE}

[Unit]
Description=Connection limits and access lists of on-demand services
DefaultDependencies=no
Wants=network-pre.target
# What these load first may remove all that is there.
After=systemd-modules-load.service local-fs.target nftables.service netfilter-persistent.service
Before=sockets.target network-pre.target shutdown.target
Conflicts=shutdown.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=all
ExecStart={shell} -c '{loop}'
ExecReload={" ".join(applying(platform, PATIENCE))}
ExecStopPost=-{shell} -c '{load_again(platform)}'
Restart=always
RestartSec=100ms
# Without its rules everybody could connect: others are to be ended first when memory is short.
OOMScoreAdjust=-900

[Install]
WantedBy=sysinit.target
"""
