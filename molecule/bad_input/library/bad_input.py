# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declares every case of ``tests/bad_input/cases.yml`` to this host, and looks what the host is like afterwards.

The module ``services`` runs as it is, from its source; only that it is not started anew for each case.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import typing as t
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ansible.module_utils.as_is import Result, run
from ansible.module_utils.basic import AnsibleModule

BASE = "superserver_services"

Case = dict[str, t.Any]

# Listeners of nobody that the collection knows.
STRANGERS = (
    ("nc", "-k", "-l", "7911"),
    ("nc", "-k", "-l", "127.0.0.1", "7912"),
    ("nc", "-u", "-l", "7913"),
    ("nc", "-k", "-U", "-l", "/run/stranger.sock"),
)
STRANGERS_FILES = {
    "systemd": "/etc/systemd/system/stranger.socket",
    "xinetd": "/etc/xinetd.d/superserver-stranger",
    "s6": "/run/service/superserver-stranger/run",
}


def rules() -> str:
    """Every rule, without its counters; nothing where nftables is not installed."""
    if not shutil.which("nft"):
        return ""
    return subprocess.run(["nft", "--stateless", "list", "ruleset"], capture_output=True, text=True, check=True).stdout


class Host:
    """What the host is like, by a program that prints it."""

    def __init__(self, snapshot: str) -> None:
        space: dict[str, t.Any] = {"__name__": "snapshot"}
        # The suite's own program, which the controller sends.
        exec(compile(snapshot, "snapshot", "exec"), space)  # noqa: S102
        self._space = space

    def look(self) -> dict[str, str]:
        """Files and listeners, and the rules of nftables, by name."""
        return {**dict(self._space["files"]()), **dict(self._space["listeners"]()), "nftables": rules()}

    def differences(self, before: dict[str, str], now: dict[str, str]) -> list[str]:
        """How the host differs from what it was before."""
        found: list[str] = self._space["differences"](before, now)
        return found


def arguments_of(case: Case, good: Case, backend: str) -> dict[str, t.Any]:
    """The module's arguments."""
    services = [
        {**good, **service} if isinstance(service, dict) and not case.get("whole") else service
        for service in case["services"]
    ]
    layers = {f"superserver_services__{name}": entries for name, entries in case.get("layers", {}).items()}
    return {
        "backend": backend,
        "layers": [{"name": name, "services": entries} for name, entries in {BASE: services, **layers}.items()],
        **case.get("options", {}),
        "_ansible_check_mode": case.get("accepted", False),
    }


def judge(case: Case, result: Result) -> list[str]:
    """What is wrong with an answer."""
    if "crashed" in result:
        return [f"it crashed: {result['crashed']}"]
    if case.get("accepted"):
        return [f"it must be accepted: {result['msg']}"] if result.get("failed") else []
    if not result.get("failed"):
        return ["it was accepted"]
    if "message" in case:
        right = case["message"] in result["msg"]
        return [] if right else [f"the message must say {case['message']!r}: {result['msg']}"]
    return judge_problems(case["problems"], result)


def judge_problems(expected: list[dict[str, str]], result: Result) -> list[str]:
    found = list(result.get("problems", [result["msg"]]))
    missed = []
    for one in expected:
        fitting = [text for text in found if text.startswith(f"{one['path']}: ") and one["says"] in text]
        if fitting:
            found.remove(fitting[0])
        else:
            missed.append(f"nothing is said about {one['path']} with {one['says']!r}")
    plural = "s" if len(expected) > 1 else ""
    if not result["msg"].startswith(f"The declaration has {len(expected)} problem{plural}; nothing was changed.\n"):
        missed.append(f"the message does not begin as it should: {result['msg']}")
    return missed + [f"nobody expected: {text}" for text in found]


def filled(value: t.Any, text: str) -> t.Any:
    """The value with a text in its place."""
    if isinstance(value, dict):
        return {name: filled(entry, text) for name, entry in value.items()}
    if isinstance(value, list):
        return [filled(entry, text) for entry in value]
    return value.replace("TEXT", text) if isinstance(value, str) else value


def refusals_of(place: Case, declared: Case) -> dict[str, str]:
    """The names of the texts that a place must refuse, with words of the message."""
    if isinstance(place["refused"], str):
        return dict.fromkeys(declared["texts"], place["refused"])
    return {name: words for group in place["refused"] for name, words in declared["refusals"][group].items()}


