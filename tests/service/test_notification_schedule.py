"""notification: what the ledger has of a task after whatever happened to it, in whatever order."""

from __future__ import annotations

import copy
import datetime
import json
import os
import random
import zoneinfo

import httpx
import pytest

pytest.register_assert_rewrite("support.reminders")

from support.fake_sidecar import FakeSidecar
from support.postgres import Database
from support.reminders import (
    Event,
    Ledger,
    Task,
    User,
    at,
    is_settled,
    reminder,
    tell,
    text,
    topic_of,
    unsettled,
    uuid7,
    webhook,
)
from support.service import Service
from support.streams import tell as tell_at_once
from support.waiting import wait_for
from support.web_sink import WebSink

SETTINGS = {"USER_ADDRESS_LOOPBACK": "true", "RELAY_POLL_MS": "50"}
SEEDS = [1, 2, 3, int(os.environ.get("SEED", random.SystemRandom().randrange(10**9)))]
HOUR, DAY = 3600, 86400


@pytest.fixture
def user() -> User:
    return User(email=False)


@pytest.fixture
def ledger(service: Service, sidecar: FakeSidecar, user: User) -> Ledger:
    return Ledger(service, user)


def settle(database: Database) -> None:
    try:
        wait_for("everything to be settled", lambda: is_settled(database))
    except AssertionError:
        raise AssertionError(f"tasks, users, deliveries left: {unsettled(database)}") from None


# ---- what is planned


def test_every_channel_that_is_on_and_every_address_gets_its_own(
    ledger: Ledger, user: User, sidecar: FakeSidecar
) -> None:
    hooks = [webhook(sidecar, "http://127.0.0.1:9/a")[0], webhook(sidecar, "http://127.0.0.1:9/b")[0]]
    task = user.task(reminder("-PT1H"), reminder(at=at(DAY)), due_at=at(2 * DAY))
    tell(sidecar, user.saved(channels=hooks, settings={"email": True}), task.saved())
    rows = ledger.wait_for_states(*[(c, 1, "scheduled") for c in ("app", "email", "webhook", "webhook")] * 2)
    assert {r["channel_id"] for r in rows} == {None, *(h["id"] for h in hooks)}
    due = datetime.datetime.fromisoformat(task.data["due_at"].replace("Z", "+00:00"))
    expected = {task.reminders[0]["id"]: text(due - datetime.timedelta(hours=1)), task.reminders[1]["id"]: task.reminders[1]["at"]}
    assert all(r["remind_at"] == expected[r["reminder_id"]] for r in rows)
    assert len(ledger.wait_for_events(8, "reminder.scheduled")) == 8
    ledger.check_seq()


def test_days_of_an_offset_are_those_of_the_wall_clock(ledger: Ledger, user: User, sidecar: FakeSidecar) -> None:
    zone = zoneinfo.ZoneInfo("America/New_York")
    year = datetime.datetime.now().year + 1
    # the second Sunday of March: the clocks go forward at 02:00
    sunday = next(d for d in range(8, 15) if datetime.date(year, 3, d).weekday() == 6)
    due = datetime.datetime(year, 3, sunday, 12, tzinfo=zone)
    task = user.task(reminder("-P1D"), reminder("-PT24H"), due_at=due.astimezone(datetime.timezone.utc), time_zone=zone.key)
    tell(sidecar, user.saved(), task.saved())
    rows = ledger.wait_for_states(("app", 1, "scheduled"), ("app", 1, "scheduled"))
    got = {r["reminder_id"]: r["remind_at"] for r in rows}
    assert got[task.reminders[0]["id"]] == text(datetime.datetime(year, 3, sunday - 1, 12, tzinfo=zone).astimezone(datetime.timezone.utc))
    assert got[task.reminders[1]["id"]] == text(due.astimezone(datetime.timezone.utc) - datetime.timedelta(hours=24))


