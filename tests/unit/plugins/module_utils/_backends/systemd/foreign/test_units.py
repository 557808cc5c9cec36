# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units that others made: what keeps them in force, and which cannot be taken over."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import Foreign
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.foreign import units
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Result
from ansible_collections.ondemand.superserver.tests.unit.fake_host import FakeHost

LIB = "/usr/lib/systemd/system"


class Systemctl(FakeHost):
    """A host with these units; it answers in systemctl's words."""

    def __init__(self, states: dict[str, str]) -> None:
        super().__init__()
        self._states = states

    def answer(self, argv: Sequence[str]) -> Result:
        names = argv[argv.index("--") + 1 :]
        blocks = [self._states.get(name, f"Id={name}\nLoadState=not-found\nActiveState=inactive") for name in names]
        return Result(0, "\n\n".join(blocks), "")


def state(unit: str, active: str = "active", file: str = "enabled", **more: str) -> str:
    values = {"Id": unit, "LoadState": "loaded", "ActiveState": active, "UnitFileState": file}
    return "\n".join(f"{key}={value}" for key, value in {**values, "FragmentPath": f"{LIB}/{unit}", **more}.items())


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(units, "UNITS", str(tmp_path))
    monkeypatch.setattr(units, "FOLDERS", (str(tmp_path),))
    return tmp_path


def look(name: str, states: dict[str, str], own: t.Container[str] = ()) -> Foreign:
    return units.look_at_units([name], own, Systemctl(states))[name]


def link(path: Path, target: str) -> str:
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(target)
    return str(path)


def test_links_that_have_a_unit_started_or_rename_it(folder: Path) -> None:
    wanted = link(folder / "sockets.target.wants" / "a.socket", f"{LIB}/a.socket")
    alias = link(folder / "b.socket", f"{LIB}/a.socket")
    renamed = link(folder / "x.target.requires" / "b.socket", f"{LIB}/a.socket")
    link(folder / "sockets.target.wants" / "other.socket", f"{LIB}/other.socket")
    link(folder / "a.socket", "/opt/a.socket")
    found = look("a.socket", {"a.socket": state("a.socket", Listen="[::]:7 (Stream)")})
    assert set(found.links) == {wanted, alias, renamed}
    assert found.running == ("a.socket",)
    assert [str(listener) for listener in found.claims] == ["tcp:*:7"]
    assert not found.problem


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        ("0.0.0.0:7 (Datagram)", "udp:0.0.0.0:7"),
        ("127.0.0.1:7 (Stream)", "tcp:127.0.0.1:7"),
        ("[::1]:7 (Stream)", "tcp:[::1]:7"),
        ("/run/a.sock (Stream)", "unix:/run/a.sock"),
    ],
)
def test_what_a_socket_unit_listens_on(listen: str, expected: str) -> None:
    found = look("a.socket", {"a.socket": state("a.socket", "inactive", "disabled", Listen=listen)})
    assert [str(listener) for listener in found.claims] == [expected]
    assert not found.in_force


def test_a_daemon_that_a_socket_has_started_goes_with_it() -> None:
    states = {"a.socket": state("a.socket", Triggers="a.service"), "a.service": state("a.service", file="static")}
    found = look("a.socket", states)
    assert found.running == ("a.socket", "a.service")
    assert ("systemd", "a.service") in found.owners
    idle = {**states, "a.service": state("a.service", "inactive", "static")}
    assert look("a.socket", idle).running == ("a.socket",)


@pytest.mark.parametrize(("file", "masked"), [("static", True), ("generated", True), ("enabled", False)])
def test_what_no_link_starts_is_masked(folder: Path, file: str, masked: bool) -> None:
    states = {"a.service": state("a.service", "inactive", file)}
    assert look("a.service", states).masks == ((f"{folder}/a.service",) if masked else ())
    assert bool(look("a.service", states).in_force) == masked


def test_a_unit_file_of_the_administrator_cannot_be_masked(folder: Path) -> None:
    (folder / "a.service").write_text("[Service]\n")
    assert look("a.service", {"a.service": state("a.service", "inactive", "static")}).masks == ()


@pytest.mark.parametrize(
    ("name", "states", "words"),
    [
        ("a.service", {}, "is not a unit of this host"),
        ("a@.service", {}, "is a template"),
        ("a b.service", {}, "is not the name of a unit"),
        ("a.service", {"a.service": state("a.service", LoadState="masked")}, "is masked but runs"),
        ("a.service", {"a.service": state("a.service", file="transient")}, "has no unit file"),
        ("a.service", {"a.service": state("a.service", FragmentPath="")}, "has no unit file"),
        (
            "a.service",
            {"a.service": state("a.service", FragmentPath="/ours/a.service")},
            "is a unit of this collection",
        ),
    ],
)
def test_units_that_cannot_be_taken_over(name: str, states: dict[str, str], words: str) -> None:
    assert words in look(name, states, {"/ours/a.service"}).problem


def test_any_number_of_units_costs_two_commands() -> None:
    names = [f"a{number}.socket" for number in range(9)]
    host = Systemctl({name: state(name, Triggers=name.replace("socket", "service")) for name in names})
    units.look_at_units(names, (), host)
    assert len(host.argvs) == 2


def test_a_masked_unit_that_is_idle_is_left_alone() -> None:
    found = look("a.service", {"a.service": state("a.service", "inactive", "masked", LoadState="masked")})
    assert not found.problem
    assert not found.in_force
