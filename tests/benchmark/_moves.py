# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves from every super-server to every other one while clients keep coming: who was refused, and who had to wait."""

from __future__ import annotations

import json
import os
import subprocess
import typing as t
from dataclasses import dataclass

from _bench import HERE, LAB, ROOT, S6_PREFIX, WORK, Results, container_of, playbook, run, say, seconds

MOVED = int(os.environ.get("BENCH_MOVED", "50"))
# New connections a second. systemd takes some 30 ms of a processor for each handler's unit, so that it has fewer.
RATES = {"systemd": 10, "xinetd": 200, "s6": 200}

FIRST = 24000  # port
LOAD = ROOT / "tests" / "conformance" / "host" / "load"
STOP = "/run/superserver-load.stop"
# Seconds: how long clients come at most, and when nothing moves.
LONGEST, STEADY = "120", "3"
# From each to each other one, and back to the first.
ORDER = ("systemd", "xinetd", "s6", "systemd", "s6", "xinetd", "systemd")
# By method, how much longer the slowest client may wait than without a move, in milliseconds, and what makes it longer;
# of a gap, how long a service may be closed.
BOUNDS = {
    "reuseport": (100.0, "systemd serves nobody while it reads its units, as when the old super-server is disabled"),
    "fdholder": (100.0, "{services} servers start on {processors} processors that also run the clients"),
    "hold": (1200.0, "who is held tries again after a second, beside all others, on {processors} processors"),
    "gap": (50.0, "one command closes all that one super-server has, and one opens all that the other gets"),
}


@dataclass(frozen=True)
class Mover:
    """One container that has every super-server. ``provider``: what accepts TCP connections for s6."""

    name: str
    provider: str
    options: tuple[str, ...] = ()


MOVERS = [Mover("bench-move", "ucspi")]
if S6_PREFIX:
    MOVERS.append(Mover("bench-move-s6net", "s6-networking", ("--volume", f"{S6_PREFIX}:/opt/s6-networking:ro")))


def measure_moves(results: Results) -> None:
    """Every move on every host, with what is expected of them."""
    if not MOVED:
        return
    for mover in MOVERS:
        say(f"moves of {MOVED} services while clients keep coming, s6 with {mover.provider}")
        run(str(LAB), "up", mover.name, "debian13-systemd", *mover.options)
        for backend in RATES:
            seconds(*_move(mover, backend), changes=True)
        seconds(*_move(mover, ORDER[0]), changes=True)
        rows = [_moved(mover, old, new) for old, new in zip(ORDER, ORDER[1:])]
        gaps = [_gaps(mover, old, new) for old, new in zip(ORDER, ORDER[1:])]
        results.figures[f"moves, {mover.provider}"] = rows
        results.figures[f"gaps, {mover.provider}"] = gaps
        run(str(LAB), "rm", mover.name)
        for row in rows:
            say(
                "  {from} to {to}, {rate} new connections a second, {method}: {served} served, {refused} refused, "
                "{lost} lost".format_map(row)
            )
            say("    slowest {worst_ms} ms, without a move {usual_ms} ms; gap {gap_ms} ms".format_map(row))
        results.expect(
            f"{mover.provider}: clients refused or lost", sum(row["refused"] + row["lost"] for row in rows), 0
        )
        for method in sorted({row["method"] for row in rows} & set(BOUNDS)):
            worst = max(row["worst_ms"] - row["usual_ms"] for row in rows if row["method"] == method)
            _expect(results, f"{mover.provider}: what the slowest client waits longer, {method}", worst, method)
        for row in gaps:
            say("  {from} to {to}, gap: {shortest_ms} to {longest_ms} ms".format_map(row))
        _expect(results, f"{mover.provider}: the longest gap", max(row["longest_ms"] for row in gaps), "gap")


def _expect(results: Results, what: str, value: float, method: str) -> None:
    limit, why = BOUNDS[method]
    results.expect(f"{what}, ms", value, limit, why=why.format(services=MOVED, processors=os.cpu_count()))


def _move(mover: Mover, backend: str, handover: str = "auto") -> tuple[str, ...]:
    services = [
        {"name": f"moved-{number:03}", "listen": [{"tcp": f"127.0.0.1:{FIRST + number}"}], "exec": ["/bin/cat"]}
        for number in range(MOVED)
    ]
    variables = {
        "superserver_services": [{**service, "user": "nobody"} for service in services],
        "superserver_backend": backend,
        "superserver_handover": handover,
        "moved_result": str(WORK / "moved.json"),
    }
    return playbook(HERE / "moved.yml", mover.name, f"moved-{backend}", variables)


def _moved(mover: Mover, old: str, new: str) -> dict[str, t.Any]:
    """One move, with what became of clients and services."""
    rate = min(RATES[old], RATES[new])
    before = _finished(_clients(mover, rate, STEADY))
    clients = _clients(mover, rate, LONGEST)
    try:
        seconds(*_move(mover, new), changes=True)
    finally:
        run("podman", "exec", container_of(mover.name), "touch", STOP)
        found = _finished(clients)
    run("podman", "exec", container_of(mover.name), "rm", STOP)
    after = _finished(_clients(mover, rate, STEADY))
    services = _services()
    return {
        "from": old,
        "to": new,
        "rate": rate,
        "method": ", ".join(sorted({service["method"] for service in services})),
        "gap_ms": max(service["gap_ms"] for service in services),
        "served": found["served"],
        "refused": found["refused"],
        "lost": found["reset"] + found["empty"] + found["late"],
        "worst_ms": found["worst_ms"],
        "usual_ms": max(before["worst_ms"], after["worst_ms"]),
    }


def _gaps(mover: Mover, old: str, new: str) -> dict[str, t.Any]:
    """One move as it is where nothing else works, without clients: how long services were closed."""
    seconds(*_move(mover, new, "gap"), changes=True)
    gaps = [service["gap_ms"] for service in _services() if service["method"] == "gap"]
    return {"from": old, "to": new, "shortest_ms": min(gaps), "longest_ms": max(gaps)}


def _services() -> list[dict[str, t.Any]]:
    """What the result of the last move says of each service."""
    return list(json.loads((WORK / "moved.json").read_text(encoding="utf-8")))


def _clients(mover: Mover, rate: int, longest: str) -> subprocess.Popen[str]:
    """They come until :data:`STOP` is there, on the host itself, so that no network is measured."""
    words = (str(FIRST), str(MOVED), str(rate), longest, STOP)
    with LOAD.open(encoding="utf-8") as program:
        return subprocess.Popen(
            ("podman", "exec", "-i", container_of(mover.name), "python3", "-", *words),
            stdin=program,
            stdout=subprocess.PIPE,
            text=True,
        )


def _finished(clients: subprocess.Popen[str]) -> dict[str, t.Any]:
    output, _errors = clients.communicate()
    return dict(json.loads(output))
