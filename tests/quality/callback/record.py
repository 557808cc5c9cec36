# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records each task of a scenario on each host, and the checks that a task's result lists, with their seconds.

One JSON object for each in the file that SUPERSERVER_TEST_RECORD names: ``part``, ``host``, ``execution`` (the same for
a task on all of its hosts), ``seconds`` and ``status``.
"""

from __future__ import annotations

import json
import os
import time
import typing as t

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: record
type: aggregate
short_description: Records tasks for the summary of the tests
description:
  - Writes what each task took, and what became of it, for the summary at the end of the tests.
author: Contributors to the ondemand.superserver collection
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "record"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments: t.Any, **options: t.Any) -> None:
        super().__init__(*arguments, **options)
        path = os.environ.get("SUPERSERVER_TEST_RECORD")
        self.disabled = not path
        self._file = open(path, "a", encoding="utf-8") if path else None  # noqa: SIM115
        self._names: dict[str, str] = {}
        self._begun: dict[tuple[str, str], float] = {}

    def v2_playbook_on_task_start(self, task: t.Any, is_conditional: bool) -> None:
        # Only here the name's variables have their values.
        self._names[task._uuid] = task.get_name()

    def v2_runner_on_start(self, host: t.Any, task: t.Any) -> None:
        self._begun[host.get_name(), task._uuid] = time.time()

    def v2_runner_on_ok(self, result: t.Any) -> None:
        self._record(result, "ok")

    def v2_runner_on_skipped(self, result: t.Any) -> None:
        self._record(result, "skipped")

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        self._record(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        self._record(result, "failed")

    def _record(self, result: t.Any, status: str) -> None:
        assert self._file
        host, uuid = result._host.get_name(), result._task._uuid
        now = time.time()
        common = {"host": host, "execution": uuid, "status": status}
        name = self._names.get(uuid, result._task.get_name())
        entries = [{"part": name, "seconds": round(now - self._begun.pop((host, uuid), now), 2), **common}]
        for answer in result._result.get("results", [result._result]):
            for check in answer.get("checks", ()):
                entries.append({"part": f"{name}: {check['name']}", "seconds": check["seconds"], **common})
        self._file.writelines(f"{json.dumps(entry)}\n" for entry in entries)
        self._file.flush()
