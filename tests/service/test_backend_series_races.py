"""Series under fire: the same recurrence-due twice, late, in another order and on two replicas, while
the user completes, edits, stops and purges. Whatever wins, the next task is exactly the right one."""

from __future__ import annotations

import concurrent.futures
import itertools
import random
from collections import Counter
from typing import Any, Callable

import pytest

from support import api
from support.api import User
from support.series import add, deliver, due_event, make_next, occurrences
from support.service import Service
from support.waiting import wait_for

SERVICE = "backend"
SETTINGS = {**api.SETTINGS, "RELAY_POLL_MS": "20"}
ROUNDS = 12


@pytest.fixture(scope="module")
def replicas(service_maker, database) -> list[Service]:
    """Two of them over one database; the first one's sidecar records what either publishes."""
    first = service_maker(database).start()
    second = service_maker(database)
    second.sidecar.secrets.update(first.sidecar.secrets)
    return [first, second.start()]


@pytest.fixture(scope="module")
def service(replicas: list[Service]) -> Service:
    return replicas[0]


@pytest.fixture
def ada(service: Service) -> User:
    return User(service, time_zone="Europe/Berlin")


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return [f.result() for f in [pool.submit(c) for c in calls]]


def published(replicas: list[Service], user: User, topic: str) -> list[dict]:
    database = replicas[0].database
    wait_for(
        "the outbox to be empty",
        lambda: database.value("backend", "SELECT count(*) FROM outbox WHERE owner_id = %s", user.id) == 0,
    )
    events = [p.event for r in replicas for p in r.sidecar.events(topic) if p.event["ownerid"] == user.id]
    return sorted({e["id"]: e for e in events}.values(), key=lambda e: int(e["seq"]))


def check(replicas: list[Service], user: User) -> list[dict]:
    """Numbers without a gap or a second, each made once; every seq one event's; the series' row right."""
    database = replicas[0].database
    rows = database.execute(
        "backend",
        "SELECT s.id, s.last_occurrence, s.newest_id, s.version, s.stopped_at IS NOT NULL, a.task_count"
        " FROM account a LEFT JOIN series s ON s.owner_id = a.id WHERE a.id = %s",
        user.id,
    )
    events = published(replicas, user, "task-events")
    others = published(replicas, user, "user-events")
    newest_seq = database.value("backend", "SELECT seq FROM account WHERE id = %s", user.id)
    assert sorted(int(e["seq"]) for e in events + others) == list(range(1, newest_seq + 1))
    created = Counter(e["data"]["occurrence"] for e in events if e["type"] == "todo.task.created.v1")
    assert set(created.values()) == {1}
    tasks = user.get("/tasks?limit=200").json()["tasks"] + user.get("/tasks?limit=200&trash=true").json()["tasks"]
    last = {e["subject"]: e["data"] for e in events if e["type"] != "todo.task.purged.v1"}
    for task in tasks:
        assert last[task["id"]] == task
    assert rows[0][5] == len(tasks)
    if rows[0][0] is not None:
        assert sorted(created) == list(range(1, rows[0][1] + 1))
        newest = [t for t in tasks if t["occurrence"] == rows[0][1]]
        assert [t["id"] for t in newest] in ([str(rows[0][2])], [])
        if newest:
            assert newest[0]["series_version"] == rows[0][3]
            assert (newest[0]["recurrence"] is None) == rows[0][4]
    return events


def test_the_same_event_on_two_replicas_makes_one(replicas: list[Service], ada: User) -> None:
    task = add(ada)
    for _ in range(ROUNDS):
        event = due_event(task)
        at_once(*[lambda r=r: deliver(r.sidecar, event) for r in replicas * 4])
        task = occurrences(ada, task)[-1]
    assert task["occurrence"] == ROUNDS + 1
    check(replicas, ada)


