# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the executables in this directory share: where things are, how a check runs and how it is reported.

A check prints one line, ``ok NAME 3.2s`` or ``FAILED NAME 3.2s``; what its tool said follows a failure. A tool that is
not installed fails its check. Every executable writes two numbers, passed and failed, to ``.cache/results/<its name>``,
and the parts of its checks to ``.cache/results/parts/<its name>.json``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
RESULTS = CACHE / "results"
PARTS = RESULTS / "parts"
COLLECTION = "ondemand.superserver"
OLDEST = "3.8"  # Python of managed hosts

_VENV_BIN = ROOT / ".venv" / "bin"
_NOT_PROJECT = frozenset({".ansible", ".cache", ".git", ".venv", "__pycache__", "_build"})
_INSTALL_HINT = (
    "`make` puts the Python tools of requirements.txt into .venv; the others are packages of the distribution"
)

_printing = threading.Lock()


class Part(NamedTuple):
    """What a check consists of: one test, one task on one host. ``place`` tells those of the same name apart."""

    group: str
    name: str
    place: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """``passed`` and ``failed`` count whatever the check counts: 1 and 0 for a linter, tests for a test run. ``absent``
    are the places, as in parts, that this machine lacks something for. ``seconds``: how long it took, where that is not
    all the time since it was its turn."""

    passed: int
    failed: int
    output: str = ""
    note: str = ""
    parts: Sequence[Part] = ()
    absent: str = ""
    seconds: float | None = None

    @classmethod
    def of(cls, good: bool, output: str, note: str = "") -> Outcome:
        return cls(passed=int(good), failed=int(not good), output=output, note=note)


@dataclass(frozen=True)
class Check:
    name: str
    run: Callable[[], Outcome]


class MissingTool(Exception):
    """A program that a check needs is not installed."""


@dataclass(frozen=True)
class Finished:
    """What a command left behind; ``output`` is stdout and stderr in the order they were written."""

    code: int
    output: str


@dataclass(frozen=True)
class Command:
    argv: Sequence[str]
    cwd: Path = ROOT
    environment: Mapping[str, str] = field(default_factory=dict)

    def finish(self) -> Finished:
        """Runs to the end. Raises :exc:`MissingTool`."""
        done = subprocess.run(
            [find_tool(self.argv[0]), *self.argv[1:]],
            cwd=self.cwd,
            env={**tool_environment(), **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        return Finished(done.returncode, done.stdout)


def command_check(name: str, *argv: str, environment: Mapping[str, str] | None = None) -> Check:
    """A check that passes when a command exits with 0."""

    def run() -> Outcome:
        done = Command(argv, environment=environment or {}).finish()
        return Outcome.of(done.code == 0, done.output)

    return Check(name, run)


def find_tool(name: str) -> str:
    """The program's path, from the checkout's .venv before anything else. Raises :exc:`MissingTool`."""
    path = shutil.which(name, path=tool_environment()["PATH"])
    if path is None:
        raise MissingTool(f"{name} is not installed ({_INSTALL_HINT})")
    return path


def find_python(version: str) -> Path | None:
    """A working interpreter, or None. A pyenv shim of a version that is not selected is on PATH and does not work."""
    on_path = shutil.which(f"python{version}", path=tool_environment()["PATH"])
    candidates = [Path(on_path)] if on_path else []
    candidates += sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"), reverse=True)
    for candidate in candidates:
        if subprocess.run([candidate, "-c", ""], check=False, capture_output=True).returncode == 0:
            return candidate
    return None


def absent(version: str) -> Outcome:
    """The outcome of an extra that this machine has no Python for: neither passed nor failed, and it says so."""
    return Outcome(0, 0, note=f"NOT RUN: no Python {version} on this machine", absent=f"Python {version}")


def tool_environment() -> dict[str, str]:
    """The caller's environment, with the tools of .venv (or else of the virtual environment that runs this) and the
    checkout's collection in front, and output without colours.
    """
    running_in = [str(Path(sys.executable).parent)] if sys.prefix != sys.base_prefix else []
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(_VENV_BIN), *running_in, os.environ.get("PATH", os.defpath)]),
        "ANSIBLE_COLLECTIONS_PATH": str(CACHE),
        "NO_COLOR": "1",
    }


def link_collection(root: Path = ROOT) -> Path:
    """Makes ``.cache/ansible_collections/ondemand/superserver`` lead to the checkout; returns it.

    Tools that take a collection by its name, and Python with ``.cache`` on its path, so use the checkout itself.
    """
    link = root / ".cache" / "ansible_collections" / COLLECTION.replace(".", os.sep)
    link.parent.mkdir(parents=True, exist_ok=True)
    if not (link.is_symlink() and link.resolve() == root):
        # Several checks may get here at once: a rename is atomic, so each finds the link whole.
        fresh = link.with_name(f"{link.name}.{os.getpid()}")
        fresh.symlink_to(root)
        fresh.replace(link)
    return link


def project_files() -> Iterator[Path]:
    """Every file of the checkout, relative to it, without caches and build output."""
    for directory, names, files in os.walk(ROOT):
        names[:] = sorted(set(names) - _NOT_PROJECT)
        for name in sorted(files):
            yield (Path(directory) / name).relative_to(ROOT)


def main(checks: Sequence[Check], *, workers: int = 1) -> None:
    """Runs the checks, reports them and exits with 1 when anything failed."""
    name = Path(sys.argv[0]).name
    link_collection()
    with ThreadPoolExecutor(workers) as pool:
        outcomes = list(pool.map(_report, checks))
    passed, failed = sum(one.passed for one in outcomes), sum(one.failed for one in outcomes)
    PARTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / name).write_text(f"{passed} {failed}\n", encoding="utf-8")
    record = {
        "parts": [part for one in outcomes for part in one.parts],
        "absent": [[name, one.absent] for one in outcomes if one.absent],
    }
    (PARTS / f"{name}.json").write_text(json.dumps(record), encoding="utf-8")
    sys.exit(failed > 0)


def _report(check: Check) -> Outcome:
    started = time.monotonic()
    try:
        outcome = check.run()
    except MissingTool as missing:
        outcome = Outcome.of(False, str(missing))
    verdict = "FAILED" if outcome.failed else "ok"
    seconds = time.monotonic() - started if outcome.seconds is None else outcome.seconds
    line = f"{verdict} {check.name} {seconds:.1f}s"
    if not outcome.parts and not outcome.absent:
        outcome = replace(outcome, parts=[Part(Path(sys.argv[0]).name, check.name, seconds=round(seconds, 2))])
    with _printing:
        print(f"{line} ({outcome.note})" if outcome.note else line)
        if outcome.failed:
            print(outcome.output.rstrip())
        sys.stdout.flush()
    return outcome
