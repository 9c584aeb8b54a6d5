"""Recurring tasks through the whole system: what comes next, once, whatever is asked how often."""

from __future__ import annotations

import datetime
import threading
import uuid
from typing import Any

import pytest
from client import Browser, Person, instant, now
from support.waiting import wait_for


@pytest.fixture
def person(stack):
    person = Person(stack.url)
    yield person
    person.close()


def occurrences(person: Person, series_id: str) -> list[dict[str, Any]]:
    """The tasks of a series, by their number."""
    found = [task for task in person.tasks() if task["series_id"] == series_id]
    return sorted(found, key=lambda task: task["occurrence"])


def numbers(tasks: list[dict[str, Any]]) -> list[int]:
    return [task["occurrence"] for task in tasks]


def wait_for_occurrence(person: Person, series_id: str, number: int) -> dict[str, Any]:
    def find():
        return next((task for task in occurrences(person, series_id) if task["occurrence"] == number), None)

    return wait_for(f"occurrence {number}", find)


def wait_until_decided(stack, person: Person, task_id: str) -> None:
    """Until both services have handled the task's newest event, so that what is not there will not come."""
    version = person.call("GET", f"/tasks/{task_id}", 200)["version"]

    def has_decided():
        seen = stack.query("SELECT 1 FROM recurring_task.task WHERE id = %s AND version >= %s", task_id, version)
        waiting = stack.query("SELECT count(*) FROM recurring_task.outbox")[0][0]
        return seen and not waiting

    wait_for("recurring-task to have seen it", has_decided)
    wait_for("no work left", lambda: due_now(stack, person) == 0)


def due_now(stack, person: Person) -> int:
    statement = "SELECT count(*) FROM recurring_task.series WHERE owner_id = %s AND decide_at <= now()"
    return stack.query(statement, person.account["id"])[0][0]