def test_two_events_for_the_same_number_make_one(replicas: list[Service], ada: User) -> None:
    """Two replicas of recurring-task may each have said so: the ids differ."""
    task = add(ada, missed="skip")
    for _ in range(ROUNDS):
        at_once(*[lambda r=r: deliver(r.sidecar, due_event(task, skips_previous=True)) for r in replicas * 4])
        task = occurrences(ada, task)[-1]
    assert [t["status"] for t in occurrences(ada, task)] == ["skipped"] * ROUNDS + ["open"]
    check(replicas, ada)


def test_a_stream_repeated_late_and_in_any_order_makes_each_number_once(replicas: list[Service], ada: User) -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    task, events = add(ada), []
    for number in range(2, 8):
        events.append(due_event(task))
        for event in chance.sample(events, len(events)) * 2:
            deliver(chance.choice(replicas).sidecar, event)
        task = occurrences(ada, task)[-1]
        assert task["occurrence"] == number, f"seed {seed}"
    for event in chance.sample(events * 3, len(events) * 3):
        deliver(chance.choice(replicas).sidecar, event)
    assert [t["occurrence"] for t in occurrences(ada, task)] == list(range(1, 8)), f"seed {seed}"
    check(replicas, ada)


def test_a_skip_that_races_with_a_completion_loses_nothing(replicas: list[Service], ada: User) -> None:
    task = add(ada, missed="skip")
    for n in range(ROUNDS):
        event = due_event(task, skips_previous=True)
        path = f"/tasks/{task['id']}/complete"
        _, done = at_once(lambda: deliver(replicas[n % 2].sidecar, event), lambda: ada.post(path))
        assert done.status_code == 200
        previous = ada.get(f"/tasks/{task['id']}").json()
        assert previous["status"] == "completed"  # skipped, then completed late; or completed at once
        task = occurrences(ada, task)[-1]
        assert task["occurrence"] == n + 2
    check(replicas, ada)


def test_an_edit_of_later_ones_races_with_the_next_one(replicas: list[Service], ada: User) -> None:
    """Either the next one was there first and the edit is refused; or the edit was, and what comes
    is by the new rule, once recurring-task has seen it."""
    task, outcomes = add(ada), Counter()
    rules = itertools.cycle(["FREQ=WEEKLY", "FREQ=DAILY", "FREQ=MONTHLY"])
    for n in range(ROUNDS):
        event, rule = due_event(task), next(rules)
        rule = next(rules) if rule == task["recurrence"] else rule
        _, edit = at_once(
            lambda: deliver(replicas[n % 2].sidecar, event),
            lambda: ada.patch(f"/tasks/{task['id']}", json={"recurrence": rule, "title": f"round {n}"}),
        )
        newest = occurrences(ada, task)[-1]
        outcomes[edit.status_code] += 1
        if edit.status_code == 200:
            assert newest == edit.json() and newest["id"] == task["id"]
            assert make_next(ada, replicas[1].sidecar, newest)["title"] == f"round {n}"
        else:
            assert (edit.status_code, edit.json()["code"]) == (409, "not_newest_occurrence")
            assert newest["id"] in edit.json()["detail"]
            assert (newest["occurrence"], newest["recurrence"]) == (task["occurrence"] + 1, task["recurrence"])
        task = occurrences(ada, task)[-1]
    print(outcomes)
    check(replicas, ada)


def test_an_edit_of_the_template_races_with_the_next_one(replicas: list[Service], ada: User) -> None:
    """The rule stays, so the next one comes whichever is first: with the title before or after."""
    task = add(ada, title="before")
    for n in range(ROUNDS):
        event = due_event(task)
        _, edit = at_once(
            lambda: deliver(replicas[n % 2].sidecar, event),
            lambda: ada.patch(f"/tasks/{task['id']}?scope=this_and_later", json={"title": f"round {n}"}),
        )
        newest = occurrences(ada, task)[-1]
        assert newest["occurrence"] == task["occurrence"] + 1
        expected = f"round {n}" if edit.status_code == 200 else task["title"]
        assert (edit.status_code, newest["title"]) in [(200, expected), (409, expected)]
        task = newest
    check(replicas, ada)


