# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that come later: the waiter with a real xinetd, and the binder that does not wait."""

from __future__ import annotations

import shutil
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd import waiting as _xinetd_waiting
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.backend import Xinetd
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Process
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.daemons import waiter as _helper_waiter
from ansible_collections.ondemand.superserver.tests.unit import goldens
from ansible_collections.ondemand.superserver.tests.unit.late_network import story, with_addresses, with_detection
from ansible_collections.ondemand.superserver.tests.unit.programs import installed
from ansible_collections.ondemand.superserver.tests.unit.samples import COMMON
from ansible_collections.ondemand.superserver.tests.unit.xinetd_machine import (
    UNDER_SYSTEMD,
    Machine,
    made,
    status,
)

PORTS = {"192.0.2.7": 22480, "2001:db8::7": 22481, "127.0.0.1": 22482}
ENTRY = """\
service late{port}
{{
\ttype = UNLISTED
\tsocket_type = stream
\tprotocol = tcp
\tport = {port}
\tbind = {address}
\tflags = {family}
\twait = no
\tuser = root
\tserver = /bin/cat
\tcps = 0 0
}}
"""
# The waiter of sys.argv: the program, xinetd's configuration, which it would take for a stranger's, and the list.
RUNNING = """
program, xinetd, config, listed = sys.argv[1:5]
CODE = (
    "import runpy, sys; sys.argv = sys.argv[1:]; m = runpy.run_path(sys.argv[0]); "
    f"m['wait_for_addresses'].__globals__.update(CONFIG={config!r}, LOOK=float(sys.argv[2])); "
    "m['wait_for_addresses'](sys.argv[1])"
)

def start(look="60"):
    argv = [sys.executable, "-IS", "-c", CODE, program, listed, look]
    return subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)

def superserver():
    server = subprocess.Popen([xinetd, "-f", config, "-dontfork", "-stayalive", "-filelog", "/dev/null"])
    return server, until(lambda: ask("127.0.0.1", 22482))

def end(waiter, server):
    waiter.terminate()
    said = waiter.communicate(timeout=10)[1]
    server.terminate()
    server.wait()
    return said
"""

with_xinetd = pytest.mark.skipif(not shutil.which("xinetd"), reason="takes xinetd")


def told(text: str, tmp_path: Path) -> t.Any:
    """What a story of xinetd and the waiter comes to."""
    config, listed = tmp_path / "xinetd.conf", tmp_path / "addresses"
    families = {address: "IPv6" if ":" in address else "IPv4" for address in PORTS}
    entries = (ENTRY.format(address=address, port=port, family=families[address]) for address, port in PORTS.items())
    config.write_text("".join(entries))
    listed.write_text("# a head\n\ntcp 192.0.2.7 22480\ntcp 2001:db8::7 22481\n")
    return story(RUNNING + text, installed(_helper_waiter), shutil.which("xinetd") or "", str(config), str(listed))


@with_xinetd
@with_addresses
def test_xinetd_opens_what_has_waited_for_its_address(tmp_path: Path) -> None:
    text = """
server, _up = superserver()
waiter = start()
with socket.create_connection(("127.0.0.1", 22482)) as session:
    before = [ask("192.0.2.7", 22480), ask("2001:db8::7", 22481)]
    times = []
    for address, port in (("192.0.2.7", 22480), ("2001:db8::7", 22481)):
        come(address)
        began = time.monotonic()
        answer = until(lambda: ask(address, port))
        times.append(time.monotonic() - began)
    session.sendall(b"still")
    still = session.recv(9).decode()
after = [ask(address, port) for address, port in (("192.0.2.7", 22480), ("2001:db8::7", 22481))]
# A client may be served before the waiter has seen that it is open.
time.sleep(1)
print(json.dumps([before, after, still, times, end(waiter, server)]))
"""
    before, after, still, times, said = told(text, tmp_path)
    assert (before, after, still) == (["", ""], ["hello", "hello"], "still")
    assert max(times) < 2
    assert said.count("xinetd has read its configuration again: tcp") == 2


@with_xinetd
@with_addresses
def test_an_address_that_came_before_the_waiter_did(tmp_path: Path) -> None:
    text = """
server, _up = superserver()
come("192.0.2.7")
closed = ask("192.0.2.7", 22480)
waiter = start()
print(json.dumps([closed, until(lambda: ask("192.0.2.7", 22480)), end(waiter, server)]))
"""
    closed, opened, _said = told(text, tmp_path)
    assert (closed, opened) == ("", "hello")


@with_xinetd
@with_addresses
def test_an_address_that_goes_and_comes_back_needs_nobody(tmp_path: Path) -> None:
    text = """
come("192.0.2.7")
server, _up = superserver()
waiter = start("0.1")
answers = [ask("192.0.2.7", 22480)]
go("192.0.2.7")
time.sleep(0.5)
come("192.0.2.7")
time.sleep(0.5)
answers.append(ask("192.0.2.7", 22480))
print(json.dumps([answers, end(waiter, server)]))
"""
    assert told(text, tmp_path) == [["hello", "hello"], ""]


