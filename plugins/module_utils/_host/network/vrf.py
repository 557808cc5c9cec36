# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routing domains of their own (VRF), as the kernel's networking/vrf.rst describes them.

A packet that comes in through an interface of a VRF reaches the input hook of nftables with the name of the VRF. A
socket that is bound to no interface gets it only with ``net.ipv4.tcp_l3mdev_accept`` or its like for UDP.
"""

from __future__ import annotations

import os

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store

INTERFACES = "/sys/class/net"
SETTINGS = "/proc/sys/net/ipv4"


def is_vrf(interface: str) -> bool:
    """Whether an interface is a VRF itself; False also for one that does not exist."""
    return "DEVTYPE=vrf" in store.text(f"{INTERFACES}/{interface}/uevent").split("\n")


def vrf_of(interface: str) -> str:
    """The VRF that an interface belongs to, empty for none."""
    try:
        master = os.path.basename(os.readlink(f"{INTERFACES}/{interface}/master"))
    except OSError:
        return ""
    return master if is_vrf(master) else ""


def setting_that_hides(transport: str) -> str:
    """The kernel setting that keeps connections or datagrams of a VRF from sockets without an interface, empty if it
    does not."""
    name = f"{transport}_l3mdev_accept"
    return f"net.ipv4.{name}" if store.text(f"{SETTINGS}/{name}").strip() == "0" else ""
