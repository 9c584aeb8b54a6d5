"""notification: what it keeps of tasks and users, whom to tell of what and when."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("support.copies", "support.streams")

from support.copies import CopyTests
from support.streams import Copy


class TestCopy(CopyTests):
    copy = Copy(
        schema="notification",
        user_columns=("email", "name", "time_zone"),
        task_columns=("title", "due_at", "time_zone", "deleted_at"),
        own_user_columns=("reminder_settings", "channels", "seq", "spread_after", "digest_next_at"),
        own_task_columns=("reminders", "mark", "unscheduled", "scheduled_version"),
        own_tables=("delivery", "attempt", "instance"),
    )
