# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints as people write them, and the listeners (concrete sockets) that they stand for."""

from __future__ import annotations

import ipaddress
import re
import typing as t
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.paths import is_folder, plain_path

TRANSPORTS = ("tcp", "udp", "unix")
ANY = {"ipv4": "0.0.0.0", "ipv6": "::"}

# sun_path holds 108 bytes with its terminating NUL (unix(7)).
UNIX_PATH_BYTES = 107

_SERVICE_NAME = re.compile(r"(?=[A-Za-z0-9-]*[A-Za-z])[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})")
_BRACKETED = re.compile(r"\[(?P<address>[^\]]*)\]:(?P<port>[^:]*)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Endpoint:
    """One entry of ``listen``.

    ``address`` is empty for a bare port (every address of the wanted ``family``); ``port`` is a number, or a name of
    /etc/services until :func:`resolve_port` has replaced it; ``path`` is set for ``unix`` only.
    """

    transport: str
    address: str = ""
    port: int | str = 0
    path: str = ""
    family: str = "any"
    interface: str | None = None
    freebind: bool = False
    backlog: int | None = None
    owner: str = "root"
    group: str = "root"
    mode: str = "0660"
    type: str = "stream"

    @property
    def datagram(self) -> bool:
        """Whether the endpoint receives datagrams instead of connections."""
        return self.type == "datagram"

    def __str__(self) -> str:
        if self.transport == "unix":
            return f"unix {self.path}"
        if not self.address:
            return f"{self.transport} *:{self.port}"
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.transport} {host}:{self.port}"


@dataclass(frozen=True)
class Listener:
    """One socket that must be bound: what the kernel's table is compared with.

    ``family`` is ``ipv4``, ``ipv6`` (IPv6 only), ``dual`` (IPv4 and IPv6 on one port) or ``unix``; ``address`` is
    always literal (``0.0.0.0`` and ``::`` for every address). ``freebind``: the host may be without the address.
    """

    transport: str
    family: str
    address: str
    port: int
    path: str = ""
    type: str = "stream"
    interface: str | None = None
    # A socket of the same address is the same, whatever was said of it.
    freebind: bool = field(default=False, compare=False)

    @property
    def wildcard(self) -> bool:
        """Whether the socket takes every address of its family."""
        return self.address in ("0.0.0.0", "::")

    @property
    def loopback(self) -> bool:
        """Whether nothing but the host itself can reach the socket."""
        return self.transport != "unix" and ipaddress.ip_address(self.address).is_loopback

    @property
    def mobile(self) -> bool:
        """Whether it is of one address, which the host may be without."""
        return self.transport != "unix" and not (self.wildcard or self.loopback)

    def __str__(self) -> str:
        if self.transport == "unix":
            return f"unix:{self.path}"
        if self.family == "dual":
            return f"{self.transport}:*:{self.port}"
        host = f"[{self.address}]" if self.family == "ipv6" else self.address
        return f"{self.transport}:{host}:{self.port}"


def parse_endpoint(transport: str, text: str) -> Endpoint:
    """Read ``"7"``, ``"echo"``, ``"127.0.0.1:7"``, ``"[::1]:7"`` or a socket's path.

    Raises ValueError, saying what would be right.
    """
    if transport == "unix":
        return Endpoint(transport="unix", path=_unix_path(text))
    kind = "datagram" if transport == "udp" else "stream"
    bracketed = _BRACKETED.fullmatch(text)
    if bracketed:
        return Endpoint(
            transport, _address(bracketed.group("address"), 6), _port(bracketed.group("port")), family="ipv6", type=kind
        )
    host, colon, port = text.rpartition(":")
    if not colon:
        return Endpoint(transport, "", _port(text), type=kind)
    if ":" in host:
        raise ValueError(f'must have the IPv6 address in brackets: "[{host}]:{port}"')
    return Endpoint(transport, _address(host, 4), _port(port), family="ipv4", type=kind)


