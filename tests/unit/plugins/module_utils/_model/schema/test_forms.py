# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values as people write them: what has one meaning is stored in one form, the rest is refused with what would be
right."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.forms import (
    duration,
    endpoint,
    percentage,
    rate,
    size,
)
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, redeclared, refusal, service

MEGA, GIGA = 1 << 20, 1 << 30

SIZES = (
    ("1024", 1024),
    ("0", 0),
    ("10B", 10),
    ("1K", 1024),
    ("256M", 256 * MEGA),
    ("256m", 256 * MEGA),
    ("256 M", 256 * MEGA),
    ("256Mi", 256 * MEGA),
    ("256MiB", 256 * MEGA),
    ("1.5G", 3 * GIGA // 2),
    ("2T", 2048 * GIGA),
)
NO_SIZES: tuple[str, ...] = (
    "",
    "M",
    "256MB",
    "256Mb",
    "10b",
    "010",
    "010M",
    "1.5",
    "-1M",
    "+1M",
    "1e3",
    "50%",
    "unlimited",
    "infinity",
)
NO_SIZES += ("1 M B", "1,5G", "1_000", "256M ", "1M\n", "9" * 5000, "²M", "0x10")

DURATIONS = (
    ("90", 90),
    ("0", 0),
    ("90s", 90),
    ("10m", 600),
    ("10 min", 600),
    ("1h30m", 5400),
    ("1h 30min", 5400),
    ("1.5h", 5400),
    ("500ms", 0.5),
    ("1000ms", 1),
    ("2 days", 172800),
    ("1w", 604800),
)
NO_DURATIONS: tuple[str, ...] = (
    "",
    "s",
    "1M",
    "1month",
    "1y",
    "1:30",
    "010",
    "010s",
    "-5s",
    "30m1h",
    "1m1m",
    "1h30",
    "1s ",
    "5 s\n",
)
NO_DURATIONS += ("1µs", "1us", "forever", "1 e 3 s", "9" * 5000, "²s")

RATES = (
    ("50/10s", {"count": 50, "interval": 10}),
    ("50/s", {"count": 50}),
    ("50/1s", {"count": 50}),
    ("50 / second", {"count": 50}),
    ("50/minute", {"count": 50, "interval": 60}),
    ("50/1h30m", {"count": 50, "interval": 5400}),
)
# What two numbers alone mean depends on where they stand: xinetd's second one is a pause.
NO_RATES: tuple[t.Any, ...] = (
    50,
    "50",
    "50/10",
    "50 10",
    "0/s",
    "/s",
    "50/",
    "a/s",
    "50/10s/60s",
    [50, 10],
    None,
    True,
)

ENDPOINTS = (
    (80, {"tcp": "80"}),
    ("80", {"tcp": "80"}),
    ("127.0.0.1:80", {"tcp": "127.0.0.1:80"}),
    ("[::1]:80", {"tcp": "[::1]:80"}),
    ("80/tcp", {"tcp": "80"}),
    ("53/udp", {"udp": "53"}),
    ("domain/udp", {"udp": "domain"}),
    ("127.0.0.1:53/udp", {"udp": "127.0.0.1:53"}),
    ("/run/a.sock", {"unix": "/run/a.sock"}),
    ("/run/a/udp", {"unix": "/run/a/udp"}),
    ("unix:/run/a.sock", {"unix": "/run/a.sock"}),
)
# A name of a port may be one of UDP.
NO_ENDPOINTS: tuple[t.Any, ...] = ("tftp", "127.0.0.1:http", "", "127.0.0.1", True, None, 1.5, ["80"], "unix://run/a")


def declared(**fields: t.Any) -> t.Any:
    return service(**fields).to_json()


@pytest.mark.parametrize(("text", "stored"), SIZES)
def test_size(text: str, stored: int) -> None:
    assert size(text) == stored
    if stored:
        assert declared(resources={"memory_max": text}) == declared(resources={"memory_max": stored})


@pytest.mark.parametrize(("text", "stored"), DURATIONS)
def test_duration(text: str, stored: float) -> None:
    assert duration(text) == stored
    assert type(duration(text)) is type(stored)


@pytest.mark.parametrize(("text", "stored"), [("50%", 50), ("200 %", 200), ("12.5%", 12.5)])
def test_percentage(text: str, stored: float) -> None:
    assert percentage(text) == stored


@pytest.mark.parametrize(("text", "stored"), RATES)
def test_rate(text: str, stored: Fields) -> None:
    assert rate(text) == stored
    assert declared(connections={"rate": text}) == declared(connections={"rate": stored})


@pytest.mark.parametrize(("value", "stored"), ENDPOINTS)
def test_endpoint(value: t.Any, stored: Fields) -> None:
    assert endpoint(value) == stored


def refused() -> t.Iterator[tuple[t.Callable[[t.Any], t.Any], t.Any]]:
    yield from ((size, text) for text in NO_SIZES)
    yield from ((duration, text) for text in NO_DURATIONS)
    yield from ((percentage, text) for text in ("50", "%", "-5%", "010%", "50 per cent", "9" * 5000 + "%"))
    yield from ((rate, value) for value in NO_RATES)
    yield from ((endpoint, value) for value in NO_ENDPOINTS)


@pytest.mark.parametrize(("reader", "value"), list(refused()))
def test_what_may_be_meant_otherwise_is_refused(reader: t.Callable[[t.Any], t.Any], value: t.Any) -> None:
    with pytest.raises(ValueError, match=r"such as|leading zeros|are meant"):
        reader(value)


# What people write, and what it is stored as.
WRITTEN: tuple[tuple[Fields, Fields], ...] = (
    ({"listen": 80}, {"listen": [{"tcp": "80"}]}),
    ({"listen": [80]}, {"listen": [{"tcp": "80"}]}),
    ({"listen": ["127.0.0.1:80"]}, {"listen": [{"tcp": "127.0.0.1:80"}]}),
    ({"listen": "/run/a.sock"}, {"listen": [{"unix": "/run/a.sock"}]}),
    ({"listen": {"tcp": 80}}, {"listen": [{"tcp": "80"}]}),
    ({"exec": "/bin/cat"}, {"exec": ["/bin/cat"]}),
    ({"access": {"allow": "10.0.0.0/8"}}, {"access": {"allow": ["10.0.0.0/8"]}}),
    ({"access": {"hours": "22:00-06:00"}}, {"access": {"hours": ["22:00-06:00"]}}),
    ({"log": {"what": "host"}}, {"log": {"what": ["host"]}}),
    ({"log": {"rotate_size": "10M"}}, {"log": {"rotate_size": 10 * MEGA}}),
    ({"supplementary_groups": "adm"}, {"supplementary_groups": ["adm"]}),
    ({"after": "a.target"}, {"after": ["a.target"]}),
    ({"resources": {"memory_max": "256M"}}, {"resources": {"memory_max": 256 * MEGA}}),
    ({"resources": {"cpu_quota": "50%"}}, {"resources": {"cpu_quota": 50}}),
    ({"resources": {"connection_time": "1h30m"}}, {"resources": {"connection_time": 5400}}),
    ({"connections": {"rate": "50/10s"}}, {"connections": {"rate": {"count": 50, "interval": 10}}}),
    (
        {"connections": {"rate": {"count": 50, "interval": "1m", "pause": "30s"}}},
        {"connections": {"rate": {"count": 50, "interval": 60, "pause": 30}}},
    ),
    ({"tcp": {"defer_accept": "5s"}}, {"tcp": {"defer_accept": 5}}),
    ({"probe": {"timeout": "1500ms"}}, {"probe": {"timeout": 1.5}}),
    (
        {"exec": None, "proxy": {"to": "localhost:80", "unit": "web", "idle_timeout": "10m"}},
        {"exec": None, "proxy": {"to": "localhost:80", "unit": "web", "idle_timeout": 600}},
    ),
    ({"exec": None, "proxy": "localhost:80"}, {"exec": None, "proxy": {"to": "localhost:80"}}),
)


@pytest.mark.parametrize(("written", "stored"), WRITTEN)
def test_what_is_written_is_no_other_service(written: Fields, stored: Fields) -> None:
    assert declared(**written) == declared(**stored)
    assert service(**written) == service(**stored)
    assert redeclared(declared(**written)).to_json() == declared(**stored)


MESSAGES: tuple[tuple[Fields, str, str], ...] = (
    ({"resources": {"memory_max": "256MB"}}, "resources.memory_max", "must be 256MiB if powers of 1024 are meant"),
    ({"resources": {"memory_max": "unlimited"}}, "resources.memory_max", "leave the field out"),
    ({"resources": {"memory_max": "0.3K"}}, "resources.memory_max", "whole number"),
    ({"resources": {"cpu_quota": "12.5%"}}, "resources.cpu_quota", "whole number"),
    ({"resources": {"connection_time": "500ms"}}, "resources.connection_time", "whole number"),
    ({"connections": {"rate": 50}}, "connections.rate", "such as 50/10s"),
    ({"connections": {"rate": "50/0s"}}, "connections.rate.interval", "from 1"),
    ({"listen": "http"}, "listen[0]", '{tcp: "http"}'),
    ({"listen": 70000}, "listen[0].tcp", "1 to 65535"),
    ({"listen": True}, "listen", "must be a list"),
    ({"exec": "/bin/cat -u 'a b'"}, "exec", 'write ["/bin/cat", "-u", "a b"]'),
    ({"exec": ""}, "exec", "must be a list"),
    ({"access": {"allow": ""}}, "access.allow[0]", "must not be empty"),
    ({"access": {"allow": None}}, "access.allow", "must be a list"),
    ({"access": {"allow": "10.0.0.0/8, 192.0.2.1"}}, "access.allow[0]", "is not an address"),
)


@pytest.mark.parametrize(("fields", "path", "advice"), MESSAGES)
def test_refusal_says_what_would_be_right(fields: Fields, path: str, advice: str) -> None:
    found = refusal({"name": "echo", "listen": [{"tcp": "7"}], "exec": ["/bin/cat"], "user": "root", **fields})
    assert [where for where, _message in found] == [f"superserver_services[0].{path}"]
    assert advice in found[0][1]


READERS = (size, duration, percentage)
LETTERS = st.text("0123456789.kKmMgGiBbshdw% /:-", max_size=12)


@given(st.sampled_from(READERS), LETTERS)
def test_a_form_is_read_again_as_itself(reader: t.Callable[[str], t.Any], text: str) -> None:
    try:
        stored = reader(text)
    except ValueError:
        return
    assert stored >= 0
    unit = "%" if reader is percentage else ""
    if isinstance(stored, int):
        assert reader(f"{stored}{unit}") == stored


@given(LETTERS | st.text(max_size=8), st.sampled_from(["listen", "rate", "memory_max", "idle_timeout", "allow"]))
def test_what_is_accepted_is_stored_in_one_form(text: str, field: str) -> None:
    fields: dict[str, Fields] = {
        "listen": {"listen": text},
        "rate": {"connections": {"rate": text}},
        "memory_max": {"resources": {"memory_max": text}},
        "idle_timeout": {"exec": None, "proxy": {"to": "/run/a", "unit": "web", "idle_timeout": text}},
        "allow": {"access": {"allow": text}},
    }
    entry = {"name": "echo", "listen": [{"tcp": "7"}], "exec": ["/bin/cat"], "user": "root", **fields[field]}
    if refusal({name: value for name, value in entry.items() if value is not None}):
        return
    once = declared(**fields[field])
    assert redeclared(once).to_json() == once


@given(st.integers(0, 2**40), st.sampled_from(["", "K", "M", "Ki", "MiB", "g"]))
def test_size_of_any_amount(amount: int, suffix: str) -> None:
    power = "KMG".index(suffix[0].upper()) + 1 if suffix else 0
    assert size(f"{amount}{suffix}") == amount * 1024**power


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_duration_of_any_amount(hours: int, minutes: int, seconds: int) -> None:
    assert duration(f"{hours}h{minutes}m{seconds}s") == hours * 3600 + minutes * 60 + seconds
