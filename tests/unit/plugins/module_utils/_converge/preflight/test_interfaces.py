# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces of a VRF. The files are those of the kernel; no VRF is needed to read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.interfaces import (
    interface_problems,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.network import vrf
from ansible_collections.ondemand.superserver.tests.unit.declarations import service


@pytest.fixture(autouse=True)
def _kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interface in a VRF, one in a bridge, one in neither; TCP is kept from the VRF, UDP is not."""
    monkeypatch.setattr(vrf, "INTERFACES", str(tmp_path / "net"))
    monkeypatch.setattr(vrf, "SETTINGS", str(tmp_path / "ipv4"))
    kinds = {"red": "vrf", "br0": "bridge", "eth0": "", "eth1": "", "eth2": ""}
    for name, kind in kinds.items():
        (tmp_path / "net" / name).mkdir(parents=True)
        line = f"DEVTYPE={kind}\n" if kind else ""
        (tmp_path / "net" / name / "uevent").write_text(f"{line}INTERFACE={name}\nIFINDEX=7\n")
    for name, master in {"eth0": "red", "eth1": "br0"}.items():
        (tmp_path / "net" / name / "master").symlink_to(f"../{master}")
    (tmp_path / "ipv4").mkdir()
    (tmp_path / "ipv4" / "tcp_l3mdev_accept").write_text("0\n")
    (tmp_path / "ipv4" / "udp_l3mdev_accept").write_text("1\n")


@pytest.mark.parametrize(
    ("endpoint", "problem"),
    [
        ({"tcp": "7", "interface": "eth0"}, 'belongs to the VRF "red"'),
        ({"udp": "7", "interface": "eth0"}, 'write "red"'),
        ({"tcp": "7", "interface": "red"}, "set net.ipv4.tcp_l3mdev_accept to 1 first"),
        ({"udp": "7", "interface": "red"}, ""),
        ({"tcp": "7", "interface": "eth1"}, ""),
        ({"tcp": "7", "interface": "eth2"}, ""),
        ({"tcp": "7", "interface": "later"}, ""),
        ({"tcp": "7"}, ""),
    ],
)
def test_an_interface_of_a_vrf(endpoint: dict[str, str], problem: str) -> None:
    fields = {"access": {"allow": ["10.0.0.0/8"]}, "accept": False} if "udp" in endpoint else {}
    found = interface_problems(service(listen=[{"tcp": "8"}, endpoint], **fields))
    assert [(each.path, problem in each.message) for each in found] == (
        [("superserver_services[0].listen[1].interface", True)] if problem else []
    )
