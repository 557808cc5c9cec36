# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets of addresses that the host may lack when they are bound."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._programs.daemons import binder as _helper_binder
from ansible_collections.ondemand.superserver.tests.unit.late_network import story, with_addresses
from ansible_collections.ondemand.superserver.tests.unit.programs import installed

BINDING = """
binder, *words = sys.argv[1:]
code = (
    "import socket, sys, time; s = socket.socket(fileno=0); s.setblocking(True); print('bound', flush=True)\\n"
    "if s.type == socket.SOCK_DGRAM: data, peer = s.recvfrom(9); s.sendto(data, peer)\\n"
    "else: s.accept()[0].send(b'hello')"
)
argv = [sys.executable, "-IS", binder, "bind", *words, "--", sys.executable, "-c", code]
process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
bound = process.stdout.readline().strip()
answer = ""
if bound:
    come(words[2])
    kind = socket.SOCK_DGRAM if words[0] == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET6 if ":" in words[2] else socket.AF_INET, kind) as client:
        client.settimeout(5)
        client.connect((words[2], int(words[3])))
        if words[0] == "udp":
            client.send(b"hello")
        answer = client.recv(9).decode()
print(json.dumps([bound, answer, process.communicate()[1]]))
"""


@with_addresses
@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7"])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("ahead", [True, False])
def test_binder_binds_ahead_of_the_address_where_that_is_declared(ahead: bool, transport: str, address: str) -> None:
    words = [transport, "ipv6" if ":" in address else "ipv4", address, "22480"]
    words += (["5"] if transport == "tcp" else []) + (["freebind"] if ahead else [])
    bound, answer, said = story(BINDING, installed(_helper_binder), *words)
    assert (bound, answer) == (("bound", "hello") if ahead else ("", ""))
    assert ("Cannot assign requested address" in said) is not ahead


SUPERVISED = """
supervisor, folder, address, port = sys.argv[1:5]
process = subprocess.Popen([supervisor, folder], stderr=subprocess.DEVNULL, start_new_session=True)
time.sleep(1.5)
before = ask(address, int(port))
come(address)
began = time.monotonic()
answer = until(lambda: ask(address, int(port)))
took = time.monotonic() - began
os.killpg(process.pid, signal.SIGTERM)
process.wait(10)
print(json.dumps([before, answer, took]))
"""


@with_addresses
@pytest.mark.skipif(not shutil.which("s6-supervise"), reason="takes s6")
def test_a_server_of_s6_that_does_not_bind_ahead_tries_again(tmp_path: Path) -> None:
    """What is not declared to come later may do so at boot."""
    folder = tmp_path / "late"
    folder.mkdir()
    run = folder / "run"
    code = "import socket; s = socket.socket(fileno=0); s.setblocking(True); c, _p = s.accept(); c.sendall(c.recv(9))"
    words = [sys.executable, "-IS", installed(_helper_binder), "bind", "tcp", "ipv4", "192.0.2.7", "22480", "5", "--"]
    run.write_text(f"#!/bin/sh\nexec {shlex.join([*words, sys.executable, '-c', code])} 2>/dev/null\n")
    run.chmod(0o755)
    before, answer, took = story(SUPERVISED, shutil.which("s6-supervise") or "", str(folder), "192.0.2.7", "22480")
    assert (before, answer) == ("", "hello")
    assert took < 4
