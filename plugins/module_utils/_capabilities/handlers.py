# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the capability table: what runs for a connection, as whom, with what, and within which limits."""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.cells import (
    EMULATED,
    NATIVE,
    Cell,
    Row,
    attended,
    declared,
    emulated,
    everywhere,
    impossible,
    native,
)

_SETPRIV = emulated("`setpriv --groups`")
_FORWARDER = emulated("the collection's forwarder")
_PRLIMIT = emulated("`prlimit`")
_READER = emulated("the collection's own program: root reads the files, then the handler's account gets what they say")
_NAMED = emulated("the collection's own program: `env` must come before it, and gives no name in many versions")
_TIMEOUT = emulated("`timeout`")
_ENDER = emulated("the collection's own program, which is a parent to all that the handler leaves")
_NO_CGROUP = impossible("the servers of s6 and their handlers share one cgroup")
_NO_SANDBOX = impossible("setpriv takes privileges away, but nothing here mounts file systems for each handler")

HANDLERS: tuple[Row, ...] = (
    Row(
        "exec",
        lambda service: bool(service.exec),
        (
            native("`ExecStart=`"),
            emulated("`server` with a wrapper script: xinetd has no quoting"),
            native("execline"),
            native("execline"),
        ),
    ),
    Row("argv0", declared("argv0"), everywhere(_NAMED)),
    Row(
        "internal",
        lambda service: bool(service.internal) and service.has("tcp"),
        (
            emulated("standard programs, or the collection's own"),
            emulated("standard programs, or the collection's own"),
            emulated("standard programs, or the collection's own"),
            emulated("standard programs, or the collection's own"),
        ),
        "tcp",
    ),
    Row(
        "internal",
        lambda service: bool(service.internal) and service.has("udp"),
        (
            emulated("the collection's own program"),
            emulated("the collection's own program"),
            emulated("the collection's own program"),
            emulated("the collection's own program"),
        ),
        "udp",
    ),
    Row(
        "user",
        lambda _service: True,
        (native("`User=`"), native("`user`"), native("`setpriv`"), native("`setpriv`")),
    ),
    Row(
        "group",
        declared("group"),
        (native("`Group=`"), native("`group`"), emulated("`setpriv --regid`"), emulated("`setpriv --regid`")),
    ),
    Row(
        "supplementary_groups",
        lambda service: service.supplementary_groups is not None,
        everywhere(_SETPRIV),
        droppable=True,
    ),
    Row(
        "umask",
        lambda _service: True,
        (native("`UMask=`"), native("`umask`"), native("`umask`"), native("`umask`")),
    ),
    Row(
        "nice",
        lambda service: service.nice >= 0,
        (native("`Nice=`"), native("`nice`"), native("`nice`"), native("`nice`")),
        "0 and up",
    ),
    Row(
        "nice",
        lambda service: service.nice < 0,
        (
            native("`Nice=`"),
            emulated("started as root: `nice`, then `setpriv`"),
            native("`nice`"),
            native("`nice`"),
        ),
        "below 0",
    ),
    Row(
        "working_directory",
        lambda _service: True,
        (native("`WorkingDirectory=`"), emulated("`cd` in the wrapper"), native("`cd`"), native("`cd`")),
    ),
    Row(
        "environment",
        lambda _service: True,
        (
            emulated("`env -i`; REMOTE_ADDR, REMOTE_PORT"),
            emulated("`env -i` in the wrapper; REMOTE_ADDR, but xinetd does not tell the client's port"),
            emulated("`env -i`; REMOTE_ADDR, REMOTE_PORT"),
            emulated("`env -i`; REMOTE_ADDR, REMOTE_PORT"),
        ),
    ),
    Row("environment_file", declared("environment_file"), everywhere(_READER)),
    Row("secrets", declared("secrets"), everywhere(_READER)),
    Row(
        "stderr",
        lambda service: service.stderr == "log",
        (
            emulated("journal, by a unit that reads a pipe: its own socket could not be opened as /dev/stderr"),
            emulated("file below /var/log/superserver, by a program that bounds it"),
            native("`s6-log`"),
            native("`s6-log`"),
        ),
        "log",
    ),
    Row(
        "stderr",
        lambda service: service.stderr == "client",
        (
            native("`StandardError=socket`"),
            native("fd 2 is the connection"),
            native("`fdmove`"),
            native("`fdmove`"),
        ),
        "client",
    ),
    Row(
        "end_children",
        lambda service: service.end_children,
        (native("`KillMode=control-group`"), _ENDER, _ENDER, _ENDER),
    ),
    Row(
        "proxy.to",
        declared("proxy.to"),
        (
            emulated(
                "the collection's forwarder: `systemd-socket-proxyd` does not wait until a daemon answers, and would "
                "need `StopWhenUnneeded=` in the daemon's own unit"
            ),
            _FORWARDER,
            _FORWARDER,
            _FORWARDER,
        ),
    ),
    Row(
        "proxy.unit",
        declared("proxy.unit"),
        everywhere(
            Cell(EMULATED, "the forwarder's attendant, by `systemctl` or by s6's control FIFO", needs=("daemons",))
        ),
    ),
    Row("proxy.start_timeout", declared("proxy.start_timeout"), everywhere(_FORWARDER)),
    Row("proxy.idle_timeout", declared("proxy.idle_timeout"), everywhere(_FORWARDER)),
    *(
        Row(
            f"resources.{name}",
            declared(f"resources.{name}"),
            (native(f"`{directive}=`"), _PRLIMIT, _PRLIMIT, _PRLIMIT),
            droppable=True,
        )
        for name, directive in (
            ("open_files", "LimitNOFILE"),
            ("processes", "LimitNPROC"),
            ("address_space", "LimitAS"),
            ("data", "LimitDATA"),
            ("stack", "LimitSTACK"),
            ("core", "LimitCORE"),
            ("file_size", "LimitFSIZE"),
            ("cpu_time", "LimitCPU"),
        )
    ),
    *(
        Row(
            f"resources.{name}",
            declared(f"resources.{name}"),
            (
                native(f"`{directive}=` of a slice that all handlers of the service share"),
                impossible("all handlers of xinetd are in xinetd's own cgroup"),
                _NO_CGROUP,
                _NO_CGROUP,
            ),
            droppable=True,
        )
        for name, directive in (("memory_max", "MemoryMax"), ("cpu_quota", "CPUQuota"), ("tasks_max", "TasksMax"))
    ),
    Row(
        "resources.connection_time",
        declared("resources.connection_time"),
        everywhere(_TIMEOUT),
        droppable=True,
    ),
    Row(
        "sandbox",
        lambda service: service.sandbox == "basic",
        (
            native("`NoNewPrivileges=yes`, `CapabilityBoundingSet=`"),
            *(emulated("`setpriv --no-new-privs --bounding-set=-all`"),) * 3,
        ),
        "basic",
    ),
    Row(
        "sandbox",
        lambda service: service.sandbox == "strict" and attended(service),
        (
            impossible("the forwarder's attendant must be able to start the daemon"),
            _NO_SANDBOX,
            _NO_SANDBOX,
            _NO_SANDBOX,
        ),
        "strict, proxy with a unit",
    ),
    Row(
        "sandbox",
        lambda service: service.sandbox == "strict" and not attended(service),
        (
            Cell(NATIVE, "`ProtectSystem=strict` and what else systemd.exec(5) has under Sandboxing", ("mounts",)),
            _NO_SANDBOX,
            _NO_SANDBOX,
            _NO_SANDBOX,
        ),
        "strict",
    ),
)
