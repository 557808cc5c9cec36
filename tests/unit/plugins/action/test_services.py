# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller does between the module's change and its confirmation, with hosts that answer or do not."""

from __future__ import annotations

import typing as t
from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.ondemand.superserver.plugins.action import services
from ansible_collections.ondemand.superserver.plugins.action.services import ActionModule, Result

CHANGED: Result = {"changed": True, "services": []}
WAITS: Result = {**CHANGED, "confirm": {"within": 5, "connection": True}}
CONFIRMED: Result = {"changed": True, "confirmed": True}
UNDONE: Result = {"failed": True, "msg": "everything was put back"}
CUT = AnsibleConnectionFailure("the connection was lost")


class Controller(ActionModule):
    """A host that gives these answers, one after the other; the last one for good."""

    def __init__(self, *answers: Result | Exception, transport: str = "ssh", **task: t.Any) -> None:
        self._task: t.Any = SimpleNamespace(**{"async_val": 0, "check_mode": False, "diff": False, "args": {}, **task})
        self._connection: t.Any = SimpleNamespace(transport=transport, reset=self._reset)
        self._answers = list(answers)
        self.asked: list[Result] = []
        self.resets = 0

    def _reset(self) -> None:
        self.resets += 1

    def _execute_module(self, *_arguments: t.Any, **given: t.Any) -> Result:
        self.asked.append(given["module_args"])
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes where it is waited for, and nowhere else; and of Ansible's own beginnings there are none."""
    now = [0.0]
    told = SimpleNamespace(monotonic=lambda: now[0], sleep=lambda seconds: now.append(now.pop() + seconds))
    monkeypatch.setattr(services, "time", told)
    monkeypatch.setattr(ActionBase, "run", lambda *_arguments: {})


def test_what_need_not_be_confirmed_is_done() -> None:
    controller = Controller(CHANGED, args={"services": []})
    assert controller.run() == CHANGED
    assert (controller.asked, controller.resets) == ([{"services": []}], 0)


@pytest.mark.parametrize(
    ("transport", "task"), [("local", {}), ("ssh", {"async_val": 60}), ("ssh", {"check_mode": True})]
)
def test_nothing_is_confirmed_where_no_connection_can_be_cut(transport: str, task: dict[str, t.Any]) -> None:
    controller = Controller(WAITS, transport=transport, **task)
    assert controller.run() == WAITS
    assert controller.asked == [{"confirm": "never"}]


def test_a_change_is_confirmed_over_a_new_connection() -> None:
    controller = Controller(WAITS, CONFIRMED)
    assert controller.run() == WAITS
    assert (controller.asked, controller.resets) == ([{}, {"confirmed": True}], 1)


def test_the_same_connection_will_do_where_the_host_says_so() -> None:
    controller = Controller({**WAITS, "confirm": {"within": 5, "connection": False}}, CONFIRMED)
    controller.run()
    assert controller.resets == 0


def test_a_change_that_was_put_back_is_a_failure() -> None:
    assert Controller(WAITS, UNDONE).run() == UNDONE


def test_a_host_that_was_cut_off_is_asked_until_it_answers() -> None:
    controller = Controller(CUT, CUT, CUT, UNDONE)
    assert controller.run()["msg"] == "everything was put back\nthe connection was lost"
    assert controller.resets == 3
    assert controller.asked[1:] == [{"confirmed": True}] * 3


def test_a_host_that_was_cut_off_for_a_moment_is_not_a_failure() -> None:
    assert Controller(CUT, CUT, CONFIRMED).run() == CONFIRMED


@pytest.mark.parametrize("within", [5, 50])
def test_a_host_that_stays_away_is_given_up(within: int) -> None:
    controller = Controller(CUT, args={"confirm_timeout": within})
    with pytest.raises(AnsibleConnectionFailure):
        controller.run()
    # About once a second, for as long as the host may take to put everything back.
    assert within + services.GRACE < len(controller.asked) < within + services.GRACE + 5


@pytest.mark.parametrize("arguments", [{"confirm": "never"}, {"confirmed": True}])
def test_what_is_not_to_be_confirmed_is_asked_once(arguments: Result) -> None:
    controller = Controller(CUT, args=arguments)
    with pytest.raises(AnsibleConnectionFailure):
        controller.run()
    assert len(controller.asked) == 1
