# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text is only text, in whatever field it stands and for whatever backend: it is refused at its field, or the files
that come of it have the directives, entries, words and commands that they have anyway."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Callable

import pytest
from hypothesis import given, settings

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.offline import render_offline
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.process import BANNERS
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.description.native import NATIVE
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.directives import DIRECTIVES
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.attributes import VALUES
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import Include, parse
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import BASE
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.structures import (
    Listing,
    Table,
    leaves,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import SERVICE
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.types import Kind, OneOf, Text
from ansible_collections.ondemand.superserver.tests.unit import systemd_syntax
from ansible_collections.ondemand.superserver.tests.unit.declarations import ECHO, Fields
from ansible_collections.ondemand.superserver.tests.unit.drawn import TEXT
from ansible_collections.ondemand.superserver.tests.unit.execline_syntax import Words, read_script

COLUMNS = {
    "systemd": ("systemd", Platform()),
    "systemd-guarded": ("systemd", Platform(bpf=False)),
    "xinetd": ("xinetd", Platform()),
    "ucspi": ("s6", Platform()),
    "s6-networking": ("s6", Platform(s6="s6-networking")),
}

# What a key of native means is for the super-server.
NATIVE_NAMES = frozenset().union(VALUES, NATIVE, *DIRECTIVES.values())

# By the path of each field that takes text: places for it, each with texts that mean nothing but what is meant there.
# Beside the text stands what makes it reach as many files as can be.
ADDRESSES = ("192.0.2.1", "::1")
TLS: Fields = {"certificate": "/etc/a", "key": "/etc/b"}
PLACES: dict[str, tuple[tuple[Callable[[str], Fields], str | tuple[str, ...]], ...]] = {
    "name": ((lambda text: {"name": text, "access": {"allow": ["::1"]}, "connections": {"max": 5}}, "x"),),
    "description": ((lambda text: {"description": text}, "x"),),
    "listen.tcp": ((lambda text: {"listen": [{"tcp": text}], "connections": {"max": 5}}, ("7", "[::1]:7")),),
    "listen.udp": ((lambda text: {"listen": [{"udp": text}], "access": {"allow": ["::1"]}}, ("7", "[::1]:7")),),
    "listen.unix": (
        (lambda text: {"listen": [{"unix": f"/run/{text}"}]}, "x"),
        (lambda text: {"listen": [{"unix": f"/run/{text}/a", "type": "datagram"}]}, "x"),
    ),
    "listen.interface": ((lambda text: {"listen": [{"tcp": "7", "interface": text}]}, "eth0"),),
    "listen.owner": ((lambda text: {"listen": [{"unix": "/run/a", "owner": text}]}, "x"),),
    "listen.group": ((lambda text: {"listen": [{"unix": "/run/a", "group": text}]}, "x"),),
    "listen.mode": ((lambda text: {"listen": [{"unix": "/run/a", "mode": text}]}, "600"),),
    "exec": (
        (lambda text: {"exec": ["/bin/echo", text, "end"]}, "x"),
        # env would take a path with "=" for a variable, so that there is a word more.
        (lambda text: {"exec": [f"/opt/{text}", "end"]}, ("x", "=")),
        (lambda text: {"exec": ["/bin/echo", text], "accept": False}, "x"),
    ),
    "argv0": ((lambda text: {"exec": ["/bin/echo", "end"], "argv0": text}, "x"),),
    "proxy.to": ((lambda text: {"exec": None, "proxy": {"to": text}}, "127.0.0.1:80"),),
    "proxy.unit": ((lambda text: {"exec": None, "proxy": {"to": "127.0.0.1:80", "unit": text}}, "x"),),
    "user": ((lambda text: {"user": text}, "x"), (lambda text: {"user": text, "nice": -1}, ("x", "root"))),
    "group": ((lambda text: {"group": text}, "x"),),
    "supplementary_groups": ((lambda text: {"supplementary_groups": ["adm", text]}, "x"),),
    "umask": ((lambda text: {"umask": text}, "022"),),
    "working_directory": ((lambda text: {"working_directory": f"/srv/{text}"}, "x"),),
    "environment": (
        (lambda text: {"environment": {"A": text, "B": "b"}}, "x"),
        (lambda text: {"environment": {text: "a"}}, "x"),
    ),
    "environment_file": ((lambda text: {"environment_file": f"/etc/{text}"}, "x"),),
    "secrets": (
        (lambda text: {"secrets": {"A": text, "B": "b"}, "environment": {"C": "c"}}, "x"),
        (lambda text: {"secrets": {text: "a"}}, "x"),
    ),
    "access.allow": ((lambda text: {"access": {"allow": [text]}}, ADDRESSES),),
    "access.deny": ((lambda text: {"access": {"deny": [text]}}, ADDRESSES),),
    "access.hours": ((lambda text: {"access": {"hours": [text]}}, "08:00-09:00"),),
    "banner.text": ((lambda text: {"banner": {"text": text}}, "x"),),
    "banner.file": ((lambda text: {"banner": {"file": f"/etc/{text}"}}, "x"),),
    "tls.certificate": ((lambda text: {"tls": {**TLS, "certificate": f"/etc/{text}"}}, "x"),),
    "tls.key": ((lambda text: {"tls": {**TLS, "key": f"/etc/{text}"}}, "x"),),
    "tls.client_ca": ((lambda text: {"tls": {**TLS, "client_ca": f"/etc/{text}"}}, "x"),),
    "log.file": ((lambda text: {"log": {"where": "file", "file": f"/var/log/{text}"}}, "x"),),
    "requires": ((lambda text: {"requires": [text]}, "x"),),
    "after": ((lambda text: {"after": [text]}, "x"),),
    "probe.send": ((lambda text: {"probe": {"send": text, "expect": "x"}}, "x"),),
    "probe.expect": ((lambda text: {"probe": {"expect": f"x{text}"}}, "x"),),
    "native.systemd.socket": (
        (lambda text: {"native": {"systemd": {"socket": {"Mark": ["1", text]}}}}, "x"),
        (lambda text: {"native": {"systemd": {"socket": {text: "1"}}}}, "Mark"),
    ),
    "native.systemd.service": (
        (lambda text: {"native": {"systemd": {"service": {"Slice": text}}}}, "x"),
        (lambda text: {"native": {"systemd": {"service": {text: "1"}}}}, "Slice"),
    ),
    "native.xinetd": (
        (lambda text: {"native": {"xinetd": {"banner": text}}}, "x"),
        (lambda text: {"native": {"xinetd": {text: "1"}}}, "max_load"),
    ),
    "native.s6": (
        (lambda text: {"native": {"s6": {"timeout-kill": text}}}, "1"),
        (lambda text: {"native": {"s6": {text: "1"}}}, "timeout-kill"),
    ),
}


def takes_text(kind: Kind) -> bool:
    if isinstance(kind, Listing):
        return takes_text(kind.item)
    return isinstance(kind, (Text, Table, OneOf))


def test_every_field_that_takes_text_has_a_place() -> None:
    assert set(PLACES) == {path for path, field in leaves(SERVICE) if takes_text(field.kind)}


# What a file is made of, whatever the words in it are.


def unit_structure(text: str) -> t.Any:
    """Sections and settings in order; of a command line the number of its words."""
    return [
        (section, [(key, len(systemd_syntax.command(value)) if key == "ExecStart" else 1) for key, value in lines])
        for section, lines in systemd_syntax.read_unit(text).items()
    ]


def entries_structure(text: str) -> t.Any:
    """Entries of xinetd, each attribute with the number of its values, and whatever else stands there."""
    return [
        entry if isinstance(entry, Include) else [(name, len(values)) for name, values in entry.attributes.items()]
        for entry in parse(text)
    ]


def shell_structure(text: str) -> str:
    """A script of sh with one letter for each word; whatever stands outside of quotes stays."""
    bare = re.sub(r"'[^']*'", "w", text.replace("""'"'"'""", ""))
    return re.sub(r"[\w@%+=:,./-]+", "w", bare, flags=re.ASCII)


def execline_structure(text: str) -> t.Any:
    def shape(words: Words) -> list[t.Any]:
        return [shape(word) if isinstance(word, list) else "w" for word in words]

    return shape(read_script(text))


def rules_structure(text: str) -> str:
    """A string of nft ends at the next quote, whatever stands before that, and a star in it is a pattern."""
    return re.sub(r"[\w.:/-]+", "w", re.sub(r'"[^"*]*"', "w", text), flags=re.ASCII)


STRUCTURES: tuple[tuple[str, Callable[[str], t.Any]], ...] = (
    (r"#!\S*/execlineb ", execline_structure),
    (r"#!/bin/sh\n", shell_structure),
    (r"# .*\ntable inet ", rules_structure),
    (r"(#.*\n)+\nservice ", entries_structure),
    (r"# .*\n\n\[Unit\]", unit_structure),
)


def structure(file: File) -> t.Any:
    """A file without what was declared; its place is as deep as ever. Nobody reads what is sent as it is."""
    path = file.path.split("/")
    if file.path.startswith(f"{BANNERS}/"):
        return (path[:4], len(path), file.kind, file.mode)
    what = next(
        (read for pattern, read in STRUCTURES if re.match(pattern, file.content)), lambda text: text.count("\n")
    )
    content = what(file.content) if file.kind == "file" else file.content.count("/")
    return (path[:3], len(path), file.kind, file.mode, content)


def outcome(fields: Fields, column: str) -> tuple[list[str], list[t.Any]]:
    """The paths of problems, and the structure of all files."""
    backend, platform = COLUMNS[column]
    declared = {name: value for name, value in {**ECHO, **fields}.items() if value is not None}
    try:
        files = render_offline([declared], backend, None, {}, platform)
    except InvalidDeclaration as refused:
        return [problem.path for problem in refused.problems], []
    return [], [structure(file) for file in files]


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("path", PLACES)
@given(text=TEXT.filter(lambda text: text not in NATIVE_NAMES))
@settings(max_examples=20)
def test_text_adds_nothing(path: str, column: str, text: str) -> None:
    field = path.split(".", maxsplit=1)[0]
    for place, harmless in PLACES[path]:
        problems, files = outcome(place(text), column)
        assert all(problem.startswith(f"{BASE}[0].{field}") for problem in problems)
        usual = [harmless] if isinstance(harmless, str) else harmless
        assert problems or files in [outcome(place(other), column)[1] for other in usual]


# What the structures must not let through, or the test above could not fail.
INJECTIONS: tuple[tuple[Callable[[str], t.Any], str, str], ...] = (
    (unit_structure, "[Unit]\nDescription={}\n", "x\nUser=root"),
    (unit_structure, "[Service]\nExecStart=/bin/echo {}\n", "x y"),
    (entries_structure, "service e\n{{\n\tid = {}\n}}\n", "x\n\tuser = root"),
    (entries_structure, "service e\n{{\n\tid = {}\n}}\n", "x # y"),
    (entries_structure, "# {}\n", "x\nincludedir /tmp"),
    (shell_structure, "exec echo {}\n", "x;id"),
    (shell_structure, "exec echo '{}'\n", "x'`id`'"),
    (shell_structure, "exec echo {}\n", "$x"),
    (execline_structure, "#!/usr/bin/execlineb -P\necho {}\n", "x y"),
    (execline_structure, "#!/usr/bin/execlineb -P\nif {{ echo {} }}\n", "x } id {"),
    (rules_structure, "tcp dport {} accept", "7 drop; tcp dport 8"),
    (rules_structure, 'iifname "{}" accept', 'x"accept'),
    (rules_structure, 'iifname "{}" accept', "x*"),
)


@pytest.mark.parametrize(("read", "around", "text"), INJECTIONS)
def test_structure_shows_what_was_added(read: Callable[[str], t.Any], around: str, text: str) -> None:
    assert read(around.format(text)) != read(around.format("x"))
