# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the s6 backend refuses, owns and claims, and what it lacks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.backend import S6
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.description.native import NATIVE
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.runtime import UNIT_FILE
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import SERVICES as DIRECTORIES
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, service
from ansible_collections.ondemand.superserver.tests.unit.s6_tree import AS_PID_1, HOST, NETWORKING, PROGRAMS, Tree

BACKEND = S6()


# Values of native.s6 and the gist of the refusal.
REFUSED: tuple[tuple[Fields, str, str], ...] = (
    ({"run": "x"}, "run", "is not a file that can be added"),
    ({"notification-fd": 4}, "notification-fd", "is not a file that can be added"),
    ({"down": ""}, "down", "is not a file that can be added"),
    ({"timeout-kill": "5s"}, "timeout-kill", "must be a number of milliseconds"),
    ({"timeout-finish": -1}, "timeout-finish", "must be a number of milliseconds"),
    ({"timeout-kill": [1, 2]}, "timeout-kill", "must be a number of milliseconds"),
    ({"max-death-tally": 4097}, "max-death-tally", "must be a number from 0 to 4096"),
    ({"down-signal": "SIGHUP"}, "down-signal", "must be one of SIGTERM"),
)


@pytest.mark.parametrize(("native", "name", "gist"), REFUSED)
def test_file_is_refused(native: Fields, name: str, gist: str) -> None:
    (problem,) = BACKEND.further_problems(service(native={"s6": native}), HOST)
    assert problem.path == f"superserver_services[0].native.s6.{name}"
    assert gist in problem.message


def test_files_that_may_be_added_are_taken() -> None:
    native = {"timeout-kill": 5000, "timeout-finish": "0", "max-death-tally": 4096, "down-signal": "SIGQUIT"}
    assert native.keys() == NATIVE.keys()
    assert BACKEND.further_problems(service(native={"s6": native}), HOST) == []


# Fields before and after, and whether listeners must be closed and opened.
REBINDS: tuple[tuple[Fields, Fields, bool], ...] = (
    ({}, {}, False),
    ({}, {"user": "nobody", "exec": ["/bin/true"], "environment": {"A": "b"}, "description": "x"}, False),
    ({}, {"connections": {"max": 5, "per_source": 2}, "access": {"allow": ["::1"]}}, False),
    ({}, {"listen": [{"tcp": "007"}]}, False),
    ({}, {"listen": [{"tcp": "8"}]}, True),
    ({}, {"listen": [{"tcp": "7"}, {"tcp": "8"}]}, True),
    ({}, {"listen": [{"tcp": "7", "family": "ipv4"}]}, True),
    ({}, {"listen": [{"tcp": "7", "backlog": 5}]}, True),
    ({}, {"accept": False}, True),
    ({"accept": False}, {"accept": False, "socket_fd": "stdin"}, False),
    ({"listen": [{"unix": "/a"}]}, {"listen": [{"unix": "/a", "mode": "0600"}]}, True),
    ({"exec": None, "internal": "echo"}, {"exec": None, "internal": "time"}, False),
)


@pytest.mark.parametrize("platform", [HOST, NETWORKING])
@pytest.mark.parametrize(("old", "new", "expected"), REBINDS)
def test_listeners_are_bound_anew_only_where_they_must(
    old: Fields, new: Fields, expected: bool, platform: Platform
) -> None:
    assert BACKEND.rebinds(service(**old), service(**new), platform) is expected
    assert BACKEND.rebinds(service(**new), service(**old), platform) is expected


def test_owner_is_the_service_directory() -> None:
    one = service(listen=[{"tcp": "7"}, {"udp": "7"}], exec=None, internal="discard")
    tcp, udp = one.listeners(ipv6=True)
    assert BACKEND.owner(one, tcp, HOST) == ("s6", f"{DIRECTORIES}/echo.tcp-7")
    assert BACKEND.owner(one, udp, HOST) == ("s6", f"{DIRECTORIES}/echo.udp-7")
    with pytest.raises(ValueError, match="echo does not listen on"):
        BACKEND.owner(one, service(listen=[{"tcp": "8"}]).listeners(ipv6=True)[0], HOST)


def test_each_half_of_a_listener_has_its_owner() -> None:
    halves = {
        Listener("tcp", "ipv4", "0.0.0.0", 7): f"{DIRECTORIES}/echo.tcp4-7",
        Listener("tcp", "ipv6", "::", 7): f"{DIRECTORIES}/echo.tcp6-7",
    }
    assert {half: BACKEND.owner(service(), half, NETWORKING)[1] for half in halves} == halves
    assert {BACKEND.owner(service(), half, HOST)[1] for half in halves} == {f"{DIRECTORIES}/echo"}


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (("s6", f"{DIRECTORIES}/echo"), "echo"),
        (("s6", f"{DIRECTORIES}/echo.tcp4-7"), "echo"),
        (("s6", f"{DIRECTORIES}/a-b_c.tcp-127.0.0.1-7"), "a-b_c"),
        (("s6", "/run/service/echo"), ""),
        (("systemd", "echo.socket"), ""),
        (("program", f"{DIRECTORIES}/echo"), ""),
        (("", ""), ""),
    ],
)
def test_service_of_an_owner(owner: tuple[str, str], name: str) -> None:
    assert BACKEND.service_of(owner) == name


def test_claims_are_places_in_the_scan_directory() -> None:
    assert BACKEND.reserved_paths(service(), HOST) == ["/etc/superserver/s6/echo"]
    image = "/etc/s6-linux-init/current/run-image/service/superserver-echo"
    assert BACKEND.reserved_paths(service(), AS_PID_1) == ["/run/service/superserver-echo", image]
    elsewhere = replace(AS_PID_1, scan_directory="/etc/service")
    assert BACKEND.reserved_paths(service(), elsewhere) == ["/etc/service/superserver-echo"]


MISSING: tuple[tuple[Platform, Iterable[str], str], ...] = (
    (HOST, [UNIT_FILE], ""),
    (HOST, [], "superserver-s6.service"),
    (AS_PID_1, [], ""),
    (replace(HOST, init="other"), [], "systemd or s6-svscan as PID 1, to run it"),
    (replace(AS_PID_1, programs={}), [], "s6, execline, TCP servers (s6-networking or ucspi-tcp-ipv6)"),
    (replace(AS_PID_1, programs={**PROGRAMS, "tcpserver": "/a"}), [], ""),
)


@pytest.mark.parametrize(("platform", "files", "missing"), MISSING)
def test_what_is_missing_is_named(platform: Platform, files: Iterable[str], missing: str) -> None:
    tree = Tree()
    tree.files = dict.fromkeys(files, "")
    assert BACKEND.missing(platform, tree) == missing
