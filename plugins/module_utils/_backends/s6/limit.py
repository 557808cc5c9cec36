# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The number of service directories that an s6-svscan supervises, which is fixed when it starts. If there are more,
releases before 2.12 ignore some, and later ones start no new ones; only the log of s6-svscan says so."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import (
    SERVICES,
    SOURCES,
    scan_prefix,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File, Host, Process
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem

OPTION = re.compile(r"\s(?P<option>-c|-C|--services-max)[ =]?(?P<number>[0-9]+)(?=\s)")


@dataclass(frozen=True)
class Limit:
    """``number``: how many are taken; ``loggers``: whether a logger in ``log`` counts as one more; ``option``: what
    sets it, with a place for the number."""

    number: int
    loggers: bool
    option: str


def limit_of(command: Iterable[str], old: bool) -> Limit:
    """The limit of an s6-svscan that was started so; ``old`` is one before release 2.12.

    Old ones count directories, 500 where ``-c`` says nothing. Newer ones count loggers, too, and have 1000; of those
    ``-C`` says how many, and ``-c``, up to release 2.14, half of that (s6-svscan.c of 2.11, 2.12 and 2.15).
    """
    found = OPTION.search(" ".join(["", *command, ""]))
    option, number = (found["option"], int(found["number"])) if found else ("", 0)
    if old:
        return Limit(number or 500, False, "-c %d")
    return Limit(number * 2 if option == "-c" else number or 1000, True, "-C %d")


def objections(files: Sequence[File], platform: Platform, host: Host) -> list[Problem]:
    """A problem if s6-svscan cannot supervise the directories of all these files of the collection. At most one
    command, and only for many directories."""
    scanners = [process for process in host.processes() if _scans(process, platform)]
    if not scanners:
        return []
    wanted = _wanted(files, platform)
    every = {**_of_others(platform, host), **wanted}
    taken = len(every) + sum(every.values())
    smallest = limit_of(scanners[0].argv, old=True)
    if taken <= smallest.number:
        return []
    limit = limit_of(scanners[0].argv, _is_old(platform, host))
    taken = taken if limit.loggers else len(every)
    if taken <= limit.number:
        return []
    counted = "service directories, loggers included," if limit.loggers else "service directories"
    return [
        Problem(
            "superserver_services",
            f"need {taken} {counted} in {platform.scan_directory}, including foreign ones, but its s6-svscan "
            f"supervises at most {limit.number}; start it with {limit.option % (2 * taken)}, or give some "
            "services another backend",
        )
    ]


def _scans(process: Process, platform: Platform) -> bool:
    """Whether this is the s6-svscan of the scan directory; as process 1 it may have that as its working directory."""
    if process.program != "s6-svscan":
        return False
    return process.pid == 1 if platform.supervised else platform.scan_directory in process.argv


def _wanted(files: Iterable[File], platform: Platform) -> dict[str, bool]:
    """Names of the collection's own directories in the scan directory, and whether there is a logger in each."""
    paths = {file.path for file in files}
    if platform.s6_rc:
        definitions = (posixpath.dirname(path) for path in paths if path.startswith(f"{SOURCES}/"))
        return {posixpath.basename(each): False for each in definitions if f"{each}/run" in paths}
    prefix = scan_prefix(platform)
    names = (posixpath.basename(path) for path in paths if posixpath.dirname(path) == platform.scan_directory)
    return {name: f"{SERVICES}/{name[len(prefix) :]}/log/run" in paths for name in names}


def _of_others(platform: Platform, host: Host) -> dict[str, bool]:
    """The same for foreign directories in the scan directory. Obsolete ones of the collection are removed before new
    ones are created, except where s6-rc manages them."""
    own = tuple(filter(None, [scan_prefix(platform)]))
    names = [name for name in host.names(platform.scan_directory) if not name.startswith(".")]
    if not platform.s6_rc:
        names = [name for name in names if own and not name.startswith(own)]
    return {name: host.exists(f"{platform.scan_directory}/{name}/log") for name in names}


def _is_old(platform: Platform, host: Host) -> bool:
    """An option that no release has makes the old ones print which there are."""
    return "maxservices" in host.run([platform.program("s6-svscan"), "-z"], check=False).err
