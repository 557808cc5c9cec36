# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declarations and hosts as Hypothesis draws them."""

from __future__ import annotations

import re
import typing as t

from hypothesis import strategies as st

from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields

HOSTS = st.builds(
    Platform,
    systemd=st.sampled_from([252, 257]),
    ipv6=st.booleans(),
    bpf=st.booleans(),
    primary_groups=st.just({"root": "root", "nobody": "nogroup"}),
)

# Text that some parser somewhere takes for more than text.
MEANINGFUL = st.sampled_from([
    *("%", "%%", "%n", "$", "$$", "$A", "${A}", '"', "'", "\\", "\\\n", ";", "#", "\n", "\r", "\t", " ", "=", "[", "]"),
    *("[Service]", "\nExecStart=/bin/false", "\n[Service]\nUser=root\n", "-", "+", "!", "@", ":", "{", "}", "~"),
    *("\xfc", "\u2028", "\x85", "\xa0", "\ufeff", "\ufffe", "\U0001ffff"),
    *("*", "?", "`", "|", "&", "<", ">", "(", ")", "0", "a", "\0", "\x1b", "\x7f"),
])  # fmt: skip
TEXT = st.one_of(MEANINGFUL, st.lists(MEANINGFUL, max_size=8).map("".join), st.text(max_size=12))


def keeping(pattern: str) -> st.SearchStrategy[str]:
    """Text of the characters that match a pattern."""
    return TEXT.map(lambda text: "".join(re.findall(pattern, text)))


# What fields take: words that may have line breaks, variables, and one line that is written without quotes.
CHARACTER = r"[^\x00-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\U0001fffe-\U0001ffff\U0002fffe-\U0010ffff]"
TEXTS = keeping(rf"(?:{CHARACTER}|[\t\n\r])")
VALUES = keeping(rf"(?:{CHARACTER}|[\t\n])")
LINES = keeping(CHARACTER).map(lambda text: re.sub(r"[\s\\]+\Z", "", text).strip())
PATHS = LINES.map(lambda text: re.sub(r"[/.]", "_", text))
PROGRAMS = PATHS.map(lambda text: "/opt/p" + re.sub(r"[\"'\\$]", "_", text))

ACCOUNTS = st.sampled_from(["root", "nobody", "www-data", "machine$"])
NETWORKS = st.sampled_from(["192.0.2.0/24", "192.0.2.1", "0.0.0.0/0", "2001:db8::/32", "::1", "::/0"])
LIMITS = st.integers(1, 1000)


@st.composite
def network_endpoints(draw: st.DrawFn, transport: str, number: int) -> Fields:
    """A port of its own for each number, so that endpoints do not meet."""
    port = draw(st.sampled_from([str(1000 + number), f"0{1000 + number}"]))
    address = draw(st.sampled_from(["", "127.0.0.1:", "0.0.0.0:", "[::1]:", "[::]:", "192.0.2.1:"]))
    endpoint: Fields = {transport: f"{address}{port}"}
    if not address and draw(st.booleans()):
        endpoint["family"] = draw(st.sampled_from(["any", "ipv4", "ipv6"]))
    if transport == "tcp" and draw(st.booleans()):
        endpoint["backlog"] = draw(st.integers(1, 65535))
    return endpoint


@st.composite
def unix_endpoints(draw: st.DrawFn, kind: str, number: int) -> Fields:
    optional = {"owner": ACCOUNTS, "group": ACCOUNTS, "mode": st.sampled_from(["600", "0666"])}
    endpoint: Fields = draw(st.fixed_dictionaries({}, optional=optional))
    endpoint["unix"] = f"/run/{number}{draw(PATHS)}"
    if kind != "stream":
        endpoint["type"] = kind
    return endpoint


# Endpoints by what can be listened on together.
SORTS: dict[str, tuple[t.Callable[[int], st.SearchStrategy[Fields]], ...]] = {
    "connections": (
        lambda number: network_endpoints("tcp", number),
        lambda number: unix_endpoints("stream", number),
        lambda number: unix_endpoints("seqpacket", number),
    ),
    "datagrams": (
        lambda number: network_endpoints("udp", number),
        lambda number: unix_endpoints("datagram", number),
    ),
    "network": (lambda number: network_endpoints("tcp", number), lambda number: network_endpoints("udp", number)),
}
PROCESS: dict[str, st.SearchStrategy[t.Any]] = {
    "user": ACCOUNTS,
    "group": ACCOUNTS,
    "supplementary_groups": st.lists(ACCOUNTS, max_size=2),
    "umask": st.sampled_from(["022", "0077"]),
    "nice": st.integers(-20, 19),
    "working_directory": PATHS.map("/".__add__),
    "environment": st.dictionaries(st.sampled_from(["A", "B_1", "PATH", "HOME"]), VALUES, max_size=3),
}
COMMON: dict[str, st.SearchStrategy[t.Any]] = {
    "state": st.sampled_from(["present", "disabled"]),
    "description": LINES,
    "probe": st.fixed_dictionaries({}, optional={"send": TEXTS, "timeout": st.integers(1, 9)}),
}
ACCESS = st.fixed_dictionaries(
    {}, optional={"allow": st.lists(NETWORKS, max_size=3), "deny": st.lists(NETWORKS, max_size=3)}
)
CONNECTIONS = st.fixed_dictionaries({}, optional={"max": LIMITS, "per_source": LIMITS})


@st.composite
def declarations(draw: st.DrawFn) -> Fields:
    """One service that the schema takes."""
    handler = draw(st.sampled_from(["handler", "daemon", "internal"]))
    sort = "network" if handler == "internal" else draw(st.sampled_from(["connections", "datagrams"]))
    sort = "connections" if handler == "handler" else sort
    listen = [draw(draw(st.sampled_from(SORTS[sort]))(number)) for number in range(draw(st.integers(1, 3)))]
    declared: Fields = {"name": draw(st.sampled_from(["a", "b-c", "D", "9"])), "listen": listen}
    declared.update(draw(st.fixed_dictionaries({}, optional=COMMON)))
    if handler == "internal":
        answers = not any("udp" in endpoint for endpoint in listen)
        declared["internal"] = draw(st.sampled_from(["echo", "time"] if answers else ["discard"]))
    else:
        declared["exec"] = [draw(st.one_of(st.just("/bin/echo"), PROGRAMS)), *draw(st.lists(TEXTS, max_size=4))]
        declared.update(draw(st.fixed_dictionaries({}, optional=PROCESS)))
    if handler == "handler":
        declared.update(draw(st.fixed_dictionaries({}, optional={"stderr": st.sampled_from(["log", "client"])})))
    if handler == "daemon":
        declared["accept"] = False
        declared["socket_fd"] = "listen_fds" if len(listen) > 1 else draw(st.sampled_from(["listen_fds", "stdin"]))
    if any("tcp" in endpoint for endpoint in listen):
        declared.update(draw(st.fixed_dictionaries({}, optional={"connections": CONNECTIONS})))
    if any({"tcp", "udp"} & endpoint.keys() for endpoint in listen):
        declared.update(draw(st.fixed_dictionaries({}, optional={"access": ACCESS})))
    return declared


DECLARATIONS = declarations()
# Defaults are for every service, so that some of them mean nothing for the one that is drawn.
DEFAULTS = st.fixed_dictionaries(
    {},
    optional={
        **PROCESS,
        "socket_fd": st.just("listen_fds"),
        "stderr": st.sampled_from(["log", "client"]),
        "access": ACCESS,
        "connections": CONNECTIONS,
    },
)
