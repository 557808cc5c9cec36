# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes down in the documentation what the conformance suite saw in its last run, which must have been all right.

``.venv/bin/python docs/conformance.py`` after ``tests/quality/molecule systemd xinetd s6`` (or all scenarios) renews
``docs/docsite/rst/reference_conformance.rst`` from ``.cache/results/conformance/<host>.json``. The page is a record of
that run, to be looked at and committed: nothing compares it with a later one.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
import time
import typing as t
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Started by itself, this has to make the checkout importable under the collection's name, as the tests do.
sys.path[:0] = [str(ROOT / "tests" / "quality"), str(ROOT / ".cache")]

from _checks import link_collection  # noqa: E402

link_collection()
# In a new checkout Python has looked there before the link was made.
importlib.invalidate_caches()

from ansible_collections.ondemand.superserver.docs.generate import COLUMN_TITLES, PAGES, table  # noqa: E402
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities import COLUMNS  # noqa: E402
from ansible_collections.ondemand.superserver.plugins.module_utils._model_schema import SERVICE  # noqa: E402
from ansible_collections.ondemand.superserver.plugins.module_utils._model_types import leaves  # noqa: E402

RESULTS = ROOT / ".cache" / "results" / "conformance"
PAGE = PAGES / "reference_conformance.rst"

# Results that are further apart than this many seconds are of different runs.
ONE_RUN = 4 * 3600

RECORDED = re.compile(
    r"(?P<begin>^\.\. begin recorded: (?P<name>[a-z]+)\n).*?(?P<end>^\.\. end recorded: (?P=name)$)",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Seen:
    """What was seen of one host: the names of the cases that were served and refused, by field."""

    name: str
    column: str
    versions: Mapping[str, t.Any]
    steps: int
    served: Mapping[str, set[str]]
    refused: Mapping[str, set[str]]

    def cases(self, verdict: str) -> set[str]:
        """All cases with a verdict."""
        found: Mapping[str, set[str]] = getattr(self, verdict)
        return set().union(*found.values())


def load(folder: Path = RESULTS) -> list[Seen]:
    """Every host of the run. Raises ValueError when they are not of one run, or something was wrong."""
    paths = sorted(folder.glob("*.json"))
    times = [path.stat().st_mtime for path in paths]
    if not paths or max(times) - min(times) > ONE_RUN:
        raise ValueError(f"{folder} does not hold the results of one run; remove it and run the scenarios")
    hosts = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}
    wrong = [name for name, host in hosts.items() if host["failures"]]
    if wrong:
        raise ValueError(f"something was wrong on {', '.join(wrong)}; only a run without failures is worth a record")
    lacking = set(COLUMNS) - {host["column"] for host in hosts.values()}
    if lacking:
        raise ValueError(f"no host was of column {', '.join(sorted(lacking))}")
    return [_seen(name, host) for name, host in hosts.items()]


def _seen(name: str, host: Mapping[str, t.Any]) -> Seen:
    served: dict[str, set[str]] = {}
    refused: dict[str, set[str]] = {}
    for case, fields in host["cases"].items():
        for field in fields:
            served.setdefault(field, set()).add(case)
    for stage in host["refusals"]:
        for expected in stage["expected"]:
            for field in expected["fields"]:
                refused.setdefault(field, set()).add(expected["case"])
    return Seen(name, host["column"], host["versions"], len(host["results"]), served, refused)


def hosts_table(hosts: Iterable[Seen]) -> Iterator[str]:
    """What ran where, and how much was tried."""
    rows = [
        (
            host.name,
            COLUMN_TITLES[host.column],
            host.versions["distribution"],
            ", ".join(f"{package} {version}" for package, version in sorted(host.versions["packages"].items())),
            str(len(host.cases("served"))),
            str(host.steps),
            str(len(host.cases("refused"))),
        )
        for host in hosts
    ]
    titles = ("Host", "Backend", "Distribution", "Packages", "Cases served", "in steps", "Cases refused")
    yield from table(titles, rows, (8, 14, 18, 36, 8, 8, 8))


def fields_table(hosts: list[Seen]) -> Iterator[str]:
    """Every field of the schema, and what came of its cases in each column."""
    rows = (
        (f"``{path}``", *(_counts(path, [host for host in hosts if host.column == column]) for column in COLUMNS))
        for path, _field in leaves(SERVICE)
    )
    titles = ("Field", *(COLUMN_TITLES[column] for column in COLUMNS))
    yield from table(titles, rows, (28, 18, 18, 18, 18))


def _counts(path: str, hosts: Iterable[Seen]) -> str:
    served: set[str] = set()
    refused: set[str] = set()
    for host in hosts:
        served |= host.served.get(path, set())
        refused |= host.refused.get(path, set())
    counts = {"served": len(served), "refused": len(refused)}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)


def renewed(page: str, hosts: list[Seen], day: str) -> str:
    """The page with the parts that tell of a run."""
    parts = {"hosts": [f"Run of {day}.", "", *hosts_table(hosts)], "fields": list(fields_table(hosts))}

    def make(match: re.Match[str]) -> str:
        return "\n".join([match["begin"], *parts[match["name"]], "", match["end"]])

    return RECORDED.sub(make, page)


def main() -> None:
    try:
        hosts = load()
    except (KeyError, ValueError) as problem:
        sys.exit(f"no record was made: {problem}")
    day = time.strftime("%Y-%m-%d", time.gmtime(min(path.stat().st_mtime for path in RESULTS.glob("*.json"))))
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8"), hosts, day), encoding="utf-8")
    print(f"recorded {len(hosts)} hosts in {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
