# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Definitions for s6-rc, and a real s6-rc that manages stand-ins for servers. SUPERSERVER_TEST_S6_PREFIX may say where
it is."""

from __future__ import annotations

import os
import shutil
import typing as t
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6 import guard, handover
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6 import rc as _s6_rc
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.backend import S6
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rc import BUNDLE
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import (
    SOURCES,
    server_at,
    servers,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Host
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.tests.unit.fake_host import FakeHost
from ansible_collections.ondemand.superserver.tests.unit.s6_rc_host import (
    HOST,
    RC,
    SEARCH,
    Place,
    eventually,
    made,
    rendered,
)

with_s6_rc = pytest.mark.skipif(
    not shutil.which("s6-rc-update", path=SEARCH) or os.geteuid() != 0, reason="needs root and s6-rc"
)

SHAPES: dict[str, dict[str, t.Any]] = {
    "plain": {},
    "access": {"access": {"allow": ["192.0.2.0/24"]}},
    "both": {"listen": [{"tcp": "7"}, {"udp": "7"}], "exec": None, "internal": "discard"},
    "waiting": {"accept": False},
    "unix": {"listen": [{"unix": "/run/a"}]},
    "native": {"native": {"s6": {"timeout-kill": 5000, "max-death-tally": 5, "down-signal": "SIGQUIT"}}},
    "off": {"state": "disabled"},
}


EVERY = [made(name, **fields) for name, fields in SHAPES.items()]


def test_nothing_is_put_into_the_scan_directory() -> None:
    files = rendered(*EVERY)
    assert not [path for path, file in files.items() if file.kind == "link" or path.startswith("/run/service")]


def test_no_directory_is_called_log() -> None:
    """In a service directory in use it would have s6-rc-update lose the live state (pitfall 40)."""
    assert not [path for path in rendered(*EVERY) if path.startswith(SOURCES) and "log" in path.split("/")[:-1]]


def test_servers_say_when_they_are_ready() -> None:
    """Else s6-rc takes them for started whatever becomes of them (pitfall 42)."""
    files = rendered(*EVERY)
    for each in (server for one in EVERY for server in servers(one, HOST)):
        assert files[f"{each.home}/notification-fd"].content == "3\n"
        assert int(files[f"{each.home}/timeout-up"].content) > 0


def test_the_bundle_has_what_is_enabled() -> None:
    files = rendered(*EVERY)
    within = f"{BUNDLE}/contents.d/superserver-"
    entries = {path[len(within) :] for path in files if path.startswith(within)}
    assert entries == {each.name for one in EVERY if one.enabled for each in servers(one, HOST)}
    assert files[f"{RC.bundle}/contents.d/superserver"].service == ""


def test_a_host_without_services_has_no_bundle() -> None:
    assert rendered() == {}


@pytest.mark.parametrize(
    ("directory", "name"),
    [
        ("/run/s6-rc/servicedirs/superserver-a", "a"),
        ("/run/s6-rc:s6-rc-update:tXKTyl/servicedirs/superserver-a.tcp4-7", "a.tcp4-7"),
        ("/run/s6-rc/servicedirs/sshd", ""),
        ("/run/service/superserver-a", ""),
        ("/etc/superserver/s6-services/a", "a"),
        ("/etc/superserver/s6-services/a/log", ""),
    ],
)
def test_server_of_a_directory(directory: str, name: str) -> None:
    assert server_at(directory) == name


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@with_s6_rc
def test_definitions_are_compiled(place: Place) -> None:
    place.install(*EVERY)
    place.tool("s6-rc-compile", f"{place.root}/db", f"{place.root}/host", f"{place.root}/own/s6-rc/sources")
    bundle = place.tool("s6-rc-db", "-c", f"{place.root}/db", "contents", "superserver").split()
    assert "superserver-plain.tcp4-7" in bundle
    assert not [name for name in bundle if name.startswith("superserver-off")]
    needs = place.tool("s6-rc-db", "-c", f"{place.root}/db", "dependencies", "superserver-plain.tcp4-7").split()
    assert sorted(needs) == ["s6rc-fdholder", "superserver-_fdholder", "superserver-plain.tcp4-7.log"]


@with_s6_rc
@pytest.mark.parametrize(
    ("name", "command", "said"),
    [
        ("superserver-a.tcp4-7", "", "duplicate service definition"),
        ("superserver", "", "duplicate service definition"),
        ("unfinished", "", ""),
    ],
)
def test_what_does_not_compile_is_refused(place: Place, name: str, command: str, said: str) -> None:
    with place.running():
        stage = f"{place.root}/stage"
        place.install(made("a"), below="stage/")
        shutil.move(f"{stage}/own", f"{stage}{place.root}/own")
        assert S6().check(stage, [], place.platform, place) == []
        assert os.listdir(place.root / "run") == ["s6-rc"]  # the lock
        place.define(f"host/{name}", command)
        if not said:
            place.write(f"host/{name}/type", "nothing\n")
        (problem,) = S6().check(stage, [], place.platform, place)
        assert said in problem
        assert name in problem
        assert place.up() == {"foreign"}


@with_s6_rc
def test_a_change_of_definitions(place: Place) -> None:
    """s6-rc-update restarts nothing that has changed and starts nothing that is new (pitfall 41)."""
    with place.running():
        foreign = place.pid("foreign")
        place.install(made("a"))
        place.update()
        assert place.up() == {"foreign"}
        place.change("-u", "a.tcp4-7")
        assert {"foreign", "superserver-a.tcp4-7", "superserver-a.tcp4-7.log"} <= place.up()
        first = place.pid("superserver-a.tcp4-7")
        assert int(first) > 0

        place.install(made("a"), made("b"))
        place.write("own/s6-rc/sources/superserver-a.tcp4-7/run", "#!/bin/sh\necho >&3\nexec sleep 2000\n", 0o755)
        place.update()
        assert place.pid("superserver-a.tcp4-7") == first
        assert place.pid("superserver-b.tcp4-7") == "-1"
        (server, _other) = servers(made("a"), place.platform)
        assert _s6_rc.known_at_boot(server, place.rc, place)
        control = f"{server.directory}/supervise/control"
        Path(control).write_bytes(b"ru")
        eventually(lambda: "sleep 2000" in place.command("superserver-a.tcp4-7"))
        now = place.pid("superserver-a.tcp4-7")

        place.remove("b")
        place.remove("a.tcp6")
        place.update()
        assert not [name for name in os.listdir(place.root / "scan") if "-b." in name or "tcp6" in name]
        assert place.pid("superserver-a.tcp4-7") == now
        assert place.pid("foreign") == foreign
        assert len(os.listdir(place.root / "own/s6-rc/compiled")) == 1


@with_s6_rc
def test_two_changes_of_definitions_wait_for_each_other(place: Place) -> None:
    """As when a run has been killed and its command goes on, while the watcher undoes the run."""
    with place.running():
        place.install(made("a"))
        with ThreadPoolExecutor() as pool:
            for change in [pool.submit(place.update) for _number in range(8)]:
                change.result()
        place.change("-u", "a.tcp4-7")
        assert "superserver-a.tcp4-7" in place.up()
        (database,) = os.listdir(place.root / "own/s6-rc/compiled")
        assert os.readlink(f"{place.rc.live}/compiled") == os.readlink(place.rc.compiled)
        assert os.readlink(place.rc.compiled) == f"{place.root}/own/s6-rc/compiled/{database}"


@with_s6_rc
def test_a_server_that_ends_at_once_is_not_up(place: Place) -> None:
    """It would be, without a way to say that it is ready (pitfall 42)."""
    with place.running():
        place.install(made("a"))
        place.write("own/s6-rc/sources/superserver-a.tcp4-7/run", "#!/bin/sh\nexit 1\n", 0o755)
        place.write("own/s6-rc/sources/superserver-a.tcp4-7/timeout-up", "500\n")
        place.update()
        place.change("-u", "a.tcp4-7", "a.tcp6-7")
        assert "superserver-a.tcp6-7" in place.up()
        assert "superserver-a.tcp4-7" not in place.up()


@with_s6_rc
@pytest.mark.parametrize(("name", "start"), [("_guard", guard.start), ("_fdholder", handover.start_holder)])
def test_what_was_stopped_without_s6_rc_is_started(
    place: Place, name: str, start: Callable[[Platform, Host], None]
) -> None:
    with place.running():
        place.install(made("a"))
        place.define(f"own/s6-rc/sources/superserver-{name}", place.stand_in("run").partition("\n")[2])
        place.write(f"own/s6-rc/sources/superserver-{name}/notification-fd", "3\n")
        place.update()
        start(place.platform, place)
        place.tool("s6-svc", "-wD", "-d", f"{place.rc.live}/servicedirs/superserver-{name}")
        start(place.platform, place)
        eventually(lambda: place.pid(f"superserver-{name}") != "-1")


@with_s6_rc
@pytest.mark.parametrize("changed", [False, True])
def test_the_host_gets_its_database_back(place: Place, changed: bool) -> None:
    with place.running():
        place.install(made("a"))
        place.update()
        place.change("-u", "a.tcp4-7")
        assert os.readlink(place.rc.compiled).startswith(f"{place.root}/own/")
        if changed:
            place.define("host/another", "exec sleep 1000")
        shutil.rmtree(place.root / "own/s6-rc/sources")
        place.update()
        assert not [name for name in place.up() if name.startswith("superserver")]
        assert "foreign" in place.up()
        assert not (place.root / "own/s6-rc").exists()
        assert (os.readlink(place.rc.compiled) == "before") is not changed
        known = place.tool("s6-rc-db", "-c", place.rc.compiled, "list", "services").split()
        assert ("another" in known) is changed
        assert not [name for name in known if name.startswith("superserver")]
        live = os.path.realpath(f"{place.rc.live}/compiled")
        assert live == os.path.realpath(place.rc.compiled)
        place.update()


NOT_THERE: tuple[tuple[dict[str, object], list[str], str], ...] = (
    ({}, [], ""),
    ({"init": "systemd"}, [], "s6-svscan as PID 1, without which there is no s6-rc to join"),
    ({"programs": {}}, [], "the program s6-rc, the program s6-rc-compile, the program s6-rc-update"),
    ({}, ["/run/s6-rc/servicedirs"], "a live state of s6-rc at /run/s6-rc, which s6-rc-init makes at boot"),
    ({}, ["/etc/s6-rc/compiled"], "the link /etc/s6-rc/compiled to the database of the boot"),
    (
        {},
        ["/etc/s6-rc/source/default/contents.d"],
        "the bundle /etc/s6-rc/source/default with a contents.d, which is brought up at boot",
    ),
    ({}, ["/etc/s6-rc/source"], "the directory /etc/s6-rc/source of definitions"),
)


@pytest.mark.parametrize(("facts", "absent", "words"), NOT_THERE)
def test_what_s6_rc_lacks_is_named(facts: dict[str, t.Any], absent: list[str], words: str) -> None:
    class There(FakeHost):
        def exists(self, path: str) -> bool:
            return path not in absent

    platform = replace(HOST, **facts)
    assert ", ".join(_s6_rc.missing(RC, platform, There())) == words
