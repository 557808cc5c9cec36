# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets are in the file that only root can read, and in nothing else that comes of a declaration."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils import basic
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import without
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import LOGS, File, is_secret
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import BASE, Layer
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.services import load_services
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import PATH, Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._module import (
    DeclarationModule,
    declaration_options,
    reveal,
    withhold,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import (
    environment as _helper_environment,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import record as _helper_record
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers.environment import unescape
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.installed import (
    ENVIRONMENT,
    RECORD,
    SESSION,
)
from ansible_collections.ondemand.superserver.tests.unit.declarations import ECHO, Fields, redeclared, service
from ansible_collections.ondemand.superserver.tests.unit.drawn import VALUES
from ansible_collections.ondemand.superserver.tests.unit.programs import installed
from ansible_collections.ondemand.superserver.tests.unit.test_properties import ANYTHING

COLUMNS = {
    "systemd": ("systemd", Platform()),
    "xinetd": ("xinetd", Platform()),
    "ucspi": ("s6", Platform()),
    "s6-networking": ("s6", Platform(s6="s6-networking")),
}
# How a service may be started.
KINDS: dict[str, Fields] = {
    "plain": {},
    "logged": {"log": {"what": ["pid"]}, "environment": {"B": "b"}},
    "daemon": {"accept": False},
    "encrypted": {"tls": {"certificate": "/a", "key": "/b"}},
    "file": {"environment_file": "/etc/x", "sandbox": "basic", "nice": -5},
    "disabled": {"state": "disabled"},
}
WORD = "Zq7"


def rendered(column: str, **fields: t.Any) -> list[File]:
    backend, platform = COLUMNS[column]
    return BACKENDS[backend].render([service(**fields, backend=backend)], platform)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("column", COLUMNS)
@given(values=st.dictionaries(st.sampled_from(["S", "HOME", "LD_PRELOAD"]), VALUES, min_size=1))
@settings(max_examples=5, deadline=None)
def test_values_are_in_one_file_only(column: str, kind: str, values: dict[str, str]) -> None:
    marked = {name: f"{WORD}{value}{WORD}" for name, value in values.items()}
    files = rendered(column, **KINDS[kind], secrets=marked)
    found = [file for file in files if WORD in file.content]
    assert [(file.path, file.mode, file.owner) for file in found] == [("/etc/superserver/secrets/echo", 0o600, "root")]
    assert found[0].secret
    lines = [line.partition("=") for line in found[0].content.split("\n")[1:-1]]
    assert {name: unescape(value.encode()).decode() for name, _sign, value in lines} == marked
    folder = next(file for file in files if file.path == "/etc/superserver/secrets")
    assert (folder.kind, folder.mode) == ("directory", 0o700)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "disabled"])
@pytest.mark.parametrize("column", COLUMNS)
def test_other_files_are_the_same_for_any_value(column: str, kind: str) -> None:
    one, other = (rendered(column, **KINDS[kind], secrets={"A": value}) for value in ("a", "b\nc"))
    assert [file for file in one if not file.secret] == [file for file in other if not file.secret]


@pytest.mark.parametrize("column", COLUMNS)
def test_a_change_closes_no_socket(column: str) -> None:
    backend, platform = COLUMNS[column]
    old, new = (service(backend=backend, secrets={"A": value}) for value in ("a", "b"))
    assert old.to_json() != new.to_json()
    assert not BACKENDS[backend].rebinds(old, new, platform)


@pytest.mark.parametrize("fields", [{"environment_file": "/etc/x"}, {}, {"tls": {"certificate": "/a", "key": "/b"}}])
@pytest.mark.parametrize("column", COLUMNS)
def test_rights_go_before_variables_come(column: str, fields: Fields) -> None:
    """What runs as root is started without them."""
    # Groups, so that every backend starts as root.
    made = {**fields, "user": "nobody", "supplementary_groups": [], "environment": {"LD_PRELOAD": "b"}}
    text = next(file.content for file in rendered(column, **made) if "LD_PRELOAD=b" in file.content)
    words = shlex.split(text.replace("\\\n", " "), comments=True)
    reading = ["open", "--reuid=nobody", "enter"] if "environment_file" in fields else ["--reuid=nobody"]
    places = [words.index(word) for word in (*reading, "LD_PRELOAD=b", "/bin/cat")]
    assert places == sorted(places)


@pytest.mark.parametrize("column", COLUMNS)
def test_rights_of_an_attended_forwarder_go_before_variables_come(column: str) -> None:
    proxy = {"exec": None, "proxy": {"to": "/run/a", "unit": "b"}, "user": "nobody"}
    files = rendered(column, **proxy, environment={"LD_PRELOAD": "b"})
    text = next(file.content for file in files if "LD_PRELOAD=b" in file.content)
    words = shlex.split(text.replace("\\\n", " "), comments=True)
    places = [words.index(word) for word in ("--reuid=nobody", "LD_PRELOAD=b", "/usr/local/lib/superserver/proxy")]
    assert places == sorted(places)
    assert words.count("LD_PRELOAD=b") == 1


@pytest.fixture(scope="module")
def home() -> t.Iterator[Path]:
    """A directory that nobody else can write, up to the root."""
    with tempfile.TemporaryDirectory(prefix=".superserver-", dir=os.path.realpath(os.path.expanduser("~"))) as path:
        yield Path(path)


