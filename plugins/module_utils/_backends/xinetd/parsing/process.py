# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes about the process that serves a client."""

from __future__ import annotations

import posixpath

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.parsing.source import Source
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.lines import fold
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.values import number, size
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.hosts_access import HostsAccess, restrict
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.tcpd import unwrap

_RESOURCES = {
    "rlimit_as": "address_space",
    "rlimit_cpu": "cpu_time",
    "rlimit_data": "data",
    "rlimit_files": "open_files",
    "rlimit_stack": "stack",
}
UNLIMITED = "unlimited"


def server(source: Source) -> None:
    """Its name is in the arguments with the flag NAMEINARGS."""
    path, words, where = source.one("server"), source.values("server_args"), source.at("server")
    if source.internal or source.has("redirect"):
        if path:
            source.draft.dropped(where, "server has no effect: what xinetd does itself, or redirects, has no program")
        return
    if not path.startswith("/"):
        source.draft.differs(where, "xinetd starts it in the root directory", f"server = {path}", f"/{path}")
        path = f"/{path}"
    if words and "nameinargs" in source.folded("flags"):
        called, words = words[0], words[1:]
        if called != path:
            source.draft.set("argv0", called, source.at("server_args"))
    source.draft.set("exec", [path, *words], where)


def user(source: Source) -> None:
    name, where = source.one("user"), source.at("user")
    source.draft.set("user", name, where)
    if name.isdigit() and not source.has("group"):
        source.draft.set("group", name, where)
        source.draft.differs(where, "the group has the number of the account", f"user = {name}", f"group = {name}")


def group(source: Source) -> None:
    source.draft.set("group", source.one("group"), source.at("group"))


def groups(source: Source) -> None:
    """None unless they are asked for."""
    if source.draft.get("exec") and fold(source.one("groups")) != "yes":
        source.draft.set("supplementary_groups", [], source.at("groups"))


def umask(source: Source) -> None:
    value = int(source.one("umask").strip() or "0", 8)
    source.draft.set("umask", f"{value:03o}", source.at("umask"))


def nice(source: Source) -> None:
    """xinetd sets it when it is root no more, and keeps within what there is."""
    value, where = number(source.one("nice")) or 0, source.at("nice")
    runs = min(max(value, -20), 19) if source.one("user") in ("root", "0") else min(max(value, 0), 19)
    if runs != value:
        source.draft.differs(where, "the process cannot have this priority", f"nice = {value}", f"nice = {runs}")
    source.draft.set("nice", runs, where)


def environment(source: Source) -> None:
    variables = dict(word.partition("=")[::2] for word in source.values("env"))
    source.draft.set("environment", variables, source.at("env"))


def passenv(source: Source) -> None:
    names = [name for name in source.values("passenv") if name not in source.draft.get("environment", {})]
    if names:
        source.draft.ask(
            source.at("passenv"),
            f"xinetd passes on its own {', '.join(names)}, whatever it is when xinetd starts",
            "write the values into environment",
            "do without them",
        )


def limit(source: Source, attribute: str) -> None:
    value, where = source.one(attribute), source.at(attribute)
    if fold(value) == UNLIMITED:
        source.draft.dropped(where, f"{attribute} = {value} raises no limit: xinetd sets it when it is root no more")
    elif attribute == "rlimit_rss":
        source.draft.dropped(where, "Linux knows no limit of the resident set size")
    else:
        found = number(value) if attribute == "rlimit_cpu" else size(value)
        source.draft.set(f"resources.{_RESOURCES[attribute]}", found, where)


def wrapped(source: Source, hosts: HostsAccess) -> None:
    """xinetd looks for the name of the program, tcpd for the one that it is called by."""
    if "nolibwrap" not in source.folded("flags") and hosts.given:
        server, arguments = source.one("server"), source.values("server_args")
        called = arguments[0] if "nameinargs" in source.folded("flags") and arguments else server
        restrict(source.draft, hosts.verdict({source.one("libwrap") or posixpath.basename(called) or source.entry.id}))
    unwrap(source.draft, hosts, source.at("server"))
