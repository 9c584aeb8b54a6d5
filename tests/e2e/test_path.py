"""The path of a change: the API, the outbox, the broker, the audit trail, the open browsers."""

from __future__ import annotations

import httpx
import pytest
from client import PASSWORD, Browser, Person
from support.waiting import LIMIT_S, wait_for
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect


@pytest.fixture
def person(stack):
    person = Person(stack.url)
    yield person
    person.close()


def test_a_task_arrives_in_a_frame_and_in_the_audit_trail(person):
    browser = Browser(person)
    wait_for("the socket", browser.connected.is_set)
    task = person.create("Water the plants", priority="high", tags=["home"])
    wait_for("the frame", lambda: task["id"] in browser.tasks)
    assert browser.tasks[task["id"]] == task
    person.complete(task["id"])
    wait_for("the second frame", lambda: browser.tasks[task["id"]]["status"] == "completed")
    entries = wait_for("two entries", lambda: (e := person.history(task["id"])) and len(e) == 2 and e)
    entries.sort(key=lambda entry: entry["seq"])  # the trail keeps the order of arrival; Redis has none
    assert [entry["type"] for entry in entries] == ["todo.task.created.v1", "todo.task.completed.v1"]
    assert entries[0]["data"]["title"] == "Water the plants"
    browser.close()
    assert browser.doubled() == []


def test_every_browser_of_a_user_sees_a_change_and_nobody_elses(person, stack):
    other = Person(stack.url)
    mine, too, theirs = Browser(person), Browser(person), Browser(other)
    for browser in (mine, too, theirs):
        wait_for("the socket", browser.connected.is_set)
    task = person.create("Shared with myself")
    secret = other.create("Not for the first")
    wait_for("both of my browsers", lambda: task["id"] in mine.tasks and task["id"] in too.tasks)
    wait_for("the other's browser", lambda: secret["id"] in theirs.tasks)
    assert secret["id"] not in mine.tasks and task["id"] not in theirs.tasks
    for browser in (mine, too, theirs):
        browser.close()
    other.close()


def test_another_users_task_and_its_history_are_not_found(person, stack):
    other = Person(stack.url)
    task = other.create("Private")
    wait_for("its history", lambda: other.history(task["id"]))
    assert person.http.get(f"/tasks/{task['id']}").status_code == 404
    answer = person.http.get(f"/tasks/{task['id']}/history")
    assert answer.status_code == 404 or answer.json()["entries"] == []
    assert all(entry["task_id"] != task["id"] for entry in person.history())
    other.close()


def test_a_ticket_opens_one_socket_from_our_own_origin(person, stack):
    url = stack.url.replace("http", "ws", 1) + "/ws?ticket="
    ticket = person.ticket()
    with pytest.raises(InvalidStatus) as refused, connect(url + person.ticket(), origin="http://evil.example"):
        pass
    assert refused.value.response.status_code == 403
    with connect(url + ticket, origin=stack.url) as socket:
        assert '"hello"' in socket.recv(timeout=LIMIT_S)
    with pytest.raises(InvalidStatus) as refused, connect(url + ticket, origin=stack.url):
        pass
    assert refused.value.response.status_code == 401


def test_what_happened_while_a_browser_was_away_comes_by_sync(person):
    browser = Browser(person)
    wait_for("the socket", browser.connected.is_set)
    browser.close()
    tasks = {person.create(f"Task {i}")["id"] for i in range(20)}
    person.call("DELETE", f"/tasks/{min(tasks)}", 200)
    _, changes = person.sync(browser.seq)
    assert {change["task"]["id"] for change in changes} == tasks
    assert [c["task"]["id"] for c in changes if c["task"]["deleted_at"]] == [min(tasks)]
    assert [change["seq"] for change in changes] == sorted({change["seq"] for change in changes})


def test_a_deleted_account_is_gone_and_its_content_with_it(person, stack):
    task = person.create("Forget me")
    wait_for("its history", lambda: person.history(task["id"]))
    person.call("POST", "/account/delete", 204, {"password": PASSWORD})
    # the replica that did not delete it trusts its token for SESSION_CHECK_MS at most
    wait_for("the end of the session", lambda: person.http.get(f"/tasks/{task['id']}").status_code in (401, 404))
    owner = person.account["id"]
    for service in ("recurring_task", "notification"):
        wait_for(f"{service} to forget", lambda s=service: stack.count(s, "task", "owner_id", owner) == 0)
    wait_for("the key's destruction", lambda: stack.count("audit", "payload_key", "owner_id", owner) == 0)


def test_dapr_lets_only_backend_ask_audit(stack):
    """The sidecar of any other service is refused by access control, whatever it asks."""
    for service, status in (("backend", 400), ("websocket", 403), ("notification", 403)):
        url = f"http://127.0.0.1:{stack.port(service, 'dapr_http')}/v1.0/invoke/audit/method/internal/history"
        answer = httpx.get(url, headers={"dapr-api-token": stack.dapr_token(service)})
        assert answer.status_code == status, f"{service}: {answer.status_code} {answer.text}"


def test_a_change_reaches_the_browsers_of_every_replica(person, stack):
    """The ingress spreads sockets over both replicas of websocket; the writes come by both of backend."""
    browsers = [Browser(person) for _ in range(4)]
    for browser in browsers:
        wait_for("the socket", browser.connected.is_set)

    def has_socket(replica: str) -> bool:
        metrics = httpx.get(f"http://127.0.0.1:{stack.port(replica, 'http')}/metrics").text
        return any(float(line.split()[1]) >= 1 for line in metrics.splitlines() if line.startswith("websocket_sockets "))

    for replica in ("websocket", "websocket-1"):
        wait_for(f"a socket at {replica}", lambda r=replica: has_socket(r))
    ids = {person.create(f"For all, {number}")["id"] for number in range(10)}
    for browser in browsers:
        wait_for("ten frames", lambda b=browser: ids <= set(b.tasks))
        browser.close()
        assert browser.doubled() == []


def test_every_service_is_ready_and_says_what_it_is(stack):
    for service in stack.services:
        base = f"http://127.0.0.1:{stack.port(service, 'http')}"
        assert httpx.get(f"{base}/health").status_code == 200
        assert httpx.get(f"{base}/ready").status_code == 200
        assert httpx.get(f"{base}/version").json()["service"] == service
        assert "process_resident_memory_bytes" in httpx.get(f"{base}/metrics").text
