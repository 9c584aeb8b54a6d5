"""notification: a channel that refuses, asks to wait, is gone or is silent; what is tried again, and what
is given up with a reason that the user can read."""

from __future__ import annotations

import concurrent.futures
import datetime
import time

import pytest

pytest.register_assert_rewrite("support.reminders")

from support.fake_sidecar import FakeSidecar
from support.postgres import Database
from support.reminders import Ledger, User, at, mails_to, reminder, tell, webhook
from support.service import Service
from support.waiting import wait_for
from support.web_sink import WebSink
from support.webhook import verify

SETTINGS = {
    "USER_ADDRESS_LOOPBACK": "true",
    "SEND_TRIES_MAX": "3",
    "SEND_RETRY_MS": "200",
    "SEND_RETRY_MAX_MS": "20000",
    "MAIL_LIMIT_MS": "1000",
    "WEBHOOK_LIMIT_MS": "1000",
    "RELAY_POLL_MS": "50",
}
MAIL = ("POST", "/v1.0/bindings/mail")
BINDINGS = ("mail", "mail-2", "mail-3", "mail-4")
PROBE = ("GET", "/v1.0/healthz/outbound")


@pytest.fixture
def user() -> User:
    return User(app=False)


@pytest.fixture
def ledger(service: Service, sidecar: FakeSidecar, user: User) -> Ledger:
    return Ledger(service, user)


def outcomes(row: dict) -> list[str]:
    assert [a["number"] for a in row["attempts"]] == list(range(1, len(row["attempts"]) + 1))
    return [a["outcome"] for a in row["attempts"]]


def moment(value: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))


def test_what_is_refused_is_tried_again_later_each_time(ledger: Ledger, user: User, sidecar: FakeSidecar) -> None:
    sidecar.fail(*MAIL, 500, times=2, body='{"message":"451 try later"}', of=user.email)
    tell(sidecar, user.saved(), user.task(reminder(at=at(-5))).saved())
    (row,) = ledger.wait_for_states(("email", 1, "sent"))
    assert outcomes(row) == ["refused", "refused", "sent"]
    assert row["reason"] is None and all(a["reason"] for a in row["attempts"][:2])
    gaps = [moment(b["began_at"]) - moment(a["ended_at"]) for a, b in zip(row["attempts"], row["attempts"][1:])]
    assert gaps[0].total_seconds() >= 0.1 and gaps[1].total_seconds() >= 0.2, "half of it is left to chance"
    assert len(ledger.mails()) == 1
    (sent,) = ledger.wait_for_events(1, "notification.sent")
    assert sent["data"]["attempts"] == 3
    assert len(ledger.events("reminder.due")) == 1
    ledger.check_seq()


def test_what_is_refused_too_often_is_given_up_with_a_reason(ledger: Ledger, user: User, sidecar: FakeSidecar, service: Service) -> None:
    before = service.metric("reminders_failed_total")
    sidecar.fail(*MAIL, 500, body='{"message":"451 try later"}', of=user.email)
    tell(sidecar, user.saved(), user.task(reminder(at=at(-5))).saved())
    (row,) = ledger.wait_for_states(("email", 1, "failed"))
    assert outcomes(row) == ["refused"] * 3
    assert row["reason"].startswith("given up after 3 attempts: ") and row["sent_at"] is None
    (failed,) = ledger.wait_for_events(1, "notification.failed")
    assert failed["data"]["reason"] == row["reason"] and failed["data"]["is_gone"] is False
    assert failed["data"]["attempts"] == 3
    assert service.metric("reminders_failed_total") == before + 1


def test_a_channel_that_hangs_is_tried_again_and_holds_up_no_other(ledger: Ledger, user: User, sidecar: FakeSidecar) -> None:
    with WebSink() as sink:
        hook, secret = webhook(sidecar, sink.url + "/fast")
        sidecar.hold(*MAIL, 5, times=1, of=user.email)
        tell(sidecar, user.saved(channels=[hook]), user.task(reminder(at=at(-5))).saved())
        wait_for("the webhook, while the mail hangs", lambda: sink.received("/fast"))
        found = ledger.wait_for_states(("email", 1, "sent"), ("webhook", 1, "sent"))
        rows = {r["channel"]: r for r in found}
        assert outcomes(rows["email"])[0] == "refused" and outcomes(rows["webhook"]) == ["sent"]
        (hook_got,) = sink.received("/fast")
        assert verify(hook_got, secret) == rows["webhook"]["id"]


def test_a_retry_carries_the_same_id_and_waits_as_long_as_asked(ledger: Ledger, user: User, sidecar: FakeSidecar) -> None:
    with WebSink() as sink:
        hook, secret = webhook(sidecar, sink.url + "/busy")
        sink.answer("/busy", 503, times=1, headers={"Retry-After": "2"})
        tell(sidecar, user.saved(channels=[hook], settings={"email": False}), user.task(reminder(at=at(-5))).saved())
        (row,) = ledger.wait_for_states(("webhook", 1, "sent"))
        assert outcomes(row) == ["refused", "sent"]
        assert {verify(got, secret) for got in sink.received("/busy")} == {row["id"]}
        first, second = row["attempts"]
        assert (moment(second["began_at"]) - moment(first["ended_at"])).total_seconds() >= 2


