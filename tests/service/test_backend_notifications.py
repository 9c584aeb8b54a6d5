"""What notification says was sent: marked on the task, shown in the app, told to open browsers and to
the trail, whatever the order and however often it is said."""

from __future__ import annotations

import concurrent.futures
import datetime
import random
import secrets
from typing import Any

import pytest

from support import api
from support.api import User, refused
from support.audit import new_event, new_id
from support.service import Service
from support.waiting import wait_for

SETTINGS = {**api.SETTINGS, "USER_ADDRESS_LOOPBACK": "true"}
SENT, FAILED = "todo.notification.sent.v1", "todo.notification.failed.v1"


@pytest.fixture
def ada(service: Service) -> User:
    return User(service)


def at(**ago: float) -> str:
    when = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(**ago)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03d}Z"


def add_task(user: User, title: str = "Send the figures", **fields: Any) -> dict[str, Any]:
    body = {"title": title, "due_at": at(days=-1), "reminders": [{"offset": "-PT1H"}], **fields}
    answer = user.post("/tasks", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def sent(user: User, task: dict[str, Any] | None, type: str = SENT, **changes: Any) -> dict[str, Any]:
    """The event of one delivery; without a task that of a digest."""
    event_changes = {k: changes.pop(k) for k in ("id", "seq") if k in changes}
    reminder = task["reminders"][0] if task else {}
    data = {
        "id": new_id(),
        "kind": "reminder" if task else "digest",
        "task_id": task["id"] if task else None,
        "reminder_id": reminder.get("id"),
        "generation": reminder.get("generation"),
        "channel": "app",
        "channel_id": None,
        "title": task["title"] if task else "3 tasks are due today",
        "remind_at": at(seconds=1),
        "sent_at": at(),
        "attempts": 1,
        "reason": None,
        "is_gone": False,
        **changes,
    }
    event_changes = {"source": "/todo/notification", "subject": data["id"], "seq": "1", **event_changes}
    return new_event(user.id, type, data=data, **event_changes)


def deliver(user: User, *events: dict[str, Any]) -> None:
    for event in events:
        assert user.service.sidecar.deliver("notifications", event) == (200, {"status": "SUCCESS"})


def letters(user: User) -> list[Any]:
    return [e for e in user.service.sidecar.events("dead-letters") if e.event["ownerid"] == user.id]


# ---- the task


def test_a_sent_reminder_is_marked_on_its_task(ada: User) -> None:
    task = add_task(ada)
    event = sent(ada, task, channel="email")
    deliver(ada, event)
    marked = ada.get(f"/tasks/{task['id']}").json()
    assert marked["reminder_sent"] is True
    assert marked["reminders"][0]["sent_at"] == event["data"]["sent_at"]
    assert marked["reminders"][0]["channel"] == "email"
    assert marked["version"] == 2


def test_the_same_delivery_twice_marks_once(ada: User) -> None:
    task = add_task(ada)
    event = sent(ada, task, channel="push", channel_id=new_id())
    deliver(ada, event, event, {**event, "id": new_id()})
    assert ada.get(f"/tasks/{task['id']}").json()["version"] == 2


def test_a_late_generation_changes_nothing(ada: User) -> None:
    task = add_task(ada)
    ada.patch(f"/tasks/{task['id']}", json={"due_at": at(days=-2)})
    deliver(ada, sent(ada, task, channel="email"))
    moved = ada.get(f"/tasks/{task['id']}").json()
    assert moved["reminder_sent"] is False and moved["reminders"][0]["sent_at"] is None


@pytest.mark.parametrize("end", ["trash", "purge", "account", "no account", "no task"])
def test_what_is_gone_is_no_failure(service: Service, end: str) -> None:
    user = User(service)
    task = add_task(user)
    event = sent(user, task)
    if end in ("trash", "purge"):
        user.delete(f"/tasks/{task['id']}")
    if end == "purge":
        user.delete(f"/tasks/{task['id']}?purge=true")
    if end == "account":
        user.post("/account/delete", json={"password": user.password})
    if end == "no account":
        event["ownerid"] = new_id()
    if end == "no task":
        event["data"]["task_id"] = new_id()
    deliver(user, event, event)
    assert not letters(user)


@pytest.mark.parametrize(
    "changes", [{"id": "x"}, {"channel": "sms"}, {"task_id": None}, {"generation": None}, {"title": None}]
)
def test_what_cannot_be_read_is_a_dead_letter(ada: User, changes: dict[str, Any]) -> None:
    event = sent(ada, add_task(ada))
    event["data"].update(changes)
    deliver(ada, event)
    assert wait_for("the dead letter", lambda: letters(ada))


# ---- addresses that are no more


def test_a_gone_address_is_removed_and_told(ada: User) -> None:
    body = {"channel": "webhook", "url": "https://127.0.0.1/hook"}
    kept = ada.post("/channels", json=body | {"url": "https://127.0.0.1/other"}).json()
    gone = ada.post("/channels", json=body).json()
    task = add_task(ada)
    event = sent(ada, task, FAILED, channel="webhook", channel_id=gone["id"], sent_at=None, reason="410", is_gone=True)
    deliver(ada, event, event)
    assert [c["id"] for c in ada.get("/channels").json()["channels"]] == [kept["id"]]
    events = wait_for(
        "the user's event",
        lambda: [
            e
            for e in ada.service.sidecar.events("user-events")
            if e.event["ownerid"] == ada.id and e.data["version"] == 4
        ],
    )
    assert [c["id"] for c in events[0].data["channels"]] == [kept["id"]]
    assert ada.get(f"/tasks/{task['id']}").json()["reminder_sent"] is False


def test_another_failure_removes_nothing(ada: User) -> None:
    channel = ada.post("/channels", json={"channel": "webhook", "url": "https://127.0.0.1/hook"}).json()
    event = sent(ada, add_task(ada), FAILED, channel="webhook", channel_id=channel["id"], reason="500")
    deliver(ada, event)
    assert len(ada.get("/channels").json()["channels"]) == 1
    event = sent(ada, add_task(ada), FAILED, channel="email", reason="no such mailbox", is_gone=True)
    deliver(ada, event)
    deliver(ada, {**event, "ownerid": new_id(), "data": {**event["data"], "channel_id": channel["id"]}})
    assert len(ada.get("/channels").json()["channels"]) == 1
