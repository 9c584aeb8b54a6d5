"""notification on several replicas, through kills, drains and outages: each reminder once, and one that
came twice is one whose attempt was open when its process was killed."""

from __future__ import annotations

import collections
import concurrent.futures
import os
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

pytest.register_assert_rewrite("support.reminders")

from support.fake_sidecar import FakeSidecar
from support.postgres import Cluster, Database
from support.reminders import Ledger, Task, User, at, is_settled, mails_to, reminder, tell, unsettled
from support.service import Service
from support.waiting import wait_for

SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(10**9)))
MAIL = ("POST", "/v1.0/bindings/mail")
LEASE_MS = 5000
SETTINGS = {"LEASE_MS": str(LEASE_MS), "SEND_RETRY_MS": "100", "SEND_TRIES_MAX": "100", "DUE_POLL_MS": "200"}


@pytest.fixture
def database(cluster: Cluster) -> Iterator[Database]:
    """One for each test: each ends its replicas."""
    database = cluster.new_database()
    yield database
    database.drop()


@pytest.fixture
def replica(service_maker: Callable[..., Service], database: Database) -> Iterator[Callable[..., Service]]:
    """Start one more, by default with a sidecar of its own."""
    made: list[Service] = []

    def start(**settings: str) -> Service:
        made.append(service_maker(database, settings={**SETTINGS, **settings}).start())
        return made[-1]

    yield start
    for service in made:
        if service.process is not None and service.process.poll() is None:
            service.stop()


def mails_of(services: list[Service], user: User) -> list[dict[str, Any]]:
    return [mail for s in services for mail in mails_to(s.sidecar, user)]


def fire_cron(service: Service) -> None:
    headers = {"dapr-api-token": service.sidecar.app_token}
    assert httpx.post(service.app_url + "/reminder-check", headers=headers).status_code == 200


def told(sidecar: FakeSidecar, n_users: int, n_tasks: int, first: float, last: float, **settings: Any) -> list[tuple[User, list[Task]]]:
    """Users with tasks whose reminders fall due from `first` to `last` seconds from now."""
    rng = random.Random(SEED)
    found = []
    for _ in range(n_users):
        user = User(**settings)
        found.append((user, [user.task(reminder(at=at(rng.uniform(first, last)))) for _ in range(n_tasks)]))

    def tell_one(pair: tuple[User, list[Task]]) -> None:
        tell(sidecar, pair[0].saved(), *[t.saved() for t in pair[1]])

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(tell_one, found))
    return found


def count(database: Database, state: int) -> int:
    return database.value("notification", "SELECT count(*) FROM delivery WHERE state = %s", state)


def wait_sent(database: Database, n: int) -> None:
    try:
        wait_for(f"{n} to be sent", lambda: count(database, 3) == n)
    except AssertionError:
        states = database.execute("notification", "SELECT state, count(*) FROM delivery GROUP BY 1 ORDER BY 1")
        raise AssertionError(f"{states}, unsettled {unsettled(database)}, SEED={SEED}") from None


def check_each_once(database: Database, services: list[Service], found: list[tuple[User, list[Task]]]) -> None:
    """Every reminder one mail and one event (an outage may have it published again under its id), and no
    event's number missing or twice."""
    wait_for("the outbox to be empty", lambda: database.value("notification", "SELECT count(*) FROM outbox") == 0)
    for user, tasks in found:
        mails = mails_of(services, user)
        titles = collections.Counter(t.data["title"] for t in tasks for m in mails if t.data["title"] in m["data"])
        assert titles == {t.data["title"]: 1 for t in tasks}, f"SEED={SEED}"
        published = [p.event for s in services for p in s.sidecar.events() if p.event["ownerid"] == user.id]
        events = list({e["id"]: e for e in published}.values())
        sent = collections.Counter((e["data"]["task_id"], e["data"]["channel"]) for e in events if e["type"] == "todo.notification.sent.v1")
        assert sent == {(t.id, c): 1 for t in tasks for c in ("email", "app")}, f"SEED={SEED}"
        assert sorted(int(e["seq"]) for e in events) == list(range(1, len(events) + 1))


