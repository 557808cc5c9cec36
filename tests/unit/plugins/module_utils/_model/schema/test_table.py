# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each field of the schema with values that it takes and values that it does not."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.structures import (
    Field,
    Listing,
    Record,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import SERVICE
from ansible_collections.ondemand.superserver.tests.unit.declarations import ECHO, refusal


def records(record: Record, prefix: str = "") -> t.Iterator[tuple[str, Field]]:
    """Every field, records themselves included."""
    for entry in record.fields:
        yield f"{prefix}{entry.name}", entry
        inner = entry.kind.item if isinstance(entry.kind, Listing) else entry.kind
        if isinstance(inner, Record):
            yield from records(inner, f"{prefix}{entry.name}.")


@pytest.mark.parametrize(("path", "field"), list(records(SERVICE)))
def test_field_is_described(path: str, field: Field) -> None:
    assert field.doc
    assert field.doc[-1] not in ".\n", "a phrase, which the reference puts its own full stop behind"
    assert field.kind.describe()


# Of each field, values that it takes.
TAKEN: tuple[tuple[str, tuple[t.Any, ...]], ...] = (
    ("name", ("a", "7", "A-b_C", "a" * 63)),
    ("state", ("present", "disabled", "absent")),
    ("backend", ("systemd", "xinetd", "s6")),
    ("description", ("", "Echo, 100 % \"quoted\" $HOME #1; 'x' {}", "Grüße\tan alle")),
    ("listen", ([{"tcp": 7}], [{"tcp": "7", "family": "any", "backlog": 1}, {"tcp": "8", "backlog": 65535}])),
    ("exec", (["/bin/cat", "", "\n", "%n $x \"'\\ ;", "-"], ["/opt/a b/c%d"])),
    ("argv0", ("in.telnetd", "-sh", "a b\n$HOME %n 'x'")),
    ("user", ("nobody", "_apt", "a.b-c", "machine$", "1a", "a" * 254, "user@example.org", 0, "1000", 4294967294)),
    ("group", ("www-data",)),
    ("supplementary_groups", ([], ["adm", "audio"])),
    ("umask", ("022", "0077", "000")),
    ("nice", (-20, 0, 19)),
    ("working_directory", ("/", "/srv/a b", '/srv/"%d"', "/srv/a..b/...")),
    ("environment", ({}, {"A": "", "_b1": "x\ny\tz %n $HOME \"'\\"}, {"PATH": "/bin"}, {"HOME": "/"})),
    ("environment_file", ("/etc/default/a b%c", "/srv/..a")),
    ("secrets", ({}, {"A": "", "_b1": "x\ny\tz %n $HOME \"'\\"}, {"PATH": "/bin"}, {"A": {"digest": "0" * 32}})),
    ("stderr", ("log", "client")),
    ("end_children", (True, False)),
    ("connections", ({"max": 1, "per_source": 2147483647}, {"rate": {"count": 5}, "max_load": 0.5})),
    ("access", ({"allow": ["192.0.2.0/24", "::1"], "deny": []}, {"hours": ["22:00-06:00", "mon-fri 08:00-18:00"]})),
    ("probe", ({"send": "a\n", "expect": "a$", "timeout": 0.5 + 1}, {"expect": "x"})),
    ("native", ({"systemd": {"socket": {"Mark": 1}, "service": {"X-y": ["a", True]}}, "xinetd": {"flags": "x"}},)),
    ("resources", ({"open_files": 1, "core": 0},)),
    ("tcp", ({"keepalive": True, "no_delay": False, "defer_accept": 5},)),
    ("banner", ({"text": "hi\n", "on": "connect"}, {"file": "/etc/motd"})),
    ("tls", ({"certificate": "/a", "key": "/b", "client_ca": "/c", "minimum_version": "1.3"},)),
    ("log", ({}, {"what": ["host"], "where": "journal"}, {"file": "/a/b", "rotate_size": 1, "rotate_keep": 1})),
    ("requires", (["network.target"],)),
    ("sandbox", ("off", "basic", "strict")),
)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in TAKEN for value in values])
def test_field_takes(name: str, value: t.Any) -> None:
    assert refusal({**ECHO, name: value}) == []


