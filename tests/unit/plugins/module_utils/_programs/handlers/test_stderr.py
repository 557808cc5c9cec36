# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Standard streams that a handler opens anew by their paths: the same answer from every super-server, for every
account, and nothing of what is said is lost."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.tests.unit import own_host
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, service
from ansible_collections.ondemand.superserver.tests.unit.own_host import on_own_host

pytestmark = on_own_host

# What has to be there for a super-server to run; systemd is played.
PROGRAMS = {"systemd": "sh", "xinetd": "xinetd", "s6": "s6-svscan"}
BACKENDS = [
    pytest.param(name, marks=pytest.mark.skipif(not shutil.which(program), reason=f"{program} is not installed"))
    for name, program in PROGRAMS.items()
]
ACCOUNTS: dict[str, Fields] = {
    "nobody": {"user": "nobody"},
    "no-groups": {"user": "nobody", "group": "daemon", "supplementary_groups": []},
    "root": {"user": "root"},
    "root-without-rights": {"user": "root", "sandbox": "basic"},
    "logged": {"user": "nobody", "log": {"what": ["pid"]}},
}
WAYS = ("/dev/stderr", "/dev/fd/2", "/proc/self/fd/2")
CONNECTION = ("/dev/stdin", "/dev/stdout", "/dev/fd/1")
SCRIPT = f"""
echo first >&2
for path in {" ".join(WAYS)}; do
    (echo "by $path" >"$path") && echo "yes $path" || echo "no $path"
    (echo "added to $path" >>"$path") && echo "yes $path" || echo "no $path"
done
echo teed | tee /dev/stderr
for path in {" ".join(CONNECTION)}; do
    (: <"$path") 2>/dev/null && echo "yes $path" || echo "no $path"
done
echo last >&2
echo end
read -r line
"""
ANSWER = "".join(
    [*(f"yes {path}\nyes {path}\n" for path in WAYS), "teed\n", *(f"no {path}\n" for path in CONNECTION), "end\n"]
)
SAID = ["first", *(line for path in WAYS for line in (f"by {path}", f"added to {path}")), "teed", "last"]
DAEMON = """
import os, socket, sys
listener = socket.socket(fileno=3)
while True:
    client = listener.accept()[0]
    for path in ("/dev/stdout", "/dev/stderr", "/proc/self/fd/1"):
        try:
            with open(path, "w") as file:
                file.write(f"daemon by {path}\\n")
            client.sendall(f"yes {path}\\n".encode())
        except OSError as problem:
            client.sendall(f"no {path}: {problem}\\n".encode())
    with open("/dev/stdin") as file:
        client.sendall(f"end {file.read()!r}\\n".encode())
    client.recv(1)
"""


def logs(backend: str) -> str:
    """Where a super-server of a test has what handlers say, with its own words perhaps; systemd is played."""
    return {
        "systemd": "/var/log/superserver/{}.journal",
        "xinetd": "/var/log/superserver/{}.log",
        "s6": "/var/log/superserver/{}/current",
    }[backend]


def answer_and_log(backend: str, last: str, fields: Fields) -> tuple[str, list[str]]:
    """What a client is told until "end", and what is in the log then, or as soon as the last word is."""
    # s6 has a server of its own for this option, and needs no package of others.
    more = {"tcp": {"no_delay": True}} if backend == "s6" else {}
    made = service(backend=backend, listen=[{"tcp": f"127.0.0.1:{own_host.free_port()}"}], **more, **fields)
    with own_host.served(made) as client:
        answer = b""
        while b"end" not in answer or not answer.endswith(b"\n"):
            part = client.recv(4096)
            assert part, answer
            answer += part
        log = Path(f"/proc/{own_host.holders(client)[0]}/root{logs(backend).format(made.name)}")
        deadline = time.monotonic() + own_host.PATIENCE
        while last not in log.read_text(encoding="utf-8") and time.monotonic() < deadline:
            time.sleep(0.05)
        # s6-log has the time before each line.
        said = [line.split("  ", 1)[-1] for line in log.read_text(encoding="utf-8").splitlines()]
    return answer.decode(), said


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_handlers_open_their_standard_error_by_path(backend: str, account: str) -> None:
    fields = {"exec": ["/bin/sh", "-c", SCRIPT], **ACCOUNTS[account]}
    answer, said = answer_and_log(backend, "last", fields)
    assert answer == ANSWER
    assert [line for line in said if line in SAID] == SAID


@pytest.mark.parametrize("account", ["nobody", "root"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_daemons_open_all_of_their_standard_streams_by_path(backend: str, account: str) -> None:
    fields = {"exec": ["/usr/bin/python3", "-c", DAEMON], "accept": False, "user": account}
    answer, said = answer_and_log(backend, "daemon by /proc/self/fd/1", fields)
    assert answer == "yes /dev/stdout\nyes /dev/stderr\nyes /proc/self/fd/1\nend ''\n"
    words = ("daemon by /dev/stdout", "daemon by /dev/stderr", "daemon by /proc/self/fd/1")
    assert [line for line in said if line.startswith("daemon")] == [*words]
