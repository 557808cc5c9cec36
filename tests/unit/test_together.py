# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One service with all that guards, logs and hides: secrets, a log in a file, a gate, TLS and rules of the guard."""

from __future__ import annotations

import json
import os
import re
import typing as t
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.offline import (
    apply_capabilities,
    render_all,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.early import early
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery import boot as _boot
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery import watch as _watch
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import journal as _journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import manifest as _manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import Manifest, manifest_of
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.boot import UNIT as GUARD_UNIT
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store as _files
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import CONFIG, LIBRARY, SECRETS, File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import BASE, Layer
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.services import load_services
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.stored import stored_service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs import watcher as _helper_watcher
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard.rules import RULES

WORD = "this-is-told-to-nobody"
GROUPS = {"nobody": "nogroup"}
# Every backend on each init system that can load rules before ports open.
PLACES: dict[str, tuple[str, Platform]] = {
    "systemd": ("systemd", Platform(bpf=False, policy="always", primary_groups=GROUPS)),
    "xinetd": ("xinetd", Platform(policy="always", primary_groups=GROUPS)),
    "ucspi": ("s6", Platform(policy="always", primary_groups=GROUPS)),
    "s6-networking": ("s6", Platform(s6="s6-networking", policy="always", primary_groups=GROUPS)),
    "ucspi-pid-1": (
        "s6",
        Platform(init="s6", policy="always", scan_directory="/run/service", primary_groups=GROUPS),
    ),
}
# How a unit or a script says that it waits for the rules.
WAITS = {
    "systemd": re.compile(rf"^Requires=.*{GUARD_UNIT}$.*^After=.*{GUARD_UNIT}$", re.MULTILINE | re.DOTALL),
    "s6": re.compile(rf"{LIBRARY}/guard apply "),
}
PLAIN: dict[str, t.Any] = {
    "name": "everything",
    # xinetd counts clients of one port only; the guard does it for several.
    "listen": [{"tcp": "7"}, {"tcp": "8"}],
    "exec": ["/opt/teller"],
    "user": "nobody",
    "secrets": {"A": WORD},
    "environment_file": "/etc/variables",
    "log": {"what": ["host", "exit", "refused"], "where": "file"},
    "banner": {"text": "go away\n", "on": "refuse"},
    "connections": {"max": 20, "per_source": 3},
    "access": {"hours": ["08:00-18:00"], "deny": ["192.0.2.1"]},
    "resources": {"open_files": 64},
}
ENCRYPTED = {**PLAIN, "tls": {"certificate": "/etc/a.pem", "key": "/etc/a.key"}}


def rendered(place: str, fields: t.Mapping[str, t.Any]) -> list[File]:
    backend, platform = PLACES[place]
    services = load_services([Layer(BASE, [fields])], None, backend, b"key")
    services, _warnings = apply_capabilities(services, platform, "fail")
    return _files.with_folders(render_all(services, platform))


@pytest.fixture(params=[PLAIN, ENCRYPTED], ids=["plain", "encrypted"])
def fields(request: pytest.FixtureRequest) -> dict[str, t.Any]:
    return dict(request.param)


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_value_is_in_one_file_that_nobody_else_can_reach(place: str, fields: dict[str, t.Any]) -> None:
    files = {file.path: file for file in rendered(place, fields)}
    assert [path for path, file in files.items() if WORD in file.content] == [f"{SECRETS}/everything"]
    assert (files[f"{SECRETS}/everything"].mode, files[f"{SECRETS}/everything"].owner) == (0o600, "root")
    assert (files[SECRETS].mode, files[CONFIG].mode, files[RULES].mode) == (0o700, 0o755, 0o600)
    assert list(files).index(SECRETS) < list(files).index(f"{SECRETS}/everything")


def test_every_program_that_a_file_names_is_written(place: str, fields: dict[str, t.Any]) -> None:
    """A chain is made of parts of several kinds, each of which brings its programs along."""
    files = rendered(place, fields)
    paths = {file.path for file in files}
    named = {word for file in files for word in re.findall(rf"{LIBRARY}/[\w./-]*\w", file.content)}
    assert {f"{LIBRARY}/{name}" for name in ("environment", "session", "record", "gate")} <= named
    # The holder's client tells in words where its socket is.
    assert named - paths == set()
    assert all("Managed by ondemand.superserver" in file.content for file in files if file.path in named)


def test_logging_comes_before_what_reads_secrets_and_that_before_the_account(
    place: str, fields: dict[str, t.Any]
) -> None:
    """The log is root's, and so are the files; the values are set behind the change of the account only."""
    text = next(file.content for file in rendered(place, fields) if f"{LIBRARY}/environment open" in file.content)
    order = (f"{LIBRARY}/session", f"{LIBRARY}/environment open", "setpriv", f"{LIBRARY}/environment enter")
    places = [text.rindex(word) for word in order]
    assert places == sorted(places)
    assert text.rindex("/opt/teller") > places[-1]
    assert f"-a {LIBRARY}/record" in text


def test_nothing_opens_before_the_rules_are_loaded(place: str, fields: dict[str, t.Any]) -> None:
    files = rendered(place, fields)
    init = PLACES[place][1].init
    listeners = [file for file in files if file.kind == "file" and file.path.endswith(".socket")]
    if PLACES[place][0] == "s6":
        listeners = [file for file in files if file.path.endswith("/run") and "everything" in file.path]
        assert listeners
        assert all(WAITS["s6"].search(file.content) for file in listeners if "/log/" not in file.path)
        return
    waiting = [file for file in files if WAITS[init].search(file.content)]
    assert {file.path for file in listeners} <= {file.path for file in waiting}
    assert waiting


def test_what_is_stored_of_it_is_read_again_without_the_value(place: str, fields: dict[str, t.Any]) -> None:
    services = load_services([Layer(BASE, [fields])], None, PLACES[place][0], b"key")
    manifest = manifest_of(services, rendered(place, fields), {})
    stored = json.dumps(manifest.to_json())
    assert WORD not in stored
    (again,) = _manifest.from_json(json.loads(stored)).built().values()
    assert again == services[0]
    assert stored_service(json.loads(json.dumps(again.to_json()))) == services[0]


class Commands(_helper_watcher.Commands):
    """Keeps what is to be run, and runs nothing."""

    def __init__(self) -> None:
        self.run: list[str] = []

    def run_command(self, args: t.Any, environ_update: t.Any, handle_exceptions: bool = False) -> tuple[int, str, str]:
        self.run.append(" ".join(args))
        return 0, "", ""


@pytest.mark.parametrize("guarded", [True, False])
def test_a_host_that_boots_has_its_secrets_and_rules_back(
    guarded: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of units that are back only now systemd knows nothing, so that sockets would not wait for the guard."""
    secrets, rules = tmp_path / "secrets", tmp_path / "guard.nft"
    monkeypatch.setattr(_files, "PRIVATE_DIRECTORIES", (str(secrets),))
    monkeypatch.setattr(_boot, "RULES", str(rules))
    monkeypatch.setattr(_journal, "PATH", str(tmp_path / "journal.json"))
    monkeypatch.setattr(_manifest, "PATH", str(tmp_path / "manifest.json"))
    real = os.path.isdir
    monkeypatch.setattr(os.path, "isdir", lambda path: path == "/run/systemd/system" or real(path))
    secrets.mkdir(0o700)
    (secrets / "a").write_text(f"A={WORD}\n")
    (secrets / "a").chmod(0o600)
    paths = {str(secrets / "a"): "systemd"}
    if guarded:
        rules.write_text("rules")
        paths[str(rules)] = "guard"
    seen = {path: _files.look(path) for path in paths}
    _journal.write(_journal.Journal(seen, paths, {"systemd": Change()}, Manifest(), guarded))
    (secrets / "a").unlink()
    secrets.rmdir()
    rules.unlink(missing_ok=True)
    commands = Commands()
    _watch.boot(commands)
    assert (secrets / "a").read_text() == f"A={WORD}\n"
    assert [path.stat().st_mode & 0o777 for path in (secrets, secrets / "a")] == [0o700, 0o600]
    begun = f"systemctl start --no-block {GUARD_UNIT}"
    assert (begun in commands.run) == guarded
    if guarded:
        assert commands.run.index("systemctl daemon-reload") < commands.run.index(begun)


def test_files_are_put_back_before_rules_are_read() -> None:
    (text,) = (file.content for file in early(_boot.RESTORE).files if file.kind == "file")
    assert re.search(rf"^Before=.*\b{re.escape(GUARD_UNIT)}$", text, re.MULTILINE)
    assert f"ConditionPathExists=!{_helper_watcher.LOCK}" in text
