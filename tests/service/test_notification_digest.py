"""notification: once a day, at the user's own time in his zone, what is due."""

from __future__ import annotations

import datetime
import zoneinfo
from typing import Any

import pytest

pytest.register_assert_rewrite("support.reminders")

from support.fake_sidecar import FakeSidecar
from support.postgres import Database
from support.reminders import Ledger, User, at, is_settled, tell, text
from support.service import Service
from support.waiting import wait_for

SETTINGS = {"RELAY_POLL_MS": "50", "DUE_POLL_MS": "100", "SEND_RETRY_MS": "6000"}
UTC = datetime.timezone.utc


def daytime_zone() -> zoneinfo.ZoneInfo:
    """One where it is neither early nor late now, so that a day does not end during a test."""
    zones = (zoneinfo.ZoneInfo(n) for n in ("Asia/Tokyo", "Asia/Kolkata", "Europe/Vienna", "America/New_York", "Pacific/Honolulu"))
    return next(z for z in zones if 6 <= datetime.datetime.now(z).hour < 18)


class Morning:
    """A user whose digest was to come a few minutes ago."""

    def __init__(self, service: Service, sidecar: FakeSidecar, database: Database, **settings: Any) -> None:
        self.database, self.sidecar = database, sidecar
        self.zone = daytime_zone()
        self.local = (datetime.datetime.now(self.zone) - datetime.timedelta(minutes=3)).replace(second=0, microsecond=0)
        self.user = User(digest_at=f"{self.local:%H:%M}", app=False, **settings)
        self.ledger = Ledger(service, self.user)

    def register(self) -> None:
        tell(self.sidecar, self.user.saved(time_zone=self.zone.key))
        wait_for("the digest to be planned", self.next_at)

    def next_at(self) -> datetime.datetime | None:
        return self.database.value("notification", "SELECT digest_next_at FROM app_user WHERE id = %s", self.user.id)

    def come_unsettled(self) -> datetime.datetime:
        """As if it had been planned before the service was away."""
        at_ = self.local.astimezone(UTC)
        self.database.execute("notification", "UPDATE app_user SET digest_next_at = %s WHERE id = %s", at_, self.user.id)
        return at_

    def come(self) -> None:
        at_ = self.come_unsettled()
        wait_for("the next one to be planned", lambda: self.next_at() > at_)
        wait_for("everything to be settled", lambda: is_settled(self.database))


@pytest.fixture
def morning(service: Service, sidecar: FakeSidecar, database: Database) -> Morning:
    return Morning(service, sidecar, database)


def test_it_is_planned_by_the_wall_clock_of_the_users_zone(morning: Morning) -> None:
    morning.register()
    tomorrow = (morning.local.replace(tzinfo=None) + datetime.timedelta(days=1)).replace(tzinfo=morning.zone)
    assert morning.next_at() == tomorrow.astimezone(UTC)
    other = zoneinfo.ZoneInfo("Australia/Lord_Howe")
    tell(morning.sidecar, morning.user.saved(time_zone=other.key))
    wait_for("it to move", lambda: morning.next_at().astimezone(other).strftime("%H:%M") == morning.user.settings["digest_at"])
    assert at() < morning.next_at() <= at(86400 + 3600)
    tell(morning.sidecar, morning.user.saved(settings={"digest_at": None}))
    wait_for("it to be off", lambda: morning.next_at() is None)


