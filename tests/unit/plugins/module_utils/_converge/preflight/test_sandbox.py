# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a handler needs and its sandbox hides from it is told before anything is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd import (
    handlers,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.sandbox import _HIDING
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.programs import (
    environment_problems,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.sandbox import sandbox_problems
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, service

HOST = Platform()
TLS = {"certificate": "/etc/c", "key": "/etc/k"}


def told(fields: Fields, platform: Platform = HOST) -> list[tuple[str, str]]:
    made = service(**fields)
    hidden = BACKENDS[made.backend].hides(made, platform)
    return [(problem.path.partition("].")[2], problem.message) for problem in sandbox_problems(made, hidden)]


# What is declared beside sandbox: strict, and the field that is told.
HIDDEN: tuple[tuple[Fields, str], ...] = (
    ({"exec": ["/root/bin/server"]}, "exec[0]"),
    ({"exec": ["/home/deploy/app/bin/server"]}, "exec[0]"),
    ({"exec": ["/run/user/1000/server"]}, "exec[0]"),
    ({"exec": ["/tmp/server"]}, "exec[0]"),
    ({"working_directory": "/root"}, "working_directory"),
    ({"working_directory": "/home/deploy"}, "working_directory"),
    ({"working_directory": "/home"}, "working_directory"),
    ({"working_directory": "/var/tmp/work"}, "working_directory"),
    ({"exec": None, "proxy": {"to": "/home/deploy/app.sock"}}, "proxy.to"),
    ({"exec": None, "proxy": {"to": "/tmp/app.sock"}}, "proxy.to"),
    ({"tls": TLS, "banner": {"file": "/root/banner"}}, "banner.file"),
)
SEEN: tuple[Fields, ...] = (
    {},
    {"working_directory": "/tmp"},
    {"working_directory": "/dev/shm"},
    {"exec": None, "proxy": {"to": "/run/app.sock"}},
    {"exec": ["/rooted/bin/server"]},
    # systemd itself opens sockets, and what is shown to clients is read outside.
    {"listen": [{"unix": "/home/deploy/listen.sock"}]},
    {"banner": {"file": "/root/banner"}},
)


@pytest.mark.parametrize(("fields", "field"), HIDDEN)
def test_what_a_strict_sandbox_hides(fields: Fields, field: str) -> None:
    ((path, message),) = told({**fields, "sandbox": "strict"})
    assert path == field
    assert "is hidden by sandbox: strict; put it somewhere else" in message
    assert [path for path, _message in told({**fields, "sandbox": "basic"})] == []


@pytest.mark.parametrize("fields", SEEN)
def test_what_a_strict_sandbox_shows(fields: Fields) -> None:
    assert told({**fields, "sandbox": "strict"}) == []


def test_a_link_leads_to_what_is_hidden(tmp_path: Path) -> None:
    assert str(tmp_path).startswith("/tmp/")
    link = Path("/run") / f"superserver-test-{tmp_path.name}"
    link.symlink_to(tmp_path)
    try:
        ((_path, message),) = told({"exec": [f"{link}/server"], "sandbox": "strict"})
        assert f'"{link}/server", which leads to "{tmp_path}/server", is hidden by sandbox: strict' in message
        (problem,) = environment_problems(service(environment_file=f"{link}/variables", sandbox="strict"))
        assert "is hidden by sandbox: strict" in problem.message
    finally:
        link.unlink()


@pytest.mark.parametrize("lines", ["#!/root/venv/bin/python3\n", "#! /home/a/python -I\n"])
def test_what_starts_a_script_is_hidden(tmp_path: Path, lines: str) -> None:
    script = Path("/run") / f"superserver-script-{tmp_path.name}"
    again = Path("/run") / f"superserver-again-{tmp_path.name}"
    script.write_text(lines)
    again.write_text(f"#!{script}\n")
    try:
        for program in (script, again):
            ((path, message),) = told({"exec": [str(program)], "sandbox": "strict"})
            assert path == "exec[0]"
            assert f'"{program}" is started by "{lines[2:].split(maxsplit=1)[0]}", which is hidden by' in message
    finally:
        script.unlink()
        again.unlink()


@pytest.mark.parametrize(
    ("directives", "fields", "field"),
    [
        ({"ProtectHome": True}, {"exec": ["/root/server"]}, "exec[0]"),
        ({"ProtectHome": "tmpfs"}, {"working_directory": "/home/deploy"}, "working_directory"),
        ({"PrivateTmp": "yes"}, {"environment_file": "/tmp/variables"}, "environment_file"),
        ({"ProtectHome": "yes"}, {"tls": {**TLS, "key": "/root/key"}}, "tls.key"),
    ],
)
def test_what_raw_directives_hide(directives: Fields, fields: Fields, field: str) -> None:
    ((path, message),) = told({**fields, "native": {"systemd": {"service": directives}}})
    assert path == field
    assert f"is hidden by native.systemd.service.{next(iter(directives))}" in message
    assert told({**fields, "native": {"systemd": {"service": {"ProtectHome": "read-only"}}}}) == []


def test_forwarders_see_no_devices_where_systemd_can_hide_them() -> None:
    fields: Fields = {"exec": None, "proxy": {"to": "/dev/app.sock"}}
    ((path, _message),) = told(fields)
    assert path == "proxy.to"
    assert told(fields, Platform(mounts=False)) == []
    assert told({**fields, "backend": "s6"}) == []
    assert told({"exec": None, "proxy": {"to": "/home/app.sock"}}) == []


def test_what_hides_is_what_is_written() -> None:
    """The two lists are about the same directives."""
    assert dict(handlers.STRICT).items() >= dict.fromkeys(_HIDING, "yes").items()