def test_a_task_waits_for_its_owner(ledger: Ledger, user: User, sidecar: FakeSidecar, database: Database) -> None:
    task = user.task(reminder(at=at(-60)), reminder(at=at(HOUR)))
    registered = user.saved()
    tell(sidecar, task.saved())
    settle(database)
    assert ledger.rows() == []
    tell(sidecar, registered)
    ledger.wait_for_states(("app", 1, "sent"), ("app", 1, "scheduled"))


# ---- what happens to a task


def test_a_moved_due_date_moves_reminders_by_offset_alone(ledger: Ledger, user: User, sidecar: FakeSidecar) -> None:
    task = user.task(reminder("PT0S"), reminder(at=at(HOUR)), due_at=at(2 * HOUR))
    tell(sidecar, user.saved(), task.saved())
    ledger.wait_for_states(("app", 1, "scheduled"), ("app", 1, "scheduled"))
    due = at(3 * HOUR)
    tell(sidecar, task.moved(due))
    rows = ledger.wait_for_states(("app", 1, "scheduled"), ("app", 1, "cancelled"), ("app", 2, "scheduled"))
    assert next(r for r in rows if r["generation"] == 2)["remind_at"] == text(due)
    (cancelled,) = ledger.wait_for_events(1, "reminder.cancelled")
    assert cancelled["data"]["generation"] == 1
    ledger.check_seq()


def test_a_moved_reminder_is_sent_once_at_its_new_instant(ledger: Ledger, user: User, sidecar: FakeSidecar) -> None:
    task = user.task(reminder("PT0S"), due_at=at(HOUR))
    tell(sidecar, user.saved(), task.saved())
    ledger.wait_for_states(("app", 1, "scheduled"))
    tell(sidecar, task.moved(at(0.5)))
    rows = ledger.wait_for_states(("app", 1, "cancelled"), ("app", 2, "sent"))
    assert next(r for r in rows if r["generation"] == 2)["remind_at"] == task.data["due_at"]
    assert len(ledger.wait_for_events(1, "notification.sent")) == 1


def test_a_snooze_moves_the_reminder_not_the_due_date(ledger: Ledger, user: User, sidecar: FakeSidecar) -> None:
    task = user.task(reminder("PT0S"), due_at=at(0.3))
    tell(sidecar, user.saved(), task.saved())
    ledger.wait_for_states(("app", 1, "sent"))
    due, until = task.data["due_at"], at(1)
    tell(sidecar, task.snoozed(until))
    rows = ledger.wait_for_states(("app", 1, "sent"), ("app", 2, "sent"))
    assert rows[0]["remind_at"] == text(until) and task.data["due_at"] == due
    assert len(ledger.wait_for_events(2, "notification.sent")) == 2


@pytest.mark.parametrize("end", ["completed", "trashed", "purged", "skipped"])
def test_what_is_over_reminds_of_nothing(ledger: Ledger, user: User, sidecar: FakeSidecar, database: Database, end: str) -> None:
    task = user.task(reminder(at=at(HOUR)), reminder(at=at(DAY)))
    tell(sidecar, user.saved(), task.saved())
    ledger.wait_for_states(*[("app", 1, "scheduled")] * 2)
    over = task.saved("skipped", status="skipped") if end == "skipped" else getattr(task, end)()
    tell(sidecar, over)
    ledger.wait_for_states(*[("app", 1, "cancelled")] * 2)
    pass_time(database, sidecar, user)
    settle(database)
    assert ledger.events("notification.sent") == []
    assert len(ledger.wait_for_events(2, "reminder.cancelled")) == 2


def pass_time(database: Database, sidecar: FakeSidecar, user: User) -> None:
    """All that is in the ledger lies a minute back now; the service has looked at it since."""
    database.execute("notification", "UPDATE delivery SET next_try_at = now() - interval '1 min' WHERE owner_id = %s", user.id)
    other = User(email=False)
    tell_at_once(sidecar, [(topic_of(e), e) for e in (other.saved(), other.task(reminder(at=at(-1))).saved())])
    sent = "SELECT count(*) FROM delivery WHERE state = 3 AND owner_id = %s"
    wait_for("another one's to be sent", lambda: database.value("notification", sent, other.id) == 1)