def test_an_address_that_is_gone_is_given_up_at_once(ledger: Ledger, user: User, sidecar: FakeSidecar) -> None:
    with WebSink() as sink:
        hook, _ = webhook(sidecar, sink.url + "/gone")
        sink.answer("/gone", 410)
        tell(sidecar, user.saved(channels=[hook], settings={"email": False}), user.task(reminder(at=at(-5))).saved())
        (row,) = ledger.wait_for_states(("webhook", 1, "failed"))
        assert outcomes(row) == ["gone"] and row["reason"]
        (failed,) = ledger.wait_for_events(1, "notification.failed")
        assert failed["data"]["is_gone"] is True and failed["data"]["channel_id"] == hook["id"]
        assert len(sink.received("/gone")) == 1


def test_what_changes_between_two_attempts_is_not_tried_again(ledger: Ledger, user: User, sidecar: FakeSidecar) -> None:
    with WebSink() as sink:
        hook, _ = webhook(sidecar, sink.url + "/busy")
        sink.answer("/busy", 503, times=1, headers={"Retry-After": "30"})
        task = user.task(reminder(at=at(-5)))
        tell(sidecar, user.saved(channels=[hook], settings={"email": False}), task.saved())
        ledger.wait_for_states(("webhook", 1, "retrying"))
        tell(sidecar, task.completed())
        (row,) = ledger.wait_for_states(("webhook", 1, "cancelled"))
        assert outcomes(row) == ["refused"] and len(sink.received("/busy")) == 1
    assert ledger.events("notification.sent") == []
    assert len(ledger.wait_for_events(1, "reminder.cancelled")) == 1
    ledger.check_seq()


def test_what_changes_during_an_attempt_is_not_tried_again(ledger: Ledger, user: User, sidecar: FakeSidecar) -> None:
    """The task is completed while the first attempt is under way, which then is refused."""
    with WebSink() as sink:
        hook, _ = webhook(sidecar, sink.url + "/slow")
        sink.answer("/slow", 503, delay_s=0.7, headers={"Retry-After": "30"})
        task = user.task(reminder(at=at(-5)))
        tell(sidecar, user.saved(channels=[hook], settings={"email": False}), task.saved())
        wait_for("the attempt to be under way", lambda: sink.received("/slow"))
        tell(sidecar, task.completed())
        (row,) = ledger.wait_for_states(("webhook", 1, "cancelled"))
        assert outcomes(row) == ["refused"] and len(sink.received("/slow")) == 1
    assert ledger.events("notification.sent") == []
    ledger.check_seq()


def test_64_mails_at_once_to_64_people_go_each_to_its_own_one_at_a_time_through_each_binding(
    service: Service, sidecar: FakeSidecar, database: Database
) -> None:
    begin_s = time.monotonic()
    users = [User(app=False) for _ in range(64)]
    when = at(3)
    tasks = [user.task(reminder(at=when), title=f"only for {user.id}") for user in users]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda pair: tell(sidecar, pair[0].saved(), pair[1].saved()), zip(users, tasks)))
    sent = "SELECT count(*) FROM delivery WHERE state = 3 AND owner_id = ANY(%s::uuid[])"
    wait_for("64 to be sent", lambda: database.value("notification", sent, [u.id for u in users]) == 64)
    for user, task in zip(users, tasks):
        (mail,) = mails_to(sidecar, user)
        assert task.data["title"] in mail["data"]
        assert sum(task.data["title"] in b["data"] for b in sidecar.bindings) == 1
    used = {binding: sidecar.most_at_once("POST", f"/v1.0/bindings/{binding}", begin_s) for binding in BINDINGS}
    assert used == dict.fromkeys(BINDINGS, 1)


def test_a_sidecar_that_is_away_costs_what_is_under_way_one_attempt(ledger: Ledger, user: User, sidecar: FakeSidecar) -> None:
    """What falls due meanwhile waits for it untried, and goes at once when it is back."""
    n_mails = 12
    sidecar.fail(*MAIL, 0)
    sidecar.fail(*PROBE, 0)
    asked = len(sidecar.calls_of(*PROBE))
    tell(sidecar, user.saved(), *[user.task(reminder(at=at(-5))).saved() for _ in range(n_mails)])
    wait_for("every binding to ask for it again and again", lambda: len(sidecar.calls_of(*PROBE)) >= asked + 20)
    ended = [[attempt["outcome"] for attempt in row["attempts"] if attempt["outcome"]] for row in ledger.rows()]
    n_refused = sum(map(len, ended))
    assert 1 <= n_refused <= len(BINDINGS) and all(outcomes in ([], ["refused"]) for outcomes in ended)
    sidecar.clear_failures()
    rows = ledger.wait_for_states(*[("email", 1, "sent")] * n_mails)
    assert sum(len(row["attempts"]) for row in rows) == n_mails + n_refused
    reasons = {a["reason"] for row in rows for a in row["attempts"] if a["outcome"] != "sent"}
    assert reasons == {"What sends our mail could not be reached."}