# Of each field: a value, the path of the problem below the service, and what the message must say.
NOT_TAKEN: tuple[tuple[str, t.Any, str, str], ...] = (
    ("name", "", "name", "must not be empty"),
    ("name", "-a", "name", "1 to 63 letters"),
    ("name", "a.b", "name", "1 to 63 letters"),
    ("name", "a@b", "name", "1 to 63 letters"),
    ("name", "a b", "name", "1 to 63 letters"),
    ("name", "../a", "name", "1 to 63 letters"),
    ("name", "a/b", "name", "1 to 63 letters"),
    ("name", "ä", "name", "1 to 63 letters"),
    ("name", "a\n", "name", "one line"),
    ("name", "a" * 64, "name", "1 to 63 letters"),
    ("name", "s6rc-x", "name", "reserved"),
    ("name", "s6-rc-x", "name", "reserved"),
    ("name", "superserver-guard", "name", "reserved"),
    ("name", 7, "name", "put the value in quotes"),
    ("state", "enabled", "state", "present, disabled, absent"),
    ("state", True, "state", "not a boolean"),
    ("backend", "inetd", "backend", "systemd, xinetd, s6"),
    ("backend", "auto", "backend", "systemd, xinetd, s6"),
    ("description", "a\nb", "description", "one line"),
    ("description", "a\\", "description", "backslash"),
    ("description", " a", "description", "blank"),
    ("description", "a ", "description", "blank"),
    ("description", "\t", "description", "blank"),
    ("description", "a\0", "description", "control characters"),
    ("listen", [], "listen", "must not be empty"),
    ("listen", None, "listen", "must be a list"),
    ("listen", True, "listen", "must be a list"),
    ("listen", ["echo"], "listen[0]", "an endpoint such as"),
    ("listen", [{"tcp": "0"}], "listen[0].tcp", "1 to 65535"),
    ("listen", [{"tcp": 70000}], "listen[0].tcp", "1 to 65535"),
    ("listen", [{"tcp": -7}], "listen[0].tcp", "not a port"),
    ("listen", [{"tcp": True}], "listen[0].tcp", "not a boolean"),
    ("listen", [{"tcp": None}], "listen[0].tcp", "not nothing"),
    ("listen", [{"tcp": "7"}, {"udp": "::1:7"}], "listen[1].udp", "brackets"),
    ("listen", [{"unix": "relative"}], "listen[0].unix", "absolute"),
    ("listen", [{"port": "7"}], "listen[0].port", "not a field"),
    ("listen", [{"tcp": "7", "family": "inet"}], "listen[0].family", "any, ipv4, ipv6"),
    ("listen", [{"tcp": "7", "backlog": 0}], "listen[0].backlog", "1 to 65535"),
    ("listen", [{"tcp": "7", "interface": "a/b"}], "listen[0].interface", "must match"),
    ("listen", [{"unix": "/run/a", "mode": 438}], "listen[0].mode", "put the value in quotes"),
    ("listen", [{"unix": "/run/a", "mode": "0888"}], "listen[0].mode", "octal"),
    ("listen", [{"unix": "/run/a", "mode": "u=rw"}], "listen[0].mode", "octal"),
    ("listen", [{"unix": "/run/a", "owner": "00"}], "listen[0].owner", "a number from 0"),
    ("listen", [{"unix": "/run/a", "type": "dgram"}], "listen[0].type", "stream, datagram, seqpacket"),
    ("accept", "yes", "accept", "true or false"),
    ("socket_fd", 0, "socket_fd", "listen_fds, stdin"),
    ("exec", [], "exec", "must not be empty"),
    ("exec", "/bin/cat -u", "exec", "must be a list"),
    ("exec", ["cat"], "exec[0]", '"/usr/bin/cat"; no PATH is searched'),
    ("exec", [""], "exec[0]", "must not be empty"),
    ("exec", ["/usr/bin/"], "exec[0]", "not a directory"),
    ("exec", ["/opt/it's"], "exec[0]", "without quotes"),
    ("exec", ['/opt/"x"'], "exec[0]", "without quotes"),
    ("exec", ["/opt/a\\b"], "exec[0]", "backslash"),
    ("exec", ["/opt/$a"], "exec[0]", "$"),
    ("exec", ["/opt/a\nb"], "exec[0]", "one line"),
    ("exec", ["/bin/cat", 7], "exec[1]", "put the value in quotes"),
    ("exec", ["/bin/cat", None], "exec[1]", "not nothing"),
    ("exec", ["/bin/cat", "a\0b"], "exec[1]", "control characters"),
    ("exec", ["/bin/cat", "a\x1bb"], "exec[1]", "control characters"),
    ("exec", ["/bin/cat", "\ufffe"], "exec[1]", "UTF-8"),
    ("user", -1, "user", "name of an account"),
    ("user", True, "user", "put the value in quotes"),
    ("user", "0100", "user", "a number from 0"),
    ("user", 4294967295, "user", "a number from 0"),
    ("user", "@a", "user", "name of an account"),
    ("user", "a b", "user", "name of an account"),
    ("user", "a%n", "user", "name of an account"),
    ("user", "a\nb", "user", "one line"),
    ("user", "a" * 256, "user", "name of an account"),
    ("group", "", "group", "must not be empty"),
    ("group", "a:b", "group", "name of an account"),
    ("supplementary_groups", 4, "supplementary_groups", "must be a list"),
    ("supplementary_groups", ["adm", "a,b"], "supplementary_groups[1]", "name of an account"),
    ("umask", 18, "umask", "put the value in quotes"),
    ("umask", "22", "umask", "three octal digits"),
    ("umask", "1022", "umask", "three octal digits"),
    ("nice", 20, "nice", "-20 to 19"),
    ("nice", "5", "nice", "not a string"),
    ("working_directory", "srv", "working_directory", "absolute path"),
    ("working_directory", "~", "working_directory", "absolute path"),
    ("working_directory", "/srv/..", "working_directory", '".."'),
    ("working_directory", "/srv ", "working_directory", "blank"),
    ("working_directory", "/srv\\", "working_directory", "backslash"),
    ("working_directory", "/srv\n/", "working_directory", "one line"),
    ("environment", ["A=b"], "environment", "must be a mapping"),
    ("environment", {"A": 1}, "environment.A", "put the value in quotes"),
    ("environment", {"A": None}, "environment.A", "not nothing"),
    ("environment", {"A": "a\rb"}, "environment.A", "carriage return"),
    ("environment", {"A": "a\0b"}, "environment.A", "control characters"),
    ("environment", {"A-B": "x"}, "environment.A-B", "variable name"),
    ("environment", {"1A": "x"}, "environment.1A", "variable name"),
    ("environment", {"A=B": "x"}, "environment.A=B", "variable name"),
    ("environment", {"A\nB": "x"}, "environment.A\nB", "one line"),
    ("environment", {True: "x"}, "environment.True", "not a boolean"),
    ("environment", {"REMOTE_ADDR": "x"}, "environment.REMOTE_ADDR", "super-server itself"),
    ("environment", {"LISTEN_FDS": "1"}, "environment.LISTEN_FDS", "super-server itself"),
    ("environment_file", "default/a", "environment_file", "absolute path"),
    ("environment_file", "/etc/default/", "environment_file", "not a directory"),
    ("environment_file", "/etc/../a", "environment_file", '".."'),
    ("environment_file", ["/a"], "environment_file", "not a list"),
    ("secrets", ["A=b"], "secrets", "must be a mapping"),
    ("secrets", {"A": 1}, "secrets.A", "put the value in quotes"),
    ("secrets", {"A": None}, "secrets.A", "not nothing"),
    ("secrets", {"A": "a\rb"}, "secrets.A", "carriage return"),
    ("secrets", {"A": "a\0b"}, "secrets.A", "control characters"),
    ("secrets", {"A": "a" * 130001}, "secrets.A", "130000 bytes"),
    ("secrets", {"A": {}}, "secrets.A", "its digest"),
    ("secrets", {"A": {"digest": "x"}}, "secrets.A", "its digest"),
    ("secrets", {"A": {"digest": "0" * 32, "value": "x"}}, "secrets.A", "its digest"),
    ("secrets", {"A-B": "x"}, "secrets.A-B", "variable name"),
    ("secrets", {"REMOTE_ADDR": "x"}, "secrets.REMOTE_ADDR", "super-server itself"),
    ("stderr", "journal", "stderr", "log, client"),
    ("connections", {"max": 0}, "connections.max", "1 to"),
    ("connections", {"max": "5"}, "connections.max", "not a string"),
    ("connections", {"maximum": 5}, "connections.maximum", "did you mean"),
    ("connections", {"rate": {"interval": 5}}, "connections.rate.count", "is missing"),
    ("access", {"allow": {"192.0.2.0/24": True}}, "access.allow", "must be a list"),
    ("access", {"allow": ["192.0.2.1/24"]}, "access.allow[0]", '"192.0.2.0/24"'),
    ("access", {"deny": ["::1", "example.org"]}, "access.deny[1]", "host names"),
    ("access", {"hours": ["25:00-26:00"]}, "access.hours[0]", "must be a window"),
    ("probe", {"expect": "("}, "probe.expect", "regular expression"),
    ("probe", {"expect": "a{4294967296}"}, "probe.expect", "regular expression"),
    ("probe", {"expect": "(" * 5000 + ")" * 5000}, "probe.expect", "regular expression"),
    ("probe", {"timeout": 0}, "probe.timeout", "1 to 300"),
    ("native", {"systemd": {"unit": {}}}, "native.systemd.unit", "not a field"),
    ("native", {"systemd": {"service": {"A\nB": "x"}}}, "native.systemd.service.A\nB", "one line"),
    ("native", {"systemd": {"service": {"A=B": "x"}}}, "native.systemd.service.A=B", "must match"),
    ("native", {"systemd": {"service": {"A": "x\ny"}}}, "native.systemd.service.A", "one line"),
    ("native", {"xinetd": {"a": ["b", None]}}, "native.xinetd.a[1]", "not nothing"),
    ("tls", {"key": "/b"}, "tls.certificate", "is missing"),
    ("tls", {"certificate": "/a", "key": "/b", "minimum_version": 1.2}, "tls.minimum_version", "not a number"),
    ("sandbox", True, "sandbox", "off, basic, strict"),
    ("lisen", [], "lisen", 'did you mean "listen"?'),
)  # fmt: skip


