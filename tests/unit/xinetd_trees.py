# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configurations of xinetd that are made by chance: what people write, and what xinetd's parser makes something of."""

from __future__ import annotations

import os
import random
import typing as t
from pathlib import Path

Table = t.Tuple[t.Tuple[str, t.Tuple[str, ...]], ...]

ADDRESSES = (
    *("127.0.0.9", "127.0.0.9", "127.1", "127.0.0.10", "::1", "2001:db8::1", "0.0.0.0", "::", "named.example"),
    *("127.0.0.300", "1:2", "127.0.0.9 ::1", "192.0.2.1", "0:0:0:0:0:0:0:1"),
)
CLIENTS = (
    *("127.0.0.1", "10.0.0.0/8", "::1", ".example", "10.1.1.{1,2}", "named.example", "", "10.1.1.{1,,2}", "1,2", ".."),
    *("10.1..2", "{1}", "300.1.1.1", "x{1", "10.{1}x"),
)
# Of these xinetd tells by the same words who may connect.
SEVERAL = {"127.0.0.1", "::1", ".example"}
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
    ("disabled", ("one", "two three", "ECHO OTHER", "Third", "own", "")),
    ("bind", ("127.0.0.9", "::1", "127.0.0.11")),
    ("interface", ("127.0.0.12",)),
    ("log_on_success", ("HOST", "PID", "TRAFFIC")),
    ("only_from", ("127.0.0.1", "::1", "127.0.0.1 .example")),
    ("only_from", ("127.0.0.1", "::1")),
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
        if self.seldom(0.25):
            lines.append(self.line("enabled", self.some("one own", "echo TELNET other third", "two", "", "next own")))
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
