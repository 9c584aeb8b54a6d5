"""Series: a task that recurs, its next occurrences as recurring-task asks for them, edits of this one
or of this and later ones, skipping and stopping."""

from __future__ import annotations

import concurrent.futures
import datetime as dt
import uuid
from typing import Any

import pytest

from support import api
from support.api import User, refused
from support.fake_sidecar import FakeSidecar
from support.series import (
    DUE,
    TRACE_ID,
    add,
    check_seqs,
    deliver,
    due_event,
    later,
    make_next,
    occurrences,
    plain,
)
from support.service import Service
from support.waiting import wait_for

SETTINGS = {**api.SETTINGS, "TASKS_MAX": "8"}


@pytest.fixture
def ada(service: Service) -> User:
    return User(service, time_zone="Europe/Berlin")


def change(user: User, task: dict[str, Any], scope: str | None = None, **fields: Any) -> dict[str, Any]:
    query = "" if scope is None else f"?scope={scope}"
    answer = user.patch(f"/tasks/{task['id']}{query}", json=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def series_of(user: User, task: dict[str, Any]) -> dict[str, Any]:
    answer = user.get(f"/series/{task['series_id']}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def dropped(service: Service, event: dict[str, Any]) -> list[str]:
    lines = service.log_lines("recurrence_due_dropped")
    return [l["outcome"] for l in lines if l["series_id"] == event["data"]["series_id"]]


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

    def test_a_patch_begins_one_too(self, ada: User) -> None:
        task = plain(ada)
        assert (task["series_id"], task["recurrence"], task["anchor"]) == (None, None, None)
        begun = change(ada, task, recurrence="FREQ=WEEKLY;BYDAY=FR,MO", anchor="completion", missed="catch_up")
        assert begun["recurrence"] == "FREQ=WEEKLY;BYDAY=MO,FR"
        assert (begun["anchor"], begun["missed"], begun["occurrence"]) == ("completion", "catch_up", 1)
        assert begun["series_id"] is not None and begun["time_zone"] == "Europe/Berlin"
        assert series_of(ada, begun)["newest"] == begun

    def test_the_zone_is_the_tasks_then_the_accounts_as_it_is_now(self, ada: User) -> None:
        assert add(ada, time_zone="Asia/Kathmandu")["series_start"] == "2027-03-01T13:45:00"
        assert ada.patch("/account", json={"time_zone": "America/Lima"}).status_code == 200
        task = add(ada)
        assert (task["time_zone"], task["series_start"]) == ("America/Lima", "2027-03-01T03:00:00")

    def test_a_personal_token_has_the_accounts_zone(self, ada: User) -> None:
        client = ada.api_token("tasks:write")
        task = client.post("/tasks", json={"title": "a", "due_at": DUE, "recurrence": "weekly"}).json()
        assert task["time_zone"] == "Europe/Berlin"

    @pytest.mark.parametrize(
        ("fields", "field", "text"),
        [
            ({"recurrence": "daily", "due_at": None}, "recurrence", "needs a due_at"),
            ({"recurrence": "hourly-ish"}, "recurrence", ""),
            ({"recurrence": "FREQ=MINUTELY"}, "recurrence", "MINUTELY"),
            ({"recurrence": "FREQ=DAILY;COUNT=10001"}, "recurrence", "10000"),
            ({"recurrence": "FREQ=DAILY;INTERVAL=1001"}, "recurrence", "1000"),
            ({"recurrence": "F" * 301}, "recurrence", "at most 300"),
            ({"recurrence": 7}, "recurrence", "must be a text"),
            ({"recurrence": None, "anchor": "due"}, "anchor", "needs a recurrence"),
            ({"recurrence": None, "missed": "skip"}, "missed", "needs a recurrence"),
            ({"anchor": "start"}, "anchor", "due, completion"),
            ({"missed": "never"}, "missed", "catch_up, skip, collapse"),
            ({"time_zone": "Europe/Atlantis"}, "time_zone", "IANA"),
            ({"series_id": str(uuid.uuid4())}, "series_id", "not a known field"),
        ],
    )
    def test_what_is_wrong_is_named(self, ada: User, fields: dict[str, Any], field: str, text: str) -> None:
        body = {"title": "a", "due_at": DUE, "recurrence": "daily", **fields}
        problem = refused(ada.post("/tasks", json=body), 400, "invalid", field)
        assert text in next(e["message"] for e in problem["errors"] if e["field"] == field)

    def test_a_series_needs_its_due_date(self, ada: User) -> None:
        task = add(ada)
        refused(ada.patch(f"/tasks/{task['id']}", json={"due_at": None}), 400, "invalid", "due_at")
        undated = change(ada, task, due_at=None, recurrence=None)
        assert (undated["due_at"], undated["recurrence"], undated["series_id"]) == (None, None, task["series_id"])


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
            "todo.task.created.v1",
            "todo.task.completed.v1",
            "todo.task.created.v1",
        ]
        assert events[-1]["data"] == second and events[-1]["subject"] == second["id"]
        assert events[-1]["traceparent"].split("-")[1] == TRACE_ID
        assert ada.get(f"/tasks?tag=HOME&series_id={first['series_id']}").json()["tasks"] == [second, done]

    def test_sync_tells_of_it(self, ada: User, sidecar: FakeSidecar) -> None:
        first = add(ada)
        since = ada.get("/sync?since=0").json()["seq"]
        second = make_next(ada, sidecar, first)
        changes = ada.get(f"/sync?since={since}").json()["changes"]
        assert [c["task"] for c in changes] == [second]

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

    @pytest.mark.parametrize("how", ["complete", "skip", "complete and delete"])
    def test_one_that_has_ended_by_then_stays_as_it_is(self, ada: User, sidecar: FakeSidecar, how: str) -> None:
        first = add(ada, missed="skip")
        path = f"/tasks/{first['id']}"
        ended = ada.post(f"{path}/{how.split()[0]}").json()
        if "delete" in how:
            ended = ada.delete(path).json()
        make_next(ada, sidecar, first, skips_previous=True)
        assert ada.get(path).json() == ended

    @pytest.mark.parametrize("skips_previous", [True, False])
    def test_an_open_one_in_the_trash_has_no_next_until_it_is_back(
        self, service: Service, ada: User, sidecar: FakeSidecar, skips_previous: bool
    ) -> None:
        first = add(ada, missed="skip" if skips_previous else "catch_up")
        ada.delete(f"/tasks/{first['id']}")
        event = due_event(first, skips_previous=skips_previous)
        deliver(sidecar, event)
        assert dropped(service, event) == ["trashed"]
        restored = ada.post(f"/tasks/{first['id']}/restore").json()
        assert occurrences(ada, first) == [restored] and restored["status"] == "open"
        deliver(sidecar, event)  # the same, under the same id: it was not handled
        assert [t["occurrence"] for t in occurrences(ada, first)] == [1, 2]

    def test_the_most_tasks_of_a_user_do_not_stop_it(self, ada: User, sidecar: FakeSidecar) -> None:
        first = add(ada)
        for _ in range(7):
            plain(ada)
        refused(ada.post("/tasks", json={"title": "one more"}), 409, "too_many_tasks")
        assert make_next(ada, sidecar, first)["occurrence"] == 2

    @pytest.mark.parametrize("how", [None, "complete", "complete and delete"])
    def test_twice_the_most_tasks_of_a_user_stop_it(
        self, service: Service, ada: User, sidecar: FakeSidecar, how: str | None
    ) -> None:
        newest = first = add(ada, missed="catch_up")
        while newest["occurrence"] < 2 * int(SETTINGS["TASKS_MAX"]):
            newest = make_next(ada, sidecar, newest)
        if how:
            newest = ada.post(f"/tasks/{newest['id']}/complete").json()
        if how == "complete and delete":
            newest = ada.delete(f"/tasks/{newest['id']}").json()
        event = due_event(newest)
        deliver(sidecar, event)
        deliver(sidecar, event)
        assert dropped(service, event) == ["no_room", "stale"]
        left = ada.get(f"/tasks/{newest['id']}").json()
        assert (left["recurrence"], left["status"], left["version"]) == (None, newest["status"], newest["version"] + 1)
        assert series_of(ada, first)["stopped_at"] is not None
        assert check_seqs(service, ada)[-1]["data"] == left
        # with room again the user begins it anew
        if how == "complete and delete":
            left = ada.post(f"/tasks/{left['id']}/restore").json()
        ada.delete(f"/tasks/{first['id']}")
        ada.delete(f"/tasks/{first['id']}?purge=true")
        again = change(ada, left, recurrence="daily", missed="catch_up")
        assert make_next(ada, sidecar, again)["occurrence"] == newest["occurrence"] + 1

    def test_an_account_that_goes_meanwhile_needs_no_stop(
        self, service: Service, ada: User, sidecar: FakeSidecar
    ) -> None:
        """Between the statement that finds no room and the stop its account goes, but not yet its tasks."""
        database, event = service.database, due_event(add(ada, missed="catch_up"))
        database.execute("backend", "UPDATE account SET task_count = 100 WHERE id = %s", ada.id)
        with concurrent.futures.ThreadPoolExecutor(1) as pool, database.connect("backend") as deletion:
            deletion.autocommit = False
            deletion.execute("LOCK TABLE idempotency")
            done = pool.submit(deliver, sidecar, event)
            wait_for("the stop to wait", lambda: database.waiting("%JOIN idempotency%") == 1)
            deletion.execute("DELETE FROM account WHERE id = %s", (ada.id,))
            deletion.commit()
            done.result()
        letters = "SELECT count(*) FROM outbox WHERE topic = 'dead-letters' AND data LIKE %s"
        assert database.value("backend", letters, f"%{event['id']}%") == 0
        assert [p for p in sidecar.events("dead-letters") if event["id"] in str(p.data)] == []

    def test_instants_of_reminders_are_not_for_the_next_one(self, ada: User, sidecar: FakeSidecar) -> None:
        first = add(ada, reminders=[{"at": "2027-02-28T08:00:00Z"}, {"offset": "-P1D"}])
        assert [r["offset"] for r in make_next(ada, sidecar, first)["reminders"]] == ["-P1D"]

    def test_reminders_of_the_next_one_are_as_old_as_the_series(self, ada: User, sidecar: FakeSidecar) -> None:
        """Notification takes what was set after its instant for what nobody wants to be told of."""
        first = add(ada, reminders=[{"offset": "PT0S"}])
        created_at = series_of(ada, first)["created_at"]
        second = make_next(ada, sidecar, make_next(ada, sidecar, first))
        made_ms = int(second["reminders"][0]["id"].replace("-", "")[:12], 16)
        assert made_ms == round(dt.datetime.fromisoformat(created_at).timestamp() * 1000)
        assert second["reminders"][0]["id"] != first["reminders"][0]["id"]

    def test_an_event_of_an_old_rule_is_dropped(self, service: Service, ada: User, sidecar: FakeSidecar) -> None:
        first = add(ada)
        event = due_event(first)
        change(ada, first, recurrence="weekly")
        before = service.metric("recurrence_due_total")
        deliver(sidecar, event)
        assert len(occurrences(ada, first)) == 1
        assert dropped(service, event) == ["stale"]
        assert service.metric("recurrence_due_total") == before + 1

    @pytest.mark.parametrize("occurrence", [2, 4, 1000])
    def test_a_number_whose_turn_it_is_not_is_dropped(
        self, service: Service, ada: User, sidecar: FakeSidecar, occurrence: int
    ) -> None:
        first = add(ada)
        make_next(ada, sidecar, first)
        event = due_event(first, occurrence=occurrence)
        deliver(sidecar, event)
        assert len(occurrences(ada, first)) == 2
        assert dropped(service, event) == ["not_next"]

    def test_the_same_event_again_makes_nothing(self, ada: User, sidecar: FakeSidecar) -> None:
        first = add(ada)
        event = due_event(first)
        deliver(sidecar, event)
        deliver(sidecar, event)
        assert len(occurrences(ada, first)) == 2

    def test_an_unknown_series_is_dropped(self, ada: User, sidecar: FakeSidecar) -> None:
        first = add(ada)
        deliver(sidecar, due_event(first, series_id=str(uuid.uuid4())))
        deliver(sidecar, {**due_event(first), "ownerid": User(ada.service).id})
        assert len(occurrences(ada, first)) == 1

    def test_nothing_is_made_for_a_deleted_account(self, service: Service, ada: User, sidecar: FakeSidecar) -> None:
        first = add(ada)
        assert ada.post("/account/delete", json={"password": ada.password}).status_code == 204
        deliver(sidecar, due_event(first))
        assert service.database.value("backend", "SELECT count(*) FROM task WHERE owner_id = %s", ada.id) <= 1

    @pytest.mark.parametrize(
        "data", [{"occurrence": 1}, {"series_id": "x"}, {"due_at": None}, {"series_version": 0}, {"skips_previous": 1}]
    )
    def test_what_is_malformed_becomes_a_dead_letter(
        self, service: Service, ada: User, sidecar: FakeSidecar, data: dict[str, Any]
    ) -> None:
        event = due_event(add(ada), **data)
        deliver(sidecar, event)
        letters = wait_for(
            "the dead letter", lambda: [p for p in sidecar.events("dead-letters") if event["id"] in str(p.data)]
        )
        assert next(iter(data)) in letters[0].data["reason"]

    def test_while_the_database_is_away_it_is_asked_again(self, service_maker, cluster) -> None:
        database = cluster.new_database()
        service = service_maker(database, settings={**SETTINGS, "DB_LIMIT_MS": "2000"}).start()
        ada = User(service)
        first = add(ada)
        event = due_event(first)
        with database.connect("backend") as other, other.transaction():
            other.execute("LOCK TABLE series")
            status, answer = service.sidecar.deliver("recurrences", event)
            assert (status, answer) == (200, {"status": "RETRY"})
        deliver(service.sidecar, event)
        assert len(occurrences(ada, first)) == 2


class TestScope:
    def test_this_one_alone_is_changed_without_a_scope(self, ada: User, sidecar: FakeSidecar) -> None:
        first = add(ada, tags=["home"])
        moved = change(ada, first, title="Water the roses", due_at=later(DUE, hours=3), tags=["roses"])
        assert moved["due_at"] != moved["scheduled_at"] == DUE
        assert (moved["series_version"], moved["series_start"]) == (1, "2027-03-01T09:00:00")
        second = make_next(ada, sidecar, first)
        assert (second["title"], second["tags"]) == ("Water the plants", ["home"])
        assert second["due_at"] == later(DUE, days=1)

    def test_what_is_meant_for_later_ones_is_in_the_template(self, ada: User, sidecar: FakeSidecar) -> None:
        first = add(ada, reminders=[{"offset": "PT0S"}])
        fields = {"title": "Water the roses", "description": "All", "priority": "urgent", "tags": ["roses"]}
        changed = change(ada, first, "this_and_later", **fields, reminders=[{"offset": "-P1D"}, {"at": DUE}])
        assert changed["series_version"] == 1
        second = make_next(ada, sidecar, changed)
        assert {k: second[k] for k in fields} == fields
        assert [r["offset"] for r in second["reminders"]] == ["-P1D"]
        assert series_of(ada, second)["template"] == {**fields, "reminders": [{"offset": "-P1D"}]}

    def test_a_rule_that_goes_on_has_as_many_left_as_it_had(self, ada: User, sidecar: FakeSidecar) -> None:
        first = add(ada, recurrence="FREQ=DAILY;COUNT=3")
        second = make_next(ada, sidecar, first)
        moved = change(ada, second, "this_and_later", due_at=later(second["due_at"], hours=3))
        assert (moved["recurrence"], moved["series_from"]) == ("FREQ=DAILY;COUNT=2", 2)
        again = change(ada, second, recurrence="FREQ=DAILY;COUNT=9")
        assert again["recurrence"] == "FREQ=DAILY;COUNT=9"

    def test_an_occurrence_that_comes_when_it_is_due_rings_once_at_once(self, ada: User, sidecar: FakeSidecar) -> None:
        now = dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
        first = add(ada, due_at=later(now, days=-1), reminders=[{"offset": "-P2D"}, {"offset": "-PT1H"}])
        day_before, hour_before = make_next(ada, sidecar, first, due_at=now)["reminders"]
        assert day_before["snoozed_until"] is None and day_before["set_at"] > now[:-1]
        assert hour_before["snoozed_until"] == hour_before["set_at"] > now[:-1]

    def test_only_what_was_sent_goes_into_the_template(self, ada: User, sidecar: FakeSidecar) -> None:
        first = add(ada)
        change(ada, first, title="Today by hand")
        change(ada, first, "this_and_later", priority="low")
        second = make_next(ada, sidecar, first)
        assert (second["title"], second["priority"]) == ("Water the plants", "low")

    def test_what_this_one_has_already_still_goes_to_later_ones(self, ada: User, sidecar: FakeSidecar) -> None:
        first = add(ada)
        once = change(ada, first, title="Water the roses")
        again = change(ada, first, "this_and_later", title="Water the roses")
        assert again["version"] == once["version"] + 1
        assert change(ada, first, "this_and_later", title="Water the roses") == again
        assert make_next(ada, sidecar, first)["title"] == "Water the roses"

    @pytest.mark.parametrize(
        ("fields", "start"),
        [
            ({"due_at": "2027-03-01T17:30:00Z"}, "2027-03-01T18:30:00"),
            ({"time_zone": "America/Lima"}, "2027-03-01T03:00:00"),
            ({"recurrence": "weekly"}, "2027-03-01T09:00:00"),
            ({"anchor": "completion"}, "2027-03-01T09:00:00"),
            ({"missed": "catch_up"}, "2027-03-01T09:00:00"),
            ({"time_zone": None}, "2027-03-01T09:00:00"),
        ],
    )
    def test_a_changed_rule_begins_anew_at_this_one(
        self, ada: User, sidecar: FakeSidecar, fields: dict[str, Any], start: str
    ) -> None:
        zone = "Africa/Lagos" if fields == {"time_zone": None} else "Europe/Berlin"
        second = make_next(ada, sidecar, add(ada, due_at="2027-02-28T08:00:00Z", time_zone=zone))
        changed = change(ada, second, "this_and_later", **fields)
        assert (changed["series_version"], changed["series_from"], changed["occurrence"]) == (2, 2, 2)
        assert changed["series_start"] == start
        assert changed["scheduled_at"] == changed["due_at"]
        series = series_of(ada, changed)
        for name in ("recurrence", "anchor", "missed", "time_zone", "series_start", "series_from"):
            assert series[name] == changed[name]
        assert (series["version"], series["last_occurrence"]) == (2, 2)
        third = make_next(ada, sidecar, changed)
        for name in ("recurrence", "anchor", "missed", "time_zone", "series_start", "series_from", "series_version"):
            assert third[name] == changed[name]

    def test_a_move_of_this_one_is_no_part_of_a_later_edit_of_another_field(self, ada: User) -> None:
        first = add(ada)
        change(ada, first, due_at=later(DUE, hours=1))
        changed = change(ada, first, "this_and_later", title="Water the roses")
        assert (changed["series_version"], changed["scheduled_at"]) == (1, DUE)

    def test_the_same_rule_once_more_changes_nothing(self, ada: User) -> None:
        first = add(ada)
        assert change(ada, first, recurrence="FREQ=DAILY;INTERVAL=1", anchor="due") == first

    @pytest.mark.parametrize("fields", [{"recurrence": "weekly"}, {"anchor": "due"}, {"missed": None}, {"recurrence": None}])
    def test_a_rule_is_not_one_of_this_one_alone(self, ada: User, fields: dict[str, Any]) -> None:
        for task in (add(ada), plain(ada)):
            refused(ada.patch(f"/tasks/{task['id']}?scope=this", json=fields), 400, "invalid", "scope")

    @pytest.mark.parametrize("query", ["scope=all", "scope=", "scope=this&scope=this", "range=this"])
    def test_a_bad_query_is_named(self, ada: User, query: str) -> None:
        refused(ada.patch(f"/tasks/{add(ada)['id']}?{query}", json={}), 400, "invalid", query.split("=")[0])

    def test_only_the_newest_changes_the_series(self, ada: User, sidecar: FakeSidecar) -> None:
        first = add(ada)
        second = make_next(ada, sidecar, first)
        for query, fields in (("?scope=this_and_later", {"title": "b"}), ("", {"recurrence": "weekly"}), ("", {"recurrence": None})):
            problem = refused(ada.patch(f"/tasks/{first['id']}{query}", json=fields), 409, "not_newest_occurrence")
            assert second["id"] in problem["detail"]
        assert change(ada, first, title="b")["title"] == "b"
        assert series_of(ada, first)["version"] == 1

    def test_a_scope_of_a_plain_task_changes_that_task(self, ada: User) -> None:
        assert change(ada, plain(ada), "this_and_later", title="b")["title"] == "b"

    def test_an_older_one_keeps_its_own_rule(self, ada: User, sidecar: FakeSidecar) -> None:
        first = add(ada)
        change(ada, make_next(ada, sidecar, first), recurrence="weekly")
        old = ada.get(f"/tasks/{first['id']}").json()
        assert (old["recurrence"], old["series_version"]) == ("FREQ=DAILY", 1)


class TestSkip:
    def test_skipping_ends_an_occurrence(self, service: Service, ada: User, sidecar: FakeSidecar) -> None:
        first = add(ada)
        skipped = ada.post(f"/tasks/{first['id']}/skip").json()
        assert (skipped["status"], skipped["version"]) == ("skipped", 2)
        assert skipped["completed_at"] == skipped["updated_at"]
        assert ada.post(f"/tasks/{first['id']}/skip").json() == skipped
        assert check_seqs(service, ada)[-1]["type"] == "todo.task.skipped.v1"
        assert ada.get("/tasks?status=skipped").json()["tasks"] == [skipped]
        assert make_next(ada, sidecar, first)["occurrence"] == 2

    def test_a_plain_task_is_not_skipped(self, ada: User) -> None:
        refused(ada.post(f"/tasks/{plain(ada)['id']}/skip"), 409, "task_not_recurring")

    def test_one_that_is_completed_or_in_the_trash_is_not(self, ada: User) -> None:
        path = f"/tasks/{add(ada)['id']}"
        ada.post(path + "/complete")
        refused(ada.post(path + "/skip"), 409, "task_not_open")
        ada.delete(path)
        refused(ada.post(path + "/skip"), 409, "task_in_trash")

    def test_reopening_keeps_the_occurrence_that_was_made(self, ada: User, sidecar: FakeSidecar) -> None:
        first = add(ada)
        ada.post(f"/tasks/{first['id']}/skip")
        make_next(ada, sidecar, first)
        reopened = ada.post(f"/tasks/{first['id']}/reopen").json()
        assert (reopened["status"], reopened["completed_at"]) == ("open", None)
        assert [t["status"] for t in occurrences(ada, first)] == ["open", "open"]

    def test_it_holds_to_version_and_key(self, ada: User) -> None:
        path = f"/tasks/{add(ada)['id']}/skip"
        refused(ada.post(path, headers={"If-Match": '"7"'}), 412, "stale_version")
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        first = ada.post(path, headers=headers)
        again = ada.post(path, headers=headers)
        assert again.json() == first.json() and again.headers["Idempotency-Replayed"] == "true"

    def test_a_batch_skips_and_has_scopes(self, ada: User, sidecar: FakeSidecar) -> None:
        first, other = add(ada), add(ada)
        task = {"title": "Water the roses"}
        operations = [
            {"op": "skip", "id": first["id"]},
            {"op": "update", "id": other["id"], "scope": "this_and_later", "task": task},
            {"op": "update", "id": other["id"], "scope": "this", "task": {"recurrence": None}},
            {"op": "skip", "id": first["id"], "scope": "this"},
            {"op": "create", "task": {"title": "a", "due_at": DUE, "recurrence": "nightly"}},
            {"op": "create", "task": {"title": "a", "due_at": DUE, "recurrence": "yearly"}},
        ]
        results = ada.post("/tasks/batch", json={"operations": operations}).json()["results"]
        assert [r["status"] for r in results] == [200, 200, 400, 400, 400, 201]
        assert results[0]["task"]["status"] == "skipped"
        fields = [r["error"]["errors"][0]["field"] for r in results[2:5]]
        assert fields == ["operations[2].scope", "operations[3].scope", "operations[4].task.recurrence"]
        assert results[5]["task"]["time_zone"] == "Europe/Berlin"
        assert make_next(ada, sidecar, other)["title"] == "Water the roses"


class TestStop:
    def test_the_open_one_stays_as_a_plain_task(self, service: Service, ada: User, sidecar: FakeSidecar) -> None:
        first = add(ada)
        series = ada.post(f"/series/{first['series_id']}/stop").json()
        newest = series["newest"]
        assert series["stopped_at"] is not None and series["version"] == 2
        assert series["recurrence"] == "FREQ=DAILY"
        assert (newest["status"], newest["recurrence"], newest["anchor"], newest["missed"]) == ("open", None, None, None)
        assert (newest["series_version"], newest["occurrence"], newest["version"]) == (2, 1, 2)
        event = check_seqs(service, ada)[-1]
        assert (event["type"], event["data"]) == ("todo.task.updated.v1", newest)
        deliver(sidecar, due_event(first))
        deliver(sidecar, due_event(newest))
        assert len(occurrences(ada, first)) == 1

    def test_stopping_again_changes_nothing(self, ada: User) -> None:
        path = f"/series/{add(ada)['series_id']}/stop"
        assert ada.post(path).json() == ada.post(path).json()

    def test_a_recurrence_that_goes_stops_it_too(self, ada: User) -> None:
        first = add(ada)
        stopped = change(ada, first, recurrence=None)
        series = series_of(ada, first)
        assert series["stopped_at"] is not None and series["newest"] == stopped
        assert change(ada, stopped, recurrence=None) == stopped

    def test_a_recurrence_that_comes_has_it_go_on(self, ada: User, sidecar: FakeSidecar) -> None:
        second = make_next(ada, sidecar, add(ada))
        ada.post(f"/series/{second['series_id']}/stop")
        going = change(ada, second, recurrence="daily")
        assert (going["series_id"], going["series_version"], going["series_from"]) == (second["series_id"], 3, 2)
        assert series_of(ada, going)["stopped_at"] is None
        assert make_next(ada, sidecar, going)["occurrence"] == 3

    @pytest.mark.parametrize("how", ["complete", "skip", "delete"])
    def test_it_stops_after_one_that_has_ended_or_is_in_the_trash(self, ada: User, sidecar: FakeSidecar, how: str) -> None:
        first = add(ada)
        path = f"/tasks/{first['id']}"
        ended = (ada.delete(path) if how == "delete" else ada.post(f"{path}/{how}")).json()
        series = ada.post(f"/series/{first['series_id']}/stop").json()
        newest = series["newest"]
        assert (newest["status"], newest["deleted_at"]) == (ended["status"], ended["deleted_at"])
        assert newest["recurrence"] is None
        deliver(sidecar, due_event(first))
        assert ada.get(f"/series/{first['series_id']}/occurrences").json()["occurrences"][0]["number"] == 1

    def test_a_key_repeats_the_stop_and_not_its_effect(self, ada: User) -> None:
        first = add(ada)
        path, headers = f"/series/{first['series_id']}/stop", {"Idempotency-Key": str(uuid.uuid4())}
        assert ada.post(path, headers=headers).json()["stopped_at"] is not None
        change(ada, first, recurrence="daily")
        again = ada.post(path, headers=headers)
        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.json()["stopped_at"] is None
        other = add(ada)
        refused(ada.post(f"/series/{other['series_id']}/stop", headers=headers), 422, "idempotency_key_reused")

    def test_anothers_series_is_none(self, ada: User) -> None:
        first = add(ada)
        eve = User(ada.service)
        for ident in (first["series_id"], str(uuid.uuid4()), "x"):
            refused(eve.post(f"/series/{ident}/stop"), 404)
            refused(eve.get(f"/series/{ident}"), 404)
            refused(eve.get(f"/series/{ident}/occurrences"), 404)
        assert eve.get(f"/tasks?series_id={first['series_id']}").json()["tasks"] == []
        reader = ada.api_token("tasks:read")
        refused(reader.post(f"/series/{first['series_id']}/stop"), 403, "missing_scope")
        assert reader.get(f"/series/{first['series_id']}").status_code == 200


class TestHistory:
    def test_the_occurrences_come_in_pages_the_newest_first(self, ada: User, sidecar: FakeSidecar) -> None:
        task = first = add(ada)
        for _ in range(4):
            ada.post(f"/tasks/{task['id']}/complete")
            task = make_next(ada, sidecar, task)
        ada.delete(f"/tasks/{first['id']}")
        path, seen, cursor = f"/series/{first['series_id']}/occurrences?limit=2", [], ""
        while True:
            page = ada.get(path + cursor).json()
            seen += page["occurrences"]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert [o["number"] for o in seen] == [5, 4, 3, 2, 1]
        assert [o["status"] for o in seen] == ["open"] + ["completed"] * 4
        assert (seen[0]["ended_at"], seen[0]["task_id"]) == (None, task["id"])
        assert all(o["ended_at"] for o in seen[1:])
        assert [o["deleted_at"] is not None for o in seen] == [False] * 4 + [True]

    @pytest.mark.parametrize("query", ["limit=0", "limit=201", "cursor=0", "cursor=x", "cursor=", "order=asc"])
    def test_a_bad_query_is_named(self, ada: User, query: str) -> None:
        path = f"/series/{add(ada)['series_id']}/occurrences?{query}"
        refused(ada.get(path), 400, "invalid", query.split("=")[0])

    def test_a_list_of_a_series_has_a_cursor_of_its_own(self, ada: User, sidecar: FakeSidecar) -> None:
        first = add(ada)
        second = make_next(ada, sidecar, first)
        page = ada.get(f"/tasks?series_id={first['series_id']}&limit=1").json()
        assert [t["id"] for t in page["tasks"]] == [second["id"]]
        rest = ada.get(f"/tasks?series_id={first['series_id']}&limit=1&cursor={page['next_cursor']}").json()
        assert [t["id"] for t in rest["tasks"]] == [first["id"]]
        refused(ada.get(f"/tasks?limit=1&cursor={page['next_cursor']}"), 400, "invalid", "cursor")
        refused(ada.get("/tasks?series_id=7"), 400, "invalid", "series_id")


class TestTrash:
    def test_restoring_has_the_series_go_on(self, ada: User, sidecar: FakeSidecar) -> None:
        first = add(ada)
        ada.delete(f"/tasks/{first['id']}")
        assert series_of(ada, first)["stopped_at"] is None
        restored = ada.post(f"/tasks/{first['id']}/restore").json()
        assert restored["recurrence"] == "FREQ=DAILY"
        assert make_next(ada, sidecar, first)["occurrence"] == 2

    def test_purging_the_newest_ends_the_series(self, ada: User, sidecar: FakeSidecar) -> None:
        first = add(ada)
        second = make_next(ada, sidecar, first)
        ada.delete(f"/tasks/{second['id']}")
        assert ada.delete(f"/tasks/{second['id']}?purge=true").status_code == 204
        series = series_of(ada, first)
        assert series["stopped_at"] is not None and series["newest"] is None and series["last_occurrence"] == 2
        deliver(sidecar, due_event(second))
        assert [t["id"] for t in occurrences(ada, first)] == [first["id"]]
        refused(ada.patch(f"/tasks/{first['id']}", json={"recurrence": "daily"}), 409, "not_newest_occurrence")
        assert ada.post(f"/series/{first['series_id']}/stop").json() == series

    def test_purging_an_older_one_does_not(self, ada: User, sidecar: FakeSidecar) -> None:
        first = add(ada)
        second = make_next(ada, sidecar, first)
        ada.delete(f"/tasks/{first['id']}")
        ada.delete(f"/tasks/{first['id']}?purge=true")
        assert series_of(ada, first)["stopped_at"] is None
        assert make_next(ada, sidecar, second)["occurrence"] == 3

    def test_with_its_last_task_the_series_is_gone(self, service: Service, ada: User, sidecar: FakeSidecar) -> None:
        first = add(ada)
        second = make_next(ada, sidecar, first)
        for task in (second, first):
            ada.delete(f"/tasks/{task['id']}")
            ada.delete(f"/tasks/{task['id']}?purge=true")
        refused(ada.get(f"/series/{first['series_id']}"), 404)
        assert service.database.value("backend", "SELECT count(*) FROM series WHERE owner_id = %s", ada.id) == 0


def test_the_export_has_each_series_with_its_tasks(ada: User, sidecar: FakeSidecar) -> None:
    first, other = add(ada), add(ada)
    plain(ada)
    make_next(ada, sidecar, first)
    export = ada.get("/account/export").json()
    assert len(export["tasks"]) == 4
    series = {s["id"]: s for s in export["series"]}
    assert set(series) == {first["series_id"], other["series_id"]}
    for task in (first, other):
        expected = series_of(ada, task)
        del expected["newest"]
        assert series[task["series_id"]] == expected


def test_of_a_deleted_account_no_series_is_left(service_maker, cluster) -> None:
    service = service_maker(cluster.new_database(), settings={**SETTINGS, "PURGE_INTERVAL_S": "1"}).start()
    eve = User(service)
    add(eve)
    eve.post("/account/delete", json={"password": eve.password})
    wait_for(
        "tasks and series to be gone",
        lambda: service.database.value("backend", "SELECT (SELECT count(*) FROM task) + (SELECT count(*) FROM series)")
        == 0,
    )


def test_the_purge_of_the_trash_ends_series_and_forgets_them(service_maker, cluster) -> None:
    service = service_maker(cluster.new_database(), settings={**SETTINGS, "PURGE_INTERVAL_S": "1"}).start()
    eve = User(service)
    whole, newest, older = add(eve), add(eve), add(eve)
    doomed = [whole]
    for first, is_newest in ((newest, True), (older, False)):
        second = make_next(eve, service.sidecar, first)
        doomed.append(second if is_newest else first)
    for task in doomed:
        eve.delete(f"/tasks/{task['id']}")
    service.database.execute(
        "backend", "UPDATE task SET deleted_at = now() - interval '31 days' WHERE deleted_at IS NOT NULL"
    )
    wait_for("the trash to be purged", lambda: eve.get("/tasks?trash=true").json()["tasks"] == [])
    refused(eve.get(f"/series/{whole['series_id']}"), 404)
    ended = series_of(eve, newest)
    assert ended["stopped_at"] is not None and ended["newest"] is None
    assert series_of(eve, older)["stopped_at"] is None
    deliver(service.sidecar, due_event(doomed[1]))
    assert [t["occurrence"] for t in occurrences(eve, newest)] == [1]


def test_the_events_are_as_described(service: Service, ada: User, sidecar: FakeSidecar) -> None:
    """An occurrence's event is read by all who learn from it: common/events reads what it wrote."""
    first = add(ada, reminders=[{"offset": "-PT1H"}, {"at": DUE}])
    make_next(ada, sidecar, first)
    for event in check_seqs(service, ada):
        assert event["data"]["series_id"] == first["series_id"]
        assert event["data"]["series_version"] == 1
