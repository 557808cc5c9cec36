# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Suggestions for unknown fields: words of xinetd, systemd and container tools.

Each field has an example of its right shape; each word from elsewhere names a field.
"""

from __future__ import annotations

import difflib
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._model.names import BACKENDS, RAW

# Of each field an example value, as YAML.
EXAMPLES: t.Mapping[str, str] = {
    "name": "web",
    "state": "disabled",
    "backend": BACKENDS[0],
    "description": "Web server",
    "listen.tcp": '"80"',
    "listen.udp": '"53"',
    "listen.unix": "/run/name.sock",
    "listen.family": "ipv4",
    "listen.interface": "eth0",
    "listen.freebind": "true",
    "listen.backlog": "128",
    "listen.owner": "www-data",
    "listen.group": "www-data",
    "listen.mode": '"0660"',
    "listen.type": "datagram",
    "accept": "false",
    "socket_fd": "stdin",
    "exec": "[/usr/bin/program, argument]",
    "argv0": "in.telnetd",
    "internal": "echo",
    "proxy.to": '"127.0.0.1:8080"',
    "proxy.unit": "nginx",
    "proxy.start_timeout": "40s",
    "proxy.idle_timeout": "10m",
    "user": "nobody",
    "group": "nogroup",
    "supplementary_groups": "[adm]",
    "umask": '"027"',
    "nice": "5",
    "working_directory": "/srv",
    "environment": "{LANG: C.UTF-8}",
    "environment_file": "/etc/default/name",
    "secrets": '{TOKEN: "{{ vaulted }}"}',
    "stderr": "log",
    "end_children": "true",
    "resources.open_files": "1024",
    "resources.processes": "100",
    "resources.address_space": "1G",
    "resources.data": "512M",
    "resources.stack": "8M",
    "resources.core": "0",
    "resources.file_size": "100M",
    "resources.cpu_time": "60",
    "resources.memory_max": "256M",
    "resources.cpu_quota": "50%",
    "resources.tasks_max": "100",
    "resources.connection_time": "10m",
    "connections.max": "50",
    "connections.per_source": "5",
    "connections.rate": "{count: 50, interval: 1, pause: 10}",
    "connections.rate.count": "50",
    "connections.rate.interval": "10s",
    "connections.rate.pause": "30s",
    "connections.max_load": "4.0",
    "access.allow": "[192.0.2.0/24]",
    "access.deny": "[192.0.2.99]",
    "access.hours": '["mon-fri 08:00-18:00"]',
    "tcp.keepalive": "true",
    "tcp.no_delay": "true",
    "tcp.defer_accept": "5",
    "banner.text": '"Welcome"',
    "banner.file": "/etc/motd",
    "banner.on": "refuse",
    "tls.certificate": "/etc/ssl/name.pem",
    "tls.key": "/etc/ssl/private/name.key",
    "tls.client_ca": "/etc/ssl/clients.pem",
    "tls.minimum_version": '"1.3"',
    "log.what": "[host, pid, exit, duration, refused]",
    "log.where": "syslog",
    "log.file": "/var/log/name.log",
    "log.rotate_size": "10M",
    "log.rotate_keep": "5",
    "requires": "[network-online.target]",
    "after": "[postgresql.service]",
    "sandbox": "strict",
    "probe.send": '"PING"',
    "probe.expect": '"PONG"',
    "probe.timeout": "5",
    **{f"native.{raw.field}": raw.example for raw in RAW},
}

# What stands for a record as a whole.
WHOLE: t.Mapping[str, str] = {
    "listen": "listen.tcp",
    "proxy": "proxy.to",
    "resources": "resources.memory_max",
    "connections": "connections.max",
    "connections.rate": "connections.rate",
    "access": "access.allow",
    "tcp": "tcp.keepalive",
    "banner": "banner.text",
    "tls": "tls.certificate",
    "log": "log.where",
    "probe": "probe.expect",
    "native": "native.systemd.service",
    "native.systemd": "native.systemd.service",
}
# Records that cannot be without more than one field.
_TOGETHER = {
    "tls.certificate": ("tls.key",),
    "tls.key": ("tls.certificate",),
    "tls.client_ca": ("tls.certificate", "tls.key"),
    "tls.minimum_version": ("tls.certificate", "tls.key"),
    "proxy.unit": ("proxy.to",),
    "proxy.start_timeout": ("proxy.to", "proxy.unit"),
    "proxy.idle_timeout": ("proxy.to",),
    "connections.rate.interval": ("connections.rate.count",),
    "connections.rate.pause": ("connections.rate.count",),
}

# Fields by the words for them, in small letters without "_" and "-".
_WORDS: t.Mapping[str, str] = {
    "name": "id service servicename identifier",
    "state": "disable disabled enable enabled ensure wantedby started",
    "backend": "superserver provider",
    "description": "comment summary",
    "listen.tcp": "port ports address addr host ip bind bindto endpoint endpoints socket sockets listenstream protocol "
    "sockettype servicetype expose publish",
    "listen.udp": "listendatagram datagram",
    "listen.unix": "path socketpath listensequentialpacket listenfifo",
    "listen.family": "bindipv6only ipv6only v6only",
    "listen.interface": "bindtodevice device dev iface nic",
    "listen.freebind": "nonlocalbind ipnonlocalbind transparent",
    "listen.owner": "socketuser",
    "listen.group": "socketgroup",
    "listen.mode": "socketmode permissions perm",
    "accept": "wait nowait concurrent",
    "socket_fd": "standardinput stdin",
    "exec": "command cmd server serverargs serverarg args argv arguments program executable binary run script "
    "execstart entrypoint handler",
    "proxy.to": "redirect forward forwardto upstream",
    "proxy.start_timeout": "timeoutstartsec timeoutstart starttimeout connecttimeout",
    "proxy.idle_timeout": "exitidletime idletime",
    "user": "account uid runas username",
    "group": "gid groupname",
    "supplementary_groups": "groups extragroups",
    "nice": "priority",
    "working_directory": "cwd chdir directory workdir dir",
    "environment": "env passenv passenvironment variables setenv",
    "environment_file": "envfile",
    "secrets": "loadcredential setcredential credentials password passwords",
    "stderr": "standarderror",
    "resources.open_files": "rlimitfiles limitnofile nofile ulimit",
    "resources.processes": "limitnproc nproc rlimitnproc",
    "resources.address_space": "rlimitas limitas",
    "resources.data": "rlimitdata limitdata",
    "resources.stack": "rlimitstack limitstack",
    "resources.core": "limitcore coredump rlimitcore",
    "resources.file_size": "limitfsize rlimitfsize fsize",
    "resources.cpu_time": "rlimitcpu limitcpu",
    "resources.memory_max": "memory memorylimit memorymax memlimit mem rlimitrss limitrss maxmemory",
    "resources.cpu_quota": "cpu cpus cpulimit cpuquotapersec",
    "resources.tasks_max": "pids pidslimit tasks maxtasks",
    "resources.connection_time": "runtimemaxsec timeout maxtime sessiontimeout timeoutsec maxduration",
    "connections.max": "instances maxconnections maxclients maxinstances limit concurrency maxchild maxconn",
    "connections.per_source": "persource maxconnectionspersource maxperip perip maxperclient persourcelimit",
    "connections.rate": "cps ratelimit triggerlimitburst triggerlimitintervalsec polllimitburst polllimitintervalsec "
    "startlimitburst maxrate",
    "connections.max_load": "load loadlimit",
    "access.allow": "onlyfrom ipaddressallow allowed allowfrom allowlist whitelist hostsallow sources source "
    "restrictto",
    "access.deny": "noaccess ipaddressdeny denied denyfrom denylist blacklist blocklist hostsdeny denytime",
    "access.hours": "accesstimes times schedule",
    "tcp.keepalive": "keepalives keepalivetimesec",
    "tcp.no_delay": "nodelay",
    "tcp.defer_accept": "deferacceptsec",
    "banner.file": "bannersuccess bannerfile motd",
    "banner.text": "greeting message",
    "banner.on": "bannerfail",
    "tls.certificate": "ssl cert certfile sslcertificate sslcert",
    "tls.key": "keyfile privatekey sslkey",
    "tls.client_ca": "ca cafile clientcertificate verify",
    "tls.minimum_version": "minversion tlsversion sslversion protocols",
    "log.where": "logtype logging syslogfacility syslogidentifier",
    "log.what": "logonsuccess logonfailure",
    "log.file": "logfile",
    "log.rotate_size": "maxsize",
    "requires": "require depends dependson needs wants bindsto requisite",
    "after": "before order ordering",
    "sandbox": "nonewprivileges protectsystem protecthome privatetmp privatedevices capabilityboundingset "
    "systemcallfilter security hardening readonlypaths protectkerneltunables restrictnamespaces dynamicuser",
    "probe.expect": "check healthcheck",
    **{f"native.{raw.field}": raw.words for raw in RAW if raw.words},
}
# What a word means inside one record, where that is something else than in a service.
_INSIDE: t.Mapping[tuple[str, str], str] = {
    ("listen", "user"): "listen.owner",
    ("listen", "bind"): "listen.tcp",
    ("listen", "ipv4"): "listen.family",
    ("listen", "ipv6"): "listen.family",
    ("connections", "burst"): "connections.rate",
    ("connections", "load"): "connections.max_load",
    ("connections.rate", "limit"): "connections.rate.count",
    ("connections.rate", "burst"): "connections.rate.count",
    ("connections.rate", "per"): "connections.rate.interval",
    ("connections.rate", "period"): "connections.rate.interval",
    ("connections.rate", "wait"): "connections.rate.pause",
    ("log", "path"): "log.file",
    ("log", "type"): "log.where",
    ("log", "to"): "log.where",
    ("proxy", "port"): "proxy.to",
    ("proxy", "address"): "proxy.to",
    ("proxy", "host"): "proxy.to",
    ("proxy", "service"): "proxy.unit",
    ("proxy", "daemon"): "proxy.unit",
    ("proxy", "timeout"): "proxy.idle_timeout",
    ("banner", "path"): "banner.file",
    ("banner", "message"): "banner.text",
    ("probe", "receive"): "probe.expect",
    ("probe", "request"): "probe.send",
    ("probe", "response"): "probe.expect",
}
# Additional hints.
_NOTES: t.Mapping[str, str] = {
    "wait": "wait = no is accept: true, the default for streams; wait = yes is accept: false",
    "nowait": "nowait is accept: true, the default for streams",
    "disable": "disable = yes is state: disabled, disable = no is state: present",
    "disabled": "disabled: true is state: disabled",
    "enable": "an enabled service has state: present, the default",
    "enabled": "an enabled service has state: present, the default",
    "cps": "the second number of cps is a pause",
    "protocol": "the transport is the endpoint's key: tcp, udp or unix",
    "sockettype": "the transport is the endpoint's key: tcp, udp or unix",
    "serverargs": "the arguments follow the program in exec",
    "before": "write after in the other service",
    "bannerfail": "a banner for refused clients has on: refuse beside its text or file",
    "cpus": "a CPU is 100%",
}
BY_WORD = {word: path for path, words in _WORDS.items() for word in words.split()}
_NEAR_WORD = 0.85


def plain(word: str) -> str:
    """A word as it is looked up: small letters without what separates."""
    return re.sub(r"[^a-z0-9]", "", word.lower())


def _leaves() -> dict[str, str]:
    """Fields of records by their last name alone, where only one record has it."""
    last = [path.rpartition(".")[2] for path in EXAMPLES]
    return {plain(path.rpartition(".")[2]): path for path in EXAMPLES if last.count(path.rpartition(".")[2]) == 1}


_BY_NAME = _leaves()


@dataclass(frozen=True)
class Guide:
    """What is meant inside one record; ``place`` is its path, empty for a service."""

    place: str = ""

    def meant(self, name: str) -> str:
        """What to write in the place of a word that is known from elsewhere, or nothing."""
        return self._told(plain(name), self._path(plain(name)))

    def nearly_meant(self, name: str) -> str:
        """The same for a word that is almost one of those."""
        near = difflib.get_close_matches(plain(name), list(BY_WORD), n=1, cutoff=_NEAR_WORD)
        return self._told(near[0], BY_WORD[near[0]]) if near else ""

    def _told(self, word: str, path: str) -> str:
        if not path:
            return ""
        note = f" ({_NOTES[word]})" if word in _NOTES else ""
        return f"write {self.shape(path)}{note}"

    def _path(self, word: str) -> str:
        inside = [path for path in (*EXAMPLES, *WHOLE) if self._is_mine(path) and plain(path[self._start :]) == word]
        return (
            next(iter(inside), "")
            or _INSIDE.get((self.place, word), "")
            or BY_WORD.get(word, "")
            or _BY_NAME.get(word, "")
        )

    @property
    def _start(self) -> int:
        return len(self.place) + 1 if self.place else 0

    def _is_mine(self, path: str) -> bool:
        return path.startswith(f"{self.place}.") if self.place else True

    def example(self, name: str) -> str:
        """How a field of this record is written, or nothing where none is known."""
        path = f"{self.place}.{name}" if self.place else name
        path = path if path in EXAMPLES else WHOLE.get(path, "")
        return self.shape(path) if path else ""

    def shape(self, path: str) -> str:
        """How a field is written, seen from this record: from the service down where it is elsewhere."""
        if self.place and path.startswith(f"{self.place}."):
            return _nested(path[self._start :].split("."), EXAMPLES[path])
        more = [f"{other.rpartition('.')[2]}: {EXAMPLES[other]}" for other in _TOGETHER.get(path, ())]
        text = _nested(path.split("."), EXAMPLES[path], more, path not in ("listen.tcp", "listen.udp", "listen.unix"))
        return f"{text} in the service" if self.place else text


def _nested(steps: t.Sequence[str], value: str, more: t.Sequence[str] = (), beside: bool = False) -> str:
    """``a.b.c`` as nested flow mappings, endpoints in a list of them."""
    if len(steps) == 1:
        return ", ".join([f"{steps[0]}: {value}", *more])
    inner = _nested(steps[1:], value, more)
    if steps[0] != "listen":
        return f"{steps[0]}: {{{inner}}}"
    unix = steps[1] in ("owner", "group", "mode", "type")
    endpoint = f"{'unix: /run/name.sock' if unix else _TCP}, " if beside else ""
    return f"listen: [{{{endpoint}{inner}}}]"


_TCP = 'tcp: "80"'
