"""POST /tasks/batch: each operation has a result of its own, and a batch may be sent again."""

from __future__ import annotations

import concurrent.futures
import json
import uuid
from typing import Any

import httpx
import pytest

from support import api
from support.api import User, refused
from support.service import Service
from support.waiting import wait_for

SETTINGS = api.SETTINGS


@pytest.fixture
def ada(service: Service) -> User:
    return User(service)


def add(user: User, title: str = "Buy milk") -> dict[str, Any]:
    answer = user.post("/tasks", json={"title": title})
    assert answer.status_code == 201, answer.text
    return answer.json()


def send(user: User, *operations: Any, **options: Any) -> httpx.Response:
    return user.post("/tasks/batch", json={"operations": list(operations)}, **options)


def results(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def seq_of(service: Service, user: User) -> int:
    return service.database.value("backend", "SELECT seq FROM account WHERE id = %s", user.id)


def key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


def test_each_operation_does_what_its_route_does(service: Service, ada: User) -> None:
    one, two, three = add(ada, "one"), add(ada, "two"), add(ada, "three")
    ada.delete(f"/tasks/{three['id']}")
    found = results(
        send(
            ada,
            {"op": "create", "task": {"title": " four ", "priority": "high"}},
            {"op": "update", "id": one["id"], "task": {"title": "uno", "tags": ["x"]}},
            {"op": "complete", "id": one["id"]},
            {"op": "reopen", "id": one["id"]},
            {"op": "delete", "id": two["id"]},
            {"op": "restore", "id": three["id"]},
        )
    )
    assert [r["status"] for r in found] == [201, 200, 200, 200, 200, 200]
    tasks = [r["task"] for r in found]
    assert (tasks[0]["title"], tasks[0]["priority"]) == ("four", "high")
    assert [t["version"] for t in tasks] == [1, 2, 3, 4, 2, 3]
    assert tasks[1]["title"] == "uno" and tasks[2]["status"] == "completed" and tasks[3]["status"] == "open"
    assert tasks[4]["deleted_at"] and not tasks[5]["deleted_at"]
    for task in (tasks[0], tasks[3], tasks[4], tasks[5]):
        assert ada.get(f"/tasks/{task['id']}").json() == task


def test_one_that_fails_does_not_keep_the_others(service: Service, ada: User) -> None:
    task, others = add(ada), add(User(service))
    found = results(
        send(
            ada,
            {"op": "create", "task": {"title": ""}},
            {"op": "complete", "id": str(uuid.uuid4())},
            {"op": "complete", "id": others["id"]},
            {"op": "update", "id": task["id"], "version": 7, "task": {"title": "b"}},
            {"op": "complete", "id": task["id"], "version": 1},
            {"op": "delete", "id": task["id"]},
            {"op": "complete", "id": task["id"]},
            {"op": "create", "task": {"title": "last"}},
        )
    )
    assert [r["status"] for r in found] == [400, 404, 404, 412, 200, 200, 409, 201]
    assert [r["error"]["code"] for r in found if "error" in r] == [
        "invalid", "not_found", "not_found", "stale_version", "task_in_trash",
    ]  # fmt: skip
    assert found[0]["error"]["errors"][0]["field"] == "operations[0].task.title"


def test_a_hundred_at_once(service: Service, ada: User) -> None:
    before = seq_of(service, ada)
    found = results(send(ada, *({"op": "create", "task": {"title": f"{n}"}} for n in range(100))))
    assert [r["task"]["title"] for r in found] == [str(n) for n in range(100)]
    assert seq_of(service, ada) == before + 100
    ids = [r["task"]["id"] for r in found]
    assert ids == sorted(ids)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "operations"),
        ({"operations": []}, "operations"),
        ({"operations": None}, "operations"),
        ({"operations": {}}, "operations"),
        ({"operations": [{"op": "create", "task": {"title": "a"}}] * 101}, "operations"),
        ({"operations": [{"op": "create", "task": {"title": "a"}}], "atomic": True}, "atomic"),
    ],
    ids=["absent", "empty", "null", "object", "101", "unknown"],
)
def test_a_bad_batch_is_refused_as_a_whole(service: Service, ada: User, body: dict, field: str) -> None:
    before = seq_of(service, ada)
    refused(ada.post("/tasks/batch", json=body), 400, "invalid", field)
    assert seq_of(service, ada) == before


