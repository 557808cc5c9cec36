# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about more than one field, and about more than one service."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.ondemand.superserver.tests.unit.declarations import ECHO, Fields, entry_of, refusal

BASE = "superserver_services"

STREAM, DATAGRAM, SOCKET = {"tcp": "7"}, {"udp": "7"}, {"unix": "/run/a"}
INTERNAL = {"exec": None, "internal": "echo"}
# Asked by connections and by datagrams.
ASKED: Fields = {**INTERNAL, "listen": [STREAM, DATAGRAM]}
LOCAL: Fields = {"access": {"allow": ["127.0.0.0/8", "::1"]}}
PROXY: Fields = {"exec": None, "proxy": {"to": "localhost:80"}}
SECURE: Fields = {"tls": {"certificate": "/a", "key": "/b"}}

# Fields that replace those of ECHO (None: no such field), the path of the problem below the service, and its gist.
REFUSED: tuple[tuple[Fields, str, str], ...] = (
    ({"listen": None}, "listen", "at least one endpoint"),
    ({"listen": [{}]}, "listen[0]", "it has none of them"),
    ({"listen": [{"family": "any"}]}, "listen[0]", "it has none of them"),
    ({"listen": [{**STREAM, **DATAGRAM}]}, "listen[0]", "it has tcp and udp"),
    ({"listen": [STREAM, {**STREAM, **SOCKET}]}, "listen[1]", "it has tcp and unix"),
    ({"listen": [{**STREAM, "mode": "0600"}]}, "listen[0].mode", "no meaning for a tcp endpoint"),
    ({"listen": [{**STREAM, "owner": "root"}]}, "listen[0].owner", "no meaning for a tcp endpoint"),
    ({"listen": [{**DATAGRAM, "group": "root"}]}, "listen[0].group", "no meaning for a udp endpoint"),
    ({"listen": [{**DATAGRAM, "type": "datagram"}]}, "listen[0].type", "no meaning for a udp endpoint"),
    ({"listen": [{**SOCKET, "family": "any"}]}, "listen[0].family", "no meaning for a unix endpoint"),
    ({"listen": [{**SOCKET, "interface": "lo"}]}, "listen[0].interface", "no meaning for a unix endpoint"),
    ({"listen": [{**SOCKET, "freebind": True}]}, "listen[0].freebind", "no meaning for a unix endpoint"),
    ({"listen": [{"tcp": "7", "freebind": True}]}, "listen[0].freebind", "leave freebind out"),
    ({"listen": [{"tcp": "[::]:7", "freebind": True}]}, "listen[0].freebind", "leave freebind out"),
    ({"listen": [{"tcp": "127.0.0.9:7", "freebind": True}]}, "listen[0].freebind", "leave freebind out"),
    ({"listen": [{**DATAGRAM, "backlog": 5}]}, "listen[0].backlog", "no meaning for datagrams"),
    ({"listen": [{**SOCKET, "type": "datagram", "backlog": 5}]}, "listen[0].backlog", "no meaning for datagrams"),
    ({"listen": [{"tcp": "[::1]:7", "family": "ipv4"}]}, "listen[0].family", '"::1" is ipv6; leave family out'),
    ({"listen": [{"tcp": "127.0.0.1:7", "family": "ipv6"}]}, "listen[0].family", '"127.0.0.1" is ipv4'),
    ({"exec": None}, "exec", "here: none of them"),
    ({"internal": "echo"}, "internal", "here: exec and internal"),
    ({"proxy": {"to": "/run/b"}}, "proxy", "here: exec and proxy"),
    ({"secrets": {"A": "x"}, "environment": {"A": "y", "B": "z"}}, "secrets.A", "is also in environment"),
    ({"secrets": {"A": "x"}, "resources": {"address_space": 9}}, "resources.address_space", "at least 67108864 with"),
    ({"environment_file": "/a", "resources": {"open_files": 9}}, "resources.open_files", "at least 16 with"),
    ({**PROXY, "listen": [DATAGRAM]}, "listen[0]", "not datagram"),
    ({**PROXY, "listen": [STREAM, {**SOCKET, "type": "seqpacket"}]}, "listen[1]", "not seqpacket"),
    (
        {**PROXY, "listen": [{"tcp": "8"}, {"tcp": "80"}]},
        "proxy.to",
        "service itself (superserver_services[0].listen[1])",
    ),
    ({**PROXY, "listen": [{"tcp": "127.0.0.1:80"}]}, "proxy.to", "would never end"),
    ({"exec": None, "proxy": {"to": "/a", "start_timeout": 40}}, "proxy.start_timeout", "name it in proxy.unit"),
    ({"exec": None, "proxy": {"to": "unix:/run/a"}, "listen": [{"unix": "/run/a"}]}, "proxy.to", "never end"),
    ({"accept": False, **SECURE}, "tls", "let the daemon itself do TLS, or declare two services"),
    (
        {**PROXY, "connections": {"max": 20}, "resources": {"open_files": 63}},
        "resources.open_files",
        "must be at least 64 for this proxy, which has two files open for each connection: connections.max is 20",
    ),
    (
        {**PROXY, "connections": {"per_source": 3}, "resources": {"open_files": 2023}},
        "resources.open_files",
        "must be at least 2024 for this proxy, which has two files open for each connection: the limit is 1000 where",
    ),
    ({**PROXY, "accept": False}, "accept", "no meaning for a proxy"),
    ({**PROXY, **SECURE, "accept": True}, "accept", "no meaning for a proxy"),
    (
        {"exec": None, "proxy": {"to": "/a", "idle_timeout": 9}, **SECURE},
        "proxy.idle_timeout",
        "each connection has a forwarder",
    ),
    (
        {"exec": None, "proxy": {"to": "/a", "unit": "a"}, **SECURE},
        "tls",
        "and proxy.unit have one for all; let the daemon",
    ),
    ({**PROXY, "socket_fd": "stdin"}, "socket_fd", "no meaning for a proxy"),
    ({**PROXY, "stderr": "log"}, "stderr", "no meaning for a proxy"),
    ({**PROXY, "argv0": "x"}, "argv0", "no meaning for a proxy"),
    ({**INTERNAL, "argv0": "x"}, "argv0", "no meaning for an internal service"),
    ({"argv0": ""}, "argv0", "must not be empty"),
    ({**INTERNAL, "end_children": True}, "end_children", "no meaning for an internal service"),
    ({**PROXY, "end_children": True}, "end_children", "no meaning for a proxy"),
    ({"argv0": "x", "resources": {"stack": 5}}, "resources.stack", "environment_file, secrets or argv0"),
    ({**PROXY, "banner": {"text": "a"}}, "banner", "applies to single connections"),
    ({"listen": [DATAGRAM], "accept": True}, "accept", "split the service in two"),
    ({"listen": [{**SOCKET, "type": "datagram"}], "accept": True}, "accept", "split the service in two"),
    ({"listen": [STREAM, DATAGRAM], "accept": True}, "accept", "split the service in two"),
    ({"listen": [STREAM, DATAGRAM]}, "listen", "accept: false for a daemon that gets all the sockets"),
    ({"socket_fd": "stdin"}, "socket_fd", "with accept: false only"),
    ({"listen": [STREAM, {"tcp": "8"}], "accept": False, "socket_fd": "stdin"}, "socket_fd", "fd 0 is one socket"),
    ({"accept": False, "stderr": "client"}, "stderr", "not a client to write to"),
    ({"listen": [DATAGRAM], "stderr": "client"}, "stderr", "not a client to write to"),
    ({**INTERNAL, "listen": [SOCKET]}, "listen", "tcp and udp only"),
    ({**INTERNAL, "listen": [DATAGRAM]}, "listen[0]", "list in access.allow who may send them"),
    ({**ASKED, "internal": "time"}, "listen[1]", "also from a forged one"),
    ({**ASKED, "internal": "daytime"}, "listen[1]", "on the host itself"),
    ({**ASKED, "internal": "chargen"}, "listen[1]", "leave udp out"),
    ({**INTERNAL, "listen": [{"udp": "192.0.2.1:7"}]}, "listen[0]", "who may send them"),
    ({**INTERNAL, "listen": [{"udp": "127.0.0.1:7"}, {"udp": "[::]:7"}]}, "listen[1]", "who may send them"),
    ({**ASKED, "access": {"deny": ["192.0.2.0/24"]}}, "listen[1]", "who may send them"),
    ({**ASKED, "access": {"allow": []}}, "listen[1]", "who may send them"),
    ({**ASKED, "access": {"allow": ["192.0.2.0/24", "::/0"]}}, "listen[1]", "not everybody"),
    ({**ASKED, "access": {"allow": ["0.0.0.0/0"], "deny": ["192.0.2.1"]}}, "listen[1]", "not everybody"),
    ({**ASKED, "access": {"allow": ["0.0.0.0/1", "128.0.0.0/1"]}}, "listen[1]", "not everybody"),
    ({**INTERNAL, "user": "nobody"}, "user", "internal service"),
    ({**INTERNAL, "accept": True}, "accept", "internal service"),
    ({**INTERNAL, "stderr": "client"}, "stderr", "internal service"),
    ({"listen": [SOCKET], "access": {"allow": ["::1"]}}, "access.allow", "use owner, group and mode"),
    ({"listen": [SOCKET], "access": {"allow": [], "deny": ["::1"]}}, "access.deny", "use owner, group and mode"),
    ({"listen": [DATAGRAM], "connections": {"max": 1}}, "connections.max", "receives datagrams only"),
    ({"listen": [DATAGRAM], "connections": {"per_source": 1}}, "connections.per_source", "receives datagrams only"),
    ({"listen": [SOCKET], "connections": {"per_source": 1}}, "connections.per_source", "use connections.max"),
    ({"banner": {"on": "connect"}}, "banner", "exactly one of text and file"),
    ({"banner": {"text": "a", "file": "/a"}}, "banner", "exactly one of text and file"),
    ({**PROXY, "log": {}}, "log", "applies to single connections"),
    ({"listen": [DATAGRAM], "log": {}}, "log", "applies to single connections"),
    ({"log": {"what": ["refused"]}}, "log.what", "access.hours or connections.max_load refuses"),
    ({"log": {"where": "journal", "rotate_keep": 1}}, "log.rotate_keep", "the log goes to journal"),
    ({"probe": {"expect": "x*"}}, "probe.expect", "could never fail"),
    ({"probe": {"expect": "a?|b"}}, "probe.expect", "could never fail"),
)  # fmt: skip


