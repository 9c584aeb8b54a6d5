"""What of the tasks has had its time: the trash after 30 days, tombstones, kept replies. The clock is
moved by moving what the database holds."""

from __future__ import annotations

import concurrent.futures
import uuid
from typing import Any

import pytest

from support import api, series
from support.api import User
from support.service import Service
from support.waiting import wait_for

SETTINGS = {**api.SETTINGS, "PURGE_INTERVAL_S": "1"}


@pytest.fixture
def ada(service: Service) -> User:
    return User(service)


def add(user: User, title: str = "Buy milk") -> dict[str, Any]:
    answer = user.post("/tasks", json={"title": title})
    assert answer.status_code == 201, answer.text
    return answer.json()


def trash(service: Service, user: User, n: int, days: float) -> list[str]:
    """`n` tasks that were put into the trash so long ago."""
    operations: list[dict] = [{"op": "create", "task": {"title": f"{i}"}} for i in range(n)]
    made = [r["task"]["id"] for r in user.post("/tasks/batch", json={"operations": operations}).json()["results"]]
    user.post("/tasks/batch", json={"operations": [{"op": "delete", "id": i} for i in made]})
    service.database.execute(
        "backend",
        "UPDATE task SET deleted_at = deleted_at - make_interval(secs => %s) WHERE id = ANY(%s)",
        days * 86400,
        made,
    )
    return made


def account(service: Service, user: User) -> tuple[int, int]:
    rows = service.database.execute("backend", "SELECT seq, task_count FROM account WHERE id = %s", user.id)
    return rows[0]


def wait_until_gone(service: Service, ids: list[str]) -> None:
    wait_for(
        "the trash to be purged",
        lambda: service.database.value("backend", "SELECT count(*) FROM task WHERE id = ANY(%s)", ids) == 0,
    )


def test_the_trash_forgets_after_30_days(service: Service, ada: User) -> None:
    kept = add(ada)["id"]
    young = trash(service, ada, 2, days=29.9)
    seq, _ = account(service, ada)
    old = trash(service, ada, 3, days=30.1)
    wait_until_gone(service, old)
    assert account(service, ada) == (seq + 3 + 3 + 3, 3)
    assert {t["id"] for t in ada.get("/tasks?trash=true").json()["tasks"]} == set(young)
    assert ada.get(f"/tasks/{kept}").status_code == 200
    told = ada.get("/sync", params={"since": seq}).json()
    purged = [c["id"] for c in told["changes"] if c["type"] == "task_purged"]
    assert sorted(purged) == sorted(old) and told["seq"] == seq + 9


def test_each_purge_is_one_event_and_one_update_with_the_next_seq(service: Service, ada: User) -> None:
    old = trash(service, ada, 5, days=31)
    wait_until_gone(service, old)
    seq, _ = account(service, ada)

    def about(topic: str, type: str) -> list[dict]:
        return [p.event for p in service.sidecar.events(topic, type) if p.event["subject"] in old]

    wait_for("the events", lambda: len(about("task-updates", "todo.update.task-purged.v1")) == 5)
    events = about("task-events", "todo.task.purged.v1")
    updates = about("task-updates", "todo.update.task-purged.v1")
    for found in (events, updates):
        assert [int(e["seq"]) for e in found] == list(range(seq - 4, seq + 1))
        assert {e["ownerid"] for e in found} == {ada.id}
        assert [e["data"] for e in found] == [{"id": e["subject"]} for e in found]
    assert [e["subject"] for e in events] == [e["subject"] for e in updates]
    ids = [e["id"] for e in events + updates]
    assert len(set(ids)) == 10 and {uuid.UUID(i).version for i in ids} == {7}


def test_more_than_one_step_holds_is_purged_all_the_same(service: Service) -> None:
    """Many users' trash at once, over 200 tasks; each has his own seq without a gap."""
    users = [User(service) for _ in range(3)]
    before = {}
    old: list[str] = []
    for user in users:
        ids = trash(service, user, 90, days=0)
        before[user.id] = account(service, user)[0]
        old += ids
    service.database.execute(
        "backend", "UPDATE task SET deleted_at = deleted_at - interval '31 days' WHERE id = ANY(%s)", old
    )
    wait_until_gone(service, old)
    for user in users:
        assert account(service, user) == (before[user.id] + 90, 0)
        rows = service.database.execute(
            "backend", "SELECT seq FROM task_tombstone WHERE owner_id = %s ORDER BY seq", user.id
        )
        assert [r[0] for r in rows] == list(range(before[user.id] + 1, before[user.id] + 91))