def test_three_replicas_whose_crons_all_fire_send_each_once(replica: Any, database: Database) -> None:
    services = [replica() for _ in range(3)]
    found = told(services[0].sidecar, 12, 8, 0.5, 4)
    is_over = threading.Event()

    def fire(service: Service) -> None:
        while not is_over.wait(0.05):
            fire_cron(service)

    threads = [threading.Thread(target=fire, args=(s,)) for s in services]
    for thread in threads:
        thread.start()
    try:
        wait_sent(database, 12 * 8 * 2)
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    check_each_once(database, services, found)
    early = "SELECT count(*) FROM delivery d JOIN attempt a ON a.delivery_id = d.id WHERE a.began_at < d.remind_at"
    assert database.value("notification", early) == 0
    assert database.value("notification", "SELECT count(*) FROM attempt") == 12 * 8 * 2


def test_the_same_events_on_two_replicas_at_once_plan_each_once(replica: Any, database: Database) -> None:
    services = [replica(), replica()]
    users = [User() for _ in range(6)]
    rng = random.Random(SEED)
    events = []
    for user in users:
        tasks = [user.task(reminder(at=at(rng.uniform(1, 3)))) for _ in range(6)]
        events += [user.saved(), *[t.saved() for t in tasks], user.saved(settings={"default_reminder": None})]

    def tell_all(service: Service) -> None:
        for event in random.Random(service.port).sample(events, len(events)):
            tell(service.sidecar, event)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(tell_all, services))
    wait_sent(database, 6 * 6 * 2)
    assert count(database, 5) == count(database, 6) == 0
    for user in users:
        assert len(mails_of(services, user)) == 6


def test_a_kill_during_an_attempt_costs_one_extra_that_can_be_told(replica: Any, database: Database) -> None:
    first = replica()
    first.sidecar.hold(*MAIL, 30)
    user = User(app=False)
    task = user.task(reminder(at=at(-1)))
    tell(first.sidecar, user.saved(), task.saved())
    wait_for("the mail to be accepted", lambda: mails_to(first.sidecar, user))
    first.kill()
    second = replica()
    ledger = Ledger(second, user)
    (row,) = ledger.wait_for_states(("email", 1, "sent"))
    assert [(a["number"], a["outcome"]) for a in row["attempts"]] == [(1, "interrupted"), (2, "sent")]
    assert row["attempts"][0]["ended_at"] and row["attempts"][0]["reason"]
    assert len(mails_of([first, second], user)) == 2
    assert len(ledger.wait_for_events(1, "notification.sent")) == 1
    wait_for("the dead one to be forgotten", lambda: database.value("notification", "SELECT count(*) FROM instance") == 1)


def test_a_claim_of_nobody_is_taken_over(replica: Any, database: Database) -> None:
    """The database took it after its process had ended."""
    service, user = replica(), User(app=False)
    ledger = Ledger(service, user)
    tell(service.sidecar, user.saved(), user.task(reminder(at=at(3600))).saved())
    ledger.wait_for_states(("email", 1, "scheduled"))
    database.execute(
        "notification",
        "WITH d AS (UPDATE delivery SET state = 1, attempts = 1, claimed_by = gen_random_uuid() RETURNING id, claimed_by)"
        " INSERT INTO attempt (delivery_id, number, began_at, instance) SELECT id, 1, now(), claimed_by FROM d",
    )
    (row,) = ledger.wait_for_states(("email", 1, "sent"))
    assert [a["outcome"] for a in row["attempts"]] == ["interrupted", "sent"]


def test_claims_of_one_that_lives_are_not_taken(replica: Any, database: Database) -> None:
    """However long its channel takes."""
    slow = replica(MAIL_LIMIT_MS="20000")
    slow.sidecar.hold(*MAIL, LEASE_MS / 1000 * 1.6, times=1)
    user = User(app=False)
    tell(slow.sidecar, user.saved(), user.task(reminder(at=at(-1))).saved())
    wait_for("the mail to be accepted", lambda: mails_to(slow.sidecar, user))
    watcher = replica()
    (row,) = Ledger(watcher, user).wait_for_states(("email", 1, "sent"))
    assert [a["outcome"] for a in row["attempts"]] == ["sent"]
    assert len(mails_of([slow, watcher], user)) == 1