@pytest.mark.parametrize(("fields", "path", "gist"), REFUSED)
def test_refused(fields: Fields, path: str, gist: str) -> None:
    found = refusal(entry_of(fields))
    assert [place for place, _message in found] == [f"{BASE}[0].{path}"]
    assert gist in found[0][1]


ACCEPTED: tuple[Fields, ...] = (
    {"listen": [STREAM, SOCKET]},
    {"listen": [STREAM, {**SOCKET, "type": "seqpacket"}]},
    {**PROXY, "connections": {"max": 20}, "resources": {"open_files": 64}},
    {**PROXY, "resources": {"open_files": 2024}},
    {"listen": [DATAGRAM]},
    {"listen": [DATAGRAM], "accept": False, "socket_fd": "stdin"},
    {"listen": [STREAM, DATAGRAM], "accept": False},
    {"listen": [STREAM, DATAGRAM], "accept": False, "socket_fd": "listen_fds", "connections": {"max": 1}},
    {**ASKED, **LOCAL},
    {**ASKED, "internal": "discard"},
    {**ASKED, "access": {"allow": ["192.0.2.0/24", "2001:db8::/32"], "deny": ["192.0.2.1"]}},
    {**INTERNAL, "listen": [{"udp": "127.0.0.1:7"}, {"udp": "127.9.9.9:7"}, {"udp": "[::1]:7"}]},
    {**INTERNAL, "connections": {"max": 1}, "access": {"allow": ["::1"]}},
    {"listen": [SOCKET], "connections": {"max": 1}, "access": {"allow": [], "deny": []}},
    {"listen": [SOCKET, STREAM], "access": {"allow": ["::1"]}, "connections": {"per_source": 1}},
    {"listen": [{**SOCKET, "type": "seqpacket", "backlog": 5, "owner": "root", "group": "adm", "mode": "0600"}]},
    {"listen": [{"tcp": "127.0.0.1:7", "family": "ipv4"}, {"tcp": "[::1]:7", "family": "any"}]},
    {"stderr": "client"},
    {"accept": False, "stderr": "log"},
    {"log": {}},
    {"log": {"what": ["host", "refused"]}, "access": {"hours": ["08:00-09:00"]}},
    {**ASKED, **LOCAL, "log": {}},
    PROXY,
    {**PROXY, "listen": [{"tcp": "192.0.2.1:80"}, SOCKET], "connections": {"max": 1}},
)  # fmt: skip


