"""notification: what it keeps of tasks and users, whom to tell of what; and that it does not lose the
reminders of a newer version."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("support.copies", "support.streams")

from support.copies import CopyTests, example, letter_about
from support.fake_sidecar import FakeSidecar
from support.streams import Copy


class TestCopy(CopyTests):
    copy = Copy(
        schema="notification",
        user_columns=("email", "name", "time_zone"),
        task_columns=("title", "due_at", "time_zone", "deleted_at"),
    )


def test_a_reminder_of_a_newer_version_can_be_replayed_to_it(sidecar: FakeSidecar) -> None:
    event = {**example("todo.task.created.v1"), "type": "todo.reminder.due.v1", "source": "/todo/notification"}
    assert sidecar.deliver("reminders", event) == (200, {"status": "SUCCESS"})
    letter = letter_about(sidecar, event)
    assert letter["topic"] == "reminders"
    assert letter["reason"] == "type: todo.reminder.due.v1 is not handled by this version"