def parse_targets(text: str) -> tuple[Endpoint, ...]:
    """Read the target of a proxy: ``"127.0.0.1:80"``, ``"[::1]:80"``, ``"localhost:80"`` or a socket's
    path. localhost is two addresses, whatever the host's files say.

    Raises ValueError, saying what would be right.
    """
    if text.startswith("/"):
        return (parse_endpoint("unix", text),)
    host, colon, port = text.rpartition(":")
    if not colon:
        raise ValueError('must be an address and a port, such as "127.0.0.1:80", or an absolute path')
    if host == "localhost":
        return parse_targets(f"127.0.0.1:{port}") + parse_targets(f"[::1]:{port}")
    if re.search(r"[A-Za-z]", host) and ":" not in host:
        raise ValueError(f'"{host}" is a name, whose address can change; write an address or "localhost"')
    target = parse_endpoint("tcp", text)
    if not isinstance(target.port, int):
        raise ValueError(f'"{port}" is a name; write the number of the port')
    if target.address in ANY.values():
        raise ValueError(f'"{target.address}" is not an address to connect to; write one such as "127.0.0.1:{port}"')
    return (target,)


def _unix_path(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError('must be an absolute path, such as "/run/name.sock"')
    if _CONTROL.search(text):
        raise ValueError("must not contain control characters")
    if text != text.strip() or text.endswith("\\"):
        raise ValueError("must not end with a blank or a backslash: unit files cannot express it")
    if ".." in text.split("/") or is_folder(text):
        raise ValueError('must be the path of a socket, without ".." and without a slash at its end')
    path = plain_path(text)
    if len(path.encode("utf-8")) > UNIX_PATH_BYTES:
        raise ValueError(f"must be at most {UNIX_PATH_BYTES} bytes long, the kernel's limit for a socket's path")
    return path


def _address(text: str, version: int) -> str:
    example = "127.0.0.1:7" if version == 4 else "[::1]:7"
    plain, zone, _name = text.partition("%")
    try:
        address = ipaddress.ip_address(plain)
    except ValueError:
        raise ValueError(f'"{text}" is not an IPv{version} address; write a literal one, such as "{example}"') from None
    if isinstance(address, ipaddress.IPv6Address) and address.is_link_local:
        raise ValueError(
            f'"{text}" is a link-local IPv6 address, which is ambiguous without an interface; write another '
            "address, or, to listen on one link, only the port with family: ipv6 and interface: NAME"
        )
    if address.version != version or zone:
        raise ValueError(f'"{text}" is not a plain IPv{version} address; write one such as "{example}"')
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        raise ValueError(f'"{text}" is an IPv4-mapped IPv6 address; write "{address.ipv4_mapped}"')
    return str(address)


def _port(text: str) -> int | str:
    if text.isascii() and text.isdigit():
        number = int(text)
        if not 1 <= number <= 65535:
            raise ValueError(f"port {text} is out of range; ports are 1 to 65535")
        return number
    if _SERVICE_NAME.fullmatch(text):
        return text
    raise ValueError(f'"{text}" is not a port; write a number from 1 to 65535, or a name of /etc/services')


def resolve_port(endpoint: Endpoint, lookup: Callable[[str, str], int | None]) -> Endpoint:
    """Replace a service name by its number; ``lookup(name, transport)`` knows it or returns None.

    Raises ValueError for an unknown name.
    """
    if isinstance(endpoint.port, int):
        return endpoint
    number = lookup(endpoint.port, endpoint.transport)
    if number is None:
        raise ValueError(
            f"\"{endpoint.port}\" is not in the host's /etc/services for {endpoint.transport}; write the port's number"
        )
    return replace(endpoint, port=number)


def listener_of(endpoint: Endpoint, ipv6: bool) -> Listener:
    """The socket that ``endpoint`` stands for on a host that has IPv6 or not.

    A bare port is every address that the host has: IPv4 and IPv6 where there is IPv6, else IPv4. The port must have
    been resolved.
    """
    if endpoint.transport == "unix":
        return Listener("unix", "unix", endpoint.path, 0, endpoint.path, endpoint.type)
    family = endpoint.family
    if family == "any":
        family = "dual" if ipv6 else "ipv4"
    address = endpoint.address or ANY["ipv4" if family == "ipv4" else "ipv6"]
    port = t.cast(int, endpoint.port)
    return Listener(endpoint.transport, family, address, port, "", endpoint.type, endpoint.interface, endpoint.freebind)


def collide(one: Listener, other: Listener) -> bool:
    """Whether the kernel would refuse to bind both at once."""
    if one.transport == "unix" or other.transport == "unix":
        return one.transport == other.transport and one.path == other.path
    if (one.transport, one.port) != (other.transport, other.port):
        return False
    if one.interface and other.interface and one.interface != other.interface:
        return False
    if not _families(one) & _families(other):
        return False
    return one.wildcard or other.wildcard or one.address == other.address


def _families(listener: Listener) -> set[str]:
    return {"ipv4", "ipv6"} if listener.family == "dual" else {listener.family}
