# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths that a handler needs and that its sandbox would hide from it: it could not start, or would do nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.entries import destination, head
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# A script may be started by a script (execve(2)).
_MOST_INTERPRETERS = 5
# How much of a file the kernel looks at.
_HEAD = 256
# What a service with sandbox: strict has a directory of its own for, or none at all (systemd.exec(5)).
_HIDDEN_BY_STRICT = ("/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/")


def hidden_by_strict(service: Service, path: str) -> bool:
    """Whether a path is hidden from a service because it has sandbox: strict."""
    return service.sandbox == "strict" and destination(path).startswith(_HIDDEN_BY_STRICT)


def sandbox_problems(service: Service, hidden: Mapping[str, str]) -> list[Problem]:
    """What is hidden of the things that are needed, by the field that names it. ``hidden``: places that handlers do not
    see, and what hides each of them."""
    problems = []
    for field, path, better in _needed(service):
        place, reason = _hidden(path, hidden)
        if place:
            led = "" if _below(path, place) else f', which leads to "{destination(path)}",'
            problems.append(
                Problem(_place(service, field), f'"{path}"{led} is hidden by {reason}; put it somewhere else, {better}')
            )
    return problems + _interpreter_problems(service, hidden)


def _place(service: Service, field: str) -> str:
    return service.path(field) + ("[0]" if field == "exec" else "")


def _needed(service: Service) -> Iterator[tuple[str, str, str]]:
    """Fields, paths, and where these would be seen."""
    if service.exec:
        yield "exec", service.exec[0], "such as below /usr/local or /opt"
    yield "working_directory", service.working_directory, "such as below /srv"
    for target in service.proxy.to if service.proxy else ():
        if target.path:
            yield "proxy.to", target.path, "such as below /run"
    # Elsewhere what is shown to clients is not read by the handler.
    if service.banner and service.banner.file and service.tls:
        yield "banner.file", service.banner.file, "such as below /etc"
    # What a strict sandbox hides of these is told with what else may be wrong with them.
    if service.sandbox != "strict":
        yield from _files(service)


def _files(service: Service) -> Iterator[tuple[str, str, str]]:
    if service.environment_file:
        yield "environment_file", service.environment_file, "such as below /etc"
    for name in ("certificate", "key", "client_ca"):
        path = getattr(service.tls, name, "")
        if path:
            yield f"tls.{name}", path, "such as below /etc/ssl"


def _hidden(path: str, hidden: Mapping[str, str]) -> tuple[str, str]:
    """The place that a path is in or leads to, and what hides that; empty words where it can be seen."""
    for place, reason in hidden.items():
        for way in (path, destination(path)):
            if _below(way, place) and way not in _EMPTIED and not any(_below(way, kept) for kept in _KEPT):
                return place, reason
    return "", ""


# There is a directory of the same name, with nothing of others in it, and what devices have in any case.
_EMPTIED = ("/tmp", "/var/tmp", "/dev")
_KEPT = ("/dev/shm", "/dev/mqueue", "/dev/pts", "/dev/hugepages", "/dev/log", "/dev/null")


def _below(path: str, place: str) -> bool:
    return path == place or path.startswith(f"{place}/")


def _interpreter_problems(service: Service, hidden: Mapping[str, str]) -> list[Problem]:
    if not (service.exec and hidden) or _hidden(service.exec[0], hidden)[0]:
        return []
    for interpreter in _interpreters(service.exec[0]):
        place, reason = _hidden(interpreter, hidden)
        if place:
            return [
                Problem(
                    _place(service, "exec"),
                    f'"{service.exec[0]}" is started by "{interpreter}", which is hidden by {reason}; let a program '
                    "elsewhere start it, such as below /usr/local or /opt",
                )
            ]
    return []


def _interpreters(program: str) -> Iterator[str]:
    """What starts a script, and what starts that."""
    for _count in range(_MOST_INTERPRETERS):
        program = _interpreter(program)
        if not program:
            return
        yield program


def _interpreter(program: str) -> str:
    text = head(program, _HEAD)
    words = text[2:].split(b"\n")[0].split() if text.startswith(b"#!") else []
    return os.fsdecode(words[0]) if words else ""