def test_it_tells_what_is_due_and_overdue_once_a_day(morning: Morning) -> None:
    user, evening = morning.user, morning.local.replace(hour=23, minute=59).astimezone(UTC)
    overdue, due = user.task(due_at=at(-86400), title="is overdue"), user.task(due_at=evening, title="is due")
    other_day = user.task(due_at=evening + datetime.timedelta(minutes=2), title="not today")
    done, trashed = user.task(due_at=at(-60), title="is done"), user.task(due_at=at(-60), title="is trashed")
    morning.register()
    tell(morning.sidecar, *[t.saved() for t in (overdue, due, other_day, done, trashed, user.task(title="at no time"))])
    tell(morning.sidecar, done.completed(), trashed.trashed())
    morning.come()
    (row,) = morning.ledger.wait_for_states(("email", None, "sent"))
    assert row["kind"] == "digest" and row["task_id"] is None and row["reminder_id"] is None
    assert row["title"] == "1 task is due today, 1 is overdue"
    assert row["remind_at"] == text(morning.local.astimezone(UTC)) and row["late_ms"] >= 60_000
    (mail,) = morning.ledger.mails()
    for title, is_told in (("is overdue", True), ("is due", True), ("not today", False), ("is done", False), ("is trashed", False), ("at no time", False)):
        assert (title in mail["data"]) == is_told, title
    (sent,) = morning.ledger.wait_for_events(1, "notification.sent")
    assert sent["data"]["kind"] == "digest" and sent["subject"] == user.id
    morning.ledger.check_seq()
    # again the same day, by whatever: there is one already
    morning.come()
    assert len(morning.ledger.rows()) == 1 and len(morning.ledger.mails()) == 1


def test_a_user_with_nothing_due_gets_none(morning: Morning) -> None:
    morning.register()
    tell(morning.sidecar, morning.user.task(due_at=at(3 * 86400)).saved())
    morning.come()
    assert morning.ledger.rows() == [] and morning.ledger.mails() == []


def test_what_was_done_before_it_could_be_sent_is_not_told(morning: Morning) -> None:
    task = morning.user.task(due_at=at(-60))
    morning.register()
    tell(morning.sidecar, task.saved())
    morning.sidecar.fail("POST", "/v1.0/bindings/mail", 500, times=1, of=morning.user.email)
    morning.come_unsettled()
    wait_for("the first attempt", lambda: any(r["attempts"] for r in morning.ledger.rows()))
    tell(morning.sidecar, task.completed())
    (row,) = morning.ledger.wait_for_states(("email", None, "cancelled"))
    assert morning.ledger.mails() == [] and row["reason"] == "nothing was due any more"


def test_days_that_passed_while_all_was_down_come_as_one(morning: Morning) -> None:
    morning.register()
    tell(morning.sidecar, morning.user.task(due_at=at(-60)).saved())
    long_ago = morning.local.astimezone(UTC) - datetime.timedelta(days=9)
    morning.database.execute("notification", "UPDATE app_user SET digest_next_at = %s WHERE id = %s", long_ago, morning.user.id)
    (row,) = morning.ledger.wait_for_states(("email", None, "sent"))
    assert row["remind_at"] == text(morning.local.astimezone(UTC))
    assert morning.next_at() > at()


def test_an_account_that_was_deleted_gets_none(morning: Morning) -> None:
    morning.register()
    tell(morning.sidecar, morning.user.task(due_at=at(-60)).saved(), morning.user.deleted())
    assert morning.next_at() is None


def test_who_turned_mail_off_gets_none_until_it_is_on_again(morning: Morning) -> None:
    """It comes by mail alone."""
    morning.register()
    tell(morning.sidecar, morning.user.task(due_at=at(-60)).saved(), morning.user.saved(settings={"email": False}))
    wait_for("none to be planned", lambda: morning.next_at() is None)
    tell(morning.sidecar, morning.user.saved(settings={"email": True}))
    wait_for("the next one to be planned", morning.next_at)
    assert morning.ledger.rows() == []


def test_one_that_waits_for_another_try_is_cancelled_when_mail_is_turned_off(morning: Morning) -> None:
    morning.register()
    tell(morning.sidecar, morning.user.task(due_at=at(-60)).saved())
    morning.sidecar.fail("POST", "/v1.0/bindings/mail", 500, times=1, of=morning.user.email)
    morning.come_unsettled()
    morning.ledger.wait_for_states(("email", None, "retrying"))
    tell(morning.sidecar, morning.user.saved(settings={"email": False}))
    (row,) = morning.ledger.wait_for_states(("email", None, "cancelled"))
    assert morning.ledger.mails() == [] and row["reason"] == "mail was turned off"
