# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation shows of ``tests/record.json``, in which ``make test-all`` writes down what was tried on what.

It shows the table of supported systems in the README, and the tables of the conformance page.
"""

from __future__ import annotations

import json
import re
import typing as t
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ansible_collections.ondemand.superserver.docs.tables import COLUMN_TITLES, table
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import COLUMNS
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.structures import leaves
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import SERVICE

RECORD = Path(__file__).resolve().parents[1] / "tests" / "record.json"

Record = Mapping[str, t.Any]
Host = Mapping[str, t.Any]

# Of a package's version what its own authors count: no epoch, no revision of the distribution, so many numbers.
UPSTREAM = re.compile(r"(?:\d+:)?([^-+~]+)")
NUMBERS = {"systemd": 1, "xinetd": 4, "s6": 2}
NOTES = {
    "Ansible": "",
    "managed hosts": "other distributions; for the RHEL family only the names of packages are known",
    "systemd": "",
    "xinetd": "",
    "s6": "s6-overlay",
    "others": "",
}


def load(path: Path = RECORD) -> Record:
    found: Record = json.loads(path.read_text(encoding="utf-8"))
    return found


# --- Supported systems ------------------------------------------------------------------------------------------------


def supported(record: Record) -> Iterator[str]:
    """The README's table."""
    hosts = record["hosts"].values()
    tested = {
        "Ansible": _listed(_controller(part["controller"]) for part in record["parts"].values()),
        "managed hosts": f"{_listed(map(_distribution, hosts))}; Python {_listed(_python(host) for host in hosts)}",
        "systemd": _listed(_releases("systemd", hosts)),
        "xinetd": f"{_listed(_releases('xinetd', hosts))}; started by systemd{_inits(hosts)}",
        "s6": f"{_listed(_releases('s6', hosts))}; {_providers(hosts)}",
    }
    yield from ["| | tested | not tested |", "|---|---|---|"]
    yield from (f"| {name} | {text} | {NOTES[name]} |" for name, text in tested.items())


def _listed(found: Iterable[str]) -> str:
    """Each once, in the order of the numbers in it."""
    texts = sorted(set(found), key=lambda text: [int(number) for number in re.findall(r"\d+", text)] or [10**6])
    return ", ".join(texts)


def _controller(text: str) -> str:
    """``2.19.14 on Python 3.11.7`` in short."""
    core, python = re.findall(r"(\d+\.\d+)[.\d]*", text)
    return f"ansible-core {core} on Python {python}"


def _distribution(host: Host) -> str:
    """``Debian GNU/Linux 12 (bookworm)`` and ``Debian GNU/Linux forky/sid`` in short."""
    name = host["versions"]["distribution"]
    return re.sub(r" GNU/Linux (?:(\d+).*|(\w+)/sid)", lambda match: f" {match[1] or f'testing ({match[2]})'}", name)


def _python(host: Host) -> str:
    return str(host["versions"]["python"])


def _releases(package: str, hosts: Iterable[Host]) -> Iterator[str]:
    for host in hosts:
        version = host["versions"]["packages"].get(package)
        upstream = UPSTREAM.match(version) if version else None
        if upstream:
            yield ".".join(upstream[1].split(".")[: NUMBERS[package]])


def _inits(hosts: Iterable[Host]) -> str:
    packages = {package for host in hosts for package in host["versions"]["packages"]}
    names = {"sysvinit-core": "sysvinit", "openrc": "OpenRC"}
    return "".join(f", {name}" for package, name in names.items() if package in packages)


def _providers(hosts: Iterable[Host]) -> str:
    columns = {host.get("column") for host in hosts}
    names = {"ucspi": "ucspi-tcp", "s6-networking": "s6-networking"}
    return f"with {' and '.join(name for column, name in names.items() if column in columns)}"


# --- The conformance page ---------------------------------------------------------------------------------------------


def hosts_table(record: Record) -> Iterator[str]:
    """What ran where and when, and how much was tried."""
    rows = [
        (
            name,
            COLUMN_TITLES[host["column"]],
            host["versions"]["distribution"],
            ", ".join(f"{package} {version}" for package, version in sorted(host["versions"]["packages"].items())),
            host["date"],
            str(len(host["served"])),
            str(host["steps"]),
            str(len(host["refused"])),
        )
        for name, host in sorted(_conformance(record).items())
    ]
    titles = ("Host", "Backend", "Distribution", "Packages", "Date", "Cases served", "in steps", "Cases refused")
    yield from table(titles, rows, (8, 14, 16, 30, 10, 8, 8, 8))


def fields_table(record: Record) -> Iterator[str]:
    """Every field of the schema, and what came of its cases in each column."""
    hosts = _conformance(record).values()
    rows = (
        (f"``{path}``", *(_counts(path, [host for host in hosts if host["column"] == column]) for column in COLUMNS))
        for path, _field in leaves(SERVICE)
    )
    titles = ("Field", *(COLUMN_TITLES[column] for column in COLUMNS))
    yield from table(titles, rows, (28, 18, 18, 18, 18))


def _conformance(record: Record) -> dict[str, Host]:
    return {name: host for name, host in record["hosts"].items() if "column" in host}


def _counts(path: str, hosts: Iterable[Host]) -> str:
    counts = {
        verdict: len({case for host in hosts for case, fields in host[verdict].items() if path in fields})
        for verdict in ("served", "refused")
    }
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