UNITS = (
    ("nginx", ""),
    ("nginx.service", ""),
    ("getty@tty1", ""),
    ("a.b_c-1@x.y.service", ""),
    ("--now", "the name of a service"),
    (".hidden", "the name of a service"),
    ("../../etc", "the name of a service"),
    ("a b", "the name of a service"),
    ("a\\x2db", "the name of a service"),
    ("nginx.socket", "must be a service, not a socket"),
    ("multi-user.target", "must be a service, not a target"),
    ("getty@", "is a template"),
    ("getty@.service", "is a template"),
)


@pytest.mark.parametrize(("unit", "advice"), UNITS)
def test_unit_of_a_proxy(unit: str, advice: str) -> None:
    declared = {"name": "a", "listen": [{"tcp": "7"}], "proxy": {"to": "/run/b", "unit": unit}}
    found = refusal(declared)
    assert [path for path, _message in found] == (["superserver_services[0].proxy.unit"] if advice else [])
    assert all(advice in message for _path, message in found)


@pytest.mark.parametrize(("name", "value", "path", "advice"), NOT_TAKEN)
def test_field_does_not_take(name: str, value: t.Any, path: str, advice: str) -> None:
    found = refusal({**ECHO, name: value})
    assert [entry for entry, _message in found] == [f"superserver_services[0].{path}"]
    assert advice in found[0][1]


def test_every_field_is_tried() -> None:
    tried = {name for name, _values in TAKEN} | {name for name, *_rest in NOT_TAKEN}
    # Those that are not alone: a process that gets its socket, and a service that is not run by exec.
    assert set(SERVICE.by_name) - tried == {"internal", "proxy", "after"}
