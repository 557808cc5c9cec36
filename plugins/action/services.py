# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's part of the module ``services``: where a change has to be confirmed, it connects anew and confirms.

All of that is one task, so that whatever happens on other hosts cannot come between.
"""

from __future__ import annotations

import time
import typing as t

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.ondemand.superserver.plugins.module_utils._model.confirmation import CONFIRM_TIMEOUT

# Seconds that the host has for its rollback after the time for the confirmation, and seconds between two attempts to
# reach it.
GRACE, PAUSE = 30.0, 1.0
Result = t.Dict[str, t.Any]


class ActionModule(ActionBase):
    # Makes a directory first, so that an unreachable host differs from one that a change has cut off.
    TRANSFERS_FILES = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> Result:
        self._supports_check_mode = True
        self._supports_async = True
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        if self._task.async_val or self._task.check_mode or self._connection.transport == "local":
            arguments["confirm"] = "never"
        final = arguments.get("confirm") == "never" or arguments.get("confirmed")
        try:
            result = self._module(arguments, task_vars)
        except AnsibleConnectionFailure as cut:
            if final:
                raise
            return self._confirmed(float(arguments.get("confirm_timeout", CONFIRM_TIMEOUT)), str(cut), task_vars)
        if final or not result.get("confirm"):
            return result
        wanted = result["confirm"]
        answer = self._confirmed(float(wanted["within"]), "", task_vars, bool(wanted["connection"]))
        return answer if answer.get("failed") else result

    def _module(self, arguments: Result, task_vars: dict[str, t.Any] | None) -> Result:
        wrap = self._task.async_val
        return dict(self._execute_module(module_args=arguments, task_vars=task_vars, wrap_async=wrap))

    def _confirmed(self, within: float, cut: str, task_vars: dict[str, t.Any] | None, anew: bool = True) -> Result:
        """The host's answer to the confirmation. The controller asks until the host answers, before or after its
        rollback; ``cut`` is how the connection was lost before. Without SSH, every task is a new connection."""
        deadline = time.monotonic() + within + GRACE
        while True:
            try:
                if anew:
                    self._connection.reset()
                return _told(self._module({"confirmed": True}, task_vars), cut)
            except AnsibleError as failure:
                cut = cut or str(failure)
                if time.monotonic() > deadline:
                    raise
            time.sleep(PAUSE)


def _told(answer: Result, cut: str) -> Result:
    """A failure, with what may be its reason."""
    return {**answer, "msg": f"{answer['msg']}\n{cut}"} if cut and answer.get("failed") else answer
