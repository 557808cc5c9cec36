# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to the services of a host in their lives: drift, declarations that come and go, runs that fail and runs
that are killed. After each the host is as declared again, and a further run does nothing.

The modules run as they are, from their sources, and the host's own programs of the suite do what is done to it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import typing as t
from collections.abc import Callable
from functools import partial

from ansible.module_utils.as_is import Result, run
from ansible.module_utils.basic import AnsibleModule

PROGRAMS = "/usr/local/lib/conformance"
JOURNAL = "/var/lib/superserver/journal.json"
READY = "/run/conformance-interrupt"
SESSION = "/run/conformance-session"
SNAPSHOT = "/run/conformance-snapshot.json"
HALVES = (
    "/var/lib/superserver/.superserver.manifest.json",
    "/var/lib/superserver/.superserver.journal.json",
    "/var/lib/superserver/generations/.superserver.1.json",
    "/var/lib/superserver/stages/stage-killed/etc/superserver/guard.nft",
    "/run/superserver/.superserver.hold.nft",
)
ECHO_PORT = "21102"
# Ports of the services that a run has to close, so that they are other sockets afterwards.
CLOSED = ("21041", "21042")
PATIENCE = 30.0  # seconds

Services = list[dict[str, t.Any]]

# What no longer is declared a run later: new services, and for services that stay another process.
ONCE: Services = [
    {
        "name": "once-tcp",
        "listen": [{"tcp": "21971"}, {"tcp": "127.0.0.1:21972"}],
        "exec": ["/bin/cat"],
        "user": "nobody",
        "probe": {"send": "hello", "expect": "hello"},
    },
    {
        "name": "once-udp",
        "listen": [{"udp": "127.0.0.1:21973"}],
        "internal": "echo",
        "probe": {"send": "hello", "expect": "hello"},
    },
    {
        "name": "once-guarded",
        "listen": [{"tcp": "21974"}],
        "accept": False,
        "exec": ["/usr/local/lib/conformance/daemon", "listen_fds"],
        "user": "nobody",
        "connections": {"max": 2},
    },
    {"name": "exec-plain", "exec": ["/usr/bin/printf", "%s", "another"]},
    {"name": "exec-no-arguments", "environment": {"ANOTHER": "yes"}},
]
NEW, CHANGED = ["once-guarded", "once-tcp", "once-udp"], ["exec-no-arguments", "exec-plain"]
FREE = ({"tcp": "21971"}, {"tcp": "127.0.0.1:21972"}, {"udp": "127.0.0.1:21973"}, {"tcp": "21974"})

# Changes of every kind, and a service that does not answer as it says.
FAILING: Services = [
    {
        "name": "failing",
        "listen": [{"tcp": "21975"}],
        "exec": ["/bin/echo", "one"],
        "user": "root",
        "probe": {"expect": "two", "timeout": 3},
    },
    {
        "name": "failing-not",
        "listen": [{"tcp": "21976"}],
        "exec": ["/bin/echo", "one"],
        "user": "root",
        "connections": {"max": 3},
    },
    {"name": "exec-plain", "exec": ["/bin/echo", "another"]},
    {"name": "tcp-dual", "listen": [{"tcp": "21977"}]},
    {"name": "tcp-ipv4-address", "state": "absent"},
    {"name": "state-disabled", "state": "present"},
]
KILLED: Services = [
    {"name": "killed-new", "listen": [{"tcp": "21978"}], "exec": ["/bin/echo", "one"], "user": "root"},
    {"name": "exec-plain", "exec": ["/bin/echo", "another"]},
    {"name": "tcp-dual", "listen": [{"tcp": "21979"}]},
    {"name": "tcp-ipv4-address", "state": "absent"},
]


class Wrong(Exception):
    """Something is not as it should be; the text says what was found."""


def require(right: bool, otherwise: t.Any) -> None:
    if not right:
        raise Wrong(otherwise if isinstance(otherwise, str) else json.dumps(otherwise, indent=1))


