# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of what was tried on what: how it is kept, and what the documentation shows of it."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import _record

from ansible_collections.ondemand.superserver.docs import record
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import COLUMNS
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.structures import leaves
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import SERVICE

FIELDS = [path for path, _field in leaves(SERVICE)]
VERSIONS = {
    "distribution": "Debian GNU/Linux 12 (bookworm)",
    "kernel": "6.1",
    "python": "3.11",
    "packages": {"systemd": "252.39-1~deb12u2", "xinetd": "1:2.3.15.3-1+b1", "s6": "2.11.3.2-1"},
}
TESTING = {
    "distribution": "Debian GNU/Linux forky/sid",
    "kernel": "6.1",
    "python": "3.14",
    "packages": {"sysvinit-core": "3.14-4", "xinetd": "1:2.3.15.4-3"},
}
PART = {"passed": 3, "failed": 0, "date": "2000-01-02", "controller": "2.19.14 on Python 3.11.7"}


def host(column: str, **changes: t.Any) -> dict[str, t.Any]:
    """What tests/conformance/judge keeps of a host."""
    refused = [{"case": "bad", "fields": ["exec"]}, {"case": "bad", "fields": ["exec"]}]
    return {
        "column": column,
        "versions": VERSIONS,
        "cases": {"one": ["exec", "user"], "two": ["exec"]},
        "results": [{}, {}, {}],
        "refusals": [{"expected": refused}, {"expected": []}],
        "failures": [],
        **changes,
    }


def kept(folder: Path, **parts: t.Any) -> record.Record:
    """A record of some hosts of the conformance suite, and of one that it was not tried on."""
    path = folder / "record.json"
    hosts = {f"host-{column}": _record.conformance(host(column)) for column in COLUMNS}
    _record.add("all columns", PART, {**hosts, "plain": {"versions": TESTING}}, path)
    for name, (part, found) in parts.items():
        _record.add(name, part, found, path)
    return record.load(path)


def test_what_scenarios_have_kept_is_found(tmp_path: Path) -> None:
    for kind, name, content in (("versions", "plain", TESTING), ("conformance", "one", host("systemd"))):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    found = _record.hosts_seen(tmp_path)
    assert found["plain"] == {"versions": TESTING}
    assert found["one"] == _record.conformance(host("systemd"))
    assert found["one"]["refused"] == {"bad": ["exec"]}


def test_a_later_run_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    again = {**PART, "date": "2000-02-03"}
    found = kept(tmp_path, later=(again, {"plain": {"versions": VERSIONS}}))
    assert list(found["parts"]) == ["all columns", "later"]
    assert found["hosts"]["plain"] == {"versions": VERSIONS, "date": "2000-02-03"}
    assert found["hosts"]["host-xinetd"]["date"] == "2000-01-02"


def test_supported_systems(tmp_path: Path) -> None:
    newest = {**PART, "controller": "2.21.5 on Python 3.13.0"}
    lines = list(record.supported(kept(tmp_path, newest=(newest, {}))))
    assert "| Ansible | ansible-core 2.19 on Python 3.11, ansible-core 2.21 on Python 3.13 |  |" in lines
    (hosts,) = (line for line in lines if line.startswith("| managed hosts |"))
    assert hosts.startswith("| managed hosts | Debian 12, Debian testing (forky); Python 3.11, 3.14 |")
    assert "| systemd | 252 |  |" in lines
    assert "| xinetd | 2.3.15.3, 2.3.15.4; started by systemd, sysvinit |  |" in lines
    assert "| s6 | 2.11; with ucspi-tcp and s6-networking | s6-overlay |" in lines


def test_hosts_of_the_conformance_suite(tmp_path: Path) -> None:
    text = "\n".join(record.hosts_table(kept(tmp_path)))
    wanted = ("host-xinetd", "xinetd", VERSIONS["distribution"], "s6 2.11.3.2-1, systemd 252.39-1~deb12u2, ")
    assert f"   * - {wanted[0]}\n     - {wanted[1]}\n     - {wanted[2]}\n     - {wanted[3]}" in text
    assert text.count("     - 2000-01-02\n     - 2\n     - 3\n     - 1") == len(COLUMNS)
    assert "plain" not in text


def test_fields_of_the_conformance_suite(tmp_path: Path) -> None:
    other = _record.conformance(host("systemd", cases={"one": ["user"], "three": ["user"]}))
    text = "\n".join(record.fields_table(kept(tmp_path, other=(PART, {"other": other}))))
    assert "   * - ``exec``" + "\n     - 2 served, 1 refused" * 4 in text
    assert "   * - ``user``\n     - 2 served" + "\n     - 1 served" * 3 in text
    assert [line for line in text.splitlines() if line.startswith("   * - ``")] == [
        f"   * - ``{path}``" for path in FIELDS
    ]
