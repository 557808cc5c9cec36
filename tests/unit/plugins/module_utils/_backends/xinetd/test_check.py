# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of staged entries, what is made of xinetd's log, and what the host's own configuration says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.attributes import OWNED, VALUES
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.backend import Xinetd
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.check import (
    CONFIG,
    check_entries,
    config_problem,
    defaults_elsewhere,
    judge,
    other_services,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Result
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.structures import leaves
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import SERVICE
from ansible_collections.ondemand.superserver.tests.unit import goldens
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, service
from ansible_collections.ondemand.superserver.tests.unit.fake_host import FakeHost
from ansible_collections.ondemand.superserver.tests.unit.machine import machine

XINETD = Xinetd()

# Raw attributes, and the gist of the problem.
REFUSED: tuple[tuple[Fields, str], ...] = (
    ({"only_form": "192.0.2.1"}, "is not an attribute of a service; known here are access_times, banner"),
    ({"Banner": "/etc/motd"}, "is not an attribute of a service"),
    ({"enabled": "a"}, "is not an attribute of a service"),
    ({"server": "/bin/sh"}, "use the field exec"),
    ({"flags": ["NODELAY"]}, "use the field listen"),
    ({"disable": True}, "use the field state"),
    ({"interface": "192.0.2.1"}, "use the field listen"),
    ({"redirect": "192.0.2.1 80"}, "use the field proxy"),
    ({"max_load": "1 2"}, "takes 1 value, but 2 were given"),
    ({"max_load": ""}, "takes 1 value, but 0 were given"),
    ({"banner": ["/etc/motd", "/etc/issue"]}, "takes 1 value, but 2 were given"),
    ({"access_times": []}, "takes 1 value, but 0 were given"),
    ({"access_times": "8:00-9:00 # early"}, 'must not have a word that begins with "#"'),
    ({"access_times": "8:00-9:00 " * 2000}, "must be at most 16000 bytes long"),
)


@pytest.mark.parametrize(("native", "gist"), REFUSED)
def test_raw_attribute_is_refused(native: Fields, gist: str) -> None:
    (problem,) = XINETD.further_problems(service(native={"xinetd": native}), Platform())
    assert problem.path == f"superserver_services[0].native.xinetd.{next(iter(native))}"
    assert gist in problem.message


def test_raw_attributes_are_taken() -> None:
    native = {"access_times": ["8:00-9:00", "10:00-11:00"], "max_load": 2.5, "banner": "/etc/motd", "rlimit_as": "8M"}
    assert XINETD.further_problems(service(native={"xinetd": native}), Platform()) == []


def test_field_to_use_instead_is_one_of_the_schema() -> None:
    fields = {path for path, _field in leaves(SERVICE)} | set(SERVICE.by_name) | {"connections.rate"}
    assert set(OWNED.values()) <= fields
    assert OWNED.keys() < VALUES.keys()


def defaults(*lines: str, include: str = "includedir /etc/xinetd.d") -> str:
    return "\n".join(["# defaults { only_from = 192.0.2.1 }", "defaults", "{", *lines, "}", "", include, ""])


def configured(text: str | None, **more: str) -> FakeHost:
    """A host with a configuration of xinetd, and files of these names in /etc."""
    files = {f"/etc/{name}": content for name, content in more.items()}
    return FakeHost(files=files if text is None else {**files, CONFIG: text})


@pytest.mark.parametrize(
    ("text", "gist"),
    [
        (defaults(), ""),
        (defaults("log_type = SYSLOG daemon info", "cps = 25 30", "instances = 60"), ""),
        (defaults("# only_from = 192.0.2.1"), ""),
        (defaults(include="  IncludeDir\t/etc/xinetd.d/"), ""),
        ("includedir /etc/xinetd.d\nservice a\n{\nonly_from = 192.0.2.1\n}\n", ""),
        (None, "/etc/xinetd.conf does not exist"),
        (defaults(include=""), 'has no line "includedir /etc/xinetd.d"'),
        (defaults(include="#includedir /etc/xinetd.d"), "has no line"),
        (defaults(include="includedir /etc/xinetd.d.old"), "has no line"),
        (defaults("\tonly_from = 192.0.2.1"), "sets only_from, which would change"),
        (defaults("Only_From += 192.0.2.1"), "sets only_from"),
        (defaults("enabled = a", "cps = 1 1", "banner = /etc/motd"), "sets banner, enabled, which"),
    ],
)
def test_configuration_of_the_host(text: str | None, gist: str) -> None:
    problem = config_problem(configured(text))
    assert gist in problem
    assert bool(problem) == bool(gist)


@pytest.mark.parametrize(
    ("more", "gist"),
    [
        ("includedir /etc//xinetd.d/.\ninclude /etc/more", ""),
        (defaults("cps = 1 1"), ""),
        (defaults("only_from ="), "the defaults entry of /etc/more sets only_from"),
        ("service a\n{\nnonsense\nincludedir /etc/xinetd.d\n}\n", "has no line"),
    ],
)
def test_configuration_in_a_file_that_is_included(more: str, gist: str) -> None:
    problem = config_problem(configured("include etc/more\n", more=more))
    assert gist in problem
    assert bool(problem) == bool(gist)


def test_an_assignment_that_does_not_count_changes_nothing() -> None:
    text = defaults("only_from= 192.0.2.1") + defaults("banner = a b")
    assert "sets" not in config_problem(configured(text))


def test_services_of_others_wherever_they_are() -> None:
    off = "service off\n{\ndisable = yes\n}"
    on = "service %s\n{\ndisable = no\n}"
    names = ("one", "two.rpmsave", "three~", "superserver-own")
    host = configured("include /etc/more\nincludedir /etc/d/\nincludedir /nonexistent\n", more="service more\n{\n}\n")
    host.files.update({f"/etc/d/{name}": on % name for name in names})
    host.files.update({"/etc/d/off": off, "/etc/d/directory/deep": on % "deep", "/etc/d/zz": "include /etc/nested"})
    host.files["/etc/nested"] = on % "Nested"
    assert other_services(host) == ["more", "one", "nested"]


DEFAULTS = "defaults\n{\n}\n"


@pytest.mark.parametrize(
    ("found", "named"),
    [
        ({}, []),
        (
            {"/etc/xinetd.d/zz": DEFAULTS, "/etc/xinetd.d/00-local": f"  {DEFAULTS.upper()}"},
            ["/etc/xinetd.d/00-local", "/etc/xinetd.d/zz"],
        ),
        (
            dict.fromkeys([f"/etc/xinetd.d/{name}" for name in ("local.conf", "local~", ".local", "sub/x")], DEFAULTS),
            [],
        ),
        ({"/etc/xinetd.d/zz": "service a\n{\n}\n# defaults\n"}, []),
        ({"/etc/xinetd.d/zz": "defaults\n{\ncps = 1 1\n"}, ["/etc/xinetd.d/zz"]),
    ],
    ids=["none", "two", "not_read", "comment", "incomplete"],
)
def test_defaults_beside_the_main_ones(found: dict[str, str], named: list[str]) -> None:
    """Pitfall 6: a defaults entry holds for whatever is read after it, also from another file."""
    host = configured(defaults())
    host.files.update(found)
    said = defaults_elsewhere(host)
    assert said.partition(": has a defaults entry")[0] == ", ".join(named)
    assert host.argvs == []


def test_enabled_services() -> None:
    text = """
    defaults
    {
        disable = no
    }
    service on
    {
        id = one
    }
    service off
    {
        disable = yes
    }
    # service comment
    service Also
    {
        disable = no
    }
    """
    assert other_services(configured(text)) == ["on", "also"]
    assert other_services(configured("")) == []


def logged(*lines: str) -> str:
    return "".join(f"26/11/21@05:16:01 xinetd[197]: {line}\n" for line in lines)


UNBOUND = "ERROR: bind failed (Cannot assign requested address (errno = 99)). service = e"
GIVEN_UP = "ERROR: Service e:tcp:[::1]:7 failed to start and is deactivated."
STARTED = "NOTICE: Started working: 0 available services"
BAD = "ERROR: Error parsing attribute user - DISABLING SERVICE [file=/etc/xinetd.d/superserver-e] [line=57]"
TYPO = "WARNING: attribute: foo should not be in default section [file=/etc/xinetd.conf] [line=3]"
WRONG = "ERROR: Number of instances is invalid: x [file=/etc/xinetd.conf] [line=3]"


@pytest.mark.parametrize(
    ("log", "wanted", "problems"),
    [
        (logged(UNBOUND, "NOTICE: bind retry attempt 1", UNBOUND, GIVEN_UP, STARTED, "WARNING: Exiting..."), 1, []),
        (logged(STARTED), 0, []),
        (logged("NOTICE: Started working: 1 available service"), 1, []),
        (logged(GIVEN_UP, "NOTICE: Started working: 2 available services"), 3, []),
        (logged(BAD, GIVEN_UP, STARTED), 2, [BAD[7:]]),
        (logged(GIVEN_UP, STARTED), 2, ["xinetd accepted 1 of 2 entries and gave no reason for the others"]),
        (logged(TYPO, GIVEN_UP, STARTED), 1, []),
        (logged(WRONG, "ERROR: xinetd will exit."), 1, ["xinetd will exit.", WRONG[7:]]),
        ("out of memory\n", 1, ["out of memory"]),
        ("", 1, ["xinetd did not read the configuration: no such program"]),
    ],
)
def test_log_is_judged(log: str, wanted: int, problems: list[str]) -> None:
    assert judge(log, wanted, "no such program\n") == problems


# Stands where xinetd is looked for, and shows what it would have been given.
STAND_IN = """\
#!/bin/sh
while [ $# -gt 1 ]; do
    case $1 in -f) config=$2 ;; -filelog) log=$2 ;; esac
    shift
done
cat "$(sed -n 's/^includedir //p' "$config")"/* >"{shown}"
echo "1 xinetd[1]: NOTICE: Started working: $(grep -c '^service ' "{shown}") available services" >"$log"
exec sleep 60
"""


def test_what_is_checked(tmp_path: Path) -> None:
    shown, program = tmp_path / "shown", tmp_path / "xinetd"
    program.write_text(STAND_IN.replace("{shown}", str(shown)))
    program.chmod(0o755)
    host = Platform(programs={"xinetd": str(program)})
    every = [
        replace(service(name="a", listen=[{"tcp": "7"}, {"tcp": "127.0.0.1:8"}]), backend="xinetd"),
        replace(service(name="b", listen=[{"udp": "[::1]:7"}], state="disabled"), backend="xinetd"),
    ]
    files = XINETD.render(every, host)
    goldens.stage(files, tmp_path)
    assert check_entries(str(tmp_path), files, host, machine()) == []
    text = shown.read_text()
    assert [line.split() for line in text.split("\n") if line.startswith("bind")] == [
        *(["bind", "=", address] for address in ("2001:db8::1", "192.0.2.1", "2001:db8::1"))
    ]
    assert [line.split()[2] for line in text.split("\n") if line.startswith("port")] == ["1", "2", "3"]
    assert text.count("disable = no") == 3
    assert text.count("server = /bin/sh") == 3
    for kept in ("id             = b:udp:[::1]:7", "umask          = 0022", "v6only         = yes"):
        assert kept in text


class Noting(FakeHost):
    """An xinetd that starts whatever it is given."""

    def answer(self, argv: Sequence[str]) -> Result:
        return Result(0, logged(STARTED), "")


def test_check_is_one_command_for_any_number_of_services() -> None:
    for count in (0, 1, 50):
        every = [replace(service(name=f"e{number}"), backend="xinetd") for number in range(count)]
        host = Noting()
        found = check_entries("/stage", XINETD.render(every, Platform()), Platform(), host)
        assert len(host.argvs) == 1
        assert bool(found) == bool(count)


def test_defaults_of_the_host_are_judged_with_the_entries() -> None:
    main = defaults("cps =1 1", "# no", include="include /etc/more")
    host = Noting(files={CONFIG: main, "/etc/more": defaults("umask = 9")})
    check_entries("/stage", [], Platform(), host)
    assert host.argvs[0][-1] == "defaults\n{\n\tcps = 1 1\n\tumask = 9\n}\n"