def test_a_stop_races_with_the_next_one(replicas: list[Service], ada: User) -> None:
    outcomes = Counter()
    for n in range(ROUNDS):
        user = User(replicas[0])
        task = add(user)
        event = due_event(task)
        _, stop = at_once(
            lambda: deliver(replicas[n % 2].sidecar, event), lambda: user.post(f"/series/{task['series_id']}/stop")
        )
        series = stop.json()
        assert stop.status_code == 200 and series["stopped_at"] is not None
        tasks = occurrences(user, task)
        outcomes[len(tasks)] += 1
        assert tasks[-1] == series["newest"] and series["last_occurrence"] == len(tasks)
        assert tasks[-1]["recurrence"] is None
        deliver(replicas[0].sidecar, event)
        deliver(replicas[1].sidecar, due_event(tasks[-1]))
        assert occurrences(user, task) == tasks
        check(replicas, user)
    print(outcomes)


def test_a_trash_races_with_the_next_one(replicas: list[Service], ada: User) -> None:
    """Either the next one was there first, or nothing comes until the newest is back."""
    outcomes = Counter()
    for n in range(ROUNDS):
        user = User(replicas[0])
        task = add(user, missed="catch_up")
        at_once(
            lambda: deliver(replicas[n % 2].sidecar, due_event(task)), lambda: user.delete(f"/tasks/{task['id']}")
        )
        last = user.get(f"/series/{task['series_id']}").json()["last_occurrence"]
        outcomes[last] += 1
        assert [t["occurrence"] for t in occurrences(user, task)] == list(range(2, last + 1))
        user.post(f"/tasks/{task['id']}/restore")
        deliver(replicas[n % 2].sidecar, due_event(task))
        assert [t["occurrence"] for t in occurrences(user, task)] == [1, 2]
        check(replicas, user)
    print(outcomes)


def test_a_trash_that_commits_first_holds_whatever_was_read_before(replicas: list[Service], ada: User) -> None:
    """Both wait for the owner's row, the trash in front; what is to be made has read its series by then."""
    task = add(ada, missed="catch_up")
    database = replicas[0].database

    def waits(text: str) -> None:
        wait_for(text, lambda: database.waiting(f"%{text}%") == 1)

    with concurrent.futures.ThreadPoolExecutor(2) as pool, database.connect("backend") as lock:
        lock.autocommit = False
        lock.execute("SELECT FROM account WHERE id = %s FOR UPDATE", (ada.id,))
        deleted = pool.submit(ada.delete, f"/tasks/{task['id']}")
        waits("changed AS")
        made = pool.submit(deliver, replicas[1].sidecar, due_event(task))
        waits("previous AS")
        lock.rollback()
        assert deleted.result().status_code == 200
        made.result()
    assert occurrences(ada, task) == []
    assert ada.get(f"/series/{task['series_id']}").json()["last_occurrence"] == 1
    check(replicas, ada)


def test_a_purge_races_with_the_next_one(replicas: list[Service], ada: User) -> None:
    """The newest is purged while the next one comes: the series goes on with that, or it ends."""
    outcomes = Counter()
    for n in range(ROUNDS):
        user = User(replicas[0])
        task = add(user)
        user.post(f"/tasks/{task['id']}/complete")
        user.delete(f"/tasks/{task['id']}")
        event = due_event(task)
        _, purge = at_once(
            lambda: deliver(replicas[n % 2].sidecar, event), lambda: user.delete(f"/tasks/{task['id']}?purge=true")
        )
        assert purge.status_code == 204
        tasks = occurrences(user, task)
        outcomes[len(tasks)] += 1
        series = user.get(f"/series/{task['series_id']}")
        if tasks:
            assert series.json()["stopped_at"] is None and series.json()["newest"] == tasks[0]
            assert make_next(user, replicas[0].sidecar, tasks[0])["occurrence"] == 3
        else:
            assert series.status_code == 404
        check(replicas, user)
    print(outcomes)


