# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints as people write them, the listeners they stand for, and which of these exclude each other."""

from __future__ import annotations

import errno
import socket
from dataclasses import replace

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import (
    Endpoint,
    Listener,
    collide,
    listener_of,
    parse_endpoint,
    parse_targets,
    resolve_port,
)

GOOD = (
    ("tcp", "7", Endpoint("tcp", "", 7)),
    ("tcp", "1", Endpoint("tcp", "", 1)),
    ("tcp", "65535", Endpoint("tcp", "", 65535)),
    ("tcp", "0070", Endpoint("tcp", "", 70)),
    ("udp", "69", Endpoint("udp", "", 69, type="datagram")),
    ("tcp", "echo", Endpoint("tcp", "", "echo")),
    ("tcp", "ftp-data", Endpoint("tcp", "", "ftp-data")),
    ("tcp", "3com-tsmux", Endpoint("tcp", "", "3com-tsmux")),
    ("tcp", "127.0.0.1:7", Endpoint("tcp", "127.0.0.1", 7, family="ipv4")),
    ("tcp", "0.0.0.0:7", Endpoint("tcp", "0.0.0.0", 7, family="ipv4")),
    ("tcp", "127.0.0.1:echo", Endpoint("tcp", "127.0.0.1", "echo", family="ipv4")),
    ("udp", "192.0.2.1:53", Endpoint("udp", "192.0.2.1", 53, family="ipv4", type="datagram")),
    ("tcp", "[::1]:7", Endpoint("tcp", "::1", 7, family="ipv6")),
    ("tcp", "[::]:7", Endpoint("tcp", "::", 7, family="ipv6")),
    ("tcp", "[2001:DB8:0::5]:7", Endpoint("tcp", "2001:db8::5", 7, family="ipv6")),
    ("udp", "[::1]:tftp", Endpoint("udp", "::1", "tftp", family="ipv6", type="datagram")),
    ("unix", "/run/a.sock", Endpoint("unix", path="/run/a.sock")),
    ("unix", "/run/a b/%i$x.sock", Endpoint("unix", path="/run/a b/%i$x.sock")),
    ("unix", "/run/.hidden/..a", Endpoint("unix", path="/run/.hidden/..a")),
    ("unix", "/" + "a" * 106, Endpoint("unix", path="/" + "a" * 106)),
)

# Transport, text, and what the message must say.
BAD = (
    ("tcp", "", "not a port"),
    ("tcp", "0", "1 to 65535"),
    ("tcp", "65536", "1 to 65535"),
    ("tcp", "70000", "1 to 65535"),
    ("tcp", "-1", "not a port"),
    ("tcp", "7.0", "not a port"),
    ("tcp", "7 ", "not a port"),
    ("tcp", " 7", "not a port"),
    ("tcp", "7\n", "not a port"),
    ("tcp", "echo\n", "not a port"),
    ("tcp", "\u0667", "not a port"),
    ("tcp", "7-9", "not a port"),
    ("tcp", "a_b", "not a port"),
    ("tcp", "-echo", "not a port"),
    ("tcp", "*:7", "not an IPv4 address"),
    ("tcp", ":7", "not an IPv4 address"),
    ("tcp", "localhost:7", "not an IPv4 address"),
    ("tcp", "256.0.0.1:7", "not an IPv4 address"),
    ("tcp", "127.1:7", "not an IPv4 address"),
    ("tcp", "127.0.0.1:", "not a port"),
    ("tcp", "127.0.0.1:0", "1 to 65535"),
    ("tcp", "::1:7", 'brackets: "[::1]:7"'),
    ("tcp", "[::1]", "brackets"),
    ("tcp", "[::1]7", "brackets"),
    ("tcp", "[::1]:", "not a port"),
    ("tcp", "[::1]:7\n", "not a port"),
    ("tcp", "[127.0.0.1]:7", "plain IPv6 address"),
    ("tcp", "[fe80::1%eth0]:7", "only the port with family: ipv6 and interface"),
    ("udp", "[FE80::1]:7", "only the port with family: ipv6 and interface"),
    ("tcp", "[2001:db8::1%eth0]:7", "plain IPv6 address"),
    ("tcp", "[::ffff:192.0.2.1]:7", '"192.0.2.1"'),
    ("tcp", "[]:7", "not an IPv6 address"),
    ("udp", "99999", "1 to 65535"),
    ("unix", "", "absolute path"),
    ("unix", "run/a.sock", "absolute path"),
    ("unix", "@abstract", "absolute path"),
    ("unix", "/run/a\nb", "control characters"),
    ("unix", "/run/a\tb", "control characters"),
    ("unix", "/run/a\0b", "control characters"),
    ("unix", "/run/a\x7fb", "control characters"),
    ("unix", "/" + "a" * 107, "107 bytes"),
    ("unix", "/" + "ü" * 54, "107 bytes"),
    ("unix", "/run/a ", "blank"),
    ("unix", "/run/a\\", "backslash"),
    ("unix", "/run/", "slash at its end"),
    ("unix", "/", "slash at its end"),
    ("unix", "/run/../a", "path of a socket"),
    ("unix", "/run/..", "path of a socket"),
)


