# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes about the socket, and what stands at its other end."""

from __future__ import annotations

import re
from collections.abc import Callable

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.parsing.source import Source
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import (
    literal_address,
    transport,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.lines import fold
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.values import number

_PORT_NAME = re.compile(r"(?=[A-Za-z0-9-]*[A-Za-z])[A-Za-z0-9][A-Za-z0-9-]{0,62}")
_INTERNALS = ("echo", "discard", "daytime", "time", "chargen")
_KINDS = {"stream": "tcp", "dgram": "udp"}
_LOCALHOST = "127.0.0.1"


def listen(source: Source) -> None:
    """The one endpoint of an entry."""
    kind, protocol = transport(source.entry)
    where = source.at("port" if source.has("port") else "socket_type")
    if kind not in _KINDS or fold(protocol) != _KINDS[kind]:
        source.draft.error(where, f"no declaration has a socket of type {kind or '?'} and protocol {protocol or '?'}")
        return
    port = _port(source, protocol)
    if not port:
        source.draft.error(where, f"the port of {source.entry.name} is not known, and it cannot be the name of one")
        return
    address = _address(source)
    host = f"[{address}]" if ":" in address else address
    endpoint = {_KINDS[kind]: f"{host}:{port}" if host else port}
    family = "" if address else _family(source)
    source.draft.set("listen", [{**endpoint, **({"family": family} if family else {})}], where)


def _port(source: Source, protocol: str) -> str:
    """A number, or a name that only the host knows."""
    port = number(source.one("port")) if source.has("port") else source.lookup(source.entry.name, protocol)
    if port:
        return str(port)
    if not _PORT_NAME.fullmatch(source.entry.name):
        return ""
    return source.entry.name


def _address(source: Source) -> str:
    bind, flags = source.one("bind"), source.folded("flags")
    address = literal_address(bind)
    if bind == "localhost" and not address:
        address = _LOCALHOST
        source.draft.differs(source.at("bind"), "a declaration has addresses", f"bind = {bind}", address)
    if bind and not address:
        source.draft.ask_closed(
            source.at("bind"),
            f"{bind} is a name; a declaration has addresses",
            f"write the address of {bind} into listen",
            "listen on every address",
        )
    if (":" in address and "ipv4" in flags and "ipv6" not in flags) or (
        address and ":" not in address and "ipv6" in flags
    ):
        source.draft.differs(source.at("flags"), "the address is not of this family", f"bind = {bind}", "every address")
        return ""
    return "" if address in ("::", "0.0.0.0") else address


def _family(source: Source) -> str:
    """Without flags one socket serves both. IPv6 is alone where v6only is set, to whatever."""
    flags, address = source.folded("flags"), literal_address(source.one("bind"))
    if "ipv6" not in flags and ("ipv4" in flags or address == "0.0.0.0"):
        return "ipv4"
    if "v6only" not in source.entry.specified:
        return ""
    if fold(source.entry.one("v6only")) == "no":
        source.draft.differs(source.at("v6only"), "any value makes the socket one of IPv6", "v6only = no", "IPv6 only")
    return "ipv6"


def v6only(source: Source) -> None:
    """Among the defaults it has no effect."""
    if "v6only" in source.entry.specified and source.draft.get("listen", [{}])[0].get("family") != "ipv6":
        source.draft.dropped(source.at("v6only"), "v6only has no effect on a socket of one address, or of IPv4")


def wait(source: Source) -> None:
    """A server that waits has the socket as its standard input; one that does not, has the client as all three."""
    where = source.at("wait")
    if source.internal or source.has("redirect"):
        return
    source.draft.set("accept", source.accepts, where)
    if not source.accepts:
        source.draft.set("socket_fd", "stdin", where)
    elif source.stream:
        source.draft.set("stderr", "client", where)
    else:
        source.draft.runs = False
        source.draft.differs(
            where,
            "xinetd 2.3.15.4 does not start it, and 2.3.15.3 starts servers without end for one datagram",
            "wait = no for datagrams",
            "the service is disabled",
        )


def kind(source: Source) -> None:
    """What a service is beside a program."""
    words, where = source.folded("type"), source.at("type")
    if "sensor" in source.folded("flags"):
        return
    if "rpc" in words:
        source.draft.impossible(where, "it registers with the port mapper (type RPC), which no backend does")
    if words & {"tcpmux", "tcpmuxplus"} or (source.internal and source.entry.name == "tcpmux"):
        source.draft.impossible(where, "it is reached through tcpmux, which no backend has; give it a port of its own")
    elif source.internal and fold(source.entry.name) in _INTERNALS:
        source.draft.set("internal", fold(source.entry.name), where)
    elif source.internal:
        source.draft.impossible(where, f"no backend has an internal service {source.entry.name}")


def redirect(source: Source) -> None:
    host, port = source.values("redirect")
    where, address = source.at("redirect"), literal_address(host)
    target = number(port) or source.lookup(port, "tcp")
    if not address and host != "localhost":
        source.draft.expressible = False
        source.draft.ask(
            where,
            f"connections go to {host}, whose address xinetd looks up when it starts; there is no service until that "
            "is decided",
            "write a service with proxy: {to: ADDRESS:PORT}",
        )
    source.draft.set(
        "proxy", {"to": f"[{address}]:{target}" if ":" in address else f"{address or host}:{target}"}, where
    )


def _tcp(field: str) -> Callable[[Source], None]:
    return lambda source: source.draft.set(f"tcp.{field}", True, source.at("flags")) if source.stream else None


def _no_effect(text: str) -> Callable[[Source], None]:
    return lambda source: source.draft.dropped(source.at("flags"), text)


def _identified(source: Source) -> None:
    source.draft.ask_closed(
        source.at("flags"),
        "IDONLY lets in only clients whose host names the account (ident), which no backend asks for",
        "serve clients without that",
        "keep the service disabled",
    )


def _sensor(source: Source) -> None:
    source.draft.impossible(source.at("flags"), "SENSOR refuses everywhere who connects here, which no backend does")


def _labelled(source: Source) -> None:
    source.draft.ask(
        source.at("flags"),
        "LABELED runs the server in the SELinux context of the client",
        "run it in the context of the service",
        "keep it with xinetd",
    )


# What is not here is told elsewhere: the families, the name in the arguments, libwrap.
_FLAGS: dict[str, Callable[[Source], None]] = {
    "keepalive": _tcp("keepalive"),
    "nodelay": _tcp("no_delay"),
    "reuse": _no_effect("the flag REUSE has no effect: xinetd always reuses addresses"),
    "noretry": _no_effect("the flag NORETRY has no effect: no backend tries to start a server again"),
    "intercept": _no_effect("the flag INTERCEPT has no effect: every packet is looked at where there are access lists"),
    "idonly": _identified,
    "sensor": _sensor,
    "labeled": _labelled,
}


def flags(source: Source) -> None:
    for word in sorted(source.folded("flags")):
        if word in _FLAGS:
            _FLAGS[word](source)
