# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network namespace with the guard's keeper in it, and what neighbours do to its rules there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._programs.assembly import program
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard import guard as _helper_guard
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard import rules as _helper_rules

# A network namespace of its own, so that nothing of this machine is looked at or changed.
NAMESPACE = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]

# What stories begin with: loopback is up, and the keeper can be had.
PRELUDE = """
import json, os, signal, socket, subprocess, sys, threading, time
FOLDER, PYTHON = sys.argv[1:3]
GUARD = [PYTHON, "-BIS", FOLDER + "/guard"]

def sh(command, code=0):
    done = subprocess.run(command, shell=True, text=True, capture_output=True, check=False, cwd=FOLDER)
    assert code is None or done.returncode == code, (command, done)
    return done.stdout

def keep():
    ready, told = os.pipe()
    keeper = subprocess.Popen([*GUARD, "keep", str(told)], pass_fds=[told])
    os.close(told)
    assert os.read(ready, 1) == b"\\n", "the keeper ended"
    os.close(ready)
    return keeper

def apply(seconds="5"):
    done = subprocess.run([*GUARD, "apply", seconds], text=True, capture_output=True, check=False)
    return done.returncode, done.stderr

def table():
    return sh("nft -s list table inet superserver", None)

def connect(port=7007, source="127.0.0.1"):
    client = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET)
    client.settimeout(5)
    client.bind((source, 0))
    try:
        client.connect(("::1" if ":" in source else "127.0.0.1", port))
    except (ConnectionRefusedError, ConnectionResetError):
        client.close()
        return None
    return client

sh("ip link set lo up")
server = socket.create_server(("::", 7007), family=socket.AF_INET6, dualstack_ipv6=True, backlog=2000)
other = socket.create_server(("::", 7008), family=socket.AF_INET6, dualstack_ipv6=True, backlog=2000)
"""


def inside(*argv: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command in a network namespace of its own."""
    return subprocess.run([*NAMESPACE, *argv], input=text, text=True, capture_output=True, check=False)


def nftables_usable() -> bool:
    """Whether rules can be loaded here."""
    have = all(shutil.which(program) for program in ("nft", "unshare", "ip"))
    return have and inside("nft", "list", "tables").returncode == 0


def ownable(flags: str = "owner") -> bool:
    """Whether a table can belong to a process here: Linux 5.12, nft 0.9.9; ``owner, persist``: Linux 6.9, nft 1.1."""
    rules = f"table inet x {{ flags {flags}; }}"
    return nftables_usable() and inside("nft", "-f", "-", text=rules).returncode == 0


with_nftables = pytest.mark.skipif(not nftables_usable(), reason="nft does not work in a network namespace here")
with_ownership = pytest.mark.skipif(not ownable(), reason="no table can belong to a process here")


def install(rules: str, folder: Path, *, owning: bool = True) -> None:
    """The keeper and its rules, as on a host whose kernel lets tables be owned, or not."""
    keeper = program(_helper_guard).replace(_helper_guard.SOCKET, f"{folder}/socket")
    if not owning:
        keeper = keeper.replace('OWNERSHIPS = ("owner, persist", "owner", "")', 'OWNERSHIPS = ("", "")')
        assert 'OWNERSHIPS = ("", "")' in keeper
    (folder / "guard").write_text(keeper)
    known = program(_helper_rules).replace(_helper_rules.RULES, f"{folder}/rules")
    (folder / _helper_guard.BESIDE).write_text(known)
    (folder / "rules").write_text(rules)


def story(text: str, folder: Path) -> t.Any:
    """What a program prints as JSON that runs in such a namespace, with PRELUDE before it."""
    program = folder / "story"
    program.write_text(PRELUDE + text)
    done = inside(sys.executable, str(program), str(folder), sys.executable)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
