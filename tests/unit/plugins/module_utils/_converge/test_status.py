# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of a host beside its services."""

from __future__ import annotations

import datetime
import typing as t
from pathlib import Path
from types import SimpleNamespace

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._converge import status
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.inputs import Request
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight import accounts, certificates
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import Manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.loading import Findings
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.actions import Action
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.store import Seen
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard.rules import RULES
from ansible_collections.ondemand.superserver.tests.unit.declarations import service
from ansible_collections.ondemand.superserver.tests.unit.fake_host import FakeHost
from ansible_collections.ondemand.superserver.tests.unit.hostile import as_root, place


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., dict[str, t.Any]]:
    """Looks at a host that has rules of the guard, with a declaration and without."""
    written = Manifest(files={RULES: {"service": "", "kind": "file", "digest": "0"}})
    monkeypatch.setattr(manifest, "load", lambda: written)

    def look(problem: str, declared: bool, changed: bool = False) -> dict[str, t.Any]:
        seen = SimpleNamespace(digest="1" if changed else "0")
        monkeypatch.setattr(store, "look", lambda path: seen)
        monkeypatch.setattr(status, "findings", lambda platform, processes, host: Findings(problem))
        snapshot = SimpleNamespace(
            takeover=SimpleNamespace(decisions=()), warnings=["echo: about to expire"], dirty=(), missing={}
        )
        monkeypatch.setattr(status, "read", lambda request, host: snapshot)
        monkeypatch.setattr(status, "make_plan", lambda read: SimpleNamespace(actions=(), snapshot=read))
        return status.status(Request((), {}), declared, False, FakeHost())

    return look


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("problem", ["", "the nftables table inet superserver: it is not loaded"])
def test_rules_that_are_not_loaded_are_a_problem(
    problem: str, declared: bool, found: t.Callable[..., dict[str, t.Any]]
) -> None:
    """Files, sockets and super-servers are all right then, and everybody may connect."""
    assert found(problem, declared)["problems"] == ([f"guard: {problem}"] if problem else [])


def test_rules_whose_file_was_changed_are_told_as_that(found: t.Callable[..., dict[str, t.Any]]) -> None:
    assert found("another", declared=False, changed=True)["problems"] == [f"{RULES}: changed"]


def test_what_a_run_would_warn_of_is_told(found: t.Callable[..., dict[str, t.Any]]) -> None:
    assert found("", declared=True)["warnings"] == ["echo: about to expire"]
    assert found("", declared=False)["warnings"] == []


def test_a_directory_that_keeps_services_out_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a run with another mask has left it; no service of its own has it."""
    folder, absent = File("/etc/superserver", mode=0o755, kind="directory"), File("/etc/superserver/a")
    seen = {folder.path: Seen("directory", b"", 0o700, "root", "root"), absent.path: None}
    snapshot = SimpleNamespace(
        takeover=SimpleNamespace(decisions=()), warnings=(), dirty=(folder, absent), seen=seen, missing={}
    )
    monkeypatch.setattr(status, "read", lambda request, host: snapshot)
    monkeypatch.setattr(status, "make_plan", lambda read: SimpleNamespace(actions=(), snapshot=read))
    found = status.status(Request((), {}), True, False, FakeHost())
    assert found["problems"] == ["/etc/superserver: not as declared, of root:root with mode 0700"]


def test_what_a_run_would_do_is_pending(monkeypatch: pytest.MonkeyPatch) -> None:
    actions = [Action("a", "none", ""), Action("b", "change", "changed: umask", None, service(name="b"))]
    decisions = [SimpleNamespace(name=name, action=name, reason="why") for name in ("none", "adopt")]
    snapshot = SimpleNamespace(
        takeover=SimpleNamespace(decisions=decisions), warnings=["look"], dirty=(), seen={}, missing={}
    )
    monkeypatch.setattr(status, "read", lambda request, host: snapshot)
    monkeypatch.setattr(status, "make_plan", lambda read: SimpleNamespace(actions=actions, snapshot=read))
    found = status.status(Request((), {}), True, False, FakeHost())
    assert found["pending"] == [{"name": "b", "backend": "systemd", "action": "change", "reason": "changed: umask"}]
    assert found["problems"] == ["b: not as declared: change, changed: umask", "adopt: not as declared: adopt, why"]
    assert found["warnings"] == ["look"]


def test_what_is_told_of_a_service_has_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    certificate = tmp_path / "mine.pem"
    held = service(tls={"certificate": str(certificate), "key": str(certificate)})
    monkeypatch.setattr(manifest, "load", lambda: Manifest(services={held.name: held.to_json()}))
    monkeypatch.setattr(
        certificates, "expiry", lambda path: datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    )
    (warning,) = status.status(Request((), {}), False, False, FakeHost())["warnings"]
    assert warning.startswith(f'{held.name}.tls.certificate: "{certificate}" expired on ')


def test_an_account_that_is_to_be_made_is_told_and_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Roles look at hosts before they make anything there."""
    asked: list[Request] = []

    def read(request: Request, host: LocalHost) -> SimpleNamespace:
        asked.append(request)
        return snapshot

    wanted = {"a": service(exec=None, internal="echo")}
    snapshot = SimpleNamespace(
        takeover=SimpleNamespace(decisions=()), warnings=(), dirty=(), missing={"account": "superserver"}, want=wanted
    )
    monkeypatch.setattr(status, "read", read)
    monkeypatch.setattr(status, "make_plan", lambda read: SimpleNamespace(actions=(), snapshot=read))
    monkeypatch.setattr(accounts, "is_user", lambda name: False)
    (problem,) = status.status(Request((), {}), True, False, FakeHost())["problems"]
    assert 'the host has no user "superserver"' in problem
    assert [request.makes_account for request in asked] == [True]


@as_root
def test_a_key_that_others_have_got_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    with place() as folder:
        key = folder / "key"
        key.touch(0o644)
        held = service(tls={"certificate": str(key), "key": str(key)})
        monkeypatch.setattr(manifest, "load", lambda: Manifest(services={held.name: held.to_json()}))
        problems = status.status(Request((), {}), False, False, FakeHost())["problems"]
        assert [text for text in problems if text.startswith(f'{held.name}.tls.key: "{key}" can be read by every')]
