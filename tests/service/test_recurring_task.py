"""recurring-task: what it keeps of tasks and users: that they are there, no more. What the next
occurrence needs is the series'."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("support.copies", "support.streams")

from support.copies import CopyTests
from support.streams import Copy


class TestCopy(CopyTests):
    copy = Copy(
        schema="recurring_task",
        user_columns=(),
        task_columns=(),
        own_user_columns=("seq",),
        own_tables=("series",),
    )