def _passed(task: Task) -> bool:
    return min(r["at"] for r in task.reminders) < text(at())


@pytest.mark.parametrize(("away", "back"), [("completed", "reopened"), ("trashed", "restored")])
def test_what_comes_back_reminds_of_what_is_still_ahead(
    ledger: Ledger, user: User, sidecar: FakeSidecar, database: Database, away: str, back: str
) -> None:
    task = user.task(reminder(at=at(6)), reminder(at=at(HOUR)))
    tell(sidecar, user.saved(), task.saved())
    ledger.wait_for_states(*[("app", 1, "scheduled")] * 2)
    tell(sidecar, getattr(task, away)())
    ledger.wait_for_states(*[("app", 1, "cancelled")] * 2)
    wait_for("the instant to pass", lambda: _passed(task))
    tell(sidecar, getattr(task, back)())
    ledger.wait_for_states(("app", 1, "cancelled"), ("app", 1, "scheduled"))
    assert ledger.events("notification.sent") == []


def test_a_removed_reminder_is_cancelled_and_an_added_one_planned(ledger: Ledger, user: User, sidecar: FakeSidecar) -> None:
    task = user.task(reminder(at=at(HOUR)))
    tell(sidecar, user.saved(), task.saved())
    ledger.wait_for_states(("app", 1, "scheduled"))
    added = reminder(at=at(2 * HOUR), made=0)
    tell(sidecar, task.saved(reminders=[added]))
    rows = ledger.wait_for_states(("app", 1, "scheduled"), ("app", 1, "cancelled"))
    assert {r["reminder_id"]: r["state"] for r in rows}[added["id"]] == "scheduled"


# ---- what is in the past already


def test_what_was_due_while_all_was_down_goes_out_once_and_says_how_late(ledger: Ledger, user: User, sidecar: FakeSidecar) -> None:
    task = user.task(reminder(at=at(-600)))
    tell(sidecar, user.saved(settings={"email": True}), task.saved())
    rows = ledger.wait_for_states(("app", 1, "sent"), ("email", 1, "sent"))
    assert all(600_000 <= r["late_ms"] < 660_000 for r in rows)
    (mail,) = ledger.mails()
    assert "10 minutes" in mail["data"]


def test_what_is_older_than_the_limit_expires(ledger: Ledger, user: User, sidecar: FakeSidecar, database: Database) -> None:
    task = user.task(reminder(at=at(-DAY - 60), made=-2 * DAY))
    tell(sidecar, user.saved(), task.saved())
    ledger.wait_for_states(("app", 1, "expired"))
    settle(database)
    assert ledger.events() == []


def test_nobody_is_reminded_of_what_he_just_typed(ledger: Ledger, user: User, sidecar: FakeSidecar, database: Database) -> None:
    tell(sidecar, user.saved())
    tell(sidecar, user.task(reminder(at=at(-60), made=0)).saved())
    ledger.wait_for_states(("app", 1, "expired"))
    task = user.task(reminder("PT0S"), due_at=at(HOUR))
    tell(sidecar, task.saved())
    ledger.wait_for_states(("app", 1, "expired"), ("app", 1, "scheduled"))
    tell(sidecar, task.moved(at(-60)))
    ledger.wait_for_states(("app", 1, "expired"), ("app", 1, "cancelled"), ("app", 2, "expired"))
    assert ledger.events("notification.sent") == []


def test_an_edit_after_the_instant_takes_no_reminder_away(ledger: Ledger, user: User, sidecar: FakeSidecar) -> None:
    """The service was away at the instant, and sees the task as it was edited later."""
    task = user.task(reminder(at=at(-60)))
    task.saved()
    tell(sidecar, user.saved(), task.saved(title="other words"))
    ledger.wait_for_states(("app", 1, "sent"))


