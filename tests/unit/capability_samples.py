# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For each row of the capability table a service that uses it."""

from __future__ import annotations

from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields

TCP, UDP, UNIX = {"tcp": "7"}, {"udp": "7"}, {"unix": "/run/a"}
INTERNAL = {"exec": None, "internal": "echo"}
WAITING = {"accept": False}
PROXY: Fields = {"exec": None, "proxy": {"to": "/run/b"}}
SEVERAL = {"listen": [TCP, {"tcp": "8"}]}

# Every row by field and case, with a declaration that needs it.
SAMPLES: dict[tuple[str, str], Fields] = {
    ("name", ""): {},
    ("state", ""): {"state": "disabled"},
    ("backend", ""): {"backend": "systemd"},
    ("description", ""): {"description": "x"},
    ("listen.tcp", ""): {},
    ("listen.udp", ""): {"listen": [UDP]},
    ("listen.unix", ""): {"listen": [UNIX]},
    ("listen.type", "datagram"): {"listen": [{**UNIX, "type": "datagram"}]},
    ("listen.type", "seqpacket, accept: true"): {"listen": [{**UNIX, "type": "seqpacket"}]},
    ("listen.type", "seqpacket, accept: false"): {**WAITING, "listen": [{**UNIX, "type": "seqpacket"}]},
    ("listen.owner", ""): {"listen": [{**UNIX, "owner": "nobody"}]},
    ("listen.group", ""): {"listen": [{**UNIX, "group": "adm"}]},
    ("listen.mode", ""): {"listen": [{**UNIX, "mode": "0600"}]},
    ("listen.family", ""): {"listen": [{**TCP, "family": "ipv4"}]},
    ("listen.interface", ""): {"listen": [{**TCP, "interface": "lo"}]},
    ("listen.freebind", ""): {"listen": [{"tcp": "192.0.2.7:7", "freebind": True}]},
    ("listen.backlog", ""): {"listen": [{**TCP, "backlog": 5}]},
    ("accept", "true"): {},
    ("accept", "false, one endpoint"): WAITING,
    ("accept", "false, several endpoints"): {**WAITING, **SEVERAL},
    ("socket_fd", "listen_fds"): WAITING,
    ("socket_fd", "stdin"): {**WAITING, "socket_fd": "stdin"},
    ("exec", ""): {},
    ("argv0", ""): {"argv0": "x"},
    ("internal", "tcp"): INTERNAL,
    ("internal", "udp"): {"exec": None, "internal": "discard", "listen": [UDP]},
    ("user", ""): {"user": "nobody"},
    ("group", ""): {"group": "adm"},
    ("supplementary_groups", ""): {"supplementary_groups": []},
    ("umask", ""): {"umask": "077"},
    ("nice", "0 and up"): {"nice": 5},
    ("nice", "below 0"): {"nice": -5},
    ("working_directory", ""): {"working_directory": "/srv"},
    ("environment", ""): {"environment": {"A": "b"}},
    ("environment_file", ""): {"environment_file": "/a"},
    ("secrets", ""): {"secrets": {"A": "b"}},
    ("stderr", "log"): {},
    ("stderr", "client"): {"stderr": "client"},
    ("end_children", ""): {"end_children": True},
    ("connections.max", "tcp, accept: true"): {"connections": {"max": 1}},
    ("connections.max", "tcp, accept: true, several endpoints"): {**SEVERAL, "connections": {"max": 1}},
    ("connections.max", "unix, accept: true"): {"listen": [UNIX], "connections": {"max": 1}},
    ("connections.max", "tcp, accept: false"): {**WAITING, "connections": {"max": 1}},
    ("connections.max", "unix, accept: false"): {**WAITING, "listen": [UNIX], "connections": {"max": 1}},
    ("connections.per_source", "accept: true"): {"connections": {"per_source": 1}},
    ("connections.per_source", "accept: true, several endpoints"): {**SEVERAL, "connections": {"per_source": 1}},
    ("connections.per_source", "accept: true, tcp and unix"): {"listen": [TCP, UNIX], "connections": {"per_source": 1}},
    ("connections.per_source", "accept: false"): {**WAITING, "connections": {"per_source": 1}},
    **{
        (f"connections.{name}", case): {**PROXY, **listen, "connections": {name: 1}}
        for name in ("max", "per_source")
        for case, listen in (("proxy", {}), ("proxy, several endpoints", SEVERAL))
    },
    ("access.allow", "accept: true"): {"access": {"allow": ["::1"]}},
    ("access.deny", "accept: true"): {"access": {"deny": ["::1"]}},
    ("access.allow", "accept: false, and datagrams"): {**WAITING, "access": {"allow": ["::1"]}},
    ("access.deny", "accept: false, and datagrams"): {"listen": [UDP], "access": {"deny": ["::1"]}},
    ("access.hours", "accept: true"): {"access": {"hours": ["22:00-06:00"]}},
    ("access.hours", "accept: false, and datagrams"): {**WAITING, "access": {"hours": ["22:00-06:00"]}},
    **{
        (f"proxy.{name}", ""): {"exec": None, "proxy": {"to": "/run/b", name: value}}
        for name, value in (("to", "/run/b"), ("unit", "b.service"), ("idle_timeout", 5))
    },
    ("proxy.start_timeout", ""): {
        "exec": None,
        "proxy": {"to": "/run/b", "unit": "b", "start_timeout": 40},
    },
    **{
        (f"resources.{name}", ""): {"resources": {name: 5}}
        for name in (
            *("open_files", "processes", "address_space", "data", "stack", "core", "file_size", "cpu_time"),
            *("memory_max", "cpu_quota", "tasks_max", "connection_time"),
        )
    },
    **{
        (f"connections.rate.{name}", case): {"listen": [endpoint], "connections": {"rate": {"count": 5, name: 5}}}
        for name in ("count", "interval", "pause")
        for case, endpoint in (("tcp", TCP), ("unix", UNIX))
    },
    ("connections.max_load", ""): {"connections": {"max_load": 5}},
    **{
        (f"tcp.{name}", ""): {"tcp": {name: value}}
        for name, value in (("keepalive", True), ("no_delay", True), ("defer_accept", 5))
    },
    ("banner.text", ""): {"banner": {"text": "x"}},
    ("banner.file", ""): {"banner": {"file": "/x"}},
    ("banner.on", ""): {"banner": {"text": "x", "on": "refuse"}, "connections": {"max_load": 1}},
    **{
        (f"tls.{name}", ""): {"tls": {"certificate": "/a", "key": "/b", name: value}}
        for name, value in (("certificate", "/a"), ("key", "/b"), ("client_ca", "/c"), ("minimum_version", "1.3"))
    },
    **{
        (f"log.{name}", ""): {"log": {name: value}}
        for name, value in (("what", ["pid"]), ("file", "/x"), ("rotate_size", 5), ("rotate_keep", 5))
    },
    **{("log.where", where): {"log": {"where": where}} for where in ("journal", "syslog", "file")},
    ("log.where", "file, sandbox: strict"): {"log": {"where": "file"}, "sandbox": "strict"},
    **{(field, "units"): {field: ["a.service"]} for field in ("requires", "after")},
    **{(field, "services"): {field: ["a"]} for field in ("requires", "after")},
    ("sandbox", "basic"): {"sandbox": "basic"},
    ("sandbox", "strict"): {"sandbox": "strict"},
    ("sandbox", "strict, proxy with a unit"): {
        "exec": None,
        "proxy": {"to": "/run/b", "unit": "b"},
        "sandbox": "strict",
    },
    ("probe.send", ""): {"probe": {"send": "x"}},
    ("probe.expect", ""): {"probe": {"expect": "x"}},
    ("probe.timeout", ""): {"probe": {"timeout": 1}},
    ("native.systemd.socket", ""): {"native": {"systemd": {"socket": {"Mark": "1"}}}},
    ("native.systemd.service", ""): {"native": {"systemd": {"service": {"Slice": "a.slice"}}}},
    ("native.xinetd", ""): {"native": {"xinetd": {"flags": "x"}}},
    ("native.s6", ""): {"native": {"s6": {"x": "y"}}},
}