TARGETS = (
    ("127.0.0.1:80", ["tcp 127.0.0.1:80"]),
    ("[::1]:80", ["tcp [::1]:80"]),
    ("localhost:80", ["tcp 127.0.0.1:80", "tcp [::1]:80"]),
    ("/run/a b", ["unix /run/a b"]),
)
BAD_TARGETS = (
    ("80", "an address and a port"),
    ("example.org:80", '"example.org" is a name'),
    ("LOCALHOST:80", '"LOCALHOST" is a name'),
    ("127.0.0.1:http", '"http" is a name'),
    ("localhost:http", '"http" is a name'),
    ("127.0.0.1:0", "1 to 65535"),
    ("0.0.0.0:80", "not an address to connect to"),
    ("[::]:80", "not an address to connect to"),
    ("::1:80", "brackets"),
    (":80", "not an IPv4 address"),
    ("run/a", "an address and a port"),
    ("/run/", "slash at its end"),
    ("--help", "an address and a port"),
    ("", "an address and a port"),
)


@pytest.mark.parametrize(("text", "targets"), TARGETS)
def test_good_target(text: str, targets: list[str]) -> None:
    assert [str(target) for target in parse_targets(text)] == targets


@pytest.mark.parametrize(("text", "advice"), BAD_TARGETS)
def test_bad_target(text: str, advice: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared as it stands
        parse_targets(text)
    assert advice in str(caught.value)


@pytest.mark.parametrize(("transport", "text", "endpoint"), GOOD)
def test_good_endpoint(transport: str, text: str, endpoint: Endpoint) -> None:
    assert parse_endpoint(transport, text) == endpoint


@pytest.mark.parametrize(("transport", "text", "advice"), BAD)
def test_bad_endpoint(transport: str, text: str, advice: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared as it stands
        parse_endpoint(transport, text)
    assert advice in str(caught.value)


PORTS = {("echo", "tcp"): 7, ("tftp", "udp"): 69}


def lookup(name: str, transport: str) -> int | None:
    return PORTS.get((name, transport))


@pytest.mark.parametrize(
    ("transport", "text", "port"),
    [("tcp", "echo", 7), ("tcp", "[::1]:echo", 7), ("udp", "tftp", 69), ("tcp", "8", 8), ("unix", "/run/echo", 0)],
)
def test_port_is_resolved(transport: str, text: str, port: int) -> None:
    endpoint = parse_endpoint(transport, text)
    assert resolve_port(endpoint, lookup) == replace(endpoint, port=port)


@pytest.mark.parametrize(("transport", "text"), [("udp", "echo"), ("tcp", "nonesuch")])
def test_unknown_port_name(transport: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"{text}.*/etc/services for {transport}; write the port's number"):
        resolve_port(parse_endpoint(transport, text), lookup)


# Endpoint, its text, its listener's text with IPv6, and without.
LISTENERS = (
    (Endpoint("tcp", "", 7), "tcp *:7", "tcp:*:7", "tcp:0.0.0.0:7"),
    (Endpoint("tcp", "", 7, family="ipv4"), "tcp *:7", "tcp:0.0.0.0:7", "tcp:0.0.0.0:7"),
    (Endpoint("tcp", "", 7, family="ipv6"), "tcp *:7", "tcp:[::]:7", "tcp:[::]:7"),
    (Endpoint("tcp", "::1", 7, family="ipv6"), "tcp [::1]:7", "tcp:[::1]:7", "tcp:[::1]:7"),
    (
        Endpoint("udp", "127.0.0.1", 7, family="ipv4", type="datagram"),
        "udp 127.0.0.1:7",
        "udp:127.0.0.1:7",
        "udp:127.0.0.1:7",
    ),
    (Endpoint("unix", path="/run/a"), "unix /run/a", "unix:/run/a", "unix:/run/a"),
)


@pytest.mark.parametrize(("endpoint", "text", "dual", "only"), LISTENERS)
def test_listener(endpoint: Endpoint, text: str, dual: str, only: str) -> None:
    assert str(endpoint) == text
    assert str(listener_of(endpoint, ipv6=True)) == dual
    assert str(listener_of(endpoint, ipv6=False)) == only


def test_listener_keeps_type_and_interface() -> None:
    assert listener_of(Endpoint("unix", path="/run/a", type="seqpacket"), ipv6=True).type == "seqpacket"
    listener = listener_of(Endpoint("udp", "", 7, interface="eth0", type="datagram"), ipv6=True)
    assert (listener.type, listener.interface) == ("datagram", "eth0")


def tcp(family: str, address: str, interface: str | None = None) -> Listener:
    return Listener("tcp", family, address, 7, interface=interface)


DUAL, ALL4, ALL6 = tcp("dual", "::"), tcp("ipv4", "0.0.0.0"), tcp("ipv6", "::")
ONE4, TWO4, ONE6 = tcp("ipv4", "192.0.2.1"), tcp("ipv4", "192.0.2.2"), tcp("ipv6", "::1")
UNIX = Listener("unix", "unix", "/run/a", 0, "/run/a")

COLLISIONS = (
    (DUAL, DUAL, True),
    (DUAL, ALL4, True),
    (DUAL, ALL6, True),
    (DUAL, ONE4, True),
    (DUAL, ONE6, True),
    (ALL4, ALL6, False),
    (ALL4, ONE4, True),
    (ALL4, ONE6, False),
    (ALL6, ONE6, True),
    (ALL6, ONE4, False),
    (ONE4, ONE4, True),
    (ONE4, TWO4, False),
    (ONE4, ONE6, False),
    (DUAL, replace(DUAL, port=8), False),
    (DUAL, replace(DUAL, transport="udp"), False),
    (tcp("dual", "::", "eth0"), tcp("dual", "::", "eth1"), False),
    (tcp("dual", "::", "eth0"), tcp("dual", "::", "eth0"), True),
    (tcp("dual", "::", "eth0"), DUAL, True),
    (UNIX, UNIX, True),
    (UNIX, replace(UNIX, type="datagram"), True),
    (UNIX, replace(UNIX, path="/run/b", address="/run/b"), False),
    (UNIX, DUAL, False),
)


@pytest.mark.parametrize(("left", "right", "expected"), COLLISIONS)
def test_collision(left: Listener, right: Listener, expected: bool) -> None:
    assert collide(left, right) is expected
    assert collide(right, left) is expected


LOCAL = (DUAL, ALL4, ALL6, tcp("ipv4", "127.0.0.1"), tcp("ipv4", "127.0.0.2"), ONE6)


def bound(listener: Listener, port: int) -> socket.socket:
    """A listening socket as super-servers make it."""
    held = socket.socket(socket.AF_INET if listener.family == "ipv4" else socket.AF_INET6)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if listener.family != "ipv4":
            held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, listener.family != "dual")
        held.bind((listener.address, port))
        held.listen()
    except OSError:
        held.close()
        raise
    return held


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("one", LOCAL, ids=str)
@pytest.mark.parametrize("other", LOCAL, ids=str)
def test_kernel_agrees(one: Listener, other: Listener) -> None:
    with bound(one, 0) as held:
        if collide(one, other):
            with pytest.raises(OSError) as caught:  # noqa: PT011 - its number is compared
                bound(other, held.getsockname()[1])
            assert caught.value.errno == errno.EADDRINUSE
        else:
            bound(other, held.getsockname()[1]).close()


@pytest.mark.parametrize("text", ["/run/a/b", "//run/a/b", "/run//a///b", "/./run/./a/b", "/run/a/.//b"])
def test_a_path_has_one_form(text: str) -> None:
    assert parse_endpoint("unix", text) == parse_endpoint("unix", "/run/a/b")
    assert parse_targets(text)[0].path == "/run/a/b"
