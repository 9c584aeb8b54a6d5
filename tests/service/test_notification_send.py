"""notification: from a task's event to the channels, and what the ledger and the events say of it."""

from __future__ import annotations

import datetime

import pytest

pytest.register_assert_rewrite("support.reminders")

from support.fake_sidecar import FakeSidecar
from support.postgres import Database
from support.reminders import Ledger, User, at, reminder, tell, text
from support.service import Service
from support.waiting import wait_for


@pytest.fixture
def user() -> User:
    return User()


@pytest.fixture
def ledger(service: Service, sidecar: FakeSidecar, user: User) -> Ledger:
    return Ledger(service, user)


def moment(value: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))


def test_a_reminder_reaches_its_channels_and_not_early(ledger: Ledger, user: User, sidecar: FakeSidecar) -> None:
    """How soon, `make bench` says."""
    due = at(2)
    task = user.task(reminder("PT0S"), due_at=due)
    tell(sidecar, user.saved(), task.saved())
    rows = ledger.wait_for_states(("app", 1, "sent"), ("email", 1, "sent"))
    for row in rows:
        assert row["remind_at"] == text(due)
        assert row["title"] == task.data["title"]
        assert (row["task_id"], row["reminder_id"]) == (task.id, task.reminders[0]["id"])
        (attempt,) = row["attempts"]
        assert attempt["number"] == 1 and attempt["outcome"] == "sent" and attempt["reason"] is None
        assert moment(attempt["began_at"]) >= due
        assert row["late_ms"] >= 0
        assert row["held_until"] is None and row["reason"] is None
    (mail,) = ledger.mails()
    assert mail["name"] == "mail" and mail["operation"] == "create"
    assert task.data["title"] in mail["data"]
    ledger.wait_for_events(2, "notification.sent")
    ledger.check_seq()
    for type_, n in (("reminder.scheduled", 2), ("reminder.due", 2), ("notification.sent", 2)):
        events = ledger.events(type_)
        assert len(events) == n
        assert {e["data"]["channel"] for e in events} == {"app", "email"}
        assert {e["subject"] for e in events} == {task.id}
        assert {e["data"]["id"] for e in events} == {r["id"] for r in rows}
    assert {e["data"]["sent_at"] for e in ledger.events("notification.sent")} == {r["sent_at"] for r in rows}