def program(name: str, *arguments: str) -> str:
    """Output of a program of the suite, which must succeed."""
    done = subprocess.run([f"{PROGRAMS}/{name}", *arguments], capture_output=True, text=True, check=False)
    require(done.returncode == 0, f"{name} {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return done.stdout


def started(name: str, *arguments: str, ready: str) -> subprocess.Popen[str]:
    """A program of the suite that goes on beside, once it has made the file that says so."""
    process = subprocess.Popen([f"{PROGRAMS}/{name}", *arguments], stdout=subprocess.PIPE, text=True)
    within(PATIENCE, lambda: os.path.exists(ready), f"{name} does not get ready")
    return process


def within(seconds: float, what: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        require(time.monotonic() < deadline, otherwise)
        time.sleep(0.05)


def sockets(found: Result, ours: Callable[[str], bool]) -> dict[str, t.Any]:
    """Inodes by endpoint, of the services that are chosen by name."""
    return {each["endpoint"]: each["inodes"] for each in found["endpoints"] if ours(each["service"])}


class Host:
    """This host, with the declaration that all of its services are in."""

    def __init__(self, options: dict[str, t.Any]) -> None:
        self._sources, self._declared = options["sources"], options["declared"]
        self.back: float = options["back"]
        self.not_at_boot: list[str] = options["not_at_boot"]
        self.checks: list[dict[str, t.Any]] = []

    def check(self, name: str, story: Callable[[Host], None]) -> None:
        """One story; it is told with its name when something is wrong."""
        begun = time.monotonic()
        try:
            story(self)
        except Wrong as problem:
            raise Wrong(f"{name}: {problem}") from None
        self.checks.append({"name": name, "seconds": round(time.monotonic() - begun, 2)})

    def run(self, layer: str = "", services: Services | None = None) -> Result:
        """A run of the module ``services``, with a further layer where there is one."""
        further = [{"name": f"superserver_services__{layer}", "services": services}] if layer else []
        return run(self._sources["services"], {**self._declared, "layers": [*self._declared["layers"], *further]})

    def look(self) -> Result:
        """What the module ``services_info`` finds without a declaration."""
        options = {name: value for name, value in self._declared.items() if name.startswith("s6_")}
        found = run(self._sources["services_info"], options)
        require("problems" in found, found)
        return found

    def free(self, endpoint: dict[str, str]) -> None:
        """Nobody listens there."""
        found = run(self._sources["listener"], {**endpoint, "state": "free"})
        require(not found.get("failed") and "crashed" not in found, found)

    def again(self, repaired: list[str]) -> None:
        """A further run has something to do for these services only, and touches no other socket."""
        before = self.look()
        done = self.run()
        require("services" in done, done)
        after = self.look()
        touched = sorted(each["name"] for each in done["services"] if each["action"] != "none")
        require(touched == sorted(repaired), {"repaired": touched, "expected": sorted(repaired)})
        require(done["changed"] == bool(repaired), {"changed": done["changed"], "expected": bool(repaired)})
        others = [sockets(found, lambda name: name not in repaired) for found in (before, after)]
        require(others[0] == others[1], {"other sockets": others})
        require(not after["problems"], after["problems"])

    def same_as(self, *reopened: str) -> None:
        """The host is as it was when the snapshot was taken; only these ports may have other sockets."""
        program("snapshot", "compare", SNAPSHOT, *reopened)


def drift(host: Host, stage: str) -> None:
    """All of it is repaired and nothing else is touched; then nothing is left to do."""
    repaired = json.loads(program("drift", stage))
    host.again(repaired)
    host.again([])


def undeclared(host: Host) -> None:
    """Services that are declared once; a change of the process alone closes no port and cuts no session."""
    session = started("session", ECHO_PORT, SESSION, ready=SESSION)
    before = sockets(host.look(), lambda _name: True)
    done = host.run("once", ONCE)
    require("services" in done, done)
    actions = {each["name"]: each["action"] for each in done["services"] if each["action"] != "none"}
    require(actions == {**dict.fromkeys(NEW, "create"), **dict.fromkeys(CHANGED, "change")}, actions)
    now = sockets(host.look(), lambda name: not name.startswith("once-"))
    require(len(before) > 2 and before == now, {"before": before, "now": now})
    os.unlink(SESSION)
    require(session.wait(PATIENCE) == 0, "the session has lost its handler")
    host.again([*NEW, *CHANGED])
    for endpoint in FREE:
        host.free(endpoint)
    places = ("/etc", "/usr/local", "/var/lib/superserver")
    left = subprocess.run(["find", *places, "-name", "*once-*"], capture_output=True, text=True, check=True).stdout
    require(not left, f"files are left: {left}")


def failure(host: Host) -> None:
    """A run that fails says why, and leaves the host as it was: what it changed, what it closed and what it opened."""
    program("snapshot", "take", SNAPSHOT)
    done = host.run("zz", FAILING)
    require(bool(done.get("failed")) and not done.get("changed"), done)
    for words in ("failing", "21975", "the previous state was restored"):
        require(words in done["msg"], done["msg"])
    host.same_as(*CLOSED)
    host.again([])


def interruption(host: Host, delay: float) -> None:
    """A run that is killed can put nothing back: the watcher that it started does, and the next run tells of it."""
    program("snapshot", "take", SNAPSHOT)
    killer = started("interrupt", str(delay), ready=READY)
    done = host.run("zz", KILLED)
    said = killer.communicate(timeout=PATIENCE)[0]
    killed = said.startswith("killed")
    require(killed or delay > 0, f"it was not killed: {said} {done}")
    within(host.back, lambda: not os.path.exists(JOURNAL), f"not put back within {host.back} s")
    problems = host.look()["problems"]
    require(not problems, problems)
    done = host.run()
    require(done.get("changed") is (not killed), done)
    told = [text for text in done.get("warnings", ()) if re.search("interrupted; .* restored", text)]
    require(len(told) == int(killed), done.get("warnings", []))
    host.same_as(*CLOSED)
    host.again([])


def halves(host: Host) -> None:
    """What a run that was killed was writing for itself is removed by the next one, which finds nothing to do."""
    program("snapshot", "take", SNAPSHOT)
    for path in HALVES:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as file:
            file.write("{")
    host.again([])
    host.same_as()
    left = [path for path in HALVES if os.path.exists(path)]
    require(not left, f"files are left: {left}")


def stories() -> dict[str, Callable[[Host], None]]:
    """All of them by name."""
    return {
        "again": lambda host: host.again([]),
        "services": partial(drift, stage="services"),
        "stopped": partial(drift, stage="stopped"),
        "killed": partial(drift, stage="killed"),
        "undeclared": undeclared,
        "failure": failure,
        "interrupted at once": partial(interruption, delay=0.0),
        "interrupted after 0.1 s": partial(interruption, delay=0.1),
        "interrupted after 0.5 s": partial(interruption, delay=0.5),
        "halves": halves,
        "forgotten": partial(drift, stage="forgotten"),
        "booted": lambda host: host.again(host.not_at_boot),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "stories": {"type": "list", "elements": "str", "choices": list(stories()), "required": True},
            # Of the modules services, services_info and listener, by name.
            "sources": {"type": "dict", "required": True},
            # Arguments of the module services.
            "declared": {"type": "dict", "required": True},
            # Seconds that a host may take to be as it was before a run that was killed.
            "back": {"type": "float", "required": True},
            # Services that need a run after a boot.
            "not_at_boot": {"type": "list", "elements": "str", "default": []},
        }
    )
    host = Host(module.params)
    told = stories()
    try:
        for name in module.params["stories"]:
            host.check(name, told[name])
    except Wrong as problem:
        module.fail_json(msg=str(problem), checks=host.checks)
    module.exit_json(changed=True, checks=host.checks)


if __name__ == "__main__":
    main()