def test_nor_one_that_was_moved_before(ledger: Ledger, user: User, sidecar: FakeSidecar) -> None:
    task = user.task(reminder("PT0S"), due_at=at(-HOUR))
    task.moved(at(-60))
    task.reminders[0]["set_at"] = text(at(-120))
    tell(sidecar, user.saved(), task.saved(title="other words"))
    ledger.wait_for_states(("app", 2, "sent"))


# ---- what the user changes


def test_channels_that_go_off_cancel_and_on_again_plan(ledger: Ledger, user: User, sidecar: FakeSidecar) -> None:
    task = user.task(reminder(at=at(HOUR)))
    tell(sidecar, user.saved(settings={"email": True}), task.saved())
    ledger.wait_for_states(("app", 1, "scheduled"), ("email", 1, "scheduled"))
    tell(sidecar, user.saved(settings={"email": False}))
    ledger.wait_for_states(("app", 1, "scheduled"), ("email", 1, "cancelled"))
    tell(sidecar, user.saved(settings={"email": True}))
    ledger.wait_for_states(("app", 1, "scheduled"), ("email", 1, "scheduled"))


def test_a_new_channel_hears_nothing_of_what_is_over(
    ledger: Ledger, user: User, sidecar: FakeSidecar, database: Database
) -> None:
    task = user.task(reminder(at=at(-60)), reminder(at=at(HOUR)))
    tell(sidecar, user.saved(), task.saved())
    ledger.wait_for_states(("app", 1, "sent"), ("app", 1, "scheduled"))
    tell(sidecar, user.saved(settings={"email": True}, channels=[webhook(sidecar, "http://127.0.0.1:9/")[0]]))
    ledger.wait_for_states(("app", 1, "sent"), *[(c, 1, "scheduled") for c in ("app", "email", "webhook")])
    settle(database)
    assert ledger.mails() == []


def test_a_change_of_the_user_reaches_every_open_task(ledger: Ledger, user: User, sidecar: FakeSidecar) -> None:
    tasks = [user.task(reminder(at=at(HOUR))) for _ in range(30)]
    tell(sidecar, user.saved(), *[t.saved() for t in tasks])
    ledger.wait_for_states(*[("app", 1, "scheduled")] * 30)
    tell(sidecar, user.saved(settings={"app": False, "email": True}))
    ledger.wait_for_states(*[("app", 1, "cancelled")] * 30, *[("email", 1, "scheduled")] * 30)


def test_quiet_hours_hold_back_all_but_the_app(ledger: Ledger, user: User, sidecar: FakeSidecar) -> None:
    zone = zoneinfo.ZoneInfo("Asia/Tokyo")
    local = datetime.datetime.now(zone)
    begin, end = local - datetime.timedelta(hours=1), (local + datetime.timedelta(hours=2)).replace(second=0, microsecond=0)
    quiet = {"quiet_from": f"{begin:%H:%M}", "quiet_until": f"{end:%H:%M}", "email": True}
    task = user.task(reminder(at=at(0.5)))
    with WebSink() as sink:
        hook, _ = webhook(sidecar, sink.url + "/")
        tell(sidecar, user.saved(settings=quiet, time_zone=zone.key, channels=[hook]), task.saved())
        rows = ledger.wait_for_states(("app", 1, "sent"), ("email", 1, "scheduled"), ("webhook", 1, "scheduled"))
        held = {r["channel"]: r["held_until"] for r in rows}
        until = text(end.astimezone(datetime.timezone.utc))
        assert held == {"app": None, "email": until, "webhook": until}
        assert ledger.mails() == [] and sink.received() == []
        # no more quiet hours: now it comes, and late it is not by their doing alone
        tell(sidecar, user.saved(settings={"quiet_from": None, "quiet_until": None}))
        ledger.wait_for_states(("app", 1, "sent"), ("email", 1, "sent"), ("webhook", 1, "sent"))
        assert len(ledger.mails()) == 1 and len(sink.received()) == 1