@pytest.mark.parametrize("fields", ACCEPTED)
def test_accepted(fields: Fields) -> None:
    assert refusal(entry_of(fields)) == []


def endpoint(text: str) -> Fields:
    """``tcp 7``, ``tcp 7 ipv4``, ``unix /run/a``..."""
    transport, place, *family = text.split()
    return {transport: place, **({"family": family[0]} if family else {})}


# Endpoints of two services, and what the message says; None where both can be had.
PAIRS: tuple[tuple[str, str, str | None], ...] = (
    ("tcp 7", "tcp 7", "tcp:*:7 is declared twice"),
    ("tcp 7", "udp 7", None),
    ("tcp 7", "tcp 8", None),
    ("tcp 7", "tcp 007", "tcp:*:7 is declared twice"),
    ("tcp 7", "tcp 7 ipv4", "tcp:0.0.0.0:7 cannot be bound beside tcp:*:7"),
    ("tcp 7", "tcp 7 ipv6", "tcp:[::]:7 cannot be bound beside tcp:*:7"),
    ("tcp 7 ipv4", "tcp 7 ipv6", None),
    ("tcp 7 ipv4", "tcp 0.0.0.0:7", "tcp:0.0.0.0:7 is declared twice"),
    ("tcp 7", "tcp 127.0.0.1:7", "tcp:127.0.0.1:7 cannot be bound beside tcp:*:7"),
    ("tcp 7", "tcp [::1]:7", "tcp:[::1]:7 cannot be bound beside tcp:*:7"),
    ("tcp 7 ipv4", "tcp [::1]:7", None),
    ("tcp 7 ipv6", "tcp [::1]:7", "tcp:[::1]:7 cannot be bound beside tcp:[::]:7"),
    ("tcp 127.0.0.1:7", "tcp 127.0.0.2:7", None),
    ("tcp 127.0.0.1:7", "tcp [::1]:7", None),
    ("tcp [::1]:7", "tcp [0::1]:7", "tcp:[::1]:7 is declared twice"),
    ("udp 7", "udp 127.0.0.1:7", "udp:127.0.0.1:7 cannot be bound beside udp:*:7"),
    ("unix /run/a", "unix /run/a", "unix:/run/a is declared twice"),
    ("unix /run/a", "unix /run/b", None),
    ("tcp echo", "tcp echo", "is declared twice"),
    ("tcp echo", "tcp discard", None),
)


