# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The capability table: complete, consistent, and what is made of it."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import (
    COLUMNS,
    GUARD,
    HOWS,
    IMPOSSIBLE,
    NATIVE,
    NEEDS,
    ROWS,
    Cell,
    Row,
    column_of,
    effective,
    enforced_by_guard,
    refusals,
    used_rows,
    without,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.names import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.structures import leaves
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import SERVICE
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.tests.unit.capability_samples import (
    SAMPLES,
    SEVERAL,
    TCP,
    UDP,
    UNIX,
    WAITING,
)
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, redeclared, service

# Nothing missing, and nothing there.
ABLE, POOR = Platform(), Platform(init="other", bpf=False, nft=False, mounts=False, syslog=False)
S6 = {"s6-networking": "s6-networking", "ucspi": "ucspi"}


def on(column: str, platform: Platform = ABLE) -> Platform:
    """A host where a column of the table holds."""
    return replace(platform, s6=S6.get(column, platform.s6))


def sample(row: Row, column: str) -> Service:
    return service(**{**SAMPLES[row.field, row.case], "backend": COLUMNS[column].backend})


def chain(cell: Cell) -> list[Cell]:
    """A cell, and what holds instead of it, as far as that goes."""
    return [cell, *(chain(cell.otherwise) if cell.otherwise else [])]


CELLS = [
    pytest.param(row, column, id=f"{row.field} ({row.case}) {column}" if row.case else f"{row.field} {column}")
    for row in ROWS
    for column in COLUMNS
]


def test_every_leaf_of_the_schema_has_a_row_and_every_row_a_leaf() -> None:
    assert {row.field for row in ROWS} == {path for path, _field in leaves(SERVICE)}


def test_every_row_has_a_sample_of_its_own() -> None:
    keys = [(row.field, row.case) for row in ROWS]
    assert len(keys) == len(set(keys))
    assert set(keys) == set(SAMPLES)


def test_every_column_belongs_to_a_backend() -> None:
    assert {column.backend for column in COLUMNS.values()} == set(BACKENDS)


@pytest.mark.parametrize("column", COLUMNS)
def test_column_has_a_cell_for_every_row_and_for_nothing_else(column: str) -> None:
    names = {row.name for row in ROWS}
    assert set(COLUMNS[column].cells) <= names
    assert {row.name for row in ROWS if row.common is None} <= set(COLUMNS[column].cells)


@pytest.mark.parametrize(
    ("backend", "s6", "column"),
    [
        ("systemd", "ucspi", "systemd"),
        ("xinetd", "ucspi", "xinetd"),
        ("s6", "ucspi", "ucspi"),
        ("s6", "s6-networking", "s6-networking"),
        ("s6", "", "ucspi"),
    ],
)
def test_column_that_holds(backend: str, s6: str, column: str) -> None:
    assert column_of(backend, Platform(s6=s6)).name == column


@pytest.mark.parametrize(("row", "column"), CELLS)
def test_cell_is_complete(row: Row, column: str) -> None:
    for cell in chain(COLUMNS[column].cell(row)):
        assert cell.how in HOWS
        assert cell.note
        assert not cell.note.endswith("."), "a message puts a full stop behind it"
        assert set(cell.needs) <= set(NEEDS)
        assert cell.possible is (cell.how != IMPOSSIBLE)
        assert (cell.how == GUARD) <= ("nft" in cell.needs)
        assert not (cell.otherwise and not cell.needs), "what stands behind a cell without needs is never used"


@pytest.mark.parametrize(("row", "column"), CELLS)
def test_sample_uses_its_row(row: Row, column: str) -> None:
    assert row in used_rows(sample(row, column))


@pytest.mark.parametrize(("row", "column"), CELLS)
@pytest.mark.parametrize("platform", [ABLE, POOR], ids=["able", "poor"])
def test_sample_is_refused_where_its_row_says_so(row: Row, column: str, platform: Platform) -> None:
    host = on(column, platform)
    made = sample(row, column)
    reasons = [refusal.reason for refusal in refusals([made], host)]
    cell = effective(COLUMNS[column].cell(row), host)
    assert cell.possible or cell.note in reasons
    # And for no other reason than one that some row gives.
    cells = [effective(COLUMNS[column].cell(each), host) for each in used_rows(made)]
    assert sorted(set(reasons)) == sorted({each.note for each in cells if not each.possible})