def test_what_was_due_while_all_was_down_goes_out_once(replica: Any, database: Database) -> None:
    first = replica()
    found = told(first.sidecar, 4, 5, 5, 6)
    wait_for("all to be planned", lambda: count(database, 0) == 40 and unsettled(database)[:2] == (0, 0))
    first.kill()
    last = max(r["at"] for _, tasks in found for t in tasks for r in t.reminders)
    wait_for("the last instant", lambda: database.value("notification", "SELECT now() > %s::timestamptz", last))
    services = [first, replica(), replica()]
    wait_sent(database, 40)
    check_each_once(database, services, found)
    late = Ledger(services[1], found[0][0]).rows()
    assert all(r["late_ms"] > 0 for r in late)


def test_an_outage_of_the_database_doubles_nothing(replica: Any, database: Database, cluster: Cluster) -> None:
    """Connections are cut and refused, for a moment, for about half the lease and for longer than it, while
    mails are under way. After it one replica is back up to 3 s before the other (the pool's backoff)."""
    services = [replica() for _ in range(2)]
    for service in services:  # so that there is always one under way, and ends during the outage
        service.sidecar.hold(*MAIL, 0.25)
    found = told(services[0].sidecar, 6, 8, 0.5, 8)
    name = database.name
    with cluster.connect("postgres") as db:
        for pause_s in (0.3, LEASE_MS / 2100, LEASE_MS / 1000 + 1):
            wait_for("some to be sent", lambda: count(database, 3) > 0)
            db.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            threading.Event().wait(pause_s)  # what is tested is an outage of this length
            db.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    wait_sent(database, 96)
    outcomes = dict(database.execute("notification", "SELECT outcome, count(*) FROM attempt GROUP BY 1"))
    assert set(outcomes) == {"sent"}, outcomes
    check_each_once(database, services, found)


def test_random_kills_lose_nothing_and_double_only_open_attempts(replica: Any, database: Database) -> None:
    rng = random.Random(SEED)
    services = [replica(), replica()]
    alive = list(services)
    found = told(services[0].sidecar, 6, 10, 1, 6)
    for _ in range(4):
        threading.Event().wait(rng.uniform(0.3, 1.2))  # the kill's moment is drawn
        victim = rng.choice(alive)
        victim.kill()
        alive.remove(victim)
        fresh = replica()
        services.append(fresh)
        alive.append(fresh)
    wait_sent(database, 120)
    interrupted = database.execute(
        "notification",
        "SELECT d.title FROM attempt a JOIN delivery d ON d.id = a.delivery_id"
        " WHERE a.outcome = 'interrupted' AND d.channel = 0",
    )
    allowed = collections.Counter(title for (title,) in interrupted)
    for user, tasks in found:
        mails = mails_of(services, user)
        for task in tasks:
            n = sum(task.data["title"] in m["data"] for m in mails)
            assert 1 <= n <= 1 + allowed[task.data["title"]], f"SEED={SEED}"


def test_sigterm_ends_what_is_under_way_and_gives_back_the_rest(replica: Any, database: Database) -> None:
    service = replica(DRAIN_MS="10000")
    service.sidecar.hold(*MAIL, 1.5)
    user = User(app=False)
    tasks = [user.task(reminder(at=at(-1))) for _ in range(12)]
    tell(service.sidecar, user.saved(), *[t.saved() for t in tasks])
    wait_for("the first mail to be under way", lambda: mails_to(service.sidecar, user))
    wait_for("all to be planned", lambda: database.value("notification", "SELECT count(*) FROM delivery") == 12)
    wait_for("some more to be claimed", lambda: count(database, 1) > 1)
    assert service.stop() == 0
    assert count(database, 1) == 0
    n_sent = count(database, 3)
    assert n_sent == len(mails_to(service.sidecar, user)) >= 1
    states = database.execute("notification", "SELECT state, attempts, reason, count(*) FROM delivery GROUP BY 1, 2, 3")
    assert count(database, 0) == 12 - n_sent, states
    assert database.value("notification", "SELECT count(*) FROM attempt") == n_sent, "what was not begun is no attempt"
    assert database.value("notification", "SELECT count(*) FROM instance") == 0
    other = replica()
    wait_sent(database, 12)
    assert len(mails_of([service, other], user)) == 12

    def n_told() -> int:
        return len({e.event["subject"] for r in (service, other) for e in r.sidecar.events("notifications")})

    wait_for("each to be told of, what was sent last too", lambda: n_told() == 12)