def test_completing_an_occurrence_makes_exactly_one_next(stack, person):
    browser = Browser(person)
    wait_for("the socket", browser.connected.is_set)
    due = now(days=1)
    reminders = [{"offset": "-PT15M"}]
    first = person.create(
        "Water the plants", due_at=instant(due), time_zone="UTC", recurrence="daily", reminders=reminders, tags=["home"]
    )
    assert (first["occurrence"], first["recurrence"], first["anchor"], first["missed"]) == (1, "FREQ=DAILY", "due", "collapse")

    key = f"once-{uuid.uuid4().hex}"  # at both replicas
    answers: list[dict[str, Any]] = []
    calls = [
        threading.Thread(target=lambda: answers.append(person.call("POST", f"/tasks/{first['id']}/complete", 200, key=key)))
        for _ in range(4)
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert [answer["status"] for answer in answers] == ["completed"] * 4

    second = wait_for_occurrence(person, first["series_id"], 2)
    assert second["due_at"] == instant(due + datetime.timedelta(days=1))
    assert second["status"] == "open" and second["title"] == first["title"] and second["tags"] == ["home"]
    assert [reminder["offset"] for reminder in second["reminders"]] == ["-PT15M"]
    assert second["reminders"][0]["id"] != first["reminders"][0]["id"], "an occurrence brings its own"
    wait_for("its frame", lambda: second["id"] in browser.tasks)
    types = {"todo.task.created.v1", "todo.task.completed.v1", "todo.task.recurrence-due.v1"}
    wait_for("the trail", lambda: types <= {entry["type"] for entry in person.history()})

    person.call("POST", f"/tasks/{first['id']}/complete", 200)
    wait_until_decided(stack, person, first["id"])
    assert numbers(occurrences(person, first["series_id"])) == [1, 2]
    dues = [entry for entry in person.history() if entry["type"] == "todo.task.recurrence-due.v1"]
    assert [entry["data"]["occurrence"] for entry in dues] == [2]
    browser.close()
    assert browser.doubled() == []


def test_an_occurrence_can_be_skipped_and_a_series_stopped(stack, person):
    first = person.create("Swim", due_at=instant(now(days=2)), time_zone="Europe/Berlin", recurrence="weekly")
    skipped = person.call("POST", f"/tasks/{first['id']}/skip", 200)
    assert skipped["status"] == "skipped"
    second = wait_for_occurrence(person, first["series_id"], 2)

    person.call("POST", f"/series/{first['series_id']}/stop", 200)
    left = person.call("GET", f"/tasks/{second['id']}", 200)
    assert left["status"] == "open" and left["recurrence"] is None
    person.complete(second["id"])
    wait_until_decided(stack, person, second["id"])
    assert numbers(occurrences(person, first["series_id"])) == [1, 2]
    listed = list(person.pages(f"/series/{first['series_id']}/occurrences?limit=50", "occurrences"))
    shown = {entry["number"]: entry["status"] for entry in listed}
    assert shown == {1: "skipped", 2: "completed"}


def test_an_edit_is_of_this_one_or_of_this_and_later(person):
    due = now(days=3)
    first = person.create("Read", due_at=instant(due), time_zone="UTC", recurrence="daily")
    person.call("PATCH", f"/tasks/{first['id']}?scope=this", 200, {"title": "Read, at the lake"})
    person.complete(first["id"])
    second = wait_for_occurrence(person, first["series_id"], 2)
    assert second["title"] == "Read"

    moved = due + datetime.timedelta(days=1, hours=2)
    body = {"title": "Read aloud", "due_at": instant(moved), "recurrence": "FREQ=DAILY;INTERVAL=3"}
    edited = person.call("PATCH", f"/tasks/{second['id']}?scope=this_and_later", 200, body)
    assert edited["series_version"] == first["series_version"] + 1
    person.complete(second["id"])
    third = wait_for_occurrence(person, first["series_id"], 3)
    assert (third["title"], third["due_at"]) == ("Read aloud", instant(moved + datetime.timedelta(days=3)))
    answer = person.http.patch(f"/tasks/{first['id']}?scope=this_and_later", json={"title": "Too late"})
    assert answer.status_code == 409 and answer.json()["code"] == "not_newest_occurrence"


@pytest.mark.parametrize(
    ("missed", "expected"),
    [("catch_up", {1: "open", 2: "open", 3: "open", 4: "open"}), ("collapse", {1: "open"})],
)
def test_what_was_missed_comes_as_its_policy_says(stack, person, missed, expected):
    """Three more instants have passed when the series begins."""
    due = now(hours=-3, minutes=-30)
    first = person.create("Measure", due_at=instant(due), time_zone="UTC", recurrence="FREQ=HOURLY", missed=missed, reminders=[])
    wait_for_occurrence(person, first["series_id"], max(expected))
    wait_until_decided(stack, person, first["id"])
    found = occurrences(person, first["series_id"])
    assert {task["occurrence"]: task["status"] for task in found} == expected
    for task in found:
        assert task["due_at"] == instant(due + datetime.timedelta(hours=task["occurrence"] - 1))


def test_missed_ones_that_are_skipped_leave_the_newest_open(stack, person):
    due = now(hours=-3, minutes=-30)
    first = person.create("Measure", due_at=instant(due), time_zone="UTC", recurrence="FREQ=HOURLY", missed="skip", reminders=[])

    def newest():
        found = occurrences(person, first["series_id"])
        is_last = found[-1]["due_at"] == instant(due + datetime.timedelta(hours=3))
        return is_last and found[0]["status"] == "skipped" and found

    found = wait_for("the newest", newest)
    assert [task["status"] for task in found] == ["skipped"] * (len(found) - 1) + ["open"]
    wait_until_decided(stack, person, found[-1]["id"])
    assert len([task for task in occurrences(person, first["series_id"]) if task["status"] == "open"]) == 1


def test_an_instant_that_passes_makes_its_occurrence(person):
    """The second instant is a few seconds ahead. How soon after it the occurrence comes, `make bench` says."""
    due = now(hours=-1, seconds=4)
    first = person.create("Look", due_at=instant(due), time_zone="UTC", recurrence="FREQ=HOURLY", missed="catch_up", reminders=[])
    at = due + datetime.timedelta(hours=1)
    second = wait_for_occurrence(person, first["series_id"], 2)
    assert second["due_at"] == instant(at)
    assert second["created_at"] >= instant(at), "never early"


def test_what_comes_is_told_before_it_is_saved(person):
    body = {"recurrence": "FREQ=MONTHLY;BYDAY=-1FR", "due_at": "2027-01-29T08:00:00Z", "time_zone": "Europe/Berlin", "count": 3}
    preview = person.call("POST", "/recurrence/preview", 200, body)
    assert [each["at"] for each in preview["instants"]] == [
        "2027-01-29T08:00:00.000Z",
        "2027-02-26T08:00:00.000Z",
        "2027-03-26T08:00:00.000Z",
    ]
    assert "last Friday" in preview["words"] and preview["words"].endswith("at 09:00, Europe/Berlin")
    # the clock is put forward on 28 March: what would be at 02:30 is moved, and it says why
    body = {"recurrence": "daily", "due_at": "2027-03-27T01:30:00Z", "time_zone": "Europe/Berlin", "count": 2}
    instants = person.call("POST", "/recurrence/preview", 200, body)["instants"]
    assert instants[0]["moved"] is None and instants[1]["moved"]
    refused = person.http.post("/recurrence/preview", json={**body, "recurrence": "FREQ=SECONDLY"})
    assert refused.status_code in (400, 422) and "recurrence" in refused.text


def test_only_backend_may_ask_for_a_preview(stack):
    for service, status in (("backend", (400, 422)), ("audit", (403,)), ("notification", (403,))):
        answer = stack.dapr(service, "POST", "invoke/recurring-task/method/internal/preview", json={})
        assert answer.status_code in status, f"{service}: {answer.status_code} {answer.text}"