# Fields and case of a row, the backend's column, and the whole message.
MESSAGES: tuple[tuple[str, str, str, str], ...] = (
    ("listen.unix", "", "xinetd", (
        "superserver_services[0].listen.unix: xinetd cannot honour this: xinetd has no unix sockets. "
        'Give "echo" backend: s6 or backend: systemd, or leave the field out.'
    )),
    ("accept", "false, several endpoints", "xinetd", (
        "superserver_services[0].accept: xinetd cannot honour this (false, several endpoints): a xinetd service has "
        "one socket; it would start one process for each endpoint. "
        'Give "echo" backend: s6 or backend: systemd, or leave the field out.'
    )),
    ("listen.type", "seqpacket, accept: true", "ucspi", (
        "superserver_services[0].listen.type: s6 cannot honour this (seqpacket, accept: true): s6 has no server for "
        'sequenced packets. Give "echo" backend: systemd, or leave the field out.'
    )),
    ("sandbox", "strict", "xinetd", (
        "superserver_services[0].sandbox: xinetd cannot honour this (strict): `setpriv` removes privileges, but "
        'nothing mounts file systems for each handler. Give "echo" backend: systemd, or leave the field out.'
    )),
)  # fmt: skip


@pytest.mark.parametrize(("field", "case", "column", "message"), MESSAGES)
def test_message_names_field_backend_reason_and_way_out(field: str, case: str, column: str, message: str) -> None:
    (row,) = (row for row in ROWS if (row.field, row.case) == (field, case))
    (refusal,) = refusals([sample(row, column)], on(column))
    assert str(refusal.problem()) == message


@pytest.mark.parametrize(
    ("init", "others"), [("systemd", ("s6", "systemd")), ("s6", ("s6",)), ("other", ())], ids=["systemd", "s6", "other"]
)
def test_only_backends_that_run_on_the_host_are_ways_out(init: str, others: tuple[str, ...]) -> None:
    row = next(row for row in ROWS if row.field == "listen.unix")
    (refusal,) = refusals([sample(row, "xinetd")], Platform(init=init))
    assert refusal.others == others
    assert ("Leave the field out." in str(refusal.problem())) is not bool(others)


REFUSED_CELLS = [
    param
    for param in CELLS
    for row, column in [t.cast("tuple[Row, str]", param.values)]
    if not effective(COLUMNS[column].cell(row), on(column)).possible
]


@pytest.mark.parametrize(("row", "column"), REFUSED_CELLS)
def test_every_message_is_one_sentence_with_a_way_out(row: Row, column: str) -> None:
    made = sample(row, column)
    cell = effective(COLUMNS[column].cell(row), on(column))
    found = [each for each in refusals([made], on(column)) if each.reason == cell.note]
    (refused,) = found
    problem = refused.problem()
    assert problem.path.startswith("superserver_services[0].")
    assert problem.message.startswith(f"{COLUMNS[column].backend} cannot honour this")
    assert cell.note in problem.message
    assert problem.message.endswith("eave the field out.")
    others = {COLUMNS[other].backend for other in COLUMNS if COLUMNS[other].cell(row).possible} - {
        COLUMNS[column].backend
    }
    assert all(f"backend: {other}" in problem.message for other in others)


# A cell, the host, and how it holds there.
BPF = Cell(NATIVE, "filter", ("bpf",), Cell(GUARD, "rule", ("nft",)))
EFFECTIVE: tuple[tuple[Cell, Platform, str, str], ...] = (
    (Cell(NATIVE, "x"), POOR, NATIVE, "x"),
    (BPF, Platform(), NATIVE, "filter"),
    (BPF, Platform(bpf=False), GUARD, "rule"),
    (BPF, Platform(policy="always"), GUARD, "rule"),
    (BPF, Platform(policy="never"), NATIVE, "filter"),
    (BPF, Platform(bpf=False, policy="never"), IMPOSSIBLE, f"rule needs {NEEDS['nft']}"),
    (BPF, POOR, IMPOSSIBLE, f"rule needs {NEEDS['nft']}"),
    (Cell(GUARD, "rule", ("nft",)), Platform(nft=False), IMPOSSIBLE, f"rule needs {NEEDS['nft']}"),
    (Cell(NATIVE, "new", ("systemd>=255",)), Platform(systemd=257), NATIVE, "new"),
    (Cell(NATIVE, "new", ("systemd>=255",)), Platform(systemd=252), IMPOSSIBLE, "new needs systemd>=255"),
)


