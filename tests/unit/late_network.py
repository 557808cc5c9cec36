# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network namespace whose addresses come and go, and stories of what happens there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import typing as t
from functools import lru_cache

import pytest

_NAMESPACE = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]

# What stories begin with. ``link`` makes an interface that looks whether others have its IPv6 addresses.
PRELUDE = """
import contextlib, fcntl, json, os, signal, socket, struct, subprocess, sys, time

def sh(command):
    subprocess.run(command, shell=True, check=True)

def come(address, device="lo"):
    sh(f"ip address add {address}/{128 if ':' in address else 32} dev {device}")

def go(address):
    sh(f"ip address del {address}/{128 if ':' in address else 32} dev lo")

def link():
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, 0x400454CA, struct.pack("16sH22x", b"late0", 0x1002))
    sh("ip link set late0 up")
    return tap

def until(look, seconds=10):
    deadline = time.monotonic() + seconds
    found = look()
    while not found and time.monotonic() < deadline:
        time.sleep(0.01)
        found = look()
    return found

def ask(address, port):
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=2) as client:
        client.settimeout(2)
        client.sendall(b"hello")
        return client.recv(9).decode()
    return ""

sh("ip link set lo up")
"""


def story(text: str, *arguments: str) -> t.Any:
    """What a story prints, which is JSON, in a namespace of its own."""
    argv = [*_NAMESPACE, sys.executable, "-c", PRELUDE + text, *arguments]
    done = subprocess.run(argv, text=True, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@lru_cache(maxsize=None)
def _works(text: str) -> bool:
    if not (shutil.which("unshare") and shutil.which("ip")):
        return False
    argv = [*_NAMESPACE, sys.executable, "-c", PRELUDE + text]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


with_addresses = pytest.mark.skipif(
    not _works("come('192.0.2.7'); come('2001:db8::7')"), reason="takes a network namespace with IPv4 and IPv6"
)
with_detection = pytest.mark.skipif(
    not _works("link(); come('2001:db8::7', 'late0')"), reason="takes a network namespace with IPv6, and /dev/net/tun"
)
