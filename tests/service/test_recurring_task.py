"""recurring-task: what it keeps of tasks and users. The next occurrence needs a time and a state, so
no title, no address."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("support.copies", "support.streams")

from support.copies import CopyTests
from support.streams import Copy


class TestCopy(CopyTests):
    copy = Copy(
        schema="recurring_task",
        user_columns=("time_zone",),
        task_columns=("due_at", "time_zone", "deleted_at"),
    )
