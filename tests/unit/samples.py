# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services that every backend writes files for, which golden files show."""

from __future__ import annotations

from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields

# By the name of the service, over the least that a service has.
COMMON: dict[str, Fields] = {
    "sleeper": {
        "exec": None,
        "proxy": {"to": "localhost:80", "unit": "web@1", "idle_timeout": 60},
        "user": "nobody",
        "supplementary_groups": ["adm"],
        "nice": -5,
        "connections": {"max": 7, "per_source": 3},
    },
    "encrypted": {
        "exec": ["/bin/echo", "a b", "$HOME'"],
        "user": "nobody",
        "group": "adm",
        "supplementary_groups": ["audio"],
        "environment": {"A": "a 'b'"},
        "working_directory": "/srv/a b",
        "umask": "077",
        "nice": -5,
        "resources": {"open_files": 64, "connection_time": 30},
        "sandbox": "basic",
        "access": {"hours": ["22:00-06:00"]},
        "banner": {"text": "hello\n"},
        "tls": {"certificate": "/etc/a b.pem", "key": "/etc/a.key", "client_ca": "/etc/ca.pem"},
    },
    "late": {
        "listen": [{"tcp": "192.0.2.7:1016", "freebind": True}, {"tcp": "[2001:db8::7]:1016", "freebind": True}],
        "user": "nobody",
    },
    "encrypted-internal": {
        "listen": [{"tcp": "1015"}],
        "exec": None,
        "internal": "time",
        "tls": {"certificate": "/a", "key": "/b", "minimum_version": "1.3"},
    },
    "encrypted-forwarder": {
        "exec": None,
        "proxy": {"to": "unix:/run/behind.sock"},
        "user": "nobody",
        "tls": {"certificate": "/a", "key": "/b"},
    },
    "logged": {
        "exec": ["/opt/a=b", "100%", "$HOME"],
        "user": "nobody",
        "environment": {"A": "$b %c"},
        "sandbox": "basic",
        "resources": {"open_files": 64, "connection_time": 9},
        "connections": {"max_load": 2},
        "log": {"what": ["host", "exit", "refused"], "rotate_keep": 3},
    },
    "logged-internal": {
        "listen": [{"tcp": "1015"}, {"udp": "1015"}],
        "exec": None,
        "internal": "echo",
        "access": {"allow": ["192.0.2.0/24"]},
        "log": {"what": ["pid"], "where": "syslog"},
    },
    "ended": {
        "user": "nobody",
        "end_children": True,
        "resources": {"open_files": 64, "connection_time": 9},
        "log": {"what": ["pid"]},
    },
    "ended-daemon": {"user": "nobody", "accept": False, "end_children": True},
    "named": {
        "user": "nobody",
        "exec": ["/opt/a=b", "100%"],
        "argv0": "in.a $HOME 'b'",
        "resources": {"connection_time": 9},
    },
    "secretive": {
        "user": "nobody",
        "group": "adm",
        "exec": ["/opt/a=b", "100%", "$HOME"],
        "environment": {"A": "a '$b' %c"},
        "environment_file": "/etc/default/a b%c",
        "secrets": {"KEY": "a\\b\n'$c' %d", "TOKEN": ""},
        "sandbox": "basic",
        "resources": {"open_files": 64, "connection_time": 9},
        "working_directory": "/srv",
    },
    "secretive-logged": {
        "environment_file": "/etc/a",
        "log": {"what": ["pid"]},
        "resources": {"open_files": 64},
        "stderr": "client",
    },
    "secretive-daemon": {"accept": False, "secrets": {"PATH": "/bin"}, "environment": {"A": "b"}},
    "secretive-encrypted": {
        "secrets": {"A": "b"},
        "environment": {"C": "d"},
        "tls": {"certificate": "/a", "key": "/b"},
    },
    "forwarder": {"listen": [{"tcp": "1013"}, {"tcp": "1014"}], "exec": None, "proxy": {"to": "/run/a b"}},
    "internal": {
        "listen": [{"tcp": "1003"}, {"udp": "1003"}],
        "exec": None,
        "internal": "echo",
        "access": {"allow": ["192.0.2.0/24"]},
    },
    "internal-udp": {"listen": [{"udp": "127.0.0.1:1004"}], "exec": None, "internal": "time"},
    "only-ipv6": {"listen": [{"tcp": "1011", "family": "ipv6"}]},
    "nobody": {"access": {"allow": ["192.0.2.1"], "deny": ["192.0.2.1"]}},
    "groups": {"user": "nobody", "supplementary_groups": ["adm", "audio"]},
    "no-groups": {"group": "adm", "supplementary_groups": []},
    "disabled": {"state": "disabled"},
    "client": {"stderr": "client"},
}
