# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The listener module: its options and what it returns."""

from __future__ import annotations

import json
import os
import socket
import typing as t
from collections.abc import Callable, Iterator

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args

from ansible_collections.ondemand.superserver.plugins.modules import listener, listener_info

Result = t.Dict[str, t.Any]
Run = t.Callable[..., Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a module's main function with options, as on a host, and returns what it printed."""

    def ran(main: Callable[[], None], check_mode: bool = False, **options: object) -> Result:
        with patch_module_args({**options, "_ansible_check_mode": check_mode}), pytest.raises(SystemExit):
            main()
        return dict(json.loads(capsys.readouterr().out))

    return ran


@pytest.fixture
def port() -> Iterator[int]:
    """A TCP port of 127.0.0.1 that this process holds and never accepts on."""
    with socket.create_server(("127.0.0.1", 0)) as entry:
        yield int(entry.getsockname()[1])


@pytest.mark.parametrize("check_mode", [False, True])
def test_held(run: Run, port: int, check_mode: bool) -> None:
    result = run(listener.main, check_mode, tcp=f"127.0.0.1:{port}", connect=True)
    assert not result.get("failed", False)
    assert result["changed"] is False
    assert result["endpoint"] == f"tcp 127.0.0.1:{port}"
    assert result["attempts"] == 1
    assert (result["answer"]["address"], result["answer"]["outcome"]) == ("127.0.0.1", "answered")
    (holder,) = result["holders"]
    assert (holder["address"], holder["port"], holder["family"]) == ("127.0.0.1", port, "ipv4")
    assert holder["pid"] == os.getpid()
    assert holder["owner"]["name"]


def test_a_failure_says_what_was_found(run: Run, port: int) -> None:
    result = run(listener.main, tcp=f"127.0.0.1:{port}", owner={"xinetd": "echo"}, retries=1, delay=0.01)
    assert result["failed"] is True
    assert result["msg"].startswith(f"tcp 127.0.0.1:{port} does not belong to xinetd service echo: found ")
    assert str(os.getpid()) in result["msg"]
    assert result["attempts"] == 2
    assert result["holders"][0]["pid"] == os.getpid()
    assert result["answer"] is None


def test_free(run: Run, port: int) -> None:
    assert run(listener.main, tcp=f"127.0.0.1:{port}", state="free")["failed"] is True
    result = run(listener.main, udp=f"127.0.0.1:{port}", state="free")
    assert not result.get("failed", False)
    assert result["holders"] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "one of the following is required: tcp, udp, unix"),
        ({"tcp": "7", "udp": "7"}, "mutually exclusive: tcp|udp|unix"),
        ({"tcp": "7", "owner": {}}, "one of the following is required: systemd, xinetd, s6, program"),
        ({"tcp": "7", "owner": {"systemd": "a", "s6": "b"}}, "mutually exclusive: systemd|xinetd|s6|program"),
        ({"tcp": "127.1:7"}, "is not an IPv4 address"),
        ({"tcp": "7", "refuse": True, "connect": True}, "remove expect and connect"),
    ],
)
def test_wrong_options(run: Run, options: dict[str, object], message: str) -> None:
    result = run(listener.main, **options)
    assert result["failed"] is True
    assert message in result["msg"]


def test_every_returned_key_is_documented(run: Run, port: int) -> None:
    documented = _documentation(listener.RETURN)
    result = run(listener.main, tcp=f"127.0.0.1:{port}", connect=True)
    assert result.keys() - {"changed", "invocation"} == documented.keys()
    assert result["answer"].keys() == documented["answer"]["contains"].keys()
    assert result["holders"][0].keys() == documented["holders"]["sample"][0].keys()
    listed = run(listener_info.main, transport=["tcp"])
    described = _documentation(listener_info.RETURN)["listeners"]["contains"]
    assert {frozenset(row) for row in listed["listeners"]} == {frozenset(described)}


def _documentation(text: str) -> dict[str, t.Any]:
    return dict(yaml.safe_load(text))


@pytest.mark.parametrize("check_mode", [False, True])
def test_everything_is_listed(run: Run, port: int, check_mode: bool) -> None:
    result = run(listener_info.main, check_mode)
    assert result["changed"] is False
    (row,) = [row for row in result["listeners"] if row["port"] == port and row["transport"] == "tcp"]
    assert (row["address"], row["pid"], row["dual"]) == ("127.0.0.1", os.getpid(), False)
    none = run(listener_info.main, check_mode, transport=["udp"], owner=["s6"])
    assert none["listeners"] == []


def test_info_refuses_what_it_does_not_know(run: Run) -> None:
    assert "no match for: sctp" in run(listener_info.main, transport=["sctp"])["msg"]