@pytest.mark.parametrize(
    ("operation", "field"),
    [
        (None, None),
        ([], None),
        ("create", None),
        ({}, "op"),
        ({"op": "purge", "id": str(uuid.uuid4())}, "op"),
        ({"op": 1}, "op"),
        ({"op": "create"}, "task"),
        ({"op": "create", "task": None}, None),
        ({"op": "create", "task": []}, None),
        ({"op": "create", "task": {"title": "a"}, "id": str(uuid.uuid4())}, "id"),
        ({"op": "create", "task": {"title": "a"}, "version": 1}, "version"),
        ({"op": "create", "task": {"title": "a", "colour": "red"}}, "task.colour"),
        ({"op": "create", "task": {"title": "a", "tags": ["a", " "]}}, "task.tags[1]"),
        ({"op": "create", "task": {"title": "a", "time_zone": "UTC"}}, "task.time_zone"),
        ({"op": "create", "task": {"title": "a", "due_at": "2027-01-01T00:00:00Z", "time_zone": "X"}}, "task.time_zone"),
        ({"op": "update", "id": str(uuid.uuid4())}, "task"),
        ({"op": "update", "task": {}}, "id"),
        ({"op": "complete"}, "id"),
        ({"op": "complete", "id": "x"}, "id"),
        ({"op": "complete", "id": str(uuid.uuid4()), "task": {}}, "task"),
        ({"op": "complete", "id": str(uuid.uuid4()), "version": 0}, "version"),
        ({"op": "complete", "id": str(uuid.uuid4()), "now": True}, "now"),
    ],
    ids=lambda v: json.dumps(v)[:50] if not isinstance(v, str) else v,
)
def test_a_bad_operation_is_named_in_its_result(service: Service, ada: User, operation: Any, field: str | None) -> None:
    before = seq_of(service, ada)
    found = results(send(ada, {"op": "create", "task": {"title": "good"}}, operation))
    assert [r["status"] for r in found] == [201, 400]
    if field:
        assert f"operations[1].{field}" in [e["field"] for e in found[1]["error"]["errors"]]
    assert seq_of(service, ada) == before + 1


def test_a_batch_that_comes_again_is_replayed(service: Service, ada: User) -> None:
    task, headers = add(ada), key()
    operations = [
        {"op": "create", "task": {"title": "a"}},
        {"op": "complete", "id": task["id"]},
        {"op": "complete", "id": task["id"]},
        {"op": "delete", "id": task["id"]},
    ]
    first = send(ada, *operations, headers=headers)
    before = seq_of(service, ada)
    assert "idempotency-replayed" not in first.headers
    ada.post(f"/tasks/{task['id']}/restore")
    again = send(ada, *operations, headers=headers)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.content == first.content
    assert seq_of(service, ada) == before + 1


def test_what_failed_is_tried_again_and_the_rest_replayed(ada: User) -> None:
    task, headers = add(ada), key()
    operations = [{"op": "create", "task": {"title": "a"}}, {"op": "complete", "id": task["id"], "version": 2}]
    first = results(send(ada, *operations, headers=headers))
    assert [r["status"] for r in first] == [201, 412]
    ada.patch(f"/tasks/{task['id']}", json={"title": "b"})
    again = results(send(ada, *operations, headers=headers))
    assert again[0] == first[0]
    assert again[1]["status"] == 200 and again[1]["task"]["version"] == 3


def test_another_request_with_the_batchs_key_is_refused(service: Service, ada: User) -> None:
    headers = key()
    send(ada, {"op": "create", "task": {"title": ""}}, headers=headers)  # nothing of it succeeded
    before = seq_of(service, ada)
    refused(send(ada, {"op": "create", "task": {"title": "b"}}, headers=headers), 422, "idempotency_key_reused")
    refused(ada.post("/tasks", json={"title": "a"}, headers=headers), 422, "idempotency_key_reused")
    assert seq_of(service, ada) == before


def test_the_same_batch_many_times_at_once_happens_once(service: Service, ada: User) -> None:
    before, headers = seq_of(service, ada), key()
    operations = [{"op": "create", "task": {"title": f"{n}"}} for n in range(10)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: send(ada, *operations, headers=headers), range(4)))
    assert len({a.content for a in answers}) == 1
    assert seq_of(service, ada) == before + 10
    assert len(ada.get("/tasks").json()["tasks"]) == 10


def test_a_batch_that_a_crash_broke_off_goes_on_where_it_stopped(service_maker, cluster) -> None:
    service = service_maker(cluster.new_database()).start()
    ada, headers = User(service), key()
    operations = [{"op": "create", "task": {"title": f"{n}"}} for n in range(100)]
    before = seq_of(service, ada)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        broken = pool.submit(lambda: send(ada, *operations, headers=headers))
        wait_for("a part of it", lambda: seq_of(service, ada) > before + 3)
        service.kill()
        was_done = seq_of(service, ada) - before
        try:
            broken.result()
        except httpx.TransportError:
            pass
    service.start()
    with api.client(service, ada.token) as client:
        again = client.post("/tasks/batch", json={"operations": operations}, headers=headers)
    found = results(again)
    assert [r["task"]["title"] for r in found] == [str(n) for n in range(100)]
    assert {r["status"] for r in found} == {201}
    assert seq_of(service, ada) == before + 100
    assert was_done <= 100


def test_when_the_database_does_not_answer_the_rest_is_not_tried(service_maker, cluster) -> None:
    database = cluster.new_database()
    service = service_maker(database, settings={**SETTINGS, "DB_LIMIT_MS": "2000"}).start()
    ada = User(service)
    before = seq_of(service, ada)
    with database.connect("backend") as db:
        with db.transaction():  # the owner's row is held: no write of his gets on
            db.execute("SELECT FROM account WHERE id = %s FOR UPDATE", (ada.id,))
            found = results(send(ada, *({"op": "create", "task": {"title": f"{n}"}} for n in range(50))))
    assert {r["status"] for r in found} == {503}
    assert seq_of(service, ada) == before
