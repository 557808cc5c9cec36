# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real xinetd says that it serves, of configurations that are made by chance, and what the reader says of them.

xinetd is in namespaces of its own, where it may have every address and every port.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import (
    literal_address,
    read_entries,
    started,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.services import XinetdService
from ansible_collections.ondemand.superserver.tests.unit.xinetd_trees import SEVERAL, Maker

TREES = 300
SEED = 20
SECONDS = 120
KINDS = ("stream", "dgram")
XINETD = shutil.which("xinetd", path="/usr/sbin:/usr/local/sbin:/sbin")

# $1: xinetd; $2: a directory with one directory for each configuration. What it says is put beside each. The machine's
# names of hosts are not there, so that addresses are told as numbers.
_RUN = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
echo 'hosts: files' >/run/nsswitch
echo '127.0.0.77 named.example' >/run/hosts
mount --bind /run/nsswitch /etc/nsswitch.conf
mount --bind /run/hosts /etc/hosts
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_nonlocal_bind
echo 1 >/proc/sys/net/ipv6/ip_nonlocal_bind
set +e
ulimit -n 1024
cd /
for folder in "$2"/*; do
    "$1" -dontfork -stayalive -f "$folder/xinetd.conf" -filelog "$folder/.log" -pidfile /run/pid >/dev/null 2>&1 &
    lives() { kill -0 $! 2>/dev/null; }
    until grep -q 'Started working' "$folder/.log" 2>/dev/null || ! lives; do sleep 0.005; done
    lives && kill -USR1 $!
    until grep -q '^Logging service' /run/xinetd.dump 2>/dev/null || ! lives; do sleep 0.005; done
    lives && cat /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6 >"$folder/.sockets"
    kill -KILL $! 2>/dev/null
    wait $! 2>/dev/null
    [ ! -f /run/xinetd.dump ] || mv /run/xinetd.dump "$folder/.dump"
done
"""
_NAMESPACES = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", _RUN, "sh"]


@lru_cache(maxsize=None)
def _usable() -> bool:
    if os.geteuid() != 0 or not (XINETD and shutil.which("unshare")):
        return False
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run([*_NAMESPACES, XINETD, folder], capture_output=True, check=False).returncode == 0


needs_xinetd = pytest.mark.skipif(not _usable(), reason="takes xinetd, root, and the right to make namespaces")


@dataclass(frozen=True)
class Told:
    """One service that is served."""

    name: str
    id: str
    kind: str
    transport: str
    port: int
    bind: str
    clients: frozenset[str]
    # Whether xinetd puts some other address into the socket, whatever it finds in its memory.
    unclear: bool = field(default=False, compare=False)


def read_dump(path: Path) -> list[Told]:
    """What xinetd says that it serves. One that has ended serves nothing; what has no port of its own is left out, and
    what has no port of TCP or UDP."""
    text = os.fsdecode(path.read_bytes()) if path.exists() else ""
    services = re.split(r"^Service = ", text.partition("Server table dump")[0], flags=re.MULTILINE)[1:]
    return [told for told in map(_told, services) if told.port and told.kind in KINDS]


def _told(text: str) -> Told:
    fields = dict(re.findall(r"^\t+([^=:\n]+)(?: =|:) (.*)$", text, flags=re.MULTILINE))
    protocol = fields["Protocol (name,number)"].rstrip(")").rpartition(",")[2]
    bind = fields["Bind"].replace("All addresses.", "")
    # Of an address of the other family nothing is left.
    unclear = "IPv6" in fields["flags"] and re.fullmatch("[0-9.]+", bind) is not None
    lost = unclear or (":" in bind and "IPv4" in fields["flags"])
    return Told(
        text.partition("\n")[0],
        fields["id"],
        fields["socket_type"],
        {"6": "tcp", "17": "udp", "262": "tcp"}.get(protocol, protocol),
        0 if "TCPMUX" in fields.get("type", "") else int(fields.get("port", "0")),
        "" if lost else bind,
        frozenset(word for word in SEVERAL if f" {word}(" in fields["Only from"]),
        unclear or bind == "named.example",
    )


def read_sockets(path: Path) -> set[tuple[str, str, int]]:
    """The transport, address and port of all that listens."""
    found = set()
    transport = ""
    tables = iter(("tcp", "tcp", "udp", "udp"))
    for line in path.read_text().splitlines() if path.exists() else []:
        words = line.split()
        if words[0] == "sl":
            transport = next(tables)
            continue
        address, _colon, port = words[1].partition(":")
        found.add((transport, _address(address), int(port, 16)))
    return found


def _address(text: str) -> str:
    words = b"".join(bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8))
    return socket.inet_ntop(socket.AF_INET6 if len(words) == 16 else socket.AF_INET, words)


def what_listens(services: list[XinetdService]) -> set[tuple[str, str, int]]:
    listeners = [service.listener for service in services]
    return {(each.transport, each.address, each.port) for each in listeners}


def by_reader(folder: Path) -> tuple[list[Told], list[XinetdService]]:
    found = started(*read_entries(f"{folder}/xinetd.conf"))
    kinds = {"tcp": "stream", "udp": "dgram"}
    told = [
        Told(
            entry.name,
            one.id,
            kinds[one.transport],
            one.transport,
            one.port,
            literal_address(one.bind) or one.bind,
            frozenset(SEVERAL & entry.many("only_from")),
        )
        for entry, one in found
    ]
    return told, [service for _entry, service in found]


@pytest.fixture(scope="module")
def trees() -> Iterator[list[Path]]:
    """Configurations, and beside each what xinetd made of it."""
    folder = Path(tempfile.mkdtemp(prefix="superserver-xinetd-"))
    try:
        chance = random.Random(SEED)
        made = [folder / f"{number:03}" for number in range(TREES)]
        for each in made:
            Maker(chance, each).tree()
        assert XINETD
        subprocess.run([*_NAMESPACES, XINETD, str(folder)], stdin=subprocess.DEVNULL, timeout=SECONDS, check=True)
        # A word without a blank behind it may lead xinetd out of its memory.
        yield [each for each in made if "Unexpected signal" not in (each / ".log").read_text(errors="replace")]
    finally:
        shutil.rmtree(folder)


@needs_xinetd
def test_what_xinetd_says_that_it_serves_is_what_is_read(trees: list[Path]) -> None:
    wrong = {}
    for folder in trees:
        said, (read, _services) = read_dump(folder / ".dump"), by_reader(folder)
        if said != read:
            wrong[folder.name] = (
                [each for each in said if each not in read],
                [each for each in read if each not in said],
            )
    assert wrong == {}


@needs_xinetd
def test_sockets_of_xinetd_are_where_they_are_read_to_be(trees: list[Path]) -> None:
    wrong = {}
    for folder in trees:
        unclear = {told.port for told in read_dump(folder / ".dump") if told.unclear}
        said = {each for each in read_sockets(folder / ".sockets") if each[2] not in unclear}
        read = {each for each in what_listens(by_reader(folder)[1]) if each[2] not in unclear}
        if said != read:
            wrong[folder.name] = (said - read, read - said)
    assert wrong == {}


@needs_xinetd
def test_configurations_are_of_all_kinds(trees: list[Path]) -> None:
    """Of too few services, or of none that are not served, little could be told."""
    served = [told for folder in trees for told in read_dump(folder / ".dump")]
    entries = [entry for folder in trees for entry in read_entries(f"{folder}/xinetd.conf")[0]]
    assert len(trees) > TREES * 0.98
    assert len(served) > TREES
    assert len(entries) > len(served) * 1.5
    assert {told.transport for told in served} == {"tcp", "udp"}
    assert sum(1 for folder in trees if not (folder / ".dump").exists()) < TREES / 10
