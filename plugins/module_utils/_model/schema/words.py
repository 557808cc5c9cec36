# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Suggestions for unknown fields: words of xinetd, systemd and container tools, each of which names a field."""

from __future__ import annotations

import difflib
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._model.names import RAW
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.examples import (
    EXAMPLES,
    TOGETHER,
    WHOLE,
)

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
        shown = {**{path: path for path in EXAMPLES}, **WHOLE}
        inside = [shown[path] for path in shown if self._is_mine(path) and plain(path[self._start :]) == word]
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
        more = [f"{other.rpartition('.')[2]}: {EXAMPLES[other]}" for other in TOGETHER.get(path, ())]
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