@pytest.mark.parametrize("first", [0, 1])
def test_a_series_goes_with_the_last_of_two_that_are_purged_at_once(replicas: list[Service], ada: User, first: int) -> None:
    """Both wait for the owner's row: whichever comes second still sees the other's task in its snapshot."""
    task = add(ada)
    tasks = [task, make_next(ada, replicas[0].sidecar, task)]
    for one in tasks:
        ada.delete(f"/tasks/{one['id']}")
    database = replicas[0].database
    with concurrent.futures.ThreadPoolExecutor(2) as pool, database.connect("backend") as lock:
        lock.autocommit = False
        lock.execute("SELECT FROM account WHERE id = %s FOR UPDATE", (ada.id,))
        purges = []
        for one in (tasks[first], tasks[1 - first]):
            purges.append(pool.submit(ada.delete, f"/tasks/{one['id']}?purge=true"))
            wait_for("it to wait", lambda: database.waiting("%DELETE FROM task %") == len(purges))
        lock.rollback()
        assert [p.result().status_code for p in purges] == [204, 204]
    assert database.value("backend", "SELECT count(*) FROM series WHERE owner_id = %s", ada.id) == 0
    check(replicas, ada)


def test_edits_of_one_occurrence_at_once_keep_series_and_task_together(replicas: list[Service], ada: User) -> None:
    task = add(ada)

    def edit(n: int) -> int:
        fields = [{"due_at": f"2027-03-{n + 1:02}T09:00:00Z"}, {"recurrence": f"FREQ=DAILY;INTERVAL={n + 2}"}, {"title": f"{n}"}]
        return ada.patch(f"/tasks/{task['id']}?scope=this_and_later", json=fields[n % 3]).status_code

    answers = at_once(*[lambda n=n: edit(n) for n in range(12)])
    assert set(answers) <= {200, 503} and 200 in answers
    newest = ada.get(f"/tasks/{task['id']}").json()
    series = ada.get(f"/series/{task['series_id']}").json()
    for name in ("recurrence", "anchor", "missed", "time_zone", "series_start", "series_from"):
        assert series[name] == newest[name]
    assert series["template"]["title"] == newest["title"]
    check(replicas, ada)


def test_many_users_series_at_once_keep_their_own_count(replicas: list[Service]) -> None:
    users = [User(replicas[n % 2]) for n in range(6)]

    def live(user: User) -> None:
        task = add(user)
        for n in range(6):
            user.post(f"/tasks/{task['id']}/{'complete' if n % 2 else 'skip'}")
            event = due_event(task)
            for replica in replicas:
                deliver(replica.sidecar, event)
            task = occurrences(user, task)[-1]

    at_once(*[lambda u=u: live(u) for u in users])
    for user in users:
        check(replicas, user)
        assert [t["occurrence"] for t in user.get("/tasks?sort=due").json()["tasks"]] == list(range(1, 8))


def test_a_kill_in_the_middle_loses_and_doubles_nothing(service_maker, cluster) -> None:
    """kill -9 while events come in: what was not answered comes again."""
    database = cluster.new_database()
    service = service_maker(database, settings=SETTINGS).start()
    ada = User(service)
    task = add(ada)
    for _ in range(3):
        event = due_event(task)

        def send() -> bool:
            try:
                return service.sidecar.deliver("recurrences", event)[0] == 200
            except Exception:  # noqa: BLE001: it was killed: the sidecar tries again
                return False

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            sent = [pool.submit(send) for _ in range(4)]
            service.kill()
        del sent
        service.start()
        ada.http.base_url = service.url + "/api/v1"
        deliver(service.sidecar, event)
        task = occurrences(ada, task)[-1]
    assert task["occurrence"] == 4
    check([service], ada)
