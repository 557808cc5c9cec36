# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the schema about clients: how many there may be, who may connect, banners and TLS."""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.forms import (
    duration,
    rate,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.parts import ONLY_ROOT
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.structures import (
    Field,
    Listing,
    Record,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.types import (
    Choice,
    Number,
    Text,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.values import (
    CIDR,
    COUNT,
    FILE,
    HOURS,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.words import Guide

RATE = Record(
    (
        Field("count", Number(1, 10000), "new connections accepted at once, and then in each interval", required=True),
        Field("interval", Number(1, 86400, "seconds", reader=duration), "length of the interval", 1),
        Field(
            "pause",
            Number(0, 86400, "seconds", reader=duration),
            "how long every connection is refused after the limit was exceeded",
            0,
        ),
    ),
    short=rate,
    guide=Guide("connections.rate"),
)

CONNECTIONS = Record(
    (
        Field("max", COUNT, "connections served at the same time; further ones are closed at once"),
        Field(
            "per_source", COUNT, "connections served at the same time for one client address; further ones are closed"
        ),
        Field("rate", RATE, "limit of new connections"),
        Field(
            "max_load",
            Number(0, 10000, fractions=True),
            "one-minute load average from which on new connections are closed at once",
        ),
    ),
    guide=Guide("connections"),
)

ACCESS = Record(
    (
        Field("allow", Listing(CIDR), "clients that may connect; if there is any entry, no other client may", []),
        Field(
            "deny",
            Listing(CIDR),
            "clients that may not connect; the most specific prefix of both lists wins, and `deny` wins a tie",
            [],
        ),
        Field(
            "hours",
            Listing(HOURS),
            "when new connections are accepted; at other times they are closed at once. A window that ends before it "
            "begins ends on the next day; its days are those on which it begins",
            [],
        ),
    ),
    guide=Guide("access"),
)

BANNER = Record(
    (
        Field("text", Text("text", multiline=True), "text that is sent"),
        Field("file", FILE, f"file whose content is sent. {ONLY_ROOT}"),
        Field(
            "on",
            Choice(("connect", "refuse")),
            "when it is sent: before the handler starts, or to a client that `access.hours` or "
            "`connections.max_load` refuses (a client that is refused for another reason gets nothing). A client "
            "has a minute to read it, or `resources.connection_time` if that is less",
            "connect",
        ),
    ),
    guide=Guide("banner"),
)

TLS = Record(
    (
        Field(
            "certificate",
            FILE,
            "certificate (PEM), followed by those of intermediate CAs; read for each connection",
            required=True,
        ),
        Field(
            "key",
            FILE,
            f"private key (PEM), without a passphrase. It must not be readable by every account. {ONLY_ROOT}",
            required=True,
        ),
        Field(
            "client_ca",
            FILE,
            f"accept only clients with a certificate of this CA. {ONLY_ROOT}",
        ),
        Field("minimum_version", Choice(("1.2", "1.3")), "lowest TLS version", "1.2"),
    ),
    guide=Guide("tls"),
)
