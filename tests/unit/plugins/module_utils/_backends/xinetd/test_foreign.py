# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of xinetd that others wrote: found by their names, switched off and on again in their files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd import foreign
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader import config as xinetd


def entry(name: str, port: int, *more: str) -> str:
    needed = ("wait = no", "user = root", "server = /bin/sh")
    lines = ["type = UNLISTED", "socket_type = stream", f"port = {port}", "disable = no", *needed, *more]
    return "".join([f"service {name}\n", "{\n", *(f"\t{line}\n" for line in lines), "}\n"])


def served(path: Path) -> list[str]:
    return [service.id for service in xinetd.read_services(str(path))]


TEXTS = st.text(st.sampled_from("service echo{}\n\t #=no\r"), max_size=80).map(
    lambda noise: f"{noise}\n{entry('echo', 7)}{noise}"
)


@given(TEXTS)
def test_a_file_becomes_what_it_was(text: str) -> None:
    assert foreign.switched_on(foreign.switched_off(text, "echo"), "echo") == text


def test_only_what_is_named_is_switched_off_and_on(tmp_path: Path) -> None:
    path = tmp_path / "xinetd.conf"
    text = f"defaults\n{{\n}}\n{entry('one', 1)}{entry('two', 2)}{entry('three', 3)}"
    one = foreign.switched_off(text, "one")
    both = foreign.switched_off(one, "two")
    for content, expected in ((text, ["one", "two", "three"]), (one, ["two", "three"]), (both, ["three"])):
        path.write_text(content)
        assert served(path) == expected
    path.write_text(foreign.switched_on(both, "one"))
    assert served(path) == ["one", "three"]
    assert foreign.switched_on(foreign.switched_on(both, "two"), "one") == text


def test_what_is_off_stays_as_it_is() -> None:
    text = entry("echo", 7).replace("disable = no", "disable = yes")
    assert foreign.switched_off(text, "echo") == text
    off = foreign.switched_off(entry("echo", 7), "echo")
    assert foreign.switched_off(off, "echo") == off


def test_what_others_changed_meanwhile_is_kept() -> None:
    off = foreign.switched_off(entry("echo", 7), "echo").replace("port = 7", "port = 8")
    assert foreign.switched_on(off, "echo") == entry("echo", 8)
    without = foreign.switched_off(entry("echo", 7), "echo").replace("\tdisable = yes\n", "")
    assert foreign.switched_on(without, "echo") == entry("echo", 7)


@pytest.fixture
def config(tmp_path: Path) -> str:
    (tmp_path / "d").mkdir()
    (tmp_path / "xinetd.conf").write_text(f"{entry('alone', 1)}includedir {tmp_path}/d\n")
    (tmp_path / "d" / "echo").write_text(entry("echo", 7, "id = echo-stream") + entry("echo", 8, "id = echo-other"))
    (tmp_path / "d" / "off").write_text(entry("off", 9).replace("disable = no", "disable = yes"))
    (tmp_path / "d" / "superserver-ours").write_text(entry("ours", 10))
    return str(tmp_path / "xinetd.conf")


@pytest.mark.parametrize(
    ("name", "owners", "ports", "files"),
    [
        ("alone", {"alone"}, [1], ["xinetd.conf"]),
        ("echo-stream", {"echo-stream"}, [7], ["d/echo"]),
        ("echo", {"echo-stream", "echo-other"}, [7, 8], ["d/echo"]),
        ("off", {"off"}, [9], []),
    ],
)
def test_a_service_by_id_or_else_by_name(
    tmp_path: Path, config: str, name: str, owners: set[str], ports: list[int], files: list[str]
) -> None:
    own = {f"{tmp_path}/d/superserver-ours"}
    found = foreign.look_at_services([name], own, config)[name]
    assert found.exists
    assert not found.problem
    assert {owner for _kind, owner in found.owners} == owners
    assert [listener.port for listener in found.claims] == ports
    assert list(found.entries) == [f"{tmp_path}/{file}" for file in files]
    assert bool(found.in_force) == bool(files)


@pytest.mark.parametrize("name", ["ours", "nonesuch"])
def test_what_is_not_there_or_not_of_others(tmp_path: Path, config: str, name: str) -> None:
    own = {f"{tmp_path}/d/superserver-ours"}
    found = foreign.look_at_services([name], own, config)[name]
    assert not found.exists
    assert "is neither a service of xinetd" in found.problem
    assert [service.id for service in foreign.foreign_services(own, config)] == ["alone", "echo-stream", "echo-other"]


def test_own_files_by_another_path(tmp_path: Path, config: str) -> None:
    (tmp_path / "other").symlink_to("d")
    Path(config).write_text(f"includedir {tmp_path}/other\n")
    own = {f"{tmp_path}/d/superserver-ours"}
    assert [entry.id for entry in foreign.foreign_entries(own, config)[0]] == ["echo-stream", "echo-other", "off"]


def test_what_cannot_be_started_now_is_switched_off_too(config: str) -> None:
    Path(config).write_text(entry("echo", 7).replace("/bin/sh", "/nonexistent"))
    assert foreign.look_at_services(["echo"], (), config)["echo"].entries == (config,)
