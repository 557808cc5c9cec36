# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every backend keeps to: those of the registry, and a fourth one that only these tests register."""

from __future__ import annotations

import grp
import inspect
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest
import yaml
from _checks import ROOT

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend, Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.offline import (
    apply_capabilities,
    render_all,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.owners import kinds, owner_words
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.ownership import WORDS
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import (
    BACKENDS,
    COLUMNS,
    register,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import (
    ROWS,
    Row,
    column_of,
    effective,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.detection import find_programs
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store as _files
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.names import BACKENDS as DECLARED
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._module import declaration_options
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.watcher import Commands
from ansible_collections.ondemand.superserver.tests.unit.capability_samples import SAMPLES
from ansible_collections.ondemand.superserver.tests.unit.contract.runit import Runit
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, refusal, service

FOURTH = Runit.name
NAMES = (*BACKENDS, FOURTH)
PLATFORM = Platform()
SEVERAL: Fields = {"listen": [{"tcp": "127.0.0.1:7"}, {"tcp": "[::1]:7"}, {"tcp": "8"}]}


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    register(Runit())
    yield
    for column in BACKENDS.pop(FOURTH).columns:
        del COLUMNS[column.name]
    del WORDS[FOURTH]
    DECLARED.remove(FOURTH)


@pytest.fixture(params=NAMES)
def backend(request: pytest.FixtureRequest) -> Backend:
    return BACKENDS[request.param]


def declared(backend: Backend, **fields: object) -> Service:
    return service(backend=backend.name, **fields)


def test_the_fourth_backend_has_its_place_everywhere() -> None:
    assert list(BACKENDS) == list(DECLARED) == list(NAMES)
    assert declaration_options()["backend"]["choices"] == ["auto", *NAMES]
    assert kinds() == (*NAMES, "program")
    assert owner_words(FOURTH, "/x") == "runit service directory /x"
    assert {"runsv", "svlogd"} <= set(find_programs("")) or not shutil.which("runsv")
    entry = {"name": "x", "listen": [{"tcp": "7"}], "exec": ["/bin/cat"], "user": "root"}
    assert refusal({**entry, "backend": FOURTH}) == []
    ((_path, message),) = refusal({**entry, "backend": "none"})
    assert message == f'must be one of {", ".join(NAMES)}, not "none"'


def documented(place: str) -> list[str]:
    """The choices of an option, where ``place`` is a file, a colon, and the way to the option."""
    path, _colon, way = place.partition(":")
    text = (ROOT / path).read_text(encoding="utf-8")
    if path.endswith(".py"):
        documentation = re.search(r'DOCUMENTATION = r"""\n(.*?)"""', text, re.DOTALL)
        assert documentation, f"{path} has no DOCUMENTATION"
        text = documentation.group(1)
    found = yaml.safe_load(text)
    for name in way.split("."):
        found = found[name]
    return list(found["choices"])


@pytest.mark.parametrize(
    ("place", "before", "after"),
    [
        ("plugins/doc_fragments/_declaration.py:options.backend", ["auto"], []),
        ("plugins/filter/render.py:options.backend", [], []),
        ("plugins/modules/listener_info.py:options.owner", [], ["program"]),
        ("roles/superserver/meta/argument_specs.yml:argument_specs.main.options.superserver_backend", ["auto"], []),
    ],
)
def test_documented_choices_are_the_backends(place: str, before: list[str], after: list[str]) -> None:
    assert documented(place) == [*before, *NAMES[:-1], *after]


def test_contract_has_few_methods_that_a_backend_must_have() -> None:
    methods = {name for name, _method in inspect.getmembers(Backend, inspect.isfunction)}
    assert len(Backend.__abstractmethods__) <= 6 < len(methods)
    with pytest.raises(TypeError, match="abstract"):
        type.__call__(Backend)


def test_what_a_backend_leaves_out_does_nothing() -> None:
    class Least(Runit):
        """Has what is abstract from another one, and every default."""

    for name in set(dir(Backend)) - Backend.__abstractmethods__ - set(dir(object)):
        if callable(getattr(Backend, name)):
            setattr(Least, name, getattr(Backend, name))
    host, least, echo = LocalHost(Commands()), Least(), declared(Runit())
    change = Change(stop=(echo,), start=(echo,), refresh=((echo, echo),))
    assert [
        least.further_problems(echo, PLATFORM),
        least.reserved_paths(echo, PLATFORM),
        least.reopens(change, PLATFORM),
    ] == [[], [], []]
    assert (least.hides(echo, PLATFORM), least.health([echo], PLATFORM, host)) == ({}, {})
    assert least.disturbed([echo], [], PLATFORM, host) == ([], [])
    assert least.foreign is None
    assert (least.check("/", [], PLATFORM, host), least.log([echo], PLATFORM, host)) == ([], "")
    for hook in (least.prepare, least.release, least.after_activate):
        hook(change, PLATFORM, host)
    for plain in (least.start_runtime, least.reload, least.stop_runtime):
        plain(PLATFORM, host)
    assert host.commands == []


def test_what_it_is_called(backend: Backend) -> None:
    assert BACKENDS[backend.name] is backend
    assert backend.owned
    assert {column.backend for column in backend.columns} == {backend.name}


def test_columns_answer_every_row(backend: Backend) -> None:
    names = {row.name for row in ROWS}
    for column in backend.columns:
        assert set(column.cells) <= names
        assert all(column.cell(row).note for row in ROWS)
        assert set(column.runs_under) <= {"systemd", "s6", "other"}


IMPOSSIBLE = [
    pytest.param(name, row, id=f"{name} {row.name}")
    for name in NAMES
    for row in ROWS
    for column in [column_of(name, PLATFORM) if name in BACKENDS else Runit.columns[0]]
    if not effective(column.cell(row), PLATFORM).possible
]


@pytest.mark.parametrize(("name", "row"), IMPOSSIBLE)
def test_what_a_backend_cannot_do_is_refused_by_its_column(name: str, row: Row) -> None:
    made = service(**{**SAMPLES[row.field, row.case], "backend": name})
    with pytest.raises(InvalidDeclaration) as caught:
        apply_capabilities([made], PLATFORM, "fail")
    assert f"{name} cannot honour this" in str(caught.value)
    assert effective(column_of(name, PLATFORM).cell(row), PLATFORM).note in str(caught.value)


def test_the_fourth_backend_is_offered_where_another_one_cannot() -> None:
    with pytest.raises(InvalidDeclaration, match=f"backend: {FOURTH} or backend: s6 or backend: systemd"):
        apply_capabilities([service(backend="xinetd", listen=[{"tcp": "7", "backlog": 5}])], PLATFORM, "fail")


def test_files_are_each_at_a_place_of_their_own(backend: Backend) -> None:
    made = [declared(backend), declared(backend, name="other", **{**SEVERAL, "state": "disabled"})]
    files = render_all(made, PLATFORM)
    assert files == render_all(made, PLATFORM)
    assert {file.backend for file in files} == {backend.name}
    assert len({file.path for file in files}) == len(files)
    assert all(file.path.startswith("/") for file in files)
    assert {"echo", "other"} <= {file.service for file in files}
    assert render_all([], PLATFORM) == []


def test_owners_belong_to_their_services(backend: Backend) -> None:
    made = declared(backend, name="a-b_c", **SEVERAL)
    owners = [backend.owner(made, listener, PLATFORM) for listener in made.listeners(PLATFORM.ipv6)]
    assert {kind for kind, _name in owners} == {backend.name}
    assert [backend.service_of(owner) for owner in owners] == ["a-b_c"] * len(owners)
    assert all(backend.is_owner(name, name) for _kind, name in owners)
    others = [other for name, other in BACKENDS.items() if name != backend.name]
    assert [other.service_of(owner) for other in others for owner in owners] == [""] * len(owners) * len(others)
    stranger = replace(made.listeners(PLATFORM.ipv6)[0], port=9)
    with pytest.raises((ValueError, StopIteration)):
        backend.owner(made, stranger, PLATFORM)


@pytest.mark.parametrize(
    ("fields", "rebinds"),
    [
        ({}, False),
        ({"description": "x"}, False),
        ({"exec": ["/bin/date"]}, False),
        ({"environment": {"A": "b"}}, False),
        ({"listen": [{"tcp": "9"}]}, True),
        ({"listen": [{"tcp": "127.0.0.1:7"}]}, True),
    ],
)
def test_listeners_are_bound_anew_for_nothing_but_what_they_are(
    backend: Backend, fields: Fields, rebinds: bool
) -> None:
    assert backend.rebinds(declared(backend), declared(backend, **fields), PLATFORM) is rebinds


def test_runtime_that_is_not_there_is_missing(backend: Backend, tmp_path: Path) -> None:
    nothing = Platform(init="other", systemd=0, xinetd="", s6="", programs={})
    assert backend.missing(nothing, LocalHost(Commands()))


def test_files_are_written_changed_and_removed(backend: Backend, tmp_path: Path) -> None:
    """What is written below a directory of its own is what is wanted; of a change only what differs is written."""
    before = render_all([declared(backend), declared(backend, name="other", listen=[{"tcp": "8"}])], PLATFORM)
    after = render_all([declared(backend, exec=["/bin/date"])], PLATFORM)

    def placed(files: list[File]) -> list[File]:
        owner, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
        kept = [file for file in files if file.kind == "file"]
        return [replace(file, path=f"{tmp_path}{file.path}", owner=owner, group=group) for file in kept]

    for file in placed(before):
        Path(file.path).parent.mkdir(parents=True, exist_ok=True)
        _files.install(file)
    assert [file.path for file in placed(before) if not _files.matches(file, _files.look(file.path))] == []
    changed = [file for file in placed(after) if not _files.matches(file, _files.look(file.path))]
    assert changed
    assert {file.service for file in changed} <= {"echo", ""}
    for path in {file.path for file in placed(before)} - {file.path for file in placed(after)}:
        _files.remove(path, ())
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and "other" in path.name]


_ALONE = ("unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c")
# The shell stays, and is a parent to what its parent has left.
_LIFE = 'ip link set lo up && "$@"; exit "$?"'


@lru_cache(maxsize=None)
def _usable() -> bool:
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "ip", "setpriv", "setsid"))):
        return False
    return subprocess.run([*_ALONE, _LIFE, "sh", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not all(map(shutil.which, ("runsv", "svlogd", "tcpserver"))), reason="takes runit and ucspi-tcp")
@pytest.mark.skipif(not _usable(), reason="takes root, and namespaces of its own")
def test_a_life_with_the_real_programs(tmp_path: Path) -> None:
    module = "ansible_collections.ondemand.superserver.tests.unit.contract.life"
    argv = [*_ALONE, _LIFE, "sh", sys.executable, "-m", module, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / ".cache")}
    done = subprocess.run(argv, env=environment, text=True, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    gone = True
    assert json.loads(done.stdout) == [
        {"echo": "create"},
        {"echo": "none"},
        {"echo": "change", "other": "create"},
        *({"echo": "rebind", "other": "none"}, gone),
        ["repair listener"],
        *({"echo": "disable", "other": "none"}, gone),
        *({"echo": "enable", "other": "remove"}, gone),
        *({"echo": "remove"}, gone),
        [],
    ]
