"""notification: two statements at once, the one that waits having read the tables before the other's commit."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Iterator

import psycopg
import pytest

pytest.register_assert_rewrite("support.reminders")

from support.fake_sidecar import FakeSidecar
from support.postgres import Database
from support.reminders import Ledger, User, at, reminder, tell, webhook
from support.service import Service
from support.waiting import LIMIT_S, wait_for
from support.web_sink import WebSink

SETTINGS = {"USER_ADDRESS_LOOPBACK": "true", "WEBHOOK_LIMIT_MS": "120000", "DB_LIMIT_MS": "60000", "DUE_POLL_MS": "100"}


@pytest.fixture
def user() -> User:
    return User(email=False, app=False)


@pytest.fixture
def ledger(service: Service, sidecar: FakeSidecar, user: User) -> Ledger:
    return Ledger(service, user)


@pytest.fixture
def answers() -> Iterator[threading.Event]:
    """Set: webhooks are answered."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def sink(answers: threading.Event) -> Iterator[WebSink]:
    with WebSink(lambda _request: (204, 0.0 * answers.wait(LIMIT_S))) as sink:
        yield sink


@pytest.fixture
def pool() -> Iterator[concurrent.futures.ThreadPoolExecutor]:
    with concurrent.futures.ThreadPoolExecutor() as pool:
        yield pool


@pytest.fixture
def lock(database: Database, pool: concurrent.futures.ThreadPoolExecutor) -> Iterator[psycopg.Connection]:
    """A transaction that holds what it has locked until it is rolled back."""
    with database.connect("notification") as connection:
        connection.autocommit = False
        yield connection
        connection.rollback()


def hold(lock: psycopg.Connection, user: User) -> None:
    lock.execute("SELECT FROM app_user WHERE id = %s FOR UPDATE", (user.id,))


def wait_until_waits(database: Database, part: str) -> None:
    """For the statement that has this text to wait for a lock."""
    wait_for(f"a lock: {part}", lambda: database.waiting("%" + part.replace("_", r"\_") + "%") == 1)


def check_ends_with_its_account(
    ledger: Ledger, database: Database, lock: psycopg.Connection, deleted: concurrent.futures.Future[None]
) -> None:
    """The attempt waits for the deletion, which goes on once the lock is gone; of neither anything is left or told."""
    wait_until_waits(database, "closing AS")
    lock.rollback()
    deleted.result()
    wait_for("nothing to be left", lambda: database.value("notification", "SELECT count(*) FROM attempt WHERE ended_at IS NULL") == 0)
    assert ledger.rows() == [] and ledger.events("reminder.due", "notification.sent") == []


def test_a_title_that_is_purged_during_an_attempt_stays_away(
    ledger: Ledger, user: User, sidecar: FakeSidecar, sink: WebSink, answers: threading.Event
) -> None:
    hook, _ = webhook(sidecar, sink.url)
    task = user.task(reminder(at=at(-5)))
    tell(sidecar, user.saved(channels=[hook]), task.saved())
    wait_for("the attempt to be under way", sink.received)
    tell(sidecar, task.purged())
    answers.set()
    (row,) = ledger.wait_for_states(("webhook", 1, "sent"))
    assert row["title"] == ""


@pytest.mark.parametrize(("ahead_s", "state"), [(3600, "cancelled"), (-1, "expired")])
def test_a_delivery_that_is_planned_while_its_task_is_purged_has_no_title(
    ledger: Ledger, user: User, sidecar: FakeSidecar, database: Database, lock: psycopg.Connection,
    pool: concurrent.futures.ThreadPoolExecutor, ahead_s: int, state: str,
) -> None:  # fmt: skip
    task = user.task(reminder(at=at(ahead_s), made=0))
    tell(sidecar, user.saved(settings={"app": True}), task.saved())
    ledger.wait_for_states(("app", 1, "scheduled" if state == "cancelled" else state))
    hold(lock, user)
    database.execute("notification", "DELETE FROM delivery WHERE owner_id = %s", user.id)
    database.execute(
        "notification",
        "UPDATE task SET mark = mark + 1, unscheduled = true, scheduled_version = 0 WHERE owner_id = %s", user.id,
    )  # fmt: skip
    wait_until_waits(database, "fit AS")
    purged = pool.submit(tell, sidecar, task.purged())
    wait_until_waits(database, "WITH fresh AS")
    lock.rollback()
    purged.result()
    wait_for("its title to go", lambda: [(r["state"], r["title"]) for r in ledger.rows()] == [(state, "")])


def test_who_closes_an_attempt_waits_for_the_end_of_its_account(
    ledger: Ledger, user: User, sidecar: FakeSidecar, database: Database, sink: WebSink, answers: threading.Event,
    lock: psycopg.Connection, pool: concurrent.futures.ThreadPoolExecutor,
) -> None:  # fmt: skip
    """Which has his row and one delivery after the other; in another order each would wait for the other."""
    hook, _ = webhook(sidecar, sink.url)
    tell(sidecar, user.saved(channels=[hook]), user.task(reminder(at=at(3600))).saved())
    (planned,) = ledger.wait_for_states(("webhook", 1, "scheduled"))
    tell(sidecar, user.task(reminder(at=at(-5))).saved())
    wait_for("the attempt to be under way", sink.received)
    lock.execute("SELECT FROM delivery WHERE id = %s FOR UPDATE", (planned["id"],))
    deleted = pool.submit(tell, sidecar, user.deleted())
    wait_until_waits(database, "told AS MATERIALIZED")
    answers.set()
    check_ends_with_its_account(ledger, database, lock, deleted)


def test_what_ends_with_its_account_is_not_told(
    ledger: Ledger, user: User, sidecar: FakeSidecar, database: Database, sink: WebSink, answers: threading.Event,
    lock: psycopg.Connection, pool: concurrent.futures.ThreadPoolExecutor,
) -> None:  # fmt: skip
    hook, _ = webhook(sidecar, sink.url)
    tell(sidecar, user.saved(channels=[hook]), user.task(reminder(at=at(-5))).saved())
    wait_for("the attempt to be under way", sink.received)
    hold(lock, user)
    deleted = pool.submit(tell, sidecar, user.deleted())
    wait_until_waits(database, "INSERT INTO app_user AS u (id, version, deleted_at)")
    answers.set()
    check_ends_with_its_account(ledger, database, lock, deleted)
