# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has: the facts that decide what a backend can do there. Found by the host layer, or given for offline
use."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Where distributions keep execline's programs out of everybody's PATH (Debian, s6-overlay). They come first, because
# some of them (cd, umask, wait) have namesakes.
EXECLINE_PATH = "/usr/lib/execline/bin:/command"

# What PID 1 is. Where it is neither of two that are known, nothing is started again when it ends.
SYSTEMD, S6, OTHER = "systemd", "s6", "other"

_VERSIONED = re.compile(r"(?P<program>[a-z0-9]+)>=(?P<version>[0-9.]+)")


@dataclass(frozen=True)
class Rc:
    """s6-rc as it manages the services of a host.

    ``sources``: directories with the host's own definitions; ``bundle``: that of the bundle, in one of them, which is
    brought up at boot. ``live``: where the state of the running services is. ``compiled``: the link to the database
    that is used at boot.
    """

    sources: tuple[str, ...]
    bundle: str
    live: str = "/run/s6-rc"
    compiled: str = "/etc/s6-rc/compiled"


def rc_from_json(value: Mapping[str, t.Any] | None) -> Rc | None:
    """Read what ``dataclasses.asdict`` gave of an :class:`Rc`, in this version or another."""
    if not value:
        return None
    known = {name: value[name] for name in ("bundle", "live", "compiled") if name in value}
    return Rc(tuple(value["sources"]), **known)


@dataclass(frozen=True)
class Platform:
    """One host.

    ``init``: what PID 1 is (``systemd``, ``s6``, ``other``). ``systemd``: its version number, 0 where it does not run.
    ``xinetd``: its version, empty where it is not installed. ``s6``: the provider of TCP servers beside s6
    (``s6-networking``, ``ucspi``), empty where s6 or a provider is missing. ``programs``: absolute paths of helper
    programs found, by name. ``primary_groups``: of the accounts in use.
    ``bpf`` and ``mounts``: whether systemd can really filter addresses and confine file systems here. ``syslog``:
    whether something takes messages for syslog.
    ``policy``: the guard policy (``auto``, ``always``, ``never``).
    ``s6_rc``: where s6-rc is to manage the services of s6; None for a plain scan directory.
    """

    init: str = SYSTEMD
    systemd: int = 252
    xinetd: str = "2.3.15.3"
    s6: str = "ucspi"
    ipv6: bool = True
    bpf: bool = True
    mounts: bool = True
    syslog: bool = True
    nft: bool = True
    policy: str = "auto"
    python: str = "/usr/bin/python3"
    scan_directory: str = "/etc/superserver/s6"
    s6_path: str = ""
    s6_rc: Rc | None = None
    programs: Mapping[str, str] = field(default_factory=dict)
    primary_groups: Mapping[str, str] = field(default_factory=dict)

    @property
    def managed(self) -> bool:
        """Whether PID 1 is systemd, so that there are units."""
        return self.init == SYSTEMD

    @property
    def supervised(self) -> bool:
        """Whether PID 1 is s6-svscan, so that there are service directories."""
        return self.init == S6

    def program(self, name: str) -> str:
        """Absolute path of a helper program; where it was not looked up, its usual place."""
        return self.programs.get(name, f"/usr/bin/{name}")

    def able(self, need: str) -> bool:
        """Whether a need of a capability is met: ``nft``, ``keeper``, ``ordered``, ``waiter``, ``bpf``, ``mounts``,
        ``daemons``, ``journal``, ``syslog`` or ``<program>>=<version>``."""
        if need == "nft":
            return self.nft and self.policy != "never"
        if need == "bpf":
            return self.bpf and self.policy != "always"
        if need == "mounts":
            return self.mounts
        if need == "syslog":
            return self.syslog
        if need in ("journal", "ordered", "waiter"):
            return self.managed
        if need in ("daemons", "keeper"):
            return self.init != OTHER
        versioned = _VERSIONED.fullmatch(need)
        if not versioned:
            raise ValueError(f"unknown need: {need}")
        have = str(getattr(self, versioned.group("program")))
        return version_tuple(have) >= version_tuple(versioned.group("version"))


def version_tuple(text: str) -> tuple[int, ...]:
    """``2.3.15.4`` as numbers; anything that is not a number ends it."""
    return tuple(int(part) for part in re.findall(r"\d+", text))
