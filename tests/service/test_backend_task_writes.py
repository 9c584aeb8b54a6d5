"""Many writers at once, requests that are sent again, and crashes between commit and reply: versions
and seq have no gap, nothing happens twice, nothing is half-written."""

from __future__ import annotations

import concurrent.futures
import json
import socket
import uuid
from collections import Counter
from typing import Any, Callable

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


def at_once(n: int, call: Callable[[int], Any]) -> list[Any]:
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        return list(pool.map(call, range(n)))


def key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


def add(user: User, title: str = "Buy milk", **fields: Any) -> dict[str, Any]:
    answer = user.post("/tasks", json={"title": title, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


def events_of(service: Service, user: User, topic: str) -> list[dict]:
    return [p.event for p in service.sidecar.events(topic) if p.event["ownerid"] == user.id]


def seqs_of(service: Service, user: User) -> int:
    return service.database.value("backend", "SELECT seq FROM account WHERE id = %s", user.id)


def all_events(service: Service, user: User) -> list[dict]:
    """The user's task events, once the outbox is empty."""
    wait_for(
        "the outbox to be empty",
        lambda: service.database.value("backend", "SELECT count(*) FROM outbox WHERE owner_id = %s", user.id) == 0,
    )
    return events_of(service, user, "task-events")


def check_seqs(service: Service, user: User) -> list[dict]:
    """Every seq of the account is one event's, in order, and each has its update."""
    events = all_events(service, user)
    seqs = [int(e["seq"]) for e in events]
    others = [int(e["seq"]) for e in events_of(service, user, "user-events")]
    assert seqs == sorted(seqs)
    assert sorted(seqs + others) == list(range(1, seqs_of(service, user) + 1))
    assert [int(e["seq"]) for e in events_of(service, user, "task-updates")] == seqs
    return events


class TestConcurrency:
    def test_writers_of_one_task_leave_no_gap(self, service: Service, ada: User) -> None:
        task = add(ada)
        answers = at_once(16, lambda n: ada.patch(f"/tasks/{task['id']}", json={"title": f"title {n}"}))
        won = [a.json() for a in answers if a.status_code == 200]
        for lost in (a for a in answers if a.status_code != 200):
            refused(lost, 503, "task_busy")
        assert won
        assert sorted(t["version"] for t in won) == list(range(2, len(won) + 2))
        newest = max(won, key=lambda t: t["version"])
        assert ada.get(f"/tasks/{task['id']}").json() == newest
        events = check_seqs(service, ada)
        assert [e["data"]["version"] for e in events] == list(range(1, len(won) + 2))
        assert events[-1]["data"] == newest

    def test_of_many_with_the_same_version_one_wins(self, service: Service, ada: User) -> None:
        task = add(ada)
        answers = at_once(
            16,
            lambda n: ada.patch(f"/tasks/{task['id']}", json={"title": f"title {n}"}, headers={"If-Match": '"1"'}),
        )
        assert Counter(a.status_code for a in answers) == {200: 1, 412: 15}
        assert len(check_seqs(service, ada)) == 2

    def test_completing_at_once_happens_once(self, service: Service, ada: User) -> None:
        task = add(ada)
        answers = at_once(16, lambda n: ada.post(f"/tasks/{task['id']}/complete"))
        assert {a.status_code for a in answers} == {200}
        assert {a.json()["version"] for a in answers} == {2}
        assert len(check_seqs(service, ada)) == 2

    def test_many_users_and_tasks_at_once_keep_their_own_count(self, service: Service) -> None:
        users = [User(service) for _ in range(4)]

        def work(n: int) -> None:
            user = users[n % 4]
            for i in range(5):
                path = f"/tasks/{add(user, f'{n}-{i}')['id']}"
                user.patch(path, json={"priority": "high"})
                user.post(path + "/complete")
                user.delete(path)

        at_once(12, work)
        for user in users:
            events = check_seqs(service, user)
            assert len(events) == 3 * 5 * 4
            for subject in {e["subject"] for e in events}:
                own = [e for e in events if e["subject"] == subject]
                assert [e["data"]["version"] for e in own] == [1, 2, 3, 4]
            assert user.get("/tasks").json()["tasks"] == []

    def test_changes_deletions_and_purges_race_without_harm(self, service: Service, ada: User) -> None:
        for _ in range(5):
            path = f"/tasks/{add(ada)['id']}"
            ada.delete(path)
            answers = at_once(
                9,
                lambda n: [
                    lambda: ada.post(path + "/restore"),
                    lambda: ada.delete(path + "?purge=true"),
                    lambda: ada.patch(path, json={"title": f"{n}"}),
                ][n % 3](),
            )
            assert {a.status_code for a in answers} <= {200, 204, 404, 409}
            assert sum(a.status_code == 204 for a in answers) <= 1
        check_seqs(service, ada)
        rows = service.database.execute(
            "backend",
            "SELECT (SELECT count(*) FROM task WHERE owner_id = a.id), a.task_count FROM account a WHERE id = %s",
            ada.id,
        )
        assert rows[0][0] == rows[0][1]


class TestRetries:
    """Idempotency-Key."""

    def writes(self, user: User) -> list[tuple[str, str, Any]]:
        """One of each kind: method, path, body."""
        path = f"/tasks/{add(user)['id']}"
        return [
            ("POST", "/tasks", {"title": "New"}),
            ("PATCH", path, {"title": "Changed"}),
            ("POST", path + "/complete", None),
            ("POST", path + "/reopen", None),
            ("POST", path + "/reopen", None),  # changes nothing
            ("DELETE", path, None),
            ("POST", path + "/restore", None),
            ("DELETE", path, None),
            ("DELETE", path + "?purge=true", None),
        ]

    def test_a_request_that_comes_again_gets_the_same_answer(self, service: Service, ada: User) -> None:
        for method, path, body in self.writes(ada):
            headers = key()
            first = ada.request(method, path, json=body, headers=headers)
            assert first.status_code < 300 and "idempotency-replayed" not in first.headers
            before = seqs_of(service, ada)
            again = ada.request(method, path, json=body, headers=headers)
            assert again.headers["idempotency-replayed"] == "true"
            assert (again.status_code, again.content) == (first.status_code, first.content)
            for name in ("etag", "location", "content-type"):
                assert again.headers.get(name) == first.headers.get(name)
            assert seqs_of(service, ada) == before
        check_seqs(service, ada)

    def test_the_answer_is_the_first_one_whatever_happened_since(self, ada: User) -> None:
        headers = key()
        first = ada.post("/tasks", json={"title": "a"}, headers=headers)
        path = f"/tasks/{first.json()['id']}"
        patch = {"json": {"title": "b"}, "headers": {**key(), "If-Match": '"1"'}}
        changed = ada.patch(path, **patch)
        ada.post(path + "/complete")
        assert ada.patch(path, **patch).content == changed.content
        ada.delete(path)
        ada.delete(path + "?purge=true")
        assert ada.patch(path, **patch).content == changed.content
        assert ada.post("/tasks", json={"title": "a"}, headers=headers).content == first.content

    def test_another_request_with_the_key_is_refused(self, service: Service, ada: User) -> None:
        task, headers = add(ada), key()
        path = f"/tasks/{task['id']}"
        ada.post("/tasks", json={"title": "a"}, headers=headers)
        before = seqs_of(service, ada)
        for answer in (
            ada.post("/tasks", json={"title": "b"}, headers=headers),
            ada.post("/tasks", content=b'{"title": "a" }', headers={**headers, "Content-Type": "application/json"}),
            ada.patch(path, json={"title": "a"}, headers=headers),
            ada.post(path + "/complete", headers=headers),
            ada.post(path + "/reopen", headers=headers),
            ada.delete(path, headers=headers),
            ada.post("/tasks/batch", json={"operations": [{"op": "complete", "id": task["id"]}]}, headers=headers),
        ):
            refused(answer, 422, "idempotency_key_reused")
        assert seqs_of(service, ada) == before
        assert ada.get(path).json() == task

    def test_deleting_and_purging_are_two_requests(self, ada: User) -> None:
        headers, path = key(), f"/tasks/{add(ada)['id']}"
        assert ada.delete(path, headers=headers).status_code == 200
        refused(ada.delete(path + "?purge=true", headers=headers), 422, "idempotency_key_reused")

    def test_a_key_is_its_owners(self, service: Service, ada: User) -> None:
        bob, headers = User(service), key()
        mine = ada.post("/tasks", json={"title": "a"}, headers=headers).json()
        his = bob.post("/tasks", json={"title": "a"}, headers=headers).json()
        assert mine["id"] != his["id"] and his["owner_id"] == bob.id

    def test_a_refusal_is_not_kept(self, ada: User) -> None:
        headers, task = key(), add(ada)
        path = f"/tasks/{task['id']}"
        refused(ada.post("/tasks", json={"title": ""}, headers=headers), 400)
        refused(ada.patch(path, json={"title": "b"}, headers={**headers, "If-Match": '"7"'}), 412)
        assert ada.patch(path, json={"title": "b"}, headers={**headers, "If-Match": '"1"'}).status_code == 200

    def test_of_many_at_once_one_happens_and_all_get_its_answer(self, service: Service, ada: User) -> None:
        for method, path, body in self.writes(ada):
            headers, before = key(), seqs_of(service, ada)
            answers = at_once(8, lambda _: ada.request(method, path, json=body, headers=headers))
            assert {a.status_code for a in answers} == {answers[0].status_code}, [a.text for a in answers]
            assert len({a.content for a in answers}) == 1
            assert sum("idempotency-replayed" not in a.headers for a in answers) == 1
            assert seqs_of(service, ada) - before <= 1
        check_seqs(service, ada)

    def test_of_many_different_ones_at_once_one_happens(self, service: Service, ada: User) -> None:
        headers = key()
        answers = at_once(8, lambda n: ada.post("/tasks", json={"title": f"{n}"}, headers=headers))
        assert Counter(a.status_code for a in answers) == {201: 1, 422: 7}
        assert len(check_seqs(service, ada)) == 1


def send_and_vanish(service: Service, user: User, method: str, path: str, body: Any, headers: dict[str, str]) -> None:
    """Send a whole request and close the connection without reading a byte of the answer."""
    content = json.dumps(body).encode() if body is not None else b""
    head = f"{method} /api/v1{path} HTTP/1.1\r\nHost: todo.test\r\nAuthorization: Bearer {user.token}\r\n"
    head += "Content-Type: application/json\r\n" if content else ""
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head += f"Content-Length: {len(content)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.sendall(head.encode() + content)


class TestCrashes:
    """Between commit and reply."""

    def test_a_client_that_vanished_may_come_again(self, service: Service, ada: User) -> None:
        task = add(ada)
        for method, path, body in (
            ("POST", "/tasks", {"title": "a"}),
            ("PATCH", f"/tasks/{task['id']}", {"title": "b"}),
            ("POST", f"/tasks/{task['id']}/complete", None),
        ):
            headers, before = key(), seqs_of(service, ada)
            send_and_vanish(service, ada, method, path, body, headers)
            wait_for("the change to be there", lambda: seqs_of(service, ada) > before)
            again = ada.request(method, path, content=json.dumps(body).encode() if body else b"", headers=(
                {**headers, "Content-Type": "application/json"} if body else headers))
            assert again.status_code in (200, 201) and again.headers["idempotency-replayed"] == "true"
            assert seqs_of(service, ada) == before + 1
        check_seqs(service, ada)

    def test_a_killed_service_has_done_it_once_or_not_at_all(self, service_maker, cluster) -> None:
        """kill -9 in the midst of writes; each client sends its request again until it is answered."""
        service = service_maker(cluster.new_database()).start()
        ada = User(service)
        task = add(ada)
        keys = [key() for _ in range(40)]

        def write(n: int) -> httpx.Response:
            """Even ones add a task, odd ones change the same task."""

            def attempt() -> httpx.Response | None:
                url = service.url + "/api/v1/tasks" + ("" if n % 2 == 0 else f"/{task['id']}")
                headers = {**keys[n], "Authorization": f"Bearer {ada.token}"}
                try:
                    answer = httpx.request(
                        "POST" if n % 2 == 0 else "PATCH", url, json={"title": f"write {n}"}, headers=headers
                    )
                except httpx.TransportError:
                    return None
                return answer if answer.status_code < 500 else None

            return wait_for(f"write {n} to be answered", attempt)

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            running = [pool.submit(write, n) for n in range(len(keys))]
            for _ in range(3):
                before = seqs_of(service, ada)
                wait_for("some writes", lambda: seqs_of(service, ada) > before or all(r.done() for r in running))
                service.kill()
                service.start()
            answers = [r.result() for r in running]
        assert {a.status_code for a in answers} <= {200, 201}, [a.text for a in answers]
        created = [a.json() for a in answers[::2]]
        assert len({t["id"] for t in created}) == 20
        rows = service.database.execute(
            "backend", "SELECT title, count(*) FROM task WHERE owner_id = %s GROUP BY title", ada.id
        )
        titles = Counter(dict(rows))
        assert all(titles[f"write {n}"] == 1 for n in range(0, 40, 2))
        assert sorted(a.json()["version"] for a in answers[1::2]) == list(range(2, 22))
        events = {e["id"]: e for e in all_events(service, ada)}.values()  # published at least once
        assert len(events) == 1 + 40
        assert sorted(int(e["seq"]) for e in events) == list(range(2, 43))

    def test_without_a_database_nothing_is_half_done(self, service_maker, cluster) -> None:
        """The server of the database is killed in the midst of writes, and comes back."""
        database = cluster.new_database()
        with cluster.connect("postgres") as db:  # what the other tests do without
            db.execute(f"ALTER DATABASE {database.name} SET synchronous_commit = on")
        service = service_maker(database).start()
        ada = User(service)
        answers: list[httpx.Response] = []

        def write(n: int) -> None:
            headers = key()

            def attempt() -> bool:
                answer = ada.post("/tasks", json={"title": f"write {n}"}, headers=headers)
                if answer.status_code == 503:
                    assert answer.headers["retry-after"]
                    return False
                answers.append(answer)
                return True

            wait_for(f"write {n} to be answered", attempt)

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            running = [pool.submit(write, n) for n in range(40)]
            wait_for("some writes", lambda: len(answers) > 5)
            cluster.kill()
            cluster.restart()
            for r in running:
                r.result()
        assert {a.status_code for a in answers} == {201}
        assert len({a.json()["id"] for a in answers}) == 40
        assert database.value("backend", "SELECT count(*) FROM task WHERE owner_id = %s", ada.id) == 40
        assert database.value("backend", "SELECT seq FROM account WHERE id = %s", ada.id) == 41
        assert len({e["id"] for e in all_events(service, ada)}) == 40


@pytest.mark.parametrize("path", ["/tasks/batch", "/tasks/{id}/reopen"])
def test_no_reply_is_kept_for_an_account_that_is_gone(service, database, path):
    """A batch marks its key first, a request that changes nothing keeps its reply: behind the account's end
    neither may add a row, which nothing would delete for a day."""
    user = User(service)
    task = user.post("/tasks", json={"title": "task"}).json()
    database.execute("backend", "DELETE FROM account WHERE id = %s", user.id)
    body = {"json": {"operations": [{"op": "create", "task": {"title": "more"}}]}} if "batch" in path else {}
    answer = user.post(path.format(id=task["id"]), headers={"Idempotency-Key": "k"}, **body)
    refused(answer, 401, "unauthenticated")
    assert database.value("backend", "SELECT count(*) FROM idempotency WHERE owner_id = %s", user.id) == 0
