# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What measurements share: where things are, how commands are run, and what is said of the figures."""

from __future__ import annotations

import json
import os
import subprocess
import time
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
WORK = ROOT / ".cache" / "bench"
LAB = ROOT / "tests" / "lab" / "lab"
RUN_ID = os.environ["SUPERSERVER_RUN_ID"]
S6_PREFIX = os.environ.get("SUPERSERVER_TEST_S6_PREFIX", "")


class BenchFailed(Exception):
    """A measurement could not be made."""


@dataclass
class Results:
    """Everything that was measured; see :meth:`Results.expect` for what is said of it."""

    figures: dict[str, t.Any] = field(default_factory=dict)
    verdicts: list[dict[str, t.Any]] = field(default_factory=list)

    def expect(self, what: str, value: float, limit: float, *, least: bool = False, why: str = "") -> None:
        """Compare a ratio with what is expected: at most ``limit``, or at least that."""
        good = value >= limit if least else value <= limit
        self.verdicts.append({"verdict": "PASS" if good else "MISS", "what": what, "value": round(value, 2)})
        print(
            f"{'PASS' if good else 'MISS'}  {what}: {value:.2f} (expected: at {'least' if least else 'most'} {limit:g})"
        )
        if why and not good:
            print(f"      {why}")

    def save(self) -> None:
        text = json.dumps({**self.figures, "verdicts": self.verdicts}, indent=2)
        (ROOT / ".cache" / "bench.json").write_text(text + "\n", encoding="utf-8")


def say(text: str) -> None:
    print(text, flush=True)


def run(*argv: str, text: str | None = None) -> str:
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchFailed(f"`{' '.join(argv[:5])}` failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def seconds(*argv: str, items: int = 0, changes: bool | None = None) -> float:
    """How long a command takes. ``items``: say how many of so many lines it has printed, now and then; ``changes``:
    whether an Ansible run has to report any change. Raises BenchFailed."""
    started = told = time.monotonic()
    output = []
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            output.append(line)
            if items and time.monotonic() - told > 30:
                told = time.monotonic()
                done = sum(part.startswith(("ok:", "changed:")) for part in output)
                say(f"    {done} of about {items} steps, {told - started:.0f} s")
    taken = time.monotonic() - started
    text = "".join(output)
    if process.returncode != 0 or (changes is not None and ("changed=0 " in text) == changes):
        raise BenchFailed(f"`{' '.join(argv[:5])}` did not do what it is measured for:\n{text[-3000:]}")
    return taken


def playbook(path: Path, host: str, name: str, variables: dict[str, t.Any]) -> tuple[str, ...]:
    file = WORK / f"{name}.json"
    file.write_text(json.dumps(variables), encoding="utf-8")
    return ("ansible-playbook", str(path), "-e", f"superserver_hosts={host}", "-e", f"@{file}")


def container_of(host: str) -> str:
    """What podman calls a host."""
    return f"superserver-{RUN_ID}-{host}"