@pytest.mark.parametrize(("one", "other", "gist"), PAIRS)
def test_collision_of_two_services(one: str, other: str, gist: str | None) -> None:
    second = {**ECHO, "name": "second"}
    if "udp" in other:
        second["accept"] = False
    found = refusal({**ECHO, "listen": [endpoint(one)]}, {**second, "listen": [endpoint(other)]})
    assert [path for path, _message in found] == ([] if gist is None else [f"{BASE}[1].listen[0]"])
    if gist is not None:
        assert gist in found[0][1]
        assert f'"echo" at {BASE}[0].listen[0]' in found[0][1]
        assert "give one of them another port" in found[0][1]


@pytest.mark.parametrize(("one", "other", "gist"), PAIRS)
def test_collision_within_a_service(one: str, other: str, gist: str | None) -> None:
    found = refusal({**ECHO, "accept": False, "listen": [endpoint(one), endpoint(other)]})
    assert [path for path, _message in found] == ([] if gist is None else [f"{BASE}[0].listen[1]"])


@pytest.mark.parametrize(("state", "count"), [("present", 1), ("disabled", 0), ("absent", 0)])
def test_only_what_listens_collides(state: str, count: int) -> None:
    assert len(refusal(ECHO, {**ECHO, "name": "second", "state": state})) == count


def test_each_collision_is_reported_once() -> None:
    names: t.Sequence[str] = ("a", "b", "c")
    found = refusal(*({**ECHO, "name": name} for name in names))
    assert [path for path, _message in found] == [f"{BASE}[1].listen[0]", *[f"{BASE}[2].listen[0]"] * 2]