# A setpriv that leaves everything as it is.
NO_CHANGE = '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n'
SCRIPTS: dict[str, Fields] = {
    "handler": {},
    "daemon": {"accept": False, "socket_fd": "stdin"},
    "encrypted": {"tls": {"certificate": "/a", "key": "/b"}},
    "logged": {"log": {"what": ["host", "exit"], "where": "file"}},
}


@pytest.mark.parametrize("kind", SCRIPTS)
@given(
    hidden=st.dictionaries(st.sampled_from(["S", "HOME", "IFS"]), VALUES, min_size=1),
    shown=st.dictionaries(st.sampled_from(["A", "PWD"]), VALUES),
)
@settings(max_examples=6, deadline=None)
def test_scripts_deliver_byte_for_byte(kind: str, hidden: dict[str, str], shown: dict[str, str], home: Path) -> None:
    setpriv, platform = home / "setpriv", Platform(python=sys.executable, programs={"setpriv": str(home / "setpriv")})
    setpriv.write_text(NO_CHANGE)
    setpriv.chmod(0o755)
    made = service(exec=["/usr/bin/env", "-0"], secrets=hidden, environment=shown, **SCRIPTS[kind])
    # Where everything is here.
    places = {ENVIRONMENT: installed(_helper_environment), RECORD: installed(_helper_record), LOGS: str(home)}
    script = ""
    for file in BACKENDS["xinetd"].render([made], platform):
        if file.secret or file.path == SESSION:
            path = home / Path(file.path).name
            path.write_bytes(file.content.encode())
            path.chmod(0o700)
            places[file.path] = str(path)
        elif file.path.startswith("/usr/local/lib/superserver/handlers/") and " enter " in file.content:
            script = file.content
    for place, here in places.items():
        script = script.replace(place, here)
    words = ["/bin/sh", "-c", script]
    done = subprocess.run(words, env={"REMOTE_HOST": "192.0.2.1"}, stdout=subprocess.PIPE, check=True, timeout=30)
    found = dict(entry.split("=", 1) for entry in done.stdout.decode().split("\0") if entry)
    client = {} if kind == "daemon" else {"REMOTE_ADDR": "192.0.2.1"}
    assert found == {"PATH": PATH, **hidden, **shown, **client}
    if kind == "logged":
        log = home / "echo.connections"
        lines = log.read_text().splitlines()
        assert [line.split()[2] for line in lines[-2:]] == ["connect", "end"]
        assert log.stat().st_mode & 0o777 == 0o640


def sealed(key: bytes, name: str = "a", value: str = "x") -> dict[str, t.Any]:
    services = load_services([Layer(BASE, [{**ECHO, "secrets": {name: value}}])], None, "systemd", key)
    return dict(services[0].to_json()["secrets"])


def test_a_digest_tells_nothing_without_the_key() -> None:
    assert sealed(b"k") == sealed(b"k") != sealed(b"l")
    assert sealed(b"k")["a"] != sealed(b"k", name="b")["b"]
    assert sealed(b"k") != sealed(b"k", value="y")
    assert set(sealed(b"k")["a"]) == {"digest"}


def secretive() -> Service:
    return service(secrets={"A": WORD, "B": f"{WORD}\n"}, connections={"max_load": 5})


def test_a_service_is_written_down_and_shown_without_values() -> None:
    made = secretive()
    again = redeclared(made.to_json())
    assert WORD not in json.dumps(made.to_json()) + repr(made)
    assert again == made
    assert [secret.value for _name, secret in again.secrets] == [None, None]


def test_values_stay_when_a_field_is_left_out() -> None:
    left = without(secretive(), "connections.max_load")
    assert [secret.value for _name, secret in left.secrets] == [WORD, f"{WORD}\n"]


@given(ANYTHING)
def test_what_is_withheld_is_given_back(value: t.Any) -> None:
    withheld: dict[str, t.Any] = {}
    assert repr(reveal(withhold(value, withheld), withheld)) == repr(value)


PARAMETERS: tuple[Fields, ...] = (
    {"services": [{**ECHO, "secrets": {"A": f"{WORD} '\n", "B": 5}}]},
    {"services": [{**ECHO, "secret": {"A": WORD}, "Secrets": [WORD]}]},
    {"layers": [{"name": "superserver_services__x", "services": [{"name": "a", "secrets": {"A": WORD}}]}]},
    {"services": [], "defaults": {"secrets": {"A": WORD}}},
)


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_a_module_neither_logs_nor_returns_values(
    parameters: Fields, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logged: list[str] = []
    monkeypatch.setattr(basic, "_load_params", lambda: dict(parameters))
    # What newer releases of ansible-core have the controller say.
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    monkeypatch.setattr(basic.AnsibleModule, "log", lambda _self, text, **more: logged.append(f"{text} {more}"))
    module = DeclarationModule(argument_spec=declaration_options())
    options = module.options()
    assert {name: options[name] for name in parameters} == parameters
    with pytest.raises(SystemExit):
        module.exit_json()
    told = capsys.readouterr().out
    assert json.loads(told)["invocation"]["module_args"]["backend"] == "auto"
    assert len(logged) == 1
    assert WORD not in logged[0] + told


def test_which_files_are_secret() -> None:
    assert is_secret("/etc/superserver/secrets/echo")
    assert not is_secret("/etc/superserver/secrets")
    assert not File("/etc/superserver/secrets/x", kind="directory").secret