@pytest.mark.parametrize(("cell", "platform", "how", "note"), EFFECTIVE)
def test_cell_that_holds_on_a_host(cell: Cell, platform: Platform, how: str, note: str) -> None:
    found = effective(cell, platform)
    assert (found.how, found.note) == (how, note)


LIMITED = {"connections": {"max": 5, "per_source": 2}, "access": {"allow": ["::1"], "deny": ["::2"]}}
LIMITS = {"connections.max", "connections.per_source"}
LISTS = {"access.allow", "access.deny"}

# Column, fields, host, and what the guard has to do.
GUARDED: tuple[tuple[str, Fields, Platform, set[str]], ...] = (
    ("systemd", {}, ABLE, set()),
    ("systemd", LIMITED, ABLE, set()),
    ("systemd", LIMITED, Platform(bpf=False), LISTS),
    ("systemd", LIMITED, Platform(policy="always"), LISTS),
    ("systemd", {**LIMITED, **WAITING}, ABLE, LIMITS),
    ("systemd", {**LIMITED, **WAITING}, Platform(bpf=False), LIMITS | LISTS),
    ("xinetd", LIMITED, ABLE, set()),
    ("xinetd", {**LIMITED, **SEVERAL}, ABLE, LIMITS),
    ("xinetd", {**LIMITED, **WAITING}, ABLE, LIMITS | LISTS),
    ("s6-networking", LIMITED, ABLE, {"connections.max"}),
    ("s6-networking", {**LIMITED, **SEVERAL}, ABLE, LIMITS),
    ("ucspi", LIMITED, ABLE, LIMITS | LISTS),
    ("ucspi", {"listen": [UDP], "access": {"deny": ["::2"]}}, ABLE, {"access.deny"}),
    ("ucspi", {**LIMITED, "listen": [TCP, UNIX]}, ABLE, LIMITS | LISTS),
)


@pytest.mark.parametrize(("column", "fields", "platform", "expected"), GUARDED)
def test_what_the_guard_enforces(column: str, fields: Fields, platform: Platform, expected: set[str]) -> None:
    assert enforced_by_guard(service(backend=COLUMNS[column].backend, **fields), on(column, platform)) == expected


@pytest.mark.parametrize("column", COLUMNS)
def test_without_nftables_what_it_would_do_is_refused(column: str) -> None:
    host = on(column, Platform(bpf=False, policy="never"))
    made = service(backend=COLUMNS[column].backend, **{**LIMITED, **WAITING})
    found = {refusal.row.field: refusal.reason for refusal in refusals([made], host)}
    assert set(found) == LIMITS | LISTS
    assert all("superserver_guard other than never" in reason for reason in found.values())


@pytest.mark.parametrize(
    ("column", "init", "reason"),
    [
        ("s6-networking", "s6", ""),
        ("ucspi", "s6", ""),
        ("xinetd", "s6", "systemd as PID 1, to start xinetd after the rules are loaded"),
        ("xinetd", "other", "systemd as PID 1, to start xinetd after the rules are loaded"),
        ("ucspi", "other", "systemd or s6 as PID 1, to load the rules at boot before anything listens"),
    ],
)
def test_where_nothing_loads_rules_before_ports_open_they_are_refused(column: str, init: str, reason: str) -> None:
    made = service(backend=COLUMNS[column].backend, **{**LIMITED, **WAITING})
    found = {refusal.row.field: refusal.reason for refusal in refusals([made], on(column, Platform(init=init)))}
    assert set(found) == (LIMITS | LISTS if reason else set())
    assert all(reason in text for text in found.values())


DROPPABLE = [
    pytest.param(row, column, id=f"{row.field} ({row.case}) {column}")
    for row in ROWS
    for column in COLUMNS
    if row.droppable
]


@pytest.mark.parametrize(("row", "column"), DROPPABLE)
def test_service_without_a_droppable_field(row: Row, column: str) -> None:
    made = sample(row, column)
    left = without(made, row.field)
    assert not row.used(left)
    assert left.path("name") == made.path("name")
    assert redeclared(left.to_json()) == left
