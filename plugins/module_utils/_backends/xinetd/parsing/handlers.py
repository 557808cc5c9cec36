# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The handlers that this collection writes for xinetd, read back: the reverse of :mod:`handler`."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.process import BANNERS, LIMITS
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import LIBRARY
from ansible_collections.ondemand.superserver.plugins.module_utils._model.hours import DAYS
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import PATH
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.parts import LOG
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import OWN_ACCOUNT
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.installed import (
    ENDER,
    GATE,
    INTERNAL,
    NAMED,
    SESSION,
)

# Words as a shell reads them; quotes may be in the middle of one.
_PART = re.compile(r"'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"|(?P<plain>[^\s'\"\\]+)")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_BLANK = re.compile(r"(?:\s|\\\n)+")
_LIMITS = {limit.option: limit.field for limit in LIMITS}
_SET_BY_US = ("REMOTE_ADDR", "LISTEN_FDS", "LISTEN_PID")
_SMALL = {("/bin/cat",): "echo", ("/bin/dd", "of=/dev/null", "status=none"): "discard"}
_DATE = "/bin/date"


@dataclass
class Handler:
    """What a script says. ``unread``: a part that only this collection's own code knows to undo, and does not here."""

    fields: dict[str, t.Any] = field(default_factory=dict)
    unread: str = ""
    nothing_new: bool = False

    def record(self, name: str) -> dict[str, t.Any]:
        found: dict[str, t.Any] = self.fields.setdefault(name, {})
        return found


def words_of(text: str) -> Iterator[str]:
    """The words of a command."""
    place = 0
    while place < len(text):
        blank = _BLANK.match(text, place)
        place = blank.end() if blank else place
        parts = []
        part = _PART.match(text, place)
        while part:
            parts.append(next((group for group in part.groups() if group is not None), ""))
            place = part.end()
            part = _PART.match(text, place)
        if parts:
            yield "".join(parts)
        elif place < len(text):
            place += 1


def read_handler(text: str, texts: Callable[[str], str | None]) -> Handler:
    """The fields of a script; ``texts`` has the files beside it."""
    found = Handler()
    found.fields["stderr"] = "log" if "\nexec 2>/dev/null\n" in text or "\n    exec 2>/dev/null\n" in text else "client"
    if f"{ENDER} " in text:
        found.fields["end_children"] = True
    found.fields["socket_fd"] = "listen_fds" if "\nexec 3<&0 </dev/null >&2\n" in text else "stdin"
    given: list[str] = []
    lines = list(_commands(text))
    for words in lines[:-1]:
        if words[:2] == ["cd", "-P"]:
            found.fields["working_directory"] = words[2]
        elif GATE in words:
            _gate(words, found, texts)
        elif words[:2] == ["set", "--"] and len(words) > 2:
            given = words[2:]
    last = lines[-1] if lines else []
    if last[:1] != ["exec"]:
        found.unread = "its last command"
    else:
        _chain([*(given if word == "$@" else (word,) for word in last[1:])], found)
    return found


def _commands(text: str) -> Iterator[list[str]]:
    """Each with the lines that it goes on in, behind a backslash or within quotes; comments are left out."""
    command = ""
    for line in text.split("\n"):
        command += line
        if line.endswith(" \\") or "'" in _QUOTED.sub("", command):
            command += "\n"
            continue
        if command.strip() and not command.lstrip().startswith("#"):
            yield list(words_of(command))
        command = ""


def _gate(words: list[str], found: Handler, texts: Callable[[str], str | None]) -> None:
    if SESSION in words:
        _session(words, found)
    options = words[words.index(GATE) + 1 :]
    for option, value in zip(options, options[1:]):
        if option == "-l":
            found.record("connections")["max_load"] = int(value) / 100
        elif option == "-w":
            days, hours = value.split(":")
            named = "" if days == "1234567" else ",".join(DAYS[int(day) - 1] for day in days) + " "
            start, end = hours.split("-")
            window = f"{named}{start[:2]}:{start[2:]}-{end[:2]}:{end[2:]}"
            found.record("access").setdefault("hours", []).append(window)
        elif option in ("-c", "-r"):
            text = texts(value) if value.startswith(f"{BANNERS}/") else None
            there = {"file": value} if text is None else {"text": text}
            found.fields["banner"] = {**there, "on": "connect" if option == "-c" else "refuse"}


def _session(words: list[str], found: Handler) -> list[str]:
    """What logs, up to the end of its own options."""
    start = words.index(SESSION) + 1
    end = words.index("--", start)
    options, log = words[start:end], found.record("log")
    places = {"-j": "journal", "-l": "syslog"}
    log["where"] = next((places[word] for word in options if word in places), "file")
    for option, value in zip(options, options[1:]):
        if option == "-w":
            logged = {*value.split(","), *log.get("what", [])}
            log["what"] = [word for word in (*LOG.default("what"), "refused") if word in logged]
        elif option == "-f" and not value.startswith("/var/log/superserver/"):
            log["file"] = value
        elif option in ("-s", "-k"):
            log["rotate_size" if option == "-s" else "rotate_keep"] = int(value)
    if "-r" in options and "refused" not in log.get("what", []):
        log.setdefault("what", []).append("refused")
    return words[end + 1 :]


def _prlimit(words: list[str], found: Handler) -> list[str]:
    rest = list(words[1:])
    while rest and rest[0].startswith("--"):
        option, _sign, value = rest.pop(0)[2:].partition("=")
        found.record("resources")[_LIMITS[option]] = int(value.partition(":")[0])
    return rest


def _setpriv(words: list[str], found: Handler) -> list[str]:
    end = words.index("--")
    for option in words[1:end]:
        name, _sign, value = option.partition("=")
        if name == "--reuid":
            found.fields["user"] = value
        elif name == "--regid":
            found.fields["group"] = value
        elif name in ("--groups", "--clear-groups"):
            found.fields["supplementary_groups"] = value.split(",") if value else []
        elif name == "--no-new-privs":
            found.nothing_new = True
    return words[end + 1 :]


def _env(words: list[str], found: Handler) -> list[str]:
    rest = list(words[2:])
    variables = {}
    while rest and re.match(r"[A-Za-z_][A-Za-z0-9_]*=", rest[0]):
        name, _sign, value = rest.pop(0).partition("=")
        variables[name] = value
    given = {name: value for name, value in variables.items() if name not in _SET_BY_US}
    found.fields["environment"] = {name: value for name, value in given.items() if (name, value) != ("PATH", PATH)}
    return rest


def _timeout(words: list[str], found: Handler) -> list[str]:
    found.record("resources")["connection_time"] = int(words[3])
    return words[4:]


def _nice(words: list[str], _found: Handler) -> list[str]:
    return words[words.index("--") + 1 :]


# What may be before a handler, in this order.
_CHAIN: tuple[tuple[str, Callable[[list[str], Handler], list[str]]], ...] = (
    (SESSION, _session),
    ("prlimit", _prlimit),
    ("setpriv", _setpriv),
    ("env", _env),
    ("nice", _nice),
    ("timeout", _timeout),
)


# Which word tells a program in the chain from one that is the handler itself.
_FIRST = {"nice": ["-n"], "timeout": ["-k"], "env": ["-i"]}


def _chain(parts: list[t.Any], found: Handler) -> None:
    words: list[str] = []
    for part in parts:
        words += [part] if isinstance(part, str) else part
    for program, step in _CHAIN:
        named = words[:1] in ([program], [f"/usr/bin/{program}"])
        if named and words[1:2] == _FIRST.get(program, words[1:2]):
            words = step(words, found)
    _program(words, found)


def _program(words: list[str], found: Handler) -> None:
    own = found.nothing_new and found.fields.get("user") == OWN_ACCOUNT
    if words[1:3] == ["-IS", NAMED]:
        found.fields.update(exec=[words[3], *words[5:]], argv0=words[4])
    elif words[1:3] == ["-IS", INTERNAL]:
        found.fields["internal"] = words[3]
    elif own and (tuple(words) in _SMALL or words[:1] == [_DATE]):
        found.fields["internal"] = _SMALL.get(tuple(words), "daytime")
    elif not words or any(word.startswith(f"{LIBRARY}/") for word in words):
        found.unread = "a program of the collection in it"
    else:
        found.fields["exec"] = words
    if "internal" in found.fields:
        for name in ("user", "group", "stderr", "socket_fd", "environment"):
            found.fields.pop(name, None)
    elif found.nothing_new:
        found.fields["sandbox"] = "basic"
