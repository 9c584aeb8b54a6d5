"""Series: a task that recurs, its next occurrences as recurring-task asks for them, and edits of this
one or of this and later ones."""

from __future__ import annotations

import concurrent.futures
import datetime as dt
import uuid
from typing import Any, Callable

import httpx
import pytest

from support import api
from support.api import User, refused
from support.fake_sidecar import FakeSidecar
from support.service import Service
from support.waiting import wait_for

SETTINGS = api.SETTINGS
DUE = "2027-03-01T08:00:00.000Z"


@pytest.fixture
def ada(service: Service) -> User:
    return User(service, time_zone="Europe/Berlin")


def at_once(n: int, call: Callable[[int], Any]) -> list[Any]:
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        return list(pool.map(call, range(n)))


def add(user: User, **fields: Any) -> dict[str, Any]:
    body = {"title": "Water the plants", "due_at": DUE, "recurrence": "daily", **fields}
    answer = user.post("/tasks", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def due_event(task: dict[str, Any], **data: Any) -> dict[str, Any]:
    """What recurring-task says when `task` has ended and the next one is due a day later."""
    previous = dt.datetime.fromisoformat(task["scheduled_at"].replace("Z", "+00:00"))
    following = (previous + dt.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "/todo/recurring-task",
        "type": "todo.task.recurrence-due.v1",
        "subject": task["id"],
        "time": "2026-11-21T09:46:00.000Z",
        "datacontenttype": "application/json",
        "traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01",
        "traceid": "1" * 32,
        "ownerid": task["owner_id"],
        "seq": "1",
        "data": {
            "series_id": task["series_id"],
            "series_version": task["series_version"],
            "occurrence": task["occurrence"] + 1,
            "due_at": following,
            "previous_id": task["id"],
            "skips_previous": False,
            **data,
        },
    }


def deliver(sidecar: FakeSidecar, event: dict[str, Any]) -> None:
    assert sidecar.deliver("recurrences", event) == (200, {"status": "SUCCESS"})


def occurrences(user: User, task: dict[str, Any]) -> list[dict[str, Any]]:
    """All tasks of the task's series that are not in the trash, by number."""
    page = user.get(f"/tasks?series_id={task['series_id']}&limit=200").json()
    return sorted(page["tasks"], key=lambda t: t["occurrence"])


def make_next(user: User, sidecar: FakeSidecar, task: dict[str, Any], **data: Any) -> dict[str, Any]:
    deliver(sidecar, due_event(task, **data))
    newest = occurrences(user, task)[-1]
    assert newest["occurrence"] == task["occurrence"] + 1
    return newest


def events_of(service: Service, user: User, topic: str) -> list[dict]:
    wait_for(
        "the outbox to be empty",
        lambda: service.database.value("backend", "SELECT count(*) FROM outbox WHERE owner_id = %s", user.id) == 0,
    )
    return [p.event for p in service.sidecar.events(topic) if p.event["ownerid"] == user.id]


def check_seqs(service: Service, user: User) -> list[dict]:
    """Every seq of the account is one event's, in order, and each has its update."""
    events = events_of(service, user, "task-events")
    seqs = [int(e["seq"]) for e in events]
    others = [int(e["seq"]) for e in events_of(service, user, "user-events")]
    newest = service.database.value("backend", "SELECT seq FROM account WHERE id = %s", user.id)
    assert seqs == sorted(seqs)
    assert sorted(seqs + others) == list(range(1, newest + 1))
    assert [int(e["seq"]) for e in events_of(service, user, "task-updates")] == seqs
    return events


class TestBegin:
    def test_a_task_that_recurs_begins_a_series(self, service: Service, ada: User) -> None:
        task = add(ada)
        assert task["recurrence"] == "FREQ=DAILY"
        assert (task["anchor"], task["missed"]) == ("due", "collapse")
        assert (task["series_version"], task["occurrence"], task["series_from"]) == (1, 1, 1)
        assert task["time_zone"] == "Europe/Berlin"
        assert task["series_start"] == "2027-03-01T09:00:00"
        assert task["scheduled_at"] == task["due_at"] == DUE
        assert ada.get(f"/tasks/{task['id']}").json() == task
        assert check_seqs(service, ada)[-1]["data"] == task


class TestNext:
    def test_the_next_one_is_made_from_the_series(self, service: Service, ada: User, sidecar: FakeSidecar) -> None:
        first = add(ada, tags=["home"], priority="high", description="Not the cactus", reminders=[{"offset": "-PT1H"}])
        ada.post(f"/tasks/{first['id']}/complete")
        event = due_event(first)
        deliver(sidecar, event)
        done, second = occurrences(ada, first)
        assert done["status"] == "completed"
        assert second == {
            **first,
            "id": second["id"],
            "occurrence": 2,
            "due_at": event["data"]["due_at"],
            "scheduled_at": event["data"]["due_at"],
            "reminders": [{**first["reminders"][0], "id": second["reminders"][0]["id"]}],
            "created_at": second["created_at"],
            "updated_at": second["created_at"],
        }
        assert second["id"] != first["id"] and second["reminders"][0]["id"] != first["reminders"][0]["id"]
        events = check_seqs(service, ada)
        assert [e["type"] for e in events] == [
            "todo.task.created.v1", "todo.task.completed.v1", "todo.task.created.v1",
        ]
        assert events[-1]["data"] == second and events[-1]["subject"] == second["id"]
        assert events[-1]["traceparent"].split("-")[1] == "1" * 32

    def test_the_one_before_is_skipped_where_the_event_says_so(
        self, service: Service, ada: User, sidecar: FakeSidecar
    ) -> None:
        first = add(ada, missed="skip")
        make_next(ada, sidecar, first, skips_previous=True)
        skipped, second = occurrences(ada, first)
        assert (skipped["status"], second["status"]) == ("skipped", "open")
        assert skipped["completed_at"] is not None and skipped["version"] == 2
        events = check_seqs(service, ada)
        assert [e["type"] for e in events] == ["todo.task.created.v1", "todo.task.skipped.v1", "todo.task.created.v1"]
        assert [e["data"] for e in events[1:]] == [skipped, second]