@with_xinetd
@with_addresses
def test_what_is_new_in_the_list_is_left_to_the_run_that_wrote_it_at_first(tmp_path: Path) -> None:
    text = """
lines = open(listed).read()
open(listed, "w").write("tcp 2001:db8::7 22481\\n")
server, _up = superserver()
come("192.0.2.7")
waiter = start("1")
time.sleep(0.7)
open(listed, "w").write(lines)
time.sleep(0.8)
early = ask("192.0.2.7", 22480)
print(json.dumps([early, until(lambda: ask("192.0.2.7", 22480)), end(waiter, server)]))
"""
    early, opened, _said = told(text, tmp_path)
    assert (early, opened) == ("", "hello")


@with_xinetd
@with_detection
def test_an_ipv6_address_counts_when_nobody_else_is_found_to_have_it(tmp_path: Path) -> None:
    text = """
tap = link()
server, _up = superserver()
waiter = start()
time.sleep(0.5)
come("2001:db8::7", "late0")
answer = until(lambda: ask("2001:db8::7", 22481))
# It says so after that.
time.sleep(0.5)
print(json.dumps([answer, end(waiter, server)]))
"""
    answer, said = told(text, tmp_path)
    assert answer == "hello"
    assert said.count("\n") == 1


@with_addresses
def test_without_xinetd_it_says_so_and_goes_on(tmp_path: Path) -> None:
    text = """
import select

CODE = CODE.replace("LOOK=", "PATIENCE=0.3, LOOK=")
waiter = start()
time.sleep(0.5)
come("192.0.2.7")
select.select([waiter.stderr], [], [], 10)
running = waiter.poll() is None
waiter.terminate()
print(json.dumps([running, waiter.communicate()[1]]))
"""
    running, said = told(text, tmp_path)
    assert running
    assert said == "waiter: xinetd does not run and cannot open tcp 192.0.2.7 22480\n"


@with_addresses
def test_it_ends_when_there_is_nothing_to_wait_for_any_more(tmp_path: Path) -> None:
    text = """
waiter = start("0.1")
time.sleep(0.3)
os.unlink(listed)
print(json.dumps([waiter.wait(timeout=5), waiter.stderr.read()]))
"""
    assert told(text, tmp_path) == [0, ""]


LATE = made("late", listen=COMMON["late"]["listen"])
ALWAYS = made("always", listen=[{"tcp": "1017"}, {"tcp": "127.0.0.1:1018"}])


def test_files_of_the_waiter() -> None:
    files = _xinetd_waiting.waiter_files([LATE, ALWAYS], UNDER_SYSTEMD)
    goldens.compare("xinetd/host/waiting.txt", files[1:])
    assert {file.path for file in files} <= {file.path for file in Xinetd().render([LATE, ALWAYS], UNDER_SYSTEMD)}


@pytest.mark.parametrize("service", [ALWAYS, replace(LATE, state="disabled")])
def test_there_is_none_where_every_address_is_always_there(service: t.Any) -> None:
    assert not _xinetd_waiting.waiter_files([service], UNDER_SYSTEMD)


@pytest.mark.parametrize("init", ["s6", "other"])
def test_there_is_none_where_nobody_would_start_it(init: str) -> None:
    assert not _xinetd_waiting.waiter_files([LATE], Platform(init=init))


def machine(*argv: str) -> Machine:
    """A host with xinetd, and with the process of this command line."""
    main = Process(100, 1, "xinetd", ("/usr/sbin/xinetd", "-stayalive"), 5)
    return Machine(main, *([Process(200, 1, "python3", argv, 6)] if argv else []))


@pytest.mark.parametrize(
    ("services", "running", "done"),
    [
        ([LATE], False, ["systemctl start superserver-addresses.service"]),
        ([LATE], True, []),
        ([ALWAYS], True, ["systemctl stop superserver-addresses.service"]),
        ([], False, []),
    ],
)
def test_it_is_started_and_stopped(services: list[t.Any], running: bool, done: list[str]) -> None:
    host = machine(*([_xinetd_waiting.WAITER, _xinetd_waiting.LIST] if running else []))
    _xinetd_waiting.settle(services, UNDER_SYSTEMD, host)
    assert host.done == done


def test_one_of_a_container_is_not_the_host_s_own() -> None:
    host = machine(_xinetd_waiting.WAITER)
    assert _xinetd_waiting.runs(host)
    host.states[200] = status(host.running[1], namespaces="\t1")
    assert not _xinetd_waiting.runs(host)


def test_a_host_whose_waiter_does_not_run_is_reported() -> None:
    host = machine()
    said = "superserver-addresses.service, which waits for addresses, does not run"
    assert Xinetd().health([LATE, ALWAYS], UNDER_SYSTEMD, host) == {"late": said, "always": said}
    assert Xinetd().health([ALWAYS], UNDER_SYSTEMD, host) == {}
