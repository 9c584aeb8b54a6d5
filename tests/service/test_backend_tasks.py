"""One task: made, read, changed, completed, reopened, put into the trash, restored, purged; and every
bad input that concerns tasks. After a refusal nothing is half-written."""

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

SETTINGS = {**api.SETTINGS, "TASKS_MAX": "50"}
MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def ada(service: Service) -> User:
    return User(service)


@pytest.fixture(scope="module")
def bob(service: Service) -> User:
    return User(service)


def add(user: User, title: str = "Buy milk", **fields: Any) -> dict[str, Any]:
    answer = user.post("/tasks", json={"title": title, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture
def task(ada: User):
    """A task of ada's, gone afterwards."""
    task = add(ada)
    yield task
    ada.delete(f"/tasks/{task['id']}")
    ada.delete(f"/tasks/{task['id']}?purge=true")


def counts(service: Service, user: User) -> tuple[int, ...]:
    """All that a write of the user's may leave behind: tasks, versions, seq, events, replies."""
    rows = service.database.execute(
        "backend",
        """SELECT (SELECT count(*) FROM task WHERE owner_id = a.id),
                  (SELECT coalesce(sum(version), 0) FROM task WHERE owner_id = a.id),
                  a.seq, a.task_count,
                  (SELECT count(*) FROM idempotency WHERE owner_id = a.id),
                  (SELECT count(*) FROM task_tombstone WHERE owner_id = a.id)
           FROM account a WHERE a.id = %s""",
        user.id,
    )
    return (*rows[0], n_events(service, user))


def n_events(service: Service, user: User) -> int:
    """Published ones and those that still wait in the outbox."""
    waiting = {str(r[0]) for r in service.database.execute("backend", "SELECT id FROM outbox WHERE owner_id = %s", user.id)}
    gone = {p.event["id"] for p in service.sidecar.events() if p.event["ownerid"] == user.id}
    return len(waiting | gone)


class TestLife:
    def test_a_new_task_has_its_defaults(self, ada: User) -> None:
        answer = ada.post("/tasks", json={"title": "  Buy milk "})
        task = answer.json()
        assert answer.status_code == 201
        assert answer.headers["location"] == f"/api/v1/tasks/{task['id']}"
        assert answer.headers["etag"] == '"1"'
        assert task["title"] == "Buy milk"
        assert task["owner_id"] == ada.id
        assert (task["description"], task["status"], task["priority"], task["tags"]) == ("", "open", "normal", [])
        for field in ("due_at", "time_zone", "completed_at", "deleted_at"):
            assert task[field] is None
        assert task["version"] == 1
        assert task["created_at"] == task["updated_at"]
        assert uuid.UUID(task["id"]).version == 7
        assert ada.get(answer.headers["location"].removeprefix("/api/v1")).json() == task

    def test_every_field_comes_back(self, ada: User) -> None:
        fields = {
            "title": "Steuererklärung 😀 \"quoted\" \\ '; DROP TABLE task; --",
            "description": "Two\nlines,\ta tab, {\"json\": true}, NULL, {a,b}",
            "priority": "urgent",
            "tags": ["home", "a,b", 'q"u', "back\\slash", "NULL", "{}", "ü"],
            "due_at": "2027-05-31T16:00:00.125Z",
            "time_zone": "Europe/Berlin",
        }
        task = add(ada, **fields)
        assert {name: task[name] for name in fields} == fields
        assert ada.get(f"/tasks/{task['id']}").json() == task

    def test_instants_are_kept_in_utc_to_the_millisecond(self, ada: User) -> None:
        task = add(ada, due_at="2027-05-31T18:00:00.123999+02:00")
        assert task["due_at"] == "2027-05-31T16:00:00.123Z"

    def test_tags_are_kept_once_whatever_their_case(self, ada: User) -> None:
        assert add(ada, tags=["Home", " home ", "HOME", "Büro", "BÜRO"])["tags"] == ["Home", "Büro"]

    def test_a_patch_changes_what_it_names_alone(self, ada: User) -> None:
        task = add(ada, description="text", tags=["a"], priority="low")
        answer = ada.patch(f"/tasks/{task['id']}", json={"title": "Other", "tags": ["b", "c"]})
        changed = answer.json()
        assert answer.headers["etag"] == '"2"'
        assert changed["updated_at"] >= task["updated_at"]
        expected = {**task, "title": "Other", "tags": ["b", "c"], "version": 2, "updated_at": changed["updated_at"]}
        assert changed == expected
        assert ada.get(f"/tasks/{task['id']}").json() == expected

    def test_null_is_the_default_and_absent_is_not_null(self, ada: User) -> None:
        task = add(
            ada, description="x", tags=["a"], priority="high", due_at="2027-01-01T00:00:00Z", time_zone="Asia/Tokyo"
        )
        path = f"/tasks/{task['id']}"
        assert ada.patch(path, json={}).json() == task
        changed = ada.patch(path, json={"description": None, "tags": None, "priority": None}).json()
        assert (changed["description"], changed["tags"], changed["priority"]) == ("", [], "normal")
        assert changed["due_at"] == task["due_at"] and changed["time_zone"] == "Asia/Tokyo"
        assert ada.patch(path, json={"time_zone": None}).json()["due_at"] == task["due_at"]

    def test_a_due_date_takes_its_zone_along(self, ada: User) -> None:
        task = add(ada, due_at="2027-01-01T00:00:00Z", time_zone="Asia/Tokyo")
        changed = ada.patch(f"/tasks/{task['id']}", json={"due_at": None}).json()
        assert changed["due_at"] is None and changed["time_zone"] is None

    def test_a_merge_patch_may_say_so(self, ada: User, task: dict) -> None:
        answer = ada.patch(
            f"/tasks/{task['id']}",
            content=b'{"title":"b"}',
            headers={"Content-Type": "application/merge-patch+json; charset=utf-8"},
        )
        assert answer.status_code == 200 and answer.json()["title"] == "b"

    def test_a_patch_that_changes_nothing_makes_no_version(self, service: Service, ada: User, task: dict) -> None:
        before = counts(service, ada)
        answer = ada.patch(f"/tasks/{task['id']}", json={"title": " Buy milk ", "tags": [], "due_at": None})
        assert answer.status_code == 200 and answer.json() == task
        assert counts(service, ada) == before

    def test_complete_and_reopen(self, ada: User, task: dict) -> None:
        done = ada.post(f"/tasks/{task['id']}/complete").json()
        assert done["status"] == "completed" and done["completed_at"] == done["updated_at"]
        assert done["version"] == 2
        again = ada.post(f"/tasks/{task['id']}/reopen").json()
        assert again["status"] == "open" and again["completed_at"] is None and again["version"] == 3

    @pytest.mark.parametrize(
        ("first", "again"), [("complete", "complete"), (None, "reopen"), ("delete", "delete"), (None, "restore")]
    )
    def test_what_is_so_already_succeeds_without_a_trace(
        self, service: Service, ada: User, task: dict, first: str | None, again: str
    ) -> None:
        def do(what: str) -> httpx.Response:
            if what == "delete":
                return ada.delete(f"/tasks/{task['id']}")
            return ada.post(f"/tasks/{task['id']}/{what}")

        if first:
            do(first)
        before = counts(service, ada)
        shown = ada.get(f"/tasks/{task['id']}").json()
        answer = do(again)
        assert answer.status_code == 200 and answer.json() == shown
        assert answer.headers["etag"] == f'"{shown["version"]}"'
        assert counts(service, ada) == before

    def test_the_trash_keeps_and_restores(self, ada: User, task: dict) -> None:
        path = f"/tasks/{task['id']}"
        ada.post(path + "/complete")
        gone = ada.delete(path).json()
        assert gone["deleted_at"] is not None and gone["status"] == "completed" and gone["version"] == 3
        assert ada.get(path).json() == gone
        for answer in (
            ada.patch(path, json={"title": "x"}),
            ada.post(path + "/complete"),
            ada.post(path + "/reopen"),
        ):
            refused(answer, 409, "task_in_trash")
        back = ada.post(path + "/restore").json()
        assert back["deleted_at"] is None and back["status"] == "completed" and back["version"] == 4

    def test_purging_is_for_good_and_for_the_trash_alone(self, service: Service, ada: User) -> None:
        path = f"/tasks/{add(ada)['id']}"
        before = counts(service, ada)
        refused(ada.delete(path + "?purge=true"), 409, "task_not_in_trash")
        assert counts(service, ada) == before
        ada.delete(path + "?purge=false")
        answer = ada.delete(path + "?purge=true")
        assert answer.status_code == 204 and not answer.content
        for answer in (ada.get(path), ada.delete(path), ada.delete(path + "?purge=true"), ada.post(path + "/restore")):
            refused(answer, 404)

    def test_each_change_is_one_event_and_one_update_with_the_next_seq(self, service: Service, ada: User) -> None:
        first = service.database.value("backend", "SELECT seq FROM account WHERE id = %s", ada.id)
        task = add(ada)
        path = f"/tasks/{task['id']}"
        bodies = [
            task,
            ada.patch(path, json={"title": "b"}).json(),
            ada.post(path + "/complete").json(),
            ada.post(path + "/reopen").json(),
            ada.delete(path).json(),
            ada.post(path + "/restore").json(),
            ada.delete(path).json(),
        ]
        ada.delete(path + "?purge=true")
        types = ["created", "updated", "completed", "reopened", "deleted", "restored", "deleted", "purged"]

        def about(topic: str) -> list[dict]:
            return [p.event for p in service.sidecar.events(topic) if p.event["subject"] == task["id"]]

        api_wait(lambda: len(about("task-events")) == 8 and len(about("task-updates")) == 8)
        events, updates = about("task-events"), about("task-updates")
        assert [e["type"] for e in events] == [f"todo.task.{t}.v1" for t in types]
        assert [e["type"] for e in updates] == ["todo.update.task.v1"] * 7 + ["todo.update.task-purged.v1"]
        for found in (events, updates):
            assert [int(e["seq"]) for e in found] == list(range(first + 1, first + 9))
            assert [e["data"] for e in found] == [*bodies, {"id": task["id"]}]
            assert {e["ownerid"] for e in found} == {ada.id}
            assert {e["source"] for e in found} == {"/todo/backend"}
        assert len({e["id"] for e in events + updates}) == 16

    def test_an_event_carries_the_trace_of_its_request(self, service: Service, ada: User) -> None:
        trace = uuid.uuid4().hex
        answer = ada.post("/tasks", json={"title": "a"}, headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
        found = api_wait(
            lambda: [p.event for p in service.sidecar.events("task-events") if p.event["subject"] == answer.json()["id"]]
        )
        assert found[0]["traceparent"].split("-")[1] == trace

    def test_an_owner_has_a_limit_of_tasks(self, service: Service) -> None:
        carl = User(service)
        tasks = [add(carl) for _ in range(50)]
        before = counts(service, carl)
        problem = refused(carl.post("/tasks", json={"title": "one more"}), 409, "too_many_tasks")
        assert "50" in problem["detail"]
        assert counts(service, carl) == before
        carl.delete(f"/tasks/{tasks[0]['id']}")
        refused(carl.post("/tasks", json={"title": "one more"}), 409, "too_many_tasks")
        carl.delete(f"/tasks/{tasks[0]['id']}?purge=true")
        add(carl)

    def test_the_same_request_twice_may_take_the_last_place(self, service: Service) -> None:
        """The second one waits for the first, whose kept reply is not in its snapshot."""
        carl, database = User(service), service.database
        database.execute("backend", "UPDATE account SET task_count = 49 WHERE id = %s", carl.id)

        def send() -> Any:
            return carl.post("/tasks", json={"title": "the last"}, headers={"Idempotency-Key": "twice"})

        with concurrent.futures.ThreadPoolExecutor(2) as pool, database.connect("backend") as lock:
            with lock.transaction():
                lock.execute("SELECT FROM account WHERE id = %s FOR UPDATE", (carl.id,))
                sent = [pool.submit(send), pool.submit(send)]
                wait_for("both to wait", lambda: database.waiting("WITH known AS%") == 2)
            answers = [s.result() for s in sent]
        assert [a.status_code for a in answers] == [201, 201]
        assert answers[0].json() == answers[1].json()
        assert sorted(a.headers.get("Idempotency-Replayed", "") for a in answers) == ["", "true"]


def api_wait(condition):
    return wait_for("the events", condition)


class TestVersions:
    def test_a_read_may_be_conditional(self, ada: User, task: dict) -> None:
        path = f"/tasks/{task['id']}"
        for tags in ('"1"', 'W/"1"', "*", '"7", "1"'):
            answer = ada.get(path, headers={"If-None-Match": tags})
            assert answer.status_code == 304 and not answer.content and answer.headers["etag"] == '"1"'
        for tags in ('"2"', '"abc"', "1", ""):
            assert ada.get(path, headers={"If-None-Match": tags}).status_code == 200

    def test_if_match_lets_the_right_version_through(self, ada: User, task: dict) -> None:
        path = f"/tasks/{task['id']}"
        assert ada.patch(path, json={"title": "b"}, headers={"If-Match": '"1"'}).json()["version"] == 2
        assert ada.post(path + "/complete", headers={"If-Match": '"7", "2"'}).json()["version"] == 3
        assert ada.delete(path, headers={"If-Match": "*"}).json()["version"] == 4

    @pytest.mark.parametrize("tags", ['"2"', '"0"', 'W/"1"', '"abc"', '""'])
    def test_a_stale_if_match_is_refused(self, service: Service, ada: User, task: dict, tags: str) -> None:
        path, before = f"/tasks/{task['id']}", counts(service, ada)
        headers = {"If-Match": tags}
        for answer in (
            ada.patch(path, json={"title": "b"}, headers=headers),
            ada.post(path + "/complete", headers=headers),
            ada.post(path + "/reopen", headers=headers),
            ada.post(path + "/restore", headers=headers),
            ada.delete(path, headers=headers),
        ):
            refused(answer, 412, "stale_version")
        assert counts(service, ada) == before

    @pytest.mark.parametrize("tags", ["1", '"1', "", '"1" "2"', "*,*", '"1",'])
    def test_a_malformed_if_match_is_named(self, service: Service, ada: User, task: dict, tags: str) -> None:
        before = counts(service, ada)
        answer = ada.patch(f"/tasks/{task['id']}", json={"title": "b"}, headers={"If-Match": tags})
        refused(answer, 400, "invalid", "If-Match")
        assert counts(service, ada) == before


class TestOthers:
    """Another's task is a 404, as is one that never was."""

    def test_nobody_reaches_anothers_task(self, service: Service, ada: User, bob: User, task: dict) -> None:
        before = counts(service, ada)
        for ident in (task["id"], str(uuid.uuid4()), "no-uuid", "%00", "..%2fsession"):
            path = f"/tasks/{ident}"
            for answer in (
                bob.get(path),
                bob.patch(path, json={"title": "x"}),
                bob.post(path + "/complete"),
                bob.post(path + "/reopen"),
                bob.post(path + "/restore"),
                bob.delete(path),
                bob.delete(path + "?purge=true"),
            ):
                assert answer.status_code in ((404,) if "%" not in ident else (400, 404)), answer.text
        assert counts(service, ada) == before

    def test_without_a_token_nothing(self, service: Service, task: dict) -> None:
        with api.client(service) as nobody:
            for answer in (
                nobody.get("/tasks"),
                nobody.get(f"/tasks/{task['id']}"),
                nobody.post("/tasks", json={"title": "a"}),
                nobody.post("/tasks/batch", json={"operations": []}),
                nobody.get("/sync?since=0"),
                nobody.get("/history"),
            ):
                refused(answer, 401)

    def test_a_token_needs_the_scope(self, ada: User, task: dict) -> None:
        path = f"/tasks/{task['id']}"
        with ada.api_token("tasks:read") as reader, ada.api_token("tasks:write") as writer:
            assert reader.get(path).status_code == 200
            assert reader.get("/tasks").status_code == 200
            assert reader.get("/sync?since=0").status_code == 200
            for answer in (
                reader.post("/tasks", json={"title": "a"}),
                reader.patch(path, json={"title": "a"}),
                reader.delete(path),
                reader.post(path + "/complete"),
                reader.post("/tasks/batch", json={"operations": []}),
                writer.get(path),
                writer.get("/tasks"),
                writer.get("/sync?since=0"),
                writer.get("/history"),
            ):
                refused(answer, 403, "missing_scope")
            assert writer.patch(path, json={"title": "b"}).status_code == 200


# body → the field it must name
BAD_TASKS: list[tuple[Any, str]] = [
    ({}, "title"),
    ({"title": None}, "title"),
    ({"title": ""}, "title"),
    ({"title": " \u3000"}, "title"),
    ({"title": 7}, "title"),
    ({"title": ["a"]}, "title"),
    ({"title": "a" * 501}, "title"),
    ({"title": "😀" * 501}, "title"),
    ({"title": "two\nlines"}, "title"),
    ({"title": "two\u2028lines"}, "title"),
    ({"title": "a", "description": "a" * 10001}, "description"),
    ({"title": "a", "description": "\u0007"}, "description"),
    ({"title": "a", "description": 1}, "description"),
    ({"title": "a", "priority": "highest"}, "priority"),
    ({"title": "a", "priority": 3}, "priority"),
    ({"title": "a", "tags": "home"}, "tags"),
    ({"title": "a", "tags": ["t"] * 21}, "tags"),
    ({"title": "a", "tags": ["a" * 51]}, "tags[0]"),
    ({"title": "a", "tags": ["ok", ""]}, "tags[1]"),
    ({"title": "a", "tags": ["ok", "  "]}, "tags[1]"),
    ({"title": "a", "tags": ["ok", 3]}, "tags[1]"),
    ({"title": "a", "tags": [None]}, "tags[0]"),
    ({"title": "a", "due_at": "tomorrow"}, "due_at"),
    ({"title": "a", "due_at": "2027-02-30T00:00:00Z"}, "due_at"),
    ({"title": "a", "due_at": "2027-01-01T00:00:00"}, "due_at"),
    ({"title": "a", "due_at": "1999-12-31T23:59:59.999Z"}, "due_at"),
    ({"title": "a", "due_at": "2200-01-01T00:00:00Z"}, "due_at"),
    ({"title": "a", "due_at": "0001-01-01T00:00:00Z"}, "due_at"),
    ({"title": "a", "due_at": "9999-12-31T23:59:59Z"}, "due_at"),
    ({"title": "a", "due_at": "292277026596-12-04T15:30:08Z"}, "due_at"),
    ({"title": "a", "due_at": 1790000000}, "due_at"),
    ({"title": "a", "time_zone": "Europe/Berlin"}, "time_zone"),
    ({"title": "a", "due_at": "2027-01-01T00:00:00Z", "time_zone": "Mars/Base"}, "time_zone"),
    ({"title": "a", "due_at": "2027-01-01T00:00:00Z", "time_zone": "../../etc/passwd"}, "time_zone"),
    ({"title": "a", "due_at": "2027-01-01T00:00:00Z", "time_zone": ""}, "time_zone"),
    ({"title": "a", "colour": "red"}, "colour"),
    ({"title": "a", "status": "completed"}, "status"),
    ({"title": "a", "id": str(uuid.uuid4())}, "id"),
    ({"title": "a", "owner_id": str(uuid.uuid4())}, "owner_id"),
]

# bytes that are no JSON object
BAD_BODIES = [
    b"",
    b" ",
    b"null",
    b"[]",
    b'"title"',
    b"7",
    b"{",
    b'{"title":"a"',
    b'{"title":"a",}',
    b"{'title':'a'}",
    b'{"title":"a"}{"title":"b"}',
    b'{"title":"a"}x',
    b'{"title":"a","title":"b"}',
    b'{"title":"\xff\xfe"}',
    b'{"title":"\xc0\xaf"}',
    b'{"title":"\xed\xa0\x80"}',
    b'{"title":"\\ud800"}',
    b'{"title":"a\x00b"}',
    b'{"title":"a\\u0000b"}',
    b'{"title":"a\nb"}',
    b'{"title":"a"}\x00',
    b'\xef\xbb\xbf{"title":"a"}',
    b'{"title":"\\x41"}',
    b'{"title":+1}',
    b'{"title":NaN}',
    b'{"title":' + b"[" * 1000 + b"]" * 1000 + b"}",
    b'{"a":' * 1000 + b"1" + b"}" * 1000,
    b"[" * 1000 + b"]" * 1000,
]


class TestBadInput:
    @pytest.mark.parametrize(("body", "field"), BAD_TASKS, ids=lambda v: json.dumps(v)[:60] if isinstance(v, dict) else v)
    def test_a_bad_field_is_named(self, service: Service, ada: User, task: dict, body: dict, field: str) -> None:
        before = counts(service, ada)
        refused(ada.post("/tasks", json=body), 400, "invalid", field)
        if body and "title" in body:
            refused(ada.patch(f"/tasks/{task['id']}", json=body), 400, "invalid", field)
        assert counts(service, ada) == before

    def test_every_bad_field_has_an_entry_of_its_own(self, ada: User) -> None:
        body = {"title": "", "description": 3, "priority": "x", "tags": ["", "ok", " "], "colour": "red"}
        problem = refused(ada.post("/tasks", json=body), 400, "invalid")
        fields = [e["field"] for e in problem["errors"]]
        assert set(fields) >= {"title", "description", "priority", "tags[0]", "colour"}
        assert len(fields) == len(set(fields))

    def test_a_limit_is_named(self, ada: User) -> None:
        def message(**fields: Any) -> str:
            return refused(ada.post("/tasks", json={"title": "a", **fields}), 400)["errors"][0]["message"]

        assert "500" in message(title="a" * 501)
        assert "10000" in message(description="a" * 10001)
        assert "20" in message(tags=[str(i) for i in range(21)])
        assert "50" in message(tags=["a" * 51])
        assert "2000" in message(due_at="1999-01-01T00:00:00Z")
        assert "2199" in message(due_at="2200-01-01T00:00:00Z")

    @pytest.mark.parametrize("body", BAD_BODIES, ids=lambda b: repr(b[:40]))
    def test_what_is_no_json_object_is_refused(self, service: Service, ada: User, task: dict, body: bytes) -> None:
        before = counts(service, ada)
        headers = {"Content-Type": "application/json"}
        refused(ada.post("/tasks", content=body, headers=headers), 400)
        refused(ada.patch(f"/tasks/{task['id']}", content=body, headers=headers), 400)
        refused(ada.post("/tasks/batch", content=body, headers=headers), 400)
        assert counts(service, ada) == before

    def test_a_body_of_10_megabytes_is_too_large(self, service: Service, ada: User, task: dict) -> None:
        before = counts(service, ada)
        body = b'{"title":"a","description":"' + b"x" * (10 * MEBIBYTE) + b'"}'
        for method, path in (("POST", "/tasks"), ("PATCH", f"/tasks/{task['id']}"), ("POST", "/tasks/batch")):
            answer = ada.request(method, path, content=body, headers={"Content-Type": "application/json"})
            problem = refused(answer, 413)
            assert "1048576" in problem["detail"]
        assert counts(service, ada) == before

    def test_a_body_just_below_the_limit_is_judged_by_its_fields(self, ada: User) -> None:
        body = b'{"title":"a","description":"' + b"x" * (MEBIBYTE - 64) + b'"}'
        answer = ada.post("/tasks", content=body, headers={"Content-Type": "application/json"})
        refused(answer, 400, "invalid", "description")

    @pytest.mark.parametrize("kind", [None, "text/plain", "application/xml", "application/jsonx", "multipart/form-data"])
    def test_a_body_must_say_that_it_is_json(self, ada: User, kind: str | None) -> None:
        request = ada.http.build_request("POST", "/tasks", content=b'{"title":"a"}')
        if kind:
            request.headers["Content-Type"] = kind
        refused(ada.http.send(request), 415)

    @pytest.mark.parametrize("key", ["", "a b", "ä".encode(), "x" * 256])
    def test_a_bad_idempotency_key_is_named(self, service: Service, ada: User, task: dict, key: Any) -> None:
        before = counts(service, ada)
        headers = {"Idempotency-Key": key}
        refused(ada.post("/tasks", json={"title": "a"}, headers=headers), 400, "invalid", "Idempotency-Key")
        refused(ada.delete(f"/tasks/{task['id']}", headers=headers), 400, "invalid", "Idempotency-Key")
        refused(ada.post("/tasks/batch", json={"operations": [{"op": "delete", "id": task["id"]}]}, headers=headers), 400)
        assert counts(service, ada) == before

    @pytest.mark.parametrize(
        ("method", "path", "field"),
        [
            ("GET", "/tasks/{id}?x=1", "x"),
            ("POST", "/tasks?dry=true", "dry"),
            ("DELETE", "/tasks/{id}?purge=maybe", "purge"),
            ("DELETE", "/tasks/{id}?purge=true&purge=true", "purge"),
            ("DELETE", "/tasks/{id}?force=true", "force"),
            ("POST", "/tasks/{id}/complete?now=1", "now"),
        ],
    )
    def test_an_unknown_parameter_is_named(
        self, service: Service, ada: User, task: dict, method: str, path: str, field: str
    ) -> None:
        before = counts(service, ada)
        body = {"json": {"title": "a"}} if path.startswith("/tasks?") else {}
        answer = ada.request(method, path.format(id=task["id"]), **body)
        refused(answer, 400, "invalid", field)
        assert counts(service, ada) == before

    def test_another_method_is_not_allowed(self, ada: User, task: dict) -> None:
        for method, path in (("PUT", f"/tasks/{task['id']}"), ("DELETE", "/tasks"), ("GET", f"/tasks/{task['id']}/complete")):
            answer = ada.request(method, path)
            assert answer.status_code == 405 and answer.headers["allow"]
