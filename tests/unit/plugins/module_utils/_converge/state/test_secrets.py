# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key of a host's secrets, and the values that digests stand for there."""

from __future__ import annotations

import json
import os
import tempfile
import typing as t
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends import delivery
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.delivery import secret_files
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.programs import (
    environment_problems,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.report import _shown
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import secrets
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import manifest_of
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.store import Seen
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import BASE, Layer
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.services import load_services
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.tests.unit.declarations import ECHO, redeclared, service

WORD = "Zq7"


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Path]:
    """Directories that nobody else can write, up to the root."""
    home = os.path.realpath(os.path.expanduser("~"))
    with tempfile.TemporaryDirectory(prefix=".superserver-", dir=home) as path:
        monkeypatch.setattr(secrets, "PATH", f"{path}/key")
        monkeypatch.setattr(delivery, "SECRETS", f"{path}/secrets")
        yield Path(path)


def declared(key: bytes, *values: str) -> list[Service]:
    entries = [
        {**ECHO, "name": f"s{number}", "listen": [{"tcp": str(7 + number)}], "secrets": {"A": value, "B": "b"}}
        for number, value in enumerate(values)
    ]
    return load_services([Layer(BASE, entries)], None, "systemd", key)


def test_the_key_is_made_once_and_only_where_it_is_needed(host: Path) -> None:
    key = secrets.load_key()
    secrets.keep_key(key, [service()])
    assert not (host / "key").exists()
    assert secrets.load_key() != key
    secrets.keep_key(key, declared(key, "x"))
    assert secrets.load_key() == key
    assert (host / "key").stat().st_mode & 0o777 == 0o600


def installed(services: list[Service]) -> None:
    for file in secret_files(services):
        store.install(file)


def test_a_digest_stands_for_the_value_that_the_host_has(host: Path) -> None:
    known = declared(b"k", f"{WORD}\n\\ ", "other")
    installed(known)
    told = [redeclared(each.to_json()) for each in known]
    assert [each.secrets[0][1].value for each in secrets.recalled(told, b"k")] == [f"{WORD}\n\\ ", "other"]
    assert secrets.recalled(known, b"other key") == known


def test_a_value_that_is_gone_cannot_be_had(host: Path) -> None:
    installed(declared(b"k", "today", "other"))
    told = [redeclared(each.to_json()) for each in declared(b"k", "yesterday", "other")]
    (problem,) = (problem for each in secrets.recalled(told, b"k") for problem in secrets.problems_of(each))
    assert problem.path == "manifest[0].secrets.A"
    assert "declare the value" in problem.message


def test_the_manifest_has_no_values() -> None:
    services = declared(b"k", WORD)
    assert WORD not in json.dumps(manifest_of(services, secret_files(services), {}).to_json())


def test_a_diff_shows_no_values() -> None:
    there = Seen("file", WORD.encode(), 0o600, "root", "root")
    assert _shown("/etc/superserver/secrets/echo", there) == "(secret)\n"
    assert _shown("/etc/superserver/banners/echo", there) == WORD
    assert _shown("/etc/superserver/secrets/echo", None) == ""


def test_the_directory_is_roots_also_where_a_file_comes_first(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "PRIVATE_DIRECTORIES", (f"{host}/secrets",))
    store.install(File(f"{host}/secrets/a", mode=0o600))
    assert (host / "secrets").stat().st_mode & 0o777 == 0o700


def test_a_file_of_variables_is_looked_at_before_anything_is_touched(host: Path) -> None:
    path = host / "variables"
    made = service(environment_file=str(path))
    assert [problem.path for problem in environment_problems(made)] == ["superserver_services[0].environment_file"]
    path.write_text("A=b\n")
    path.chmod(0o600)
    assert environment_problems(made) == []
    path.write_text("A=b\nexport B=c\n")
    (problem,) = environment_problems(made)
    assert "line 2" in problem.message
    assert environment_problems(service()) == []


def test_a_hidden_file_of_variables_is_refused() -> None:
    (problem,) = environment_problems(service(environment_file="/root/a", sandbox="strict"))
    assert "hidden by sandbox: strict" in problem.message
