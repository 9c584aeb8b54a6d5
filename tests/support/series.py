"""Series of tasks at the backend: what a test does with them, in recurring-task's stead too.

    first = series.add(ada)                                 # occurrence 1 of a daily series
    second = series.make_next(ada, sidecar, first)          # recurring-task asks for number 2
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from .api import User
from .fake_sidecar import FakeSidecar
from .service import Service
from .waiting import wait_for

DUE = "2027-03-01T08:00:00.000Z"
TRACE_ID = "1" * 32


def add(user: User, **fields: Any) -> dict[str, Any]:
    body = {"title": "Water the plants", "due_at": DUE, "recurrence": "daily", **fields}
    answer = user.post("/tasks", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def plain(user: User, **fields: Any) -> dict[str, Any]:
    return add(user, **{"recurrence": None, **fields})


def later(instant: str, **delta: float) -> str:
    moved = dt.datetime.fromisoformat(instant.replace("Z", "+00:00")) + dt.timedelta(**delta)
    return moved.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moved.microsecond // 1000:03}Z"


def due_event(task: dict[str, Any], **data: Any) -> dict[str, Any]:
    """What recurring-task says when `task` has ended and the next one is due a day later."""
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "/todo/recurring-task",
        "type": "todo.task.recurrence-due.v1",
        "subject": task["id"],
        "time": "2026-11-21T09:46:00.000Z",
        "datacontenttype": "application/json",
        "traceparent": f"00-{TRACE_ID}-{'2' * 16}-01",
        "traceid": TRACE_ID,
        "ownerid": task["owner_id"],
        "seq": "1",
        "data": {
            "series_id": task["series_id"],
            "series_version": task["series_version"],
            "occurrence": task["occurrence"] + 1,
            "due_at": later(task["scheduled_at"], days=1),
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