def test_a_purge_waits_for_nobody_and_races_without_harm(service: Service, ada: User) -> None:
    """The owner's row is held by another: it is left for a later round, others' trash is purged."""
    bob = User(service)
    with service.database.connect("backend") as db:
        held = trash(service, ada, 2, days=0)
        with db.transaction():
            db.execute("SELECT FROM account WHERE id = %s FOR UPDATE", (ada.id,))
            db.execute("UPDATE task SET deleted_at = deleted_at - interval '31 days' WHERE id = ANY(%s)", (held,))
            wait_until_gone(service, trash(service, bob, 2, days=31))
            assert account(service, ada)[1] == 2
    wait_until_gone(service, held)
    assert account(service, ada)[1] == 0


def test_what_waits_takes_no_place_of_what_could_go(service: Service, ada: User) -> None:
    """More than a step holds, and older, belongs to an owner whose row is held."""
    bob = User(service)
    held = [i for _ in range(3) for i in trash(service, ada, 90, days=0)]
    with service.database.connect("backend") as db:
        with db.transaction():
            db.execute("SELECT FROM account WHERE id = %s FOR UPDATE", (ada.id,))
            service.database.execute(
                "backend", "UPDATE task SET deleted_at = deleted_at - interval '40 days' WHERE id = ANY(%s)", held
            )
            wait_until_gone(service, trash(service, bob, 2, days=31))
            assert account(service, ada)[1] == len(held)
    wait_until_gone(service, held)


def test_a_task_restored_at_the_last_moment_stays_or_goes_whole(service: Service, ada: User) -> None:
    for _ in range(5):
        ids = trash(service, ada, 4, days=0)
        with concurrent.futures.ThreadPoolExecutor(5) as pool:
            aging = pool.submit(
                service.database.execute,
                "backend",
                "UPDATE task SET deleted_at = deleted_at - interval '31 days' WHERE id = ANY(%s) AND deleted_at IS NOT NULL",
                ids,
            )
            restored = list(pool.map(lambda i: ada.post(f"/tasks/{i}/restore"), ids))
            aging.result()
        for ident, answer in zip(ids, restored):
            assert answer.status_code in (200, 404)
            assert ada.get(f"/tasks/{ident}").status_code == answer.status_code
    wait_for(
        "the count to be that of the tasks",
        lambda: account(service, ada)[1]
        == service.database.value("backend", "SELECT count(*) FROM task WHERE owner_id = %s", ada.id),
    )
    seq = account(service, ada)[0]
    events = wait_for(
        "all events",
        lambda: (lambda found: found if len(found) == seq else None)(
            {int(p.event["seq"]) for p in service.sidecar.events() if p.event["ownerid"] == ada.id}
        ),
    )
    assert events == set(range(1, seq + 1))


def test_a_series_goes_with_its_last_task_whatever_the_snapshot_shows(service: Service, ada: User) -> None:
    """The statement waits for its task's row when the other task of the series, which it sees, goes."""
    database = service.database
    first = series.add(ada)
    newest = series.make_next(ada, service.sidecar, first)
    ada.delete(f"/tasks/{newest['id']}")
    age = "UPDATE task SET deleted_at = deleted_at - interval '31 days' WHERE id = %s"
    with database.connect("backend") as db, db.transaction():
        db.execute("SELECT FROM task WHERE id = %s FOR KEY SHARE", (newest["id"],))
        database.execute("backend", age, newest["id"])
        wait_for("the purge to wait", lambda: database.waiting("WITH due AS%") == 1)
        db.execute("DELETE FROM task WHERE id = %s", (first["id"],))
    wait_until_gone(service, [newest["id"]])
    assert database.value("backend", "SELECT count(*) FROM series WHERE owner_id = %s", ada.id) == 0


def test_kept_replies_go_after_a_day(service: Service, ada: User) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    other = {"Idempotency-Key": str(uuid.uuid4())}
    first = ada.post("/tasks", json={"title": "a"}, headers=headers).json()
    second = ada.post("/tasks", json={"title": "a"}, headers=other).json()
    for key, hours in ((headers, 24.1), (other, 23.9)):
        service.database.execute(
            "backend",
            "UPDATE idempotency SET created_at = created_at - make_interval(secs => %s) WHERE key = %s",
            hours * 3600,
            key["Idempotency-Key"],
        )
    wait_for(
        "the old reply to go",
        lambda: service.database.value("backend", "SELECT count(*) FROM idempotency WHERE owner_id = %s", ada.id) == 1,
    )
    assert ada.post("/tasks", json={"title": "a"}, headers=headers).json()["id"] != first["id"]
    assert ada.post("/tasks", json={"title": "a"}, headers=other).json() == second