def test_what_is_caught_up_in_quiet_hours_waits_for_their_end(ledger: Ledger, user: User, sidecar: FakeSidecar) -> None:
    """It was due before them, and all was down until now."""
    local = datetime.datetime.now(datetime.timezone.utc)
    begin, end = local - datetime.timedelta(minutes=5), local + datetime.timedelta(minutes=30)
    quiet = {"quiet_from": f"{begin:%H:%M}", "quiet_until": f"{end:%H:%M}", "email": True, "app": False}
    tell(sidecar, user.saved(settings=quiet, time_zone="UTC"), user.task(reminder(at=at(-600))).saved())
    held = lambda: [r for r in ledger.rows() if r["held_until"]]  # noqa: E731
    (row,) = wait_for("it to be held", held)
    assert row["state"] == "scheduled" and row["held_until"] == text(end.replace(second=0, microsecond=0))
    assert row["attempts"] == [] and ledger.mails() == []


def test_a_deleted_account_leaves_nothing(ledger: Ledger, user: User, sidecar: FakeSidecar, database: Database) -> None:
    tasks = [user.task(reminder(at=at(HOUR)), reminder(at=at(-60))) for _ in range(5)]
    tell(sidecar, user.saved(), *[t.saved() for t in tasks])
    ledger.wait_for_states(*[("app", 1, "scheduled")] * 5, *[("app", 1, "sent")] * 5)
    tell(sidecar, user.deleted())
    settle(database)
    for table in ("delivery", "task"):
        assert database.value("notification", f"SELECT count(*) FROM {table} WHERE owner_id = %s", user.id) == 0
    assert len(ledger.events("notification.sent")) == 5
    tell(sidecar, user.task(reminder(at=at(0))).saved())
    settle(database)
    assert ledger.rows() == []


# ---- any order, any repetition


def history(rng: random.Random) -> tuple[User, list[Event], set]:
    """A user whose tasks changed in many ways; what must be in the ledger at the end, of what is open."""
    user = User(email=rng.random() < 0.5, app=rng.random() < 0.8)
    events, tasks = [user.saved()], []
    for _ in range(rng.randint(3, 8)):
        task = user.task(reminder("-PT1H"), reminder(at=at(rng.randint(1, 9) * HOUR)), due_at=at(DAY))
        tasks.append(task)
        events.append(task.saved())
        for _ in range(rng.randint(0, 5)):
            change = rng.choice(["moved", "snoozed", "completed", "reopened", "trashed", "restored", "titled"])
            if change == "moved":
                events.append(task.moved(at(rng.randint(2, 40) * HOUR)))
            elif change == "snoozed":
                events.append(task.snoozed(at(rng.randint(2, 40) * HOUR), rng.randint(0, 1)))
            elif change == "titled":
                events.append(task.saved(title="new words"))
            else:
                events.append(getattr(task, change)())
        if rng.random() < 0.2:
            events.append(user.saved(settings={"email": rng.random() < 0.5}))
        if rng.random() < 0.15:
            events.append(task.purged())
            tasks.remove(task)
    wanted = set()
    for task in tasks:
        if task.data["status"] != "open" or task.data["deleted_at"]:
            continue
        for r in task.reminders:
            due = datetime.datetime.fromisoformat(task.data["due_at"].replace("Z", "+00:00"))
            comes = r["snoozed_until"] or r["at"] or text(due - datetime.timedelta(hours=1))
            for channel in ("email", "app"):
                if user.settings[channel]:
                    wanted.add((r["id"], r["generation"], channel, comes))
    return user, events, wanted


