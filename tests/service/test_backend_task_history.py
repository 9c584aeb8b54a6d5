"""GET /tasks/{id}/history and GET /history: backend asks audit through its sidecar."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from support import api
from support.api import User, refused
from support.fake_sidecar import FakeSidecar
from support.service import Service

SETTINGS = api.SETTINGS
PATH = "/internal/history"


@pytest.fixture
def ada(service: Service) -> User:
    return User(service)


def add(user: User) -> dict[str, Any]:
    return user.post("/tasks", json={"title": "Buy milk"}).json()


def entry(task: dict[str, Any], seq: int = 2) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "number": 5,
        "seq": seq,
        "topic": "task-events",
        "type": "todo.task.created.v1",
        "time": "2026-11-21T09:46:00.000Z",
        "task_id": task["id"],
        "data": task,
    }


def asked(sidecar: FakeSidecar, user: User) -> list[dict[str, str]]:
    """The queries of the user's that audit was asked."""
    calls = sidecar.calls_of("GET", "/v1.0/invoke/audit/method" + PATH)
    return [c.query for c in calls if c.query.get("owner_id") == user.id]


def test_a_tasks_history_is_what_audit_says(ada: User, sidecar: FakeSidecar) -> None:
    task = add(ada)
    page = {"entries": [entry(task, 3), entry(task, 2)], "next_cursor": "17"}
    sidecar.answer_invoke("audit", PATH, 200, page)
    assert ada.get(f"/tasks/{task['id']}/history").json() == page
    assert asked(sidecar, ada) == [{"owner_id": ada.id, "task_id": task["id"], "limit": "50"}]


def test_all_history_is_asked_for_without_a_task(ada: User, sidecar: FakeSidecar) -> None:
    sidecar.answer_invoke("audit", PATH, 200, {"entries": [], "next_cursor": None})
    assert ada.get("/history?limit=7&cursor=17").json() == {"entries": [], "next_cursor": None}
    assert asked(sidecar, ada) == [{"owner_id": ada.id, "limit": "7", "cursor": "17"}]


def test_a_long_history_comes_whole(ada: User, sidecar: FakeSidecar) -> None:
    task = {**add(ada), "description": "ä" * 10000}
    page = {"entries": [entry(task, n) for n in range(40, 0, -1)], "next_cursor": None}
    sidecar.answer_invoke("audit", PATH, 200, page)
    assert ada.get("/history?limit=200").json() == page


def test_the_trace_goes_along(ada: User, sidecar: FakeSidecar) -> None:
    trace = uuid.uuid4().hex
    sidecar.answer_invoke("audit", PATH, 200, {"entries": [], "next_cursor": None})
    ada.get("/history", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    call = sidecar.calls_of("GET", "/v1.0/invoke/audit")[-1]
    assert call.headers["traceparent"].split("-")[1] == trace


def test_a_task_without_entries_yet_has_an_empty_history(ada: User, sidecar: FakeSidecar) -> None:
    """Audit follows within a second or so."""
    sidecar.answer_invoke("audit", PATH, 200, {"entries": [], "next_cursor": None})
    assert ada.get(f"/tasks/{add(ada)['id']}/history").json()["entries"] == []


def test_a_purged_task_still_has_its_history(ada: User, sidecar: FakeSidecar) -> None:
    task = add(ada)
    ada.delete(f"/tasks/{task['id']}")
    ada.delete(f"/tasks/{task['id']}?purge=true")
    sidecar.answer_invoke("audit", PATH, 200, {"entries": [entry(task)], "next_cursor": None})
    assert ada.get(f"/tasks/{task['id']}/history").json()["entries"][0]["task_id"] == task["id"]


def test_anothers_task_has_none(service: Service, ada: User, sidecar: FakeSidecar) -> None:
    sidecar.answer_invoke("audit", PATH, 200, {"entries": [], "next_cursor": None})
    task = add(ada)
    for ident in (task["id"], str(uuid.uuid4()), "x"):
        refused(User(service).get(f"/tasks/{ident}/history"), 404)


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
def test_a_refusal_of_audits_is_not_the_clients_fault(ada: User, sidecar: FakeSidecar, status: int) -> None:
    sidecar.answer_invoke("audit", PATH, status, {"errorCode": "ERR"})
    problem = refused(ada.get("/history"), 503)
    assert "audit" not in problem["detail"]


@pytest.mark.parametrize("body", [None, [], {}, {"entries": 1}, {"entries": [], "next_cursor": 3}, "text"])
def test_an_answer_that_is_no_history_is_our_mistake(ada: User, sidecar: FakeSidecar, body: Any) -> None:
    sidecar.answer_invoke("audit", PATH, 200, body)
    refused(ada.get("/history"), 500)


def test_a_sidecar_that_is_away_is_a_503(ada: User, sidecar: FakeSidecar) -> None:
    sidecar.fail("GET", "/v1.0/invoke/audit", 0)
    refused(ada.get("/history"), 503)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("cursor=", "cursor"),
        ("cursor=a%26owner_id%3D1", "cursor"),
        ("cursor=" + "1" * 513, "cursor"),
        ("owner_id=" + "0" * 8 + "-0000-0000-0000-" + "0" * 12, "owner_id"),
    ],
)
def test_a_bad_parameter_is_named(ada: User, sidecar: FakeSidecar, query: str, field: str) -> None:
    before = len(sidecar.calls_of("GET", "/v1.0/invoke/audit"))
    refused(ada.get("/history?" + query), 400, "invalid", field)
    refused(ada.get(f"/tasks/{add(ada)['id']}/history?" + query), 400, "invalid", field)
    assert len(sidecar.calls_of("GET", "/v1.0/invoke/audit")) == before


def test_a_cursor_that_audit_refuses_is_named(ada: User, sidecar: FakeSidecar) -> None:
    problem = {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "cursor", "code": "invalid"}
    sidecar.answer_invoke("audit", PATH, 400, problem)
    refused(ada.get("/history?cursor=abc"), 400, "invalid", "cursor")
