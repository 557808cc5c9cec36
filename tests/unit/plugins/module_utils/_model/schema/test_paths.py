# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every field that takes a path stores it in one form."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.policy import policy_of
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.paths import plain_path
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, entry_of, refusal, service

TLS = {"certificate": "/etc/c", "key": "/etc/k"}
# By field, a declaration of a path there, and whether it is a file's.
FIELDS: dict[str, tuple[t.Callable[[str], Fields], bool]] = {
    "listen.unix": (lambda path: {"listen": [{"unix": path}]}, True),
    "working_directory": (lambda path: {"working_directory": path}, False),
    "environment_file": (lambda path: {"environment_file": path}, True),
    "banner.file": (lambda path: {"banner": {"file": path}}, True),
    "log.file": (lambda path: {"log": {"file": path}}, True),
    "tls.certificate": (lambda path: {"tls": {**TLS, "certificate": path}}, True),
    "tls.key": (lambda path: {"tls": {**TLS, "key": path}}, True),
    "tls.client_ca": (lambda path: {"tls": {**TLS, "client_ca": path}}, True),
    "proxy.to": (lambda path: {"exec": None, "proxy": {"to": path}}, True),
}


@pytest.mark.parametrize("text", ["//srv/a/b", "/srv//a/b", "/srv/./a/b", "/./srv/a//./b"])
@pytest.mark.parametrize("field", FIELDS)
def test_a_path_is_stored_in_one_form(field: str, text: str) -> None:
    declare, _file = FIELDS[field]
    made, plain = service(**declare(text)), service(**declare("/srv/a/b"))
    assert made == plain
    assert made.to_json() == plain.to_json()


def test_what_says_that_a_path_is_a_sockets_is_not_stored() -> None:
    made = service(exec=None, proxy={"to": "unix:/run//a"})
    assert made.to_json() == service(exec=None, proxy={"to": "/run/a"}).to_json()
    assert refusal(entry_of({"exec": None, "proxy": {"to": "unix://run/a"}})) != []


@pytest.mark.parametrize("end", ["/", "//", "/.", "/./"])
@pytest.mark.parametrize("field", FIELDS)
def test_a_slash_at_the_end_is_a_directorys(field: str, end: str) -> None:
    declare, file = FIELDS[field]
    found = refusal(entry_of(declare(f"/srv/a{end}")))
    assert len(found) == (1 if file else 0)
    if not file:
        assert service(**declare(f"/srv/a{end}")) == service(**declare("/srv/a"))


@pytest.mark.parametrize("text", ["/srv/../a", "/..", "/srv/a/.."])
@pytest.mark.parametrize("field", FIELDS)
def test_what_is_above_is_for_the_host_to_say(field: str, text: str) -> None:
    ((_path, message),) = refusal(entry_of(FIELDS[field][0](text)))
    assert '".."' in message


def test_paths_of_a_policy_have_the_same_form() -> None:
    assert policy_of({"sockets": ["//run//a/"]}) == {"sockets": ["/run/a"]}


def test_the_root_is_a_path() -> None:
    assert [plain_path(text) for text in ("/", "//", "/./", "/.")] == ["/"] * 4
