# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the capability table: what runs for a connection, as whom, with what, and within which limits."""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.cells import (
    EMULATED,
    Cell,
    Row,
    attended,
    declared,
    emulated,
    impossible,
)

_SETPRIV = emulated("`setpriv --groups`")
_FORWARDER = emulated("the collection's forwarder")
_PRLIMIT = emulated("`prlimit`")
_READER = emulated("the collection's own program: root reads the files, then the handler starts with their variables")
_NAMED = emulated("the collection's own program, because `env` runs before it and cannot set the name in many versions")
_TIMEOUT = emulated("`timeout`")
_ENDER = emulated(
    "the collection's own program, which becomes the parent of the processes that the handler leaves behind"
)
_NO_SANDBOX = impossible("`setpriv` removes privileges, but nothing mounts file systems for each handler")

HANDLERS: tuple[Row, ...] = (
    Row("exec", lambda service: bool(service.exec)),
    Row("argv0", declared("argv0"), common=_NAMED),
    Row(
        "internal",
        lambda service: bool(service.internal) and service.has("tcp"),
        "tcp",
        common=emulated("standard programs, or the collection's own"),
    ),
    Row(
        "internal",
        lambda service: bool(service.internal) and service.has("udp"),
        "udp",
        common=emulated("the collection's own program"),
    ),
    Row("user", lambda _service: True),
    Row("group", declared("group")),
    Row(
        "supplementary_groups",
        lambda service: service.supplementary_groups is not None,
        common=_SETPRIV,
        droppable=True,
    ),
    Row("umask", lambda _service: True),
    Row("nice", lambda service: service.nice >= 0, "0 and up"),
    Row("nice", lambda service: service.nice < 0, "below 0"),
    Row("working_directory", lambda _service: True),
    Row("environment", lambda _service: True, common=emulated("`env -i`; REMOTE_ADDR, REMOTE_PORT")),
    Row("environment_file", declared("environment_file"), common=_READER),
    Row("secrets", declared("secrets"), common=_READER),
    Row("stderr", lambda service: service.stderr == "log", "log"),
    Row("stderr", lambda service: service.stderr == "client", "client"),
    Row("end_children", lambda service: service.end_children, common=_ENDER),
    Row("proxy.to", declared("proxy.to"), common=_FORWARDER),
    Row(
        "proxy.unit",
        declared("proxy.unit"),
        common=Cell(
            EMULATED, "the forwarder's daemon keeper, through `systemctl` or s6's control FIFO", needs=("daemons",)
        ),
    ),
    Row("proxy.start_timeout", declared("proxy.start_timeout"), common=_FORWARDER),
    Row("proxy.idle_timeout", declared("proxy.idle_timeout"), common=_FORWARDER),
    *(
        Row(f"resources.{name}", declared(f"resources.{name}"), common=_PRLIMIT, droppable=True)
        for name in (*("open_files", "processes", "address_space", "data", "stack", "core", "file_size", "cpu_time"),)
    ),
    *(
        Row(f"resources.{name}", declared(f"resources.{name}"), droppable=True)
        for name in ("memory_max", "cpu_quota", "tasks_max")
    ),
    Row("resources.connection_time", declared("resources.connection_time"), common=_TIMEOUT, droppable=True),
    Row(
        "sandbox",
        lambda service: service.sandbox == "basic",
        "basic",
        common=emulated("`setpriv --no-new-privs --bounding-set=-all`"),
    ),
    Row(
        "sandbox",
        lambda service: service.sandbox == "strict" and attended(service),
        "strict, proxy with a unit",
        common=_NO_SANDBOX,
    ),
    Row("sandbox", lambda service: service.sandbox == "strict" and not attended(service), "strict", common=_NO_SANDBOX),
)
