# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which servers are started again for a change."""

from __future__ import annotations

import typing as t

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.fdholder import NAME as HOLDER
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import SERVICES as DIRECTORIES
from ansible_collections.ondemand.superserver.tests.unit.plugins.module_utils._backends.s6.test_control import BACKEND
from ansible_collections.ondemand.superserver.tests.unit.s6_tree import (
    HOST,
    NETWORKING,
    Tree,
    named,
    told,
)


def test_activate_restarts_only_what_runs_something_else() -> None:
    tree = Tree("a", "b", "c")
    before = dict(tree.pids)
    refresh = (
        (named("a"), named("a", umask="077")),
        (named("b"), named("b", user="nobody", exec=["/bin/true"], environment={"A": "b"})),
        (named("c"), named("c")),
    )
    BACKEND.activate(Change(refresh=refresh), HOST, tree)
    assert told(tree, b"ru") == ["a", "c"]
    assert {name for name in before if tree.pids[name] != before[name]} == {"a", "c"}


def test_server_whose_socket_is_kept_is_restarted_for_a_new_handler() -> None:
    tree = Tree("a.tcp4-7", "a.tcp6-7", HOLDER)
    BACKEND.activate(Change(refresh=((named("a"), named("a", user="nobody")),)), NETWORKING, tree)
    assert told(tree, b"ru") == ["a.tcp4-7", "a.tcp6-7"]


def test_access_list_needs_no_restart() -> None:
    tree = Tree("a.tcp4-7", "a.tcp6-7")
    lists = [{"allow": ["192.0.2.0/24"]}, {"allow": ["192.0.2.0/24", "::1"]}]
    old, new = (named("a", access=access) for access in lists)
    BACKEND.activate(Change(refresh=((old, new),)), NETWORKING, tree)
    assert told(tree, b"ru") == []


def runs(service_name: str, **fields: t.Any) -> tuple[str, str]:
    """Where its server is started, and by which words."""
    made = named(service_name, **fields)
    path = f"{DIRECTORIES}/{service_name}/run"
    return path, next(file.content for file in BACKEND.render([made], HOST) if file.path == path)


def test_a_port_stays_open_where_only_the_handlers_were_not_as_written() -> None:
    """As after an upgrade: what servers do themselves is the same, and connections read the rest."""
    path, text = runs("a")
    for replaced, restarted in (
        ({f"{DIRECTORIES}/a/handler": "#!/bin/sh"}, []),
        ({path: text.replace("tcpserver", "udpserver")}, ["a"]),
        (None, ["a"]),
    ):
        tree = Tree("a")
        change = Change(refresh=((named("a"), named("a")),), replaced=replaced)
        BACKEND.activate(change, HOST, tree)
        assert told(tree, b"ru") == restarted
        assert [service.name for service in BACKEND.reopens(change, HOST)] == restarted


def test_what_another_version_has_started_is_started_again_with_the_next_change() -> None:
    path, text = runs("a")
    change = ((named("a"), named("a", description="another", probe={"send": "x", "expect": "x"})),)
    for before, restarted in ((text, []), (text.replace("-l 0", "-l 1"), ["a"])):
        tree = Tree("a")
        BACKEND.activate(Change(refresh=change, replaced={path: before}), HOST, tree)
        assert told(tree, b"ru") == restarted


def test_port_of_a_server_that_is_started_again_closes_unless_the_holder_keeps_it() -> None:
    change = Change(refresh=((named("a"), named("a", umask="077")),))
    assert [service.umask for service in BACKEND.reopens(change, HOST)] == ["077"]
    assert BACKEND.reopens(change, NETWORKING) == []
