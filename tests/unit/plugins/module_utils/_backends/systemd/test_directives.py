# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Raw directives of systemd: what it sets because of them reaches the handler."""

from __future__ import annotations

import subprocess

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.backend import Systemd
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.directives import (
    DIRECTIVES,
    VARIABLES,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import PATH, Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.tests.unit import systemd_syntax
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, service
from ansible_collections.ondemand.superserver.tests.unit.systemd_syntax import values

HOST = Platform()

# Directives of a service, and variables that systemd sets because of them.
DIRECTED: tuple[tuple[Fields, set[str]], ...] = (
    ({"RuntimeDirectory": "a", "StateDirectory": "a b"}, {"RUNTIME_DIRECTORY", "STATE_DIRECTORY"}),
    ({"CacheDirectory": "a", "LogsDirectory": "a"}, {"CACHE_DIRECTORY", "LOGS_DIRECTORY"}),
    ({"ConfigurationDirectory": "a", "RuntimeDirectoryMode": "0700"}, {"CONFIGURATION_DIRECTORY"}),
    ({"LoadCredential": ["a:/etc/a", "b:/etc/b"], "SetCredential": "c:d"}, {"CREDENTIALS_DIRECTORY"}),
    ({"WatchdogSec": 5}, {"WATCHDOG_USEC", "WATCHDOG_PID", "NOTIFY_SOCKET"}),
    ({"NotifyAccess": "all"}, {"NOTIFY_SOCKET"}),
    ({"FileDescriptorStoreMax": 5}, {"FDSTORE", "NOTIFY_SOCKET"}),
    ({"TTYPath": "/dev/tty9"}, {"TERM"}),
    ({"PrivateTmp": True}, set()),
)
# Handlers whose command lines are made in different ways.
WAYS: dict[str, Fields] = {
    "plain": {},
    "daemon": {"accept": False},
    "internal": {"exec": None, "internal": "time"},
    "logged": {"log": {"what": ["pid"]}},
    "by setpriv": {"supplementary_groups": []},
    "unix": {"listen": [{"unix": "/run/a"}]},
    "both": {"listen": [{"tcp": "7"}, {"unix": "/run/a"}]},
    "forwarder": {"exec": None, "proxy": {"to": "/run/b", "unit": "b.service"}},
}


def line_of(made: Service) -> str:
    """What starts the handler of a service."""
    files = Systemd().render([made], HOST)
    (unit,) = (systemd_syntax.read_unit(file.content) for file in files if "UMask=" in file.content)
    (line,) = values(unit, "Service", "ExecStart")
    return line


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("directives", "names"), DIRECTED)
def test_what_systemd_sets_because_of_a_directive_arrives(way: str, directives: Fields, names: set[str]) -> None:
    """As systemd runs the line: with these variables, without those that it does not set, and with nothing else."""
    made = service(**WAYS[way], native={"systemd": {"service": directives}})
    argv, environment = systemd_syntax.handler(line_of(made))
    plain = systemd_syntax.handler(line_of(service(**WAYS[way])))
    assert argv == plain[0]
    assert environment == {**plain[1], **{name: f"${{{name}}}" for name in names}}


@pytest.mark.parametrize("given", [{}, {"RUNTIME_DIRECTORY": "/run/a b"}, {"RUNTIME_DIRECTORY": "/a", "FDSTORE": "3"}])
def test_a_variable_that_systemd_does_not_know_yet_is_not_there(given: dict[str, str]) -> None:
    directives = {"RuntimeDirectory": "a", "FileDescriptorStoreMax": 3}
    made = service(exec=["/usr/bin/env", "-0"], environment={"A": "$b"}, native={"systemd": {"service": directives}})
    argv = systemd_syntax.command(line_of(made))
    done = subprocess.run(argv, env={**given, "SURPLUS": "x"}, stdout=subprocess.PIPE, check=True, text=True)
    found = dict(entry.split("=", 1) for entry in done.stdout.split("\0") if entry)
    assert found == {"PATH": PATH, "A": "$b", **given}


def test_what_is_declared_goes_before_what_a_directive_sets() -> None:
    made = service(environment={"TERM": "dumb"}, native={"systemd": {"service": {"TTYPath": "/dev/tty9"}}})
    assert systemd_syntax.handler(line_of(made))[1]["TERM"] == "dumb"


def test_names_of_a_daemons_sockets_arrive() -> None:
    made = service(accept=False, native={"systemd": {"socket": {"FileDescriptorName": "web"}}})
    assert systemd_syntax.handler(line_of(made))[1].keys() == {"PATH", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}


def test_variables_of_files_come_along_with_those_of_directives() -> None:
    made = service(environment_file="/etc/a", native={"systemd": {"service": {"StateDirectory": "a"}}})
    assert " enter -k REMOTE_ADDR -k REMOTE_PORT -k STATE_DIRECTORY -- " in line_of(made)


@pytest.mark.parametrize("section", VARIABLES)
def test_every_directive_with_variables_is_one(section: str) -> None:
    assert set(VARIABLES[section]) <= DIRECTIVES[section]
