# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every raw directive of systemd works as its manual says, or is refused with what has it."""

from __future__ import annotations

import re

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.backend import Systemd
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.directives import (
    DIRECTIVES,
    LISTED,
    OWNED,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.native import settings_of
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, service

SYSTEMD = Systemd()
NEW = Platform(systemd=257)

# Services whose handlers are started in different ways, and what that is called where a directive does not go with it.
WAYS: dict[str, Fields] = {
    "plain": {"user": "nobody"},
    "root": {},
    "daemon": {"user": "nobody", "accept": False},
    "stdin": {"user": "nobody", "accept": False, "socket_fd": "stdin"},
    "logged": {"user": "nobody", "log": {"what": ["pid"]}},
    "logged root": {"log": {"what": ["pid"]}},
    "groups": {"user": "nobody", "supplementary_groups": []},
    "files": {"user": "nobody", "environment_file": "/etc/a"},
    "secrets": {"user": "nobody", "secrets": {"A": "b"}},
    "encrypted": {"user": "nobody", "tls": {"certificate": "/a", "key": "/b"}},
    "confined": {"user": "nobody", "sandbox": "basic"},
    "strict": {"user": "nobody", "sandbox": "strict"},
    "limited": {"user": "nobody", "resources": {"memory_max": 1000000, "open_files": 9}},
    "bounded": {"user": "nobody", "resources": {"connection_time": 9}},
    "ended": {"user": "nobody", "end_children": True},
    "hours": {"user": "nobody", "access": {"hours": ["08:00-09:00"]}},
    "forwarder": {"exec": None, "proxy": {"to": "/run/b"}},
    "attended": {"exec": None, "proxy": {"to": "/run/b", "unit": "b.service"}},
    "internal": {"exec": None, "internal": "time"},
    "unix": {"user": "nobody", "listen": [{"unix": "/run/a"}], "connections": {"max": 5}},
    "client": {"user": "nobody", "stderr": "client", "access": {"allow": ["192.0.2.1"]}},
}
# What may be declared beside what is written.
BESIDE = {"ExecCondition"}
# What the unit that reads messages has for itself, beside what is declared of messages.
OF_READER = {"ExecStartPre", "RuntimeDirectory", "RuntimeDirectoryMode", "RuntimeDirectoryPreserve"}


def refused(way: str, section: str, directives: Fields, platform: Platform = NEW) -> dict[str, str]:
    made = service(**WAYS[way], native={"systemd": {section: directives}})
    prefix = f"superserver_services[0].native.systemd.{section}."
    return {problem.path[len(prefix) :]: problem.message for problem in SYSTEMD.further_problems(made, platform)}


def units(way: str, section: str, directives: Fields) -> dict[str, dict[str, list[str]]]:
    """The settings of each unit of that kind, by its path."""
    made = service(**WAYS[way], native={"systemd": {section: directives}})
    files = SYSTEMD.render([made], NEW)
    return {file.path: settings_of([file.content]) for file in files if file.path.endswith(f".{section}")}


@pytest.mark.parametrize("section", DIRECTIVES)
@pytest.mark.parametrize("way", WAYS)
def test_a_directive_that_is_taken_is_the_only_one_of_its_name(way: str, section: str) -> None:
    """None wins over what a field declares, and none is put to nothing by it."""
    raw = dict.fromkeys(sorted(DIRECTIVES[section]), "/x")
    told = refused(way, section, raw)
    assert {name for name in told if name in OWNED[section]} == set(OWNED[section])
    assert all("use the field" in told[name] for name in OWNED[section])
    taken = {name: value for name, value in raw.items() if name not in told}
    for path, written in units(way, section, taken).items():
        others = OF_READER if path.endswith(".stderr.service") else BESIDE
        assert {name for name, values in written.items() if name in taken and values != ["/x"]} <= others


def test_most_directives_are_taken() -> None:
    """Which are not, for the plainest service, are those that a field has."""
    raw = dict.fromkeys(DIRECTIVES["service"], "/x")
    assert refused("plain", "service", raw).keys() - OWNED["service"].keys() == {"Sockets"}
    others = {
        "FileDescriptorName",
        *(name for name in DIRECTIVES["socket"] if re.match("Listen(?!Stream|Data|Seq)", name)),
    }
    assert (
        refused("plain", "socket", dict.fromkeys(DIRECTIVES["socket"], "/x")).keys() - OWNED["socket"].keys() == others
    )
    assert not refused("daemon", "socket", dict.fromkeys(others, "/x"))


FIELDS = (
    ("DynamicUser", "user"),
    ("Slice", "resources"),
    ("LimitNOFILE", "resources.open_files"),
    ("LimitNPROC", "resources.processes"),
    ("RuntimeMaxSec", "resources.connection_time"),
    ("NoNewPrivileges", "sandbox"),
    ("CapabilityBoundingSet", "sandbox"),
    ("RestartForceExitStatus", "accept"),
    ("RemainAfterExit", "accept"),
    ("StandardInputText", "accept"),
)


@pytest.mark.parametrize(("name", "field"), FIELDS)
@pytest.mark.parametrize("way", ["plain", "root", "daemon", "encrypted"])
def test_a_directive_that_would_win_over_a_field(way: str, name: str, field: str) -> None:
    assert refused(way, "service", {name: "yes"})[name].endswith(f"use the field {field}")


ROOTED = ("logged", "groups", "files", "secrets", "encrypted")
OF_ACCOUNTS = ("StateDirectory", "RuntimeDirectory", "LoadCredential", "SetCredential", "PAMName", "PrivateUsers")


@pytest.mark.parametrize("name", OF_ACCOUNTS)
def test_what_belongs_to_the_account_is_not_roots(name: str) -> None:
    for way in ROOTED:
        message = refused(way, "service", {name: "a"})[name]
        assert message.startswith("would apply to root and not to nobody: root starts the handler, because of")
    for way in ("plain", "root", "logged root", "daemon", "confined"):
        assert refused(way, "service", {name: "a"}) == {}


@pytest.mark.parametrize(
    ("value", "taken"), [("/bin/true", False), ("+/bin/true", True), ("-+/bin/true", True), (["+/a", "/b"], False)]
)
def test_commands_run_as_the_account_or_say_that_they_do_not(value: str | list[str], taken: bool) -> None:
    assert (refused("logged", "service", {"ExecStartPre": value}) == {}) is taken
    assert refused("plain", "service", {"ExecStartPre": value}) == {}


@pytest.mark.parametrize("name", ["WatchdogSec", "OpenFile", "FileDescriptorStoreMax"])
def test_what_is_about_the_main_process(name: str) -> None:
    for way in ("logged", "bounded", "encrypted", "forwarder", "attended", "internal"):
        assert "applies to the process that systemd starts" in refused(way, "service", {name: "5"})[name]
    for way in ("plain", "daemon", "groups", "files", "limited", "hours"):
        assert refused(way, "service", {name: "5"}) == {}


def test_who_may_notify() -> None:
    assert refused("logged", "service", {"NotifyAccess": "all"}) == {}
    assert "NotifyAccess" in refused("logged", "service", {"NotifyAccess": "main"})


def test_names_are_for_sockets_that_have_some() -> None:
    for way in WAYS:
        told = refused(way, "socket", {"FileDescriptorName": "web"})
        assert (told == {}) is (way == "daemon")


def test_a_limit_of_one_process_is_that_of_the_service() -> None:
    raw = {"MemoryMax": "1G", "CPUQuota": "5%", "TasksMax": 5, "MemoryHigh": "1G"}
    assert refused("plain", "service", raw) == {}
    assert refused("daemon", "service", raw) == {
        "MemoryMax": "is written by the collection; use the field resources.memory_max",
        "CPUQuota": "is written by the collection; use the field resources.cpu_quota",
        "TasksMax": "is written by the collection; use the field resources.tasks_max",
    }


def test_what_only_some_services_have_of_their_own() -> None:
    assert refused("plain", "service", {"ProtectSystem": "full", "TimeoutStopSec": 9}) == {}
    assert refused("strict", "service", {"ProtectSystem": "full"})["ProtectSystem"].endswith("use the field sandbox")
    assert "forwarder has a sandbox" in refused("forwarder", "service", {"PrivateDevices": "no"})["PrivateDevices"]
    for name in ("TimeoutStopSec", "TimeoutSec"):
        assert "because of end_children" in refused("ended", "service", {name: 9})[name]
    assert (
        "use the field sandbox" in refused("confined", "service", {"AmbientCapabilities": "a"})["AmbientCapabilities"]
    )
    assert refused("plain", "service", {"AmbientCapabilities": "CAP_NET_BIND_SERVICE"}) == {}


@pytest.mark.parametrize("name", ["KillSignal", "SendSIGKILL", "FinalKillSignal"])
def test_what_is_left_ends_as_declared(name: str) -> None:
    assert "which end_children sets already" in refused("ended", "service", {name: "SIGINT"})[name]
    assert refused("plain", "service", {name: "SIGINT"}) == {}


@pytest.mark.parametrize("section", DIRECTIVES)
def test_a_later_systemd_says_itself_what_it_knows(section: str) -> None:
    """Its checker looks at what is written before anything is touched."""
    raw = {"ComesLater": "yes"}
    assert "is not a directive" in refused("plain", section, raw, Platform(systemd=LISTED))["ComesLater"]
    assert refused("plain", section, raw, Platform(systemd=LISTED + 1)) == {}
    assert refused("plain", section, {next(iter(OWNED[section])): "x"}, Platform(systemd=LISTED + 1)) != {}
