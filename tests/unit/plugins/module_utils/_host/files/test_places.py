# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets by the one name that they have, whatever path leads to them."""

from __future__ import annotations

import os
import socket
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends import live as _live
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.foreign import (
    units,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.paths import path_problems
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.problems import (
    Possession,
    holder_problems,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.proof.listener import assertion_of, examine
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.places import resolved, same_name
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import listening, realising
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import listener_of, parse_endpoint
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.resolve import resolve_paths
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, load, service
from ansible_collections.ondemand.superserver.tests.unit.hostile import STRANGER, as_root, place
from ansible_collections.ondemand.superserver.tests.unit.machine import machine


@pytest.fixture
def top() -> Iterator[Path]:
    """A directory with another one, and links to that."""
    with place() as folder:
        (folder / "real").mkdir()
        (folder / "link").symlink_to("real")
        (folder / "chain").symlink_to(folder / "link")
        (folder / "real/up").symlink_to("..")
        yield folder


LEADS = ("link/a", "chain/a", "real/up/link/a", "link/up/real/a")


@as_root
@pytest.mark.parametrize("lead", LEADS)
def test_links_of_roots_are_followed(top: Path, lead: str) -> None:
    assert resolved(str(top / lead)) == same_name(str(top / lead)) == str(top / "real/a")


@as_root
def test_directories_need_not_be_there_yet(top: Path) -> None:
    assert resolved(str(top / "link/new/newer/a")) == str(top / "real/new/newer/a")


@as_root
def test_the_last_name_is_the_sockets_own(top: Path) -> None:
    (top / "real/a").symlink_to("/etc/passwd")
    assert resolved(str(top / "link/a")) == str(top / "real/a")


@as_root
def test_links_of_others_lead_nowhere(top: Path) -> None:
    os.lchown(top / "link", STRANGER, STRANGER)
    path = str(top / "link/a")
    assert resolved(path) == path
    (problem,) = path_problems(service(listen=[{"unix": path}]))
    assert f'"{top}/link" is a symbolic link that belongs to "nobody"' in problem.message


@as_root
def test_a_name_that_the_kernel_has_no_room_for_is_not_taken(top: Path) -> None:
    (top / ("n" * 60)).mkdir()
    (top / "short").symlink_to("n" * 60)
    path = f"{top}/short/{'a' * 20}"
    assert resolved(path) == path


@pytest.mark.parametrize("name", ["@abstract/a", "relative/a", ""])
def test_other_names_stay_as_they_are(name: str) -> None:
    assert same_name(name) == name


@pytest.mark.skipif(os.path.realpath("/var/run") != "/run", reason="needs /var/run to be a link to /run")
def test_the_old_name_of_run() -> None:
    (made,), _problems = resolve_paths([service(listen=[{"unix": "/var/run/php/fpm.sock"}])], resolved)
    assert made.listen[0].path == "/run/php/fpm.sock"
    assert made.to_json()["listen"] == [{"unix": "/run/php/fpm.sock"}]


def test_where_run_has_no_other_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "realpath", lambda path: path)
    (problem,) = path_problems(service(listen=[{"unix": "/var/run/a"}]))
    assert problem.path.endswith("listen[0].unix")
    assert problem.message.endswith('write "/run/a"')


def two(first: str, second: str, **fields: t.Any) -> list[Fields]:
    return [
        {"name": "one", "listen": [{"unix": first}], "exec": ["/bin/cat"]},
        {"name": "two", "listen": [{"unix": second}], "exec": ["/bin/cat"], **fields},
    ]


def lookup(path: str) -> str:
    return path.replace("/var/run/", "/run/")


def test_one_path_under_two_names() -> None:
    _services, (problem,) = resolve_paths(load(*two("/var/run/a", "/run/a")), lookup)
    assert problem.path == "superserver_services[1].listen[0]"
    assert problem.message.startswith('unix:/run/a is declared twice, also by "one" at superserver_services[0].')
    assert resolve_paths(load(*two("/var/run/a", "/run/a", state="disabled")), lookup)[1] == []
    assert resolve_paths(load(*two("/var/run/a", "/run/b")), lookup)[1] == []


def test_a_forwarder_to_itself_under_another_name() -> None:
    declared = service(exec=None, listen=[{"unix": "/run/a"}], proxy={"to": "/var/run/a"})
    _services, (problem,) = resolve_paths([declared], lookup)
    assert problem.path.endswith(".proxy.to")
    assert "would never end" in problem.message


def test_where_a_forwarder_connects_to_stays_as_it_is_written() -> None:
    (made,), _problems = resolve_paths([service(exec=None, proxy={"to": "/var/run/b"})], lookup)
    assert made.proxy is not None
    assert made.proxy.to[0].path == "/var/run/b"


@as_root
@pytest.mark.parametrize(("bound", "asked"), [("link/a", "real/a"), ("real/a", "link/a"), ("chain/a", "link/a")])
def test_a_socket_is_found_by_each_of_its_names(top: Path, bound: str, asked: str) -> None:
    with socket.socket(socket.AF_UNIX) as held:
        held.bind(str(top / bound))
        held.listen()
        inode = os.fstat(held.fileno()).st_ino
        listener = listener_of(parse_endpoint("unix", str(top / asked)), ipv6=True)
        assert [entry.inode for entry in realising(listener, listening())] == [inode]
        assert _live.bound([listener])[listener]
        # Somebody else's, so that it cannot be had.
        declared = service(listen=[{"unix": str(top / asked)}])
        host = machine()
        live = _live.look([declared], [], Platform(), host)
        (problem,) = holder_problems([declared], Possession({}, live, BACKENDS, Platform()))
        assert "cannot be bound" in problem.message
        options: Fields = {"tcp": None, "udp": None, "unix": str(top / asked), "family": "any", "interface": None}
        options.update(state="held", owner=None, connect=False, send=None, expect=None, refuse=False, source=None)
        assertion = assertion_of({**options, "timeout": 5, "retries": 0, "delay": 1})
        assert examine(assertion, host.run_plain).problem == ""


@as_root
def test_what_socket_units_of_others_listen_on_has_the_same_name(top: Path) -> None:
    claims = units._claims({"Listen": [f"{top}/link/a (Stream)"]})
    assert [claim.path for claim in claims] == [f"{top}/real/a"]


def test_a_link_that_is_removed_meanwhile_leaves_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a process does that has bound its socket by /proc/self/fd/N and closes that."""
    (tmp_path / "link").symlink_to("real")
    read = os.readlink

    def vanishing(path: str) -> str:
        os.unlink(path)
        return read(path)

    monkeypatch.setattr(os, "readlink", vanishing)
    assert same_name(f"{tmp_path}/link/a") == f"{tmp_path}/link/a"
