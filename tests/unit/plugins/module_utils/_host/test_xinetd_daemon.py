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
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._host._xinetd_config import (
    literal_address,
    read_entries,
    started,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host._xinetd_services import XinetdService

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
    # Whether xinetd puts some other address into the socket, whatever it finds in its memory.
    unclear: bool = field(default=False, compare=False)


Table = t.Tuple[t.Tuple[str, t.Tuple[str, ...]], ...]

ADDRESSES = (
    *("127.0.0.9", "127.0.0.9", "127.1", "127.0.0.10", "::1", "2001:db8::1", "0.0.0.0", "::", "named.example"),
    *("127.0.0.300", "1:2", "127.0.0.9 ::1", "192.0.2.1", "0:0:0:0:0:0:0:1"),
)
CLIENTS = (
    *("127.0.0.1", "10.0.0.0/8", "::1", ".example", "10.1.1.{1,2}", "named.example", "", "10.1.1.{1,,2}", "1,2", ".."),
    *("10.1..2", "{1}", "300.1.1.1", "x{1", "10.{1}x"),
)
LOGS = (
    *("SYSLOG daemon", "SYSLOG daemon info", "SYSLOG", "SYSLOG nosuch", "FILE /run/log", "FILE /run/log 1M 2M"),
    *("FILE /run/log 2M 1M", "FILE", "NONE", "syslog local0 nosuch", ""),
)
# What may stand in a service's entry besides what it needs: the attribute, or none for a line as it is.
OFTEN: Table = (
    ("id", ("one", "two", "three", "ONE", "own", "a b", "")),
    ("disable", ("yes", "no", "no", "No", "maybe", "", "yes no")),
    ("disable", ("no",)),
    ("bind", ADDRESSES),
    ("interface", ADDRESSES),
    ("flags", ("IPv4", "IPv6", "ipv4 IPV6", "NODELAY", "REUSE KEEPALIVE", "NONSENSE", "")),
    ("flags", ("NAMEINARGS", "SENSOR", "IPv4 NONSENSE IPv6", "NOLIBWRAP")),
    ("server_args", ("-a", "-a -b", "", "x # y")),
    ("type", ("UNLISTED", "TCPMUX UNLISTED", "UNLISTED WRONG", "INTERNAL WRONG", "")),
)
UNUSUAL: Table = (
    *OFTEN,
    ("port", ("7100", "70000", "-1", "x", "7101 7102", "0x10", "")),
    ("socket_type", ("stream", "raw", "seqpacket", "wrong")),
    ("protocol", ("tcp", "udp", "icmp", "nosuch")),
    ("user", ("nosuchuser", "nobody", "99999")),
    ("group", ("nogroup", "nosuchgroup", "0")),
    ("server", ("/nonexistent", "/etc/passwd", "/bin", "bin/cat")),
    ("redirect", ("127.0.0.1 80", "127.0.0.1 telnet", "::1 22", "127.0.0.1 none", "x")),
    ("instances", ("3", "UNLIMITED", "-1", "x")),
    ("per_source", ("3", "unlimited", "many")),
    ("cps", ("10 2", "10", "x 2", "10 -2")),
    ("nice", ("5", "-5", "5.5")),
    ("umask", ("022", "088", "0777", "1000")),
    ("max_load", ("2.5", "0", "0.0", "x", "1e1", "2x")),
    ("groups", ("yes", "no", "maybe")),
    ("v6only", ("yes", "no", "1")),
    ("deny_time", ("FOREVER", "10", "soon")),
    ("libwrap", ("anything",)),
    ("banner", ("/etc/motd", "/nonexistent", "a b")),
    *((f"rlimit_{name}", ("8M", "10K", "x", "9T")) for name in ("as", "data", "rss", "stack", "files")),
    ("rlimit_cpu", ("10", "unlimited", "10s")),
    ("rpc_version", ("1", "1-2", "2-1", "x")),
    ("access_times", ("8:00-9:00", "9:00-8:00", "12:00-24:00", "8:00", ":-1:", "")),
    ("env", ("A=b", "A=b C=d", "AB", "")),
    ("passenv", ("PATH", "NONE", "")),
    ("only_from", CLIENTS),
    ("no_access", CLIENTS),
    ("log_on_success", ("HOST", "TRAFFIC", "PID WRONG", "")),
    ("log_on_failure", ("HOST", "TRAFFIC", "")),
    ("log_type", LOGS),
    *((name, ("x",)) for name in ("only_form", "mdns", "enabled", "disabled", "socket_backlog")),
    ("", ("\tword", "word", "\tword ", "{", "port=7", "\tport=7", "\tport += 7", "= 5", "\t-b", "-b\n}")),
    ("", ("nice\n = 5", "\tdisable\n\t=no", "word\nnice  = 5", "word\n\n = 5", "word\nnice = 5")),
)
DEFAULTS: Table = (
    ("disabled", ("one", "two three", "ECHO", "own", "")),
    ("bind", ("127.0.0.9", "::1", "127.0.0.11")),
    ("interface", ("127.0.0.12",)),
    ("log_on_success", ("HOST", "PID", "TRAFFIC")),
    ("only_from", ("127.0.0.1",)),
    ("instances", ("10", "10 20")),
    ("log_type", ("SYSLOG daemon",)),
    ("v6only", ("yes",)),
    *((name, ("10 10", "022", "5")) for name in ("cps", "umask", "banner", "per_source")),
    ("server", ("/bin/cat",)),
    ("disable", ("yes",)),
)


class Maker:
    """Configurations by chance, with the ways of writing that people have, and others."""

    def __init__(self, chance: random.Random, folder: Path) -> None:
        self._chance = chance
        self._folder = folder

    def some(self, *choices: str) -> str:
        return self._chance.choice(choices)

    def seldom(self, share: float = 0.1) -> bool:
        return self._chance.random() < share

    def blanks(self) -> str:
        return self.some(" ", " ", " ", "\t", "  ", " \f", "\v")

    def case(self, word: str) -> str:
        return self.some(word, word, word, word.upper(), word.capitalize())

    def line(self, name: str, *values: str, operator: str = "=") -> str:
        before = self.some("\t", "\t", "  ", "", "\v ")
        if self.seldom(0.005):
            return before + name + self.some("", " ") + operator.rstrip("=") + " " + " ".join(values)
        after = self.some(" ", " ", "", "\t", "  ")
        end = self.some("", "", "", " ", "\t") if not self.seldom(0.005) else self.some("\r", " # why")
        return before + self.case(name) + self.blanks() + operator + after + self.blanks_between(values) + end

    def blanks_between(self, values: tuple[str, ...]) -> str:
        return self.some(" ", " ", "\t", "  ").join(values)

    def noise(self) -> list[str]:
        return [
            self.some("", "# port = 1", "  # }", "\t", "\f", "#") for _line in range(self._chance.choice((0, 0, 1, 2)))
        ]

    # Entries.

    def service(self) -> list[str]:
        lines = [*self._usual(), *self._unusual()]
        if self.seldom(0.8):
            self._chance.shuffle(lines)
        body = [text for line in lines for text in (*self.noise(), line)]
        name = self.some("echo", "telnet", "ftp", "own", "other", "third", "fourth", "time", "sensor", "Echo", "next")
        head = self.some("", "", " ", "\t") + self.case("service") + self.some(" ", "\t", "  ") + name
        return self._entry(head + self.some("", "", "", " ", " more words"), body)

    def _entry(self, head: str, body: list[str]) -> list[str]:
        first, last = self.some("{", "{", "\t{ ", "{\r"), self.some("}", "}", "} ", "\t}")
        if self.seldom(0.01):
            return [f"{head} {{", *body, last]
        return [head, *self.noise(), first, *body, *([] if self.seldom(0.005) else [last]), *self.noise()]

    def _usual(self) -> list[str]:
        datagrams = self.seldom(0.3)
        port = self._chance.choice((7, 21, 23, 69, 37)) if self.seldom(0.2) else self._chance.randrange(7000, 7050)
        lines = [
            self.line("type", self.some("UNLISTED", "UNLISTED", "unlisted", "UNLISTED INTERNAL", "INTERNAL")),
            self.line("socket_type", "dgram" if datagrams else "stream"),
            self.line("protocol", "udp" if datagrams else self.some("tcp", "tcp", "TCP", "mptcp")),
            self.line("wait", "yes" if datagrams else self.some("no", "NO")),
            self.line("user", self.some("nobody", "root", "0")),
            self.line("server", self.some("/bin/cat", "/bin/sh")),
            self.line("port", self.some(str(port), str(port), f"+{port}", f"0{port}")),
        ]
        return [line for line in lines if not self.seldom(0.02)]

    def _unusual(self) -> list[str]:
        count = self._chance.choice((0, 0, 1, 1, 2, 3))
        return [self._one_of(OFTEN if self.seldom(0.5) else UNUSUAL) for _line in range(count)]

    def _one_of(self, table: Table) -> str:
        name, values = self._chance.choice(table)
        value = self.some(*values)
        return self.line(name, value, operator=self._operator()) if name else value

    def _operator(self) -> str:
        return "=" if self.seldom(0.8) else self.some("+=", "-=")

    def defaults(self) -> list[str]:
        lines = [self._one_of(DEFAULTS) for _line in range(self._chance.choice((0, 1, 2, 3)))]
        if self.seldom(0.15):
            lines.append(self.line("enabled", self.some("one own", "echo telnet other", "two", "", "own")))
        if self.seldom(0.02):
            lines.append(self.some("\tword", "\tinstances = x", "instances=3"))
        return self._entry(self.case("defaults") + self.some("", "", " x"), lines)

    # Files.

    def tree(self) -> None:
        """xinetd.conf and what it includes."""
        self._folder.mkdir()
        names = ("a", "B", "b", "c-1", "_d", "z", "\u00e4", "saved~", "a.rpmsave", ".hidden")
        for directory in ("d", "e"):
            (self._folder / directory / "sub").mkdir(parents=True)
            for name in self._chance.sample(names, self._chance.choice((1, 2, 4))):
                self._write(f"{directory}/{name}", self._items(self._chance.choice((1, 1, 2)), depth=1))
            (self._folder / directory / "link").symlink_to(self.some("../more", "a", "../nowhere", "sub"))
        self._write("more", self._items(2, depth=2))
        self._write("xinetd.conf", self._items(self._chance.choice((4, 8, 12)), depth=0))

    def _write(self, name: str, lines: list[str]) -> None:
        end = self.some("\n", "\n", "")
        (self._folder / name).write_bytes(os.fsencode("\n".join(lines) + end))

    def _items(self, count: int, depth: int) -> list[str]:
        lines = self.noise()
        for _item in range(count):
            if self.seldom(0.25 if depth == 0 else 0.05):
                lines += self.defaults()
            elif self.seldom(0.3) and depth < 2:
                lines += [self._include(depth)]
            elif self.seldom(0.01):
                lines += [self.some("nonsense", "service", "include", "}", "{", "\x00", "\vservice x")]
            else:
                lines += self.service()
        return lines

    def _include(self, depth: int) -> str:
        """Nothing that leads back: xinetd would read until it has no descriptors left."""
        names = ("d", "d", "d", "e", "e/", "./d", "d//.", "nosuch")
        keyword = "include" if depth else self.some("includedir", "includedir", "include")
        files = ("more",) if depth else ("more", "d/a", "d", "nosuch")
        target = self.some(*names) if keyword == "includedir" else self.some(*files)
        path = f"{self._folder}/{target}"
        path = path.lstrip("/") if self.seldom(0.1) else path
        return self.case(keyword) + self.some(" ", "\t") + path + self.some("", "", " ", " and more")


def read_dump(path: Path) -> list[Told]:
    """What xinetd says that it serves. One that has ended serves nothing; what has no port of its own is left out, and
    what has no port of TCP or UDP."""
    text = os.fsdecode(path.read_bytes()) if path.exists() else ""
    services = re.split(r"^Service = ", text.partition("Server table dump")[0], flags=re.MULTILINE)[1:]
    return [told for told in map(_told, services) if told.port and told.kind in KINDS]


def _told(text: str) -> Told:
    fields = dict(re.findall(r"^\t+([^=\n]+) = (.*)$", text, flags=re.MULTILINE))
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
        Told(entry.name, one.id, kinds[one.transport], one.transport, one.port, literal_address(one.bind) or one.bind)
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
