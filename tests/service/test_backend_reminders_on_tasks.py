"""The reminders of a task: how they are written, matched, moved, snoozed, and shown when one was sent."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from support import api
from support.api import User, refused
from support.series import DUE, later, plain
from support.service import Service

SETTINGS = api.SETTINGS
SENT_AT = "2027-03-01T07:00:01.000Z"


@pytest.fixture
def ada(service: Service) -> User:
    return User(service, time_zone="Europe/Berlin")


def change(user: User, task: dict[str, Any], **fields: Any) -> dict[str, Any]:
    answer = user.patch(f"/tasks/{task['id']}", json=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def snooze(user: User, task: dict[str, Any], body: dict[str, Any], number: int = 0, **options: Any) -> Any:
    return user.post(f"/tasks/{task['id']}/reminders/{task['reminders'][number]['id']}/snooze", json=body, **options)


def send(service: Service, task: dict[str, Any], number: int = 0, **data: Any) -> None:
    """What notification says when it has sent one."""
    reminder = task["reminders"][number]
    event = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "/todo/notification",
        "type": "todo.notification.sent.v1",
        "subject": task["id"],
        "time": SENT_AT,
        "datacontenttype": "application/json",
        "traceparent": f"00-{'3' * 32}-{'4' * 16}-01",
        "traceid": "3" * 32,
        "ownerid": task["owner_id"],
        "seq": "1",
        "data": {
            "id": str(uuid.uuid4()),
            "kind": "reminder",
            "task_id": task["id"],
            "reminder_id": reminder["id"],
            "generation": reminder["generation"],
            "channel": "email",
            "channel_id": None,
            "title": task["title"],
            "remind_at": "2027-03-01T07:00:00.000Z",
            "sent_at": SENT_AT,
            "attempts": 1,
            "reason": None,
            "is_gone": False,
            **data,
        },
    }
    assert service.sidecar.deliver("notifications", event) == (200, {"status": "SUCCESS"})


def sent_task(user: User, **fields: Any) -> dict[str, Any]:
    """A task whose first reminder was sent."""
    task = plain(user, **{"reminders": [{"offset": "-PT1H"}], **fields})
    send(user.service, task)
    task = user.get(f"/tasks/{task['id']}").json()
    assert task["reminder_sent"] and task["reminders"][0]["sent_at"] == SENT_AT
    return task


def minutes_from_now(instant: str) -> float:
    return (dt.datetime.fromisoformat(instant) - dt.datetime.now(dt.timezone.utc)).total_seconds() / 60


class TestWrite:
    def test_they_are_offsets_or_instants(self, ada: User) -> None:
        task = plain(ada, reminders=[{"offset": "-PT1H"}, {"at": "2027-02-28T10:00:00+01:00"}])
        first, second = task["reminders"]
        untold = {"generation": 1, "set_at": task["created_at"], "snoozed_until": None, "sent_at": None, "channel": None}
        assert first == {"id": first["id"], "offset": "-PT1H", "at": None, **untold}
        assert second == {"id": second["id"], "offset": None, "at": "2027-02-28T09:00:00.000Z", **untold}
        assert task["reminder_sent"] is False
        assert ada.get(f"/tasks/{task['id']}").json() == task

    def test_a_due_date_brings_the_default_one(self, ada: User) -> None:
        assert [r["offset"] for r in plain(ada)["reminders"]] == ["PT0S"]
        assert plain(ada, reminders=[])["reminders"] == []
        assert plain(ada, reminders=None)["reminders"] == []
        assert plain(ada, due_at=None)["reminders"] == []

    def test_the_default_is_that_of_the_settings_at_once(self, ada: User) -> None:
        plain(ada)
        for default, expected in (("-P1D", ["-P1D"]), (None, [])):
            assert ada.patch("/reminder-settings", json={"default_reminder": default}).status_code == 200
            assert [r["offset"] for r in plain(ada)["reminders"]] == expected
        ada.patch("/reminder-settings", json={"default_reminder": "-PT30M"})
        client = ada.api_token("tasks:write")
        body = {"operations": [{"op": "create", "task": {"title": "a", "due_at": DUE}}]}
        task = client.post("/tasks/batch", json=body).json()["results"][0]["task"]
        assert [r["offset"] for r in task["reminders"]] == ["-PT30M"]

    @pytest.mark.parametrize(
        ("reminders", "field", "text"),
        [
            ([{}], "reminders[0].offset", "is required"),
            ([{"offset": "-PT1H", "at": DUE}], "reminders[0].at", "one of them"),
            ([{"offset": "PT0S"}, {"offset": "1h"}], "reminders[1].offset", "-PT30M"),
            ([{"offset": "-P367D"}], "reminders[0].offset", "366 days"),
            ([{"offset": "-PT" + "1" * 20 + "H"}], "reminders[0].offset", "at most 20"),
            ([{"at": "1999-12-31T23:59:59Z"}], "reminders[0].at", "2000 to 2199"),
            ([{"at": "2200-01-01T00:00:00Z"}], "reminders[0].at", "2000 to 2199"),
            ([{"at": "tomorrow"}], "reminders[0].at", "RFC 3339"),
            ([{"offset": "PT0S", "id": "x"}], "reminders[0].id", "UUID"),
            ([{"offset": "PT0S", "colour": "red"}], "reminders[0].colour", "not a known field"),
            ([{"offset": f"-PT{n}H"} for n in range(11)], "reminders", "at most 10"),
            ("daily", "reminders", "must be an array"),
        ],
    )
    def test_what_is_wrong_is_named(self, ada: User, reminders: Any, field: str, text: str) -> None:
        body = {"title": "a", "due_at": DUE, "reminders": reminders}
        problem = refused(ada.post("/tasks", json=body), 400, "invalid", field)
        assert text in next(e["message"] for e in problem["errors"] if e["field"] == field)
        results = ada.post("/tasks/batch", json={"operations": [{"op": "create", "task": body}]}).json()["results"]
        assert f"operations[0].task.{field}" in [e["field"] for e in results[0]["error"]["errors"]]

    def test_one_that_is_no_object_is_refused(self, ada: User) -> None:
        refused(ada.post("/tasks", json={"title": "a", "due_at": DUE, "reminders": ["-PT1H"]}), 400, "invalid")

    def test_an_offset_needs_a_due_date(self, ada: User) -> None:
        body = {"title": "a", "reminders": [{"offset": "-PT1H"}]}
        problem = refused(ada.post("/tasks", json=body), 400, "invalid", "reminders")
        assert "needs a due_at" in problem["detail"]
        assert len(plain(ada, due_at=None, reminders=[{"at": DUE}])["reminders"]) == 1

    def test_the_same_one_twice_counts_once(self, ada: User) -> None:
        twice = [{"offset": "-PT1H"}, {"at": DUE}, {"offset": "-PT1H"}, {"at": DUE}]
        assert len(plain(ada, reminders=twice)["reminders"]) == 2


class TestMatch:
    def test_what_was_read_may_be_sent_back(self, ada: User) -> None:
        task = sent_task(ada, reminders=[{"offset": "-PT1H"}, {"at": DUE}])
        assert change(ada, task, reminders=task["reminders"]) == task

    def test_what_only_we_say_is_ignored(self, ada: User) -> None:
        task = plain(ada, reminders=[{"offset": "-PT1H"}])
        told = {**task["reminders"][0], "generation": 9, "sent_at": SENT_AT, "channel": "push", "snoozed_until": DUE}
        assert change(ada, task, reminders=[told]) == task

    def test_the_same_instant_without_an_id_stays_that_one(self, ada: User) -> None:
        task = sent_task(ada, reminders=[{"offset": "-PT1H"}, {"at": DUE}])
        kept = change(ada, task, reminders=[{"at": DUE}, {"offset": "-PT1H"}, {"offset": "-PT5M"}])["reminders"]
        assert kept[:2] == [task["reminders"][1], task["reminders"][0]]
        assert kept[2]["generation"] == 1 and kept[2]["id"] not in [r["id"] for r in task["reminders"]]

    def test_an_id_with_another_instant_comes_anew(self, ada: User) -> None:
        task = sent_task(ada)
        old = task["reminders"][0]
        changed = change(ada, task, reminders=[{"id": old["id"], "offset": "-PT2H"}])
        anew = {"generation": 2, "set_at": changed["updated_at"], "sent_at": None, "channel": None}
        assert changed["reminders"] == [{**old, "offset": "-PT2H", **anew}]
        again = change(ada, task, reminders=[{"id": old["id"], "at": DUE}])
        anew = {"generation": 3, "set_at": again["updated_at"]}
        assert again["reminders"] == [{**changed["reminders"][0], "offset": None, "at": DUE, **anew}]

    def test_an_unknown_id_is_a_new_one(self, ada: User) -> None:
        task = plain(ada, reminders=[])
        ident = str(uuid.uuid4())
        assert change(ada, task, reminders=[{"id": ident, "offset": "PT0S"}])["reminders"][0]["id"] != ident

    def test_what_is_left_out_is_gone(self, ada: User) -> None:
        task = plain(ada, reminders=[{"offset": "-PT1H"}, {"offset": "-P1D"}])
        assert change(ada, task, reminders=[{"offset": "-P1D"}])["reminders"] == task["reminders"][1:]
        assert change(ada, task, reminders=None)["reminders"] == []


class TestMove:
    def test_a_moved_due_date_has_offsets_come_anew(self, ada: User) -> None:
        task = sent_task(ada, reminders=[{"offset": "-PT1H"}, {"at": DUE}])
        moved = change(ada, task, due_at=later(DUE, days=1))
        offset, instant = moved["reminders"]
        anew = {"generation": 2, "set_at": moved["updated_at"], "sent_at": None, "channel": None}
        assert offset == {**task["reminders"][0], **anew}
        assert instant == task["reminders"][1]
        assert moved["reminder_sent"] is False

    def test_another_field_leaves_them_alone(self, ada: User) -> None:
        task = sent_task(ada)
        changed = change(ada, task, title="b", due_at=task["due_at"])
        assert (changed["reminders"], changed["reminder_sent"]) == (task["reminders"], True)

    def test_another_zone_moves_only_days(self, ada: User) -> None:
        task = plain(ada, time_zone="Europe/Berlin", reminders=[{"offset": "-P1D"}, {"offset": "-PT24H"}])
        moved = change(ada, task, time_zone="America/Lima")
        assert [r["generation"] for r in moved["reminders"]] == [2, 1]

    def test_a_due_date_that_goes_takes_its_offsets_along(self, ada: User) -> None:
        task = plain(ada, reminders=[{"offset": "-PT1H"}, {"at": DUE}])
        assert change(ada, task, due_at=None)["reminders"] == task["reminders"][1:]

    def test_a_moved_date_ends_a_snooze(self, ada: User) -> None:
        task = plain(ada)
        snoozed = snooze(ada, task, {"for": "PT10M"}).json()
        moved = change(ada, snoozed, due_at=later(DUE, days=1))["reminders"][0]
        assert (moved["snoozed_until"], moved["generation"]) == (None, 3)

    @pytest.mark.parametrize("how", ["complete", "delete"])
    def test_what_ends_a_task_leaves_them_there(self, ada: User, how: str) -> None:
        task = sent_task(ada)
        path = f"/tasks/{task['id']}"
        ended = (ada.delete(path) if how == "delete" else ada.post(f"{path}/complete")).json()
        back = ada.post(f"{path}/{'restore' if how == 'delete' else 'reopen'}").json()
        assert ended["reminders"] == back["reminders"] == task["reminders"]


class TestSnooze:
    def test_for_a_while(self, service: Service, ada: User) -> None:
        task = sent_task(ada)
        answer = snooze(ada, task, {"for": "PT10M"})
        snoozed = answer.json()
        reminder = snoozed["reminders"][0]
        assert 9.5 < minutes_from_now(reminder["snoozed_until"]) <= 10
        assert (reminder["generation"], reminder["sent_at"], reminder["channel"]) == (2, None, None)
        assert (snoozed["due_at"], snoozed["version"]) == (task["due_at"], task["version"] + 1)
        assert answer.headers["ETag"] == f'"{snoozed["version"]}"'
        service.sidecar.wait_for_events("task-events", 1)
        assert ada.get(f"/tasks/{task['id']}").json() == snoozed

    @pytest.mark.parametrize(("zone", "task_zone"), [("America/Lima", None), ("America/Lima", "Pacific/Kiritimati")])
    def test_to_tomorrow_morning_in_the_tasks_zone_else_the_users(
        self, ada: User, zone: str, task_zone: str | None
    ) -> None:
        ada.patch("/account", json={"time_zone": zone})
        task = plain(ada, time_zone=task_zone)
        there = ZoneInfo(task_zone or zone)
        days = [dt.datetime.now(there).date()]
        snoozed = snooze(ada, task, {"to": "tomorrow_morning"}).json()["reminders"][0]["snoozed_until"]
        days.append(dt.datetime.now(there).date())  # midnight may have passed
        local = dt.datetime.fromisoformat(snoozed).astimezone(there)
        assert local.date() - dt.timedelta(days=1) in days and local.time() == dt.time(9)

    def test_until_an_instant_and_again(self, ada: User) -> None:
        task = plain(ada)
        now = f"{dt.datetime.now(dt.timezone.utc):%Y-%m-%dT%H:%M:%S.000Z}"
        first = snooze(ada, task, {"until": later(now, days=1)}).json()
        second = snooze(ada, first, {"until": later(now, days=2)}).json()
        assert second["reminders"][0]["snoozed_until"] == later(now, days=2)
        assert second["reminders"][0]["generation"] == 3

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"for": "PT59S"}, "for"),
            ({"for": "-PT10M"}, "for"),
            ({"for": "P30DT1S"}, "for"),
            ({"for": "10 minutes"}, "for"),
            ({"to": "next_week"}, "to"),
            ({"until": "2020-01-01T00:00:00Z"}, "until"),
            ({"until": "2200-01-01T00:00:00Z"}, "until"),
            ({"until": None}, "until"),
            ({"by": "PT10M"}, "by"),
            ({}, None),
            ({"for": "PT10M", "to": "tomorrow_morning"}, None),
        ],
    )
    def test_what_is_wrong_is_named(self, ada: User, body: dict[str, Any], field: str | None) -> None:
        problem = refused(snooze(ada, plain(ada), body), 400, "invalid", field)
        assert field is not None or "one of for, to and until" in problem["detail"]

    @pytest.mark.parametrize("span", ["PT1M", "P30D"])
    def test_its_limits_are_let_in(self, ada: User, span: str) -> None:
        assert snooze(ada, plain(ada), {"for": span}).status_code == 200

    def test_a_reminder_or_task_that_is_not_there_is_a_404(self, ada: User) -> None:
        task = plain(ada)
        path, reminder = f"/tasks/{task['id']}/reminders", task["reminders"][0]["id"]
        for url in (f"{path}/{uuid.uuid4()}/snooze", f"{path}/x/snooze", f"/tasks/{uuid.uuid4()}/reminders/{reminder}/snooze"):
            refused(ada.post(url, json={"for": "PT10M"}), 404)
        refused(User(ada.service).post(f"{path}/{reminder}/snooze", json={"for": "PT10M"}), 404)

    def test_a_task_that_has_ended_is_not_snoozed(self, ada: User) -> None:
        task = plain(ada)
        ada.post(f"/tasks/{task['id']}/complete")
        refused(snooze(ada, task, {"for": "PT10M"}), 409, "task_not_open")
        ada.delete(f"/tasks/{task['id']}")
        refused(snooze(ada, task, {"for": "PT10M"}), 409, "task_in_trash")

    def test_it_holds_to_version_and_key(self, ada: User) -> None:
        task = plain(ada)
        refused(snooze(ada, task, {"for": "PT10M"}, headers={"If-Match": '"7"'}), 412, "stale_version")
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        first = snooze(ada, task, {"for": "PT10M"}, headers=headers)
        again = snooze(ada, task, {"for": "PT10M"}, headers=headers)
        assert again.json() == first.json() and again.headers["Idempotency-Replayed"] == "true"
        refused(snooze(ada, task, {"for": "PT20M"}, headers=headers), 422)


class TestSent:
    def test_a_task_shows_when_and_how_it_was_sent(self, service: Service, ada: User) -> None:
        task = plain(ada, reminders=[{"offset": "-PT1H"}, {"offset": "PT0S"}])
        send(service, task)
        shown = ada.get(f"/tasks/{task['id']}").json()
        assert shown["reminder_sent"] is True
        assert shown["reminders"] == [
            {**task["reminders"][0], "sent_at": SENT_AT, "channel": "email"},
            task["reminders"][1],
        ]
        assert shown["version"] == 2
        # it is not the user who changed it
        assert shown["updated_at"] == task["updated_at"]

    def test_the_first_channel_counts(self, service: Service, ada: User) -> None:
        task = sent_task(ada)
        send(service, task, channel="push", sent_at="2027-03-01T07:00:02.000Z")
        assert ada.get(f"/tasks/{task['id']}").json() == task

    def test_one_that_was_moved_meanwhile_is_not_marked(self, service: Service, ada: User) -> None:
        task = plain(ada)
        moved = change(ada, task, due_at=later(DUE, days=1))
        send(service, task)
        assert ada.get(f"/tasks/{task['id']}").json() == moved

    def test_it_is_marked_whatever_became_of_the_task(self, service: Service, ada: User) -> None:
        task = plain(ada)
        ada.post(f"/tasks/{task['id']}/complete")
        ada.delete(f"/tasks/{task['id']}")
        send(service, task)
        assert ada.get(f"/tasks/{task['id']}").json()["reminder_sent"] is True
        ada.delete(f"/tasks/{task['id']}?purge=true")
        send(service, task)
