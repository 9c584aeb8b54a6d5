"""notification: what ended long ago is deleted from the ledger, and does not come back."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("support.reminders")

from support.fake_sidecar import FakeSidecar
from support.postgres import Database
from support.reminders import Ledger, Task, User, at, is_settled, reminder, tell, text
from support.service import Service
from support.waiting import wait_for

DAYS = 30
# a late reminder would be sent, were it not known to be longer past than the ledger remembers
SETTINGS = {"LEDGER_DAYS": str(DAYS), "PURGE_INTERVAL_S": "1", "REMINDER_AGE_MAX_S": "31536000"}
DAY = 86400


@pytest.fixture
def user() -> User:
    return User(email=False)


@pytest.fixture
def ledger(service: Service, sidecar: FakeSidecar, user: User) -> Ledger:
    return Ledger(service, user)


def grow_old(database: Database, task: Task, days: float) -> None:
    """All of a task lies so many days back."""
    for name in ("remind_at", "next_try_at"):
        sql = f"UPDATE delivery SET {name} = {name} - interval '1 day' * %s WHERE task_id = %s"
        database.execute("notification", sql, days, task.id)
    for r in task.reminders:
        r.update(at=text(at(-60 - days * DAY)), set_at=text(at(-3600 - days * DAY)))


def attempts(database: Database) -> int:
    return database.value("notification", "SELECT count(*) FROM attempt")


def test_what_ended_long_ago_goes_with_its_attempts_and_is_not_sent_again(
    ledger: Ledger, user: User, sidecar: FakeSidecar, database: Database
) -> None:
    old, young = user.task(reminder(at=at(-60))), user.task(reminder(at=at(-60)))
    tell(sidecar, user.saved(), old.saved(), young.saved())
    ledger.wait_for_states(("app", 1, "sent"), ("app", 1, "sent"))
    n_attempts = attempts(database)
    grow_old(database, old, DAYS + 1)
    grow_old(database, young, DAYS - 1)
    (left,) = ledger.wait_for_states(("app", 1, "sent"))
    assert left["task_id"] == young.id
    assert attempts(database) == n_attempts - 1
    # its task changes, is done and comes back, and its user gets another channel
    tell(sidecar, old.saved(title="other words"), old.completed(), old.reopened(), user.saved(settings={"email": True}))
    wait_for("everything to be settled", lambda: is_settled(database))
    assert [r["task_id"] for r in ledger.rows()] == [young.id]
    assert len(ledger.wait_for_events(2, "notification.sent")) == 2 and ledger.mails() == []


def test_what_is_open_or_still_ahead_stays(ledger: Ledger, user: User, sidecar: FakeSidecar, database: Database) -> None:
    """Cancelled long before its instant, it may come back."""
    task = user.task(reminder(at=at(DAY)))
    tell(sidecar, user.saved(), task.saved())
    ledger.wait_for_states(("app", 1, "scheduled"))
    tell(sidecar, task.trashed())
    ledger.wait_for_states(("app", 1, "cancelled"))
    other = user.task(reminder(at=at(-60)))
    tell(sidecar, other.saved())
    ledger.wait_for_states(("app", 1, "cancelled"), ("app", 1, "sent"))
    grow_old(database, other, DAYS + 1)
    ledger.wait_for_states(("app", 1, "cancelled"))
    tell(sidecar, task.restored())
    ledger.wait_for_states(("app", 1, "scheduled"))


def test_more_than_one_step_deletes_go_in_several(ledger: Ledger, user: User, sidecar: FakeSidecar, database: Database) -> None:
    tell(sidecar, user.saved())
    database.execute(
        "notification",
        "INSERT INTO delivery (id, owner_id, kind, task_id, reminder_id, generation, channel, channel_id, title, state, remind_at, next_try_at)"
        " SELECT gen_random_uuid(), %s, 0, gen_random_uuid(), gen_random_uuid(), 1, 2, '00000000-0000-0000-0000-000000000000', '', 3 + n %% 4,"
        " now() - interval '1 year', now() - interval '1 year' FROM generate_series(1, 1700) n",
        user.id,
    )
    wait_for("all to be deleted", lambda: database.value("notification", "SELECT count(*) FROM delivery WHERE owner_id = %s", user.id) == 0)