@pytest.mark.parametrize("seed", SEEDS, ids="seed={}".format)
def test_shuffled_and_repeated_the_same_is_planned(service: Service, sidecar: FakeSidecar, database: Database, seed: int) -> None:
    rng = random.Random(seed)
    told: list[tuple[str, Event]] = []
    histories = [history(rng) for _ in range(6)]
    for _, events, _ in histories:
        told += [(topic_of(e), e) for e in events for _ in range(rng.randint(1, 3))]
    rng.shuffle(told)
    tell_at_once(sidecar, told)
    settle(database)
    for user, _, wanted in histories:
        ledger = Ledger(service, user)
        open_rows = [r for r in ledger.rows() if r["state"] in ("scheduled", "claimed", "retrying")]
        got = {(r["reminder_id"], r["generation"], r["channel"], r["remind_at"]) for r in open_rows}
        assert got == wanted
        assert len(open_rows) == len(wanted)
        assert ledger.events("notification.sent") == []
        ledger.check_seq()


# ---- the list


def test_the_list_is_the_owners_alone_in_pages_and_by_state_and_task(ledger: Ledger, user: User, sidecar: FakeSidecar) -> None:
    other = User(email=False)
    first, second = user.task(reminder(at=at(-60))), user.task(reminder(at=at(HOUR)), reminder(at=at(DAY)))
    tell(sidecar, user.saved(), other.saved(), first.saved(), other.task(reminder(at=at(HOUR))).saved())
    ledger.wait_for_states(("app", 1, "sent"))
    tell(sidecar, second.saved())
    rows = ledger.wait_for_states(("app", 1, "sent"), ("app", 1, "scheduled"), ("app", 1, "scheduled"))
    assert rows[-1]["task_id"] == first.id, "the newest first"
    assert [r["id"] for r in ledger.rows(state="sent")] == [rows[-1]["id"]]
    assert [r["id"] for r in ledger.rows(task_id=second.id)] == [r["id"] for r in rows[:2]]
    paged, cursor = [], None
    for n in (1, 1, 1):
        answer = ledger.get(limit=1, **({"cursor": cursor} if cursor else {})).json()
        assert len(answer["reminders"]) == n
        paged += answer["reminders"]
        cursor = answer["next_cursor"]
    assert cursor is None and paged == rows
    assert set(rows[0]) == {
        *("id", "task_id", "reminder_id", "generation", "kind", "channel", "channel_id", "title", "remind_at"),
        *("state", "held_until", "sent_at", "late_ms", "reason", "attempts"),
    }


@pytest.mark.parametrize(
    ("query", "field"),
    [({"owner": "7"}, "owner"), ({"state": "gone"}, "state"), ({"limit": "0"}, "limit"), ({"limit": "201"}, "limit"),
     ({"limit": "x"}, "limit"), ({"task_id": "1"}, "task_id"), ({"cursor": "1"}, "cursor"), ({"more": "1"}, "more")],
)
def test_a_bad_question_is_refused(ledger: Ledger, query: dict[str, str], field: str) -> None:
    answer = ledger.get(**query)
    assert answer.status_code == 400 and [e["field"] for e in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("caller", [None, "recurring-task"])
def test_only_backend_may_ask(ledger: Ledger, caller: str | None) -> None:
    assert ledger.get(caller=caller).status_code == 403


# ---- what is not told


def test_logs_and_metrics_have_no_titles_addresses_or_ids(
    ledger: Ledger, user: User, sidecar: FakeSidecar, service: Service
) -> None:
    task = user.task(reminder(at=at(-60)), title="a very secret title")
    sidecar.fail("POST", "/v1.0/bindings/mail", 400, times=1, of=user.email)
    tell(sidecar, user.saved(settings={"email": True}), task.saved())
    wait_for("both to end", lambda: {s for _, _, s in ledger.states()} <= {"sent", "failed"} and ledger.states())
    metrics = httpx.get(service.url + "/metrics").text
    for secret in ("very secret", "secret words", user.email):
        assert secret not in service.log() and secret not in metrics
    assert user.id not in metrics and task.id not in metrics
    assert 'reminders_sent_total{channel="app"}' in metrics
    assert service.metric("reminder_lateness_seconds_count") > 0