def cases_of(place: Case, declared: Case) -> list[Case]:
    """Two cases of a place where text goes: all texts that it must refuse, and all others."""
    refused = refusals_of(place, declared)
    services = {
        name: {"name": f"bad{number}", "listen": [{"tcp": str(8000 + number)}], **filled(place["service"], text)}
        for number, (name, text) in enumerate(declared["texts"].items())
    }
    bad, fine = [name for name in services if name in refused], [name for name in services if name not in refused]
    problems = [{"path": f"{BASE}[{index}].{place['path']}", "says": refused[name]} for index, name in enumerate(bad)]
    common = {"only": place.get("only")}
    made = [
        {**common, "case": place["path"], "services": [services[name] for name in bad], "problems": problems},
        {**common, "case": place["path"], "services": [services[name] for name in fine], "accepted": True},
    ]
    return [case for case in made if case["services"]]


@contextmanager
def strangers(path: str) -> Iterator[None]:
    """Listeners and a file that are not of the collection."""
    folder = os.path.dirname(path)
    made = not os.path.isdir(folder)
    with ExitStack() as stack:
        if made:
            os.mkdir(folder)
            stack.callback(os.rmdir, folder)
        with open(path, "w", encoding="ascii") as file:
            file.write("# Somebody's own\n")
        stack.callback(os.unlink, path)
        for argv in STRANGERS:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.kill)
        stack.callback(os.unlink, "/run/stranger.sock")
        while not os.path.exists("/run/stranger.sock"):
            time.sleep(0.01)
        time.sleep(0.1)
        yield


def answer(address: str, family: socket.AddressFamily) -> str:
    with socket.socket(family) as client:
        client.settimeout(10)
        client.connect(("127.0.0.1", int(address.rpartition(":")[2])) if family == socket.AF_INET else address)
        return "".join(iter(lambda: client.recv(65536).decode(), ""))


def undelivered(service: Case) -> list[str]:
    """What the service ``words``, or one like it, was not given byte for byte."""
    endpoint = service["listen"][0]
    family = socket.AF_INET if "tcp" in endpoint else socket.AF_UNIX
    words, environment, folder = json.loads(answer(endpoint.get("tcp") or endpoint["unix"], family))
    pairs = [
        *zip(service["exec"][3:], words, strict=False),
        (len(service["exec"]) - 3, len(words)),
        (service["environment"], environment),
        (service["working_directory"], folder),
    ]
    return [f"{service['name']}: {one!r} arrived as {other!r}" for one, other in pairs if one != other]


def delivery(declared: Case, backend: str) -> list[str]:
    """The same for every service of that kind."""
    services = [declared["words"]]
    if backend != "xinetd":
        services.append({**declared["words"], **declared["words_on_unix"]})
    return [text for service in services for text in undelivered(service)]


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "str", "required": True},
            "snapshot": {"type": "str", "required": True},
            "declared": {"type": "dict", "required": True},
            "backend": {"type": "str", "required": True},
            # Whether nothing is installed or served yet; then only cases that say so are declared.
            "fresh": {"type": "bool", "default": False},
        }
    )
    declared, backend, fresh = (module.params[name] for name in ("declared", "backend", "fresh"))
    host = Host(module.params["snapshot"])
    cases = [case for place in declared["places"] for case in cases_of(place, declared)] + declared["cases"]
    cases = [case for case in cases if backend in (case.get("only") or [backend])]
    cases = [case for case in cases if not fresh or case.get("fresh") or case.get("accepted")]
    failures, checks = [] if fresh else delivery(declared, backend), []
    with strangers(STRANGERS_FILES[backend]):
        before = host.look()
        for case in cases:
            begun = time.monotonic()
            arguments = arguments_of(case, declared["good"], backend)
            wrong = judge(case, run(module.params["source"], arguments, case.get("lacking", "")))
            now = host.look()
            wrong += [f"the host is not as it was: {text}" for text in host.differences(before, now)]
            before = now
            checks.append({"name": case["case"], "seconds": round(time.monotonic() - begun, 2)})
            failures += [f"{case['case']}: {text}" for text in wrong]
    if failures:
        module.fail_json(msg=f"{len(cases)} cases, and this was wrong:\n" + "\n".join(failures))
    module.exit_json(msg=f"{len(cases)} cases", checks=checks)


if __name__ == "__main__":
    main()
