# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page that records a run of the conformance suite: how it is made, and that it has every field."""

from __future__ import annotations

import json
import os
import re
import typing as t
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.docs import conformance
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities import COLUMNS
from ansible_collections.ondemand.superserver.plugins.module_utils._model_schema import SERVICE
from ansible_collections.ondemand.superserver.plugins.module_utils._model_types import leaves

FIELDS = [path for path, _field in leaves(SERVICE)]


def result(column: str, **changes: t.Any) -> dict[str, t.Any]:
    refused = [{"case": "bad", "fields": ["exec"]}, {"case": "bad", "fields": ["exec"]}]
    return {
        "column": column,
        "versions": {"distribution": "Some Linux 1", "packages": {"xinetd": "2.3", "s6": "2.11"}},
        "cases": {"one": ["exec", "user"], "two": ["exec"]},
        "results": [{}, {}, {}],
        "refusals": [{"expected": refused}, {"expected": []}],
        "failures": [],
        **changes,
    }


def kept(folder: Path, results: t.Mapping[str, dict[str, t.Any]]) -> Path:
    for name, host in results.items():
        (folder / f"{name}.json").write_text(json.dumps(host), encoding="utf-8")
    return folder


EVERY = {f"host-{column}": result(column) for column in COLUMNS}


def test_a_run_is_written_down(tmp_path: Path) -> None:
    other = {"other": result("systemd", cases={"one": ["user"], "three": ["user"]})}
    hosts = conformance.load(kept(tmp_path, {**EVERY, **other}))
    text = conformance.renewed(conformance.PAGE.read_text(encoding="utf-8"), hosts, "2000-01-02")
    assert "Run of 2000-01-02." in text
    assert re.search(
        r"\* - host-xinetd\n +- xinetd\n +- Some Linux 1\n +- s6 2.11, xinetd 2.3\n +- 2\n +- 3\n +- 1\n", text
    )
    assert re.search(r"\* - ``exec``\n( +- 2 served, 1 refused\n){4}", text)
    assert re.search(r"\* - ``user``\n +- 2 served\n( +- 1 served\n){3}", text)
    assert recorded(text) == FIELDS
    assert conformance.renewed(text, hosts, "2000-01-02") == text


def recorded(text: str) -> list[str]:
    (part,) = (part for part in conformance.RECORDED.finditer(text) if part["name"] == "fields")
    return re.findall(r"\* - ``([^`]+)``$", part[0], re.MULTILINE)


def test_the_page_has_every_field() -> None:
    """Or none, before there was a run."""
    assert recorded(conformance.PAGE.read_text(encoding="utf-8")) in ([], FIELDS)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            {"host-xinetd": result("xinetd", failures=[["one", "step 1", "wrong"]])},
            "something was wrong on host-xinetd",
        ),
        ({"host-ucspi": result("systemd")}, "no host was of column ucspi"),
    ],
)
def test_a_run_that_is_not_worth_it(tmp_path: Path, change: dict[str, t.Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        conformance.load(kept(tmp_path, {**EVERY, **change}))


def test_two_runs_are_not_one(tmp_path: Path) -> None:
    os.utime(kept(tmp_path, EVERY) / "host-xinetd.json", (0, 0))
    with pytest.raises(ValueError, match="the results of one run"):
        conformance.load(tmp_path)