def waiting(database: Database, part: str, lock: str) -> int:
    """How many statements that have this text wait for a lock of this type."""
    sql = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        " AND wait_event = %s AND strpos(query, %s) > 0"
    )
    return database.value("notification", sql, lock, part)


def test_a_handler_slower_than_the_schedule_is_not_begun_twice(replica: Any, database: Database) -> None:
    """The database answers slowly: a lock holds up each claim, and the cron fires all the while."""
    service = replica(DB_LIMIT_MS="60000")
    user = User()
    tasks = [user.task(reminder(at=at(-600))) for _ in range(20)]
    with database.connect("notification") as lock:
        lock.autocommit = False
        lock.execute("LOCK TABLE attempt IN EXCLUSIVE MODE")  # beats read it, and go on
        tell(service.sidecar, user.saved(), *[t.saved() for t in tasks])
        wait_for("all to be planned", lambda: count(database, 0) == 40)
        wait_for("a claim to wait", lambda: waiting(database, "WITH wanted", "relation") == 1)
        steps = service.metric("due_work_steps_total")
        for _ in range(50):
            fire_cron(service)
            threading.Event().wait(0.02)
        assert waiting(database, "WITH wanted", "relation") == 1
        lock.rollback()
    assert service.metric("due_work_steps_total") > steps
    wait_sent(database, 40)
    check_each_once(database, [service], [(user, tasks)])
    assert database.value("notification", "SELECT count(*) FROM attempt") == 40


def test_a_claim_whose_answer_was_lost_is_given_back_while_nobody_else_has_its_owner(replica: Any, database: Database) -> None:
    """Whoever changes what is an owner's holds him first, so that nobody waits in a circle."""
    service, user = replica(DB_LIMIT_MS="5000"), User(app=False)
    ledger = Ledger(service, user)
    tell(service.sidecar, user.saved(), user.task(reminder(at=at(3600))).saved())
    ledger.wait_for_states(("email", 1, "scheduled"))
    with database.connect("notification") as owner, database.connect("notification") as claim:
        owner.autocommit = claim.autocommit = False
        owner.execute("SELECT FROM app_user FOR UPDATE")
        claim.execute("LOCK TABLE attempt IN EXCLUSIVE MODE")
        claim.execute("UPDATE delivery SET state = 1, attempts = 1, claimed_by = (SELECT id FROM instance)")
        claim.execute("INSERT INTO attempt (delivery_id, number, began_at, instance) SELECT id, 1, now(), claimed_by FROM delivery")
        wait_for("a claim to be lost", lambda: service.log_lines("due_work_failed"))
        claim.commit()
        wait_for("it to wait for the owner", lambda: waiting(database, "freed AS", "transactionid") == 1)
        assert count(database, 1) == 1
        owner.rollback()
    (row,) = ledger.wait_for_states(("email", 1, "scheduled"))
    assert row["attempts"] == []


def test_the_sidecar_may_be_away(replica: Any, database: Database) -> None:
    service = replica()
    user = User()
    task = user.task(reminder(at=at(0.3)))
    service.sidecar.fail(*MAIL, 0)
    tell(service.sidecar, user.saved(), task.saved())
    ledger = Ledger(service, user)
    wait_for("two attempts", lambda: any(len(r["attempts"]) >= 2 for r in ledger.rows()))
    service.sidecar.clear_failures()
    ledger.wait_for_states(("app", 1, "sent"), ("email", 1, "sent"))
    assert len(ledger.mails()) == 1
