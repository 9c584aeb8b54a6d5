"""What notification says was sent: marked on the task, shown in the app, told to open browsers and to
the trail, whatever the order and however often it is said."""

from __future__ import annotations

import concurrent.futures
import datetime
import random
import secrets
from typing import Any

import pytest

from support import api, audit
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


# ---- in the app


def entries(user: User, **params: Any) -> list[dict[str, Any]]:
    answer = user.get("/notifications", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()["notifications"]


def unread(user: User) -> int:
    return user.get("/notifications").json()["unread"]


def published(user: User, topic: str, type: str | None = None) -> list[Any]:
    found = user.service.sidecar.events(topic, type)
    return sorted((e for e in found if e.event["ownerid"] == user.id), key=lambda e: int(e.event["seq"]))


def wait_for_seq(user: User, seq: int) -> None:
    """Until everything up to `seq` is published."""

    def newest() -> int:
        return max((int(e.event["seq"]) for e in user.service.sidecar.events() if e.event["ownerid"] == user.id), default=0)

    wait_for(f"seq {seq} to be published", lambda: newest() >= seq)


def whole(user: User) -> int:
    """Hold what the trail gets against what `audit verify` calls whole: each number once, and none left
    out. Return the last."""
    last = user.get("/sync?since=0&limit=1").json()
    seq = last["seq"] if not last["more"] else user.service.database.execute(
        "backend", f"SELECT seq FROM account WHERE id = '{user.id}'"
    )[0][0]
    wait_for_seq(user, seq)
    audited = [
        int(e.event["seq"])
        for e in user.service.sidecar.events()
        if e.event["ownerid"] == user.id and e.topic not in ("task-updates", "dead-letters")
    ]
    assert sorted(audited) == list(range(1, seq + 1))
    return seq


def test_what_went_to_the_app_is_shown_once(ada: User) -> None:
    task = add_task(ada)
    event = sent(ada, task)
    deliver(ada, event, event, {**event, "id": new_id()})
    data = event["data"]
    wanted = {
        "id": data["id"],
        "kind": "reminder",
        "task_id": task["id"],
        "title": "Send the figures",
        "remind_at": data["remind_at"],
        "created_at": data["sent_at"],
        "read_at": None,
    }
    assert entries(ada) == [wanted]
    assert unread(ada) == 1
    assert whole(ada) == 4  # registered, created, marked, shown
    (update,) = published(ada, "task-updates", "todo.update.notification.v1")
    assert update.data == {"notification": wanted, "unread": 1}
    assert update.event["subject"] == data["id"]
    (fact,) = published(ada, "notifications")
    assert fact.type == "todo.notification.shown.v1"
    assert fact.data == update.data and fact.event["seq"] == update.event["seq"] == "4"


def test_what_went_elsewhere_is_not_shown(ada: User) -> None:
    deliver(ada, sent(ada, add_task(ada), channel="email"))
    assert entries(ada) == []


def test_a_digest_has_no_task(ada: User) -> None:
    deliver(ada, sent(ada, None))
    (entry,) = entries(ada)
    assert entry["kind"] == "digest" and entry["task_id"] is None


def test_our_own_facts_come_back_and_do_nothing(ada: User) -> None:
    deliver(ada, sent(ada, None))
    whole(ada)
    (fact,) = published(ada, "notifications")
    deliver(ada, fact.event)
    assert len(entries(ada)) == 1


def test_one_is_read_once(ada: User) -> None:
    deliver(ada, sent(ada, None), sent(ada, None))
    first = entries(ada)[0]
    answer = ada.post(f"/notifications/{first['id']}/read")
    assert answer.status_code == 200
    read = answer.json()
    assert read["unread"] == 1 and read["notification"]["read_at"] is not None
    assert ada.post(f"/notifications/{first['id'].upper()}/read").json() == read
    assert entries(ada)[0] == read["notification"]
    assert len(entries(ada, unread=True)) == 1
    assert whole(ada) == 4
    update = published(ada, "task-updates", "todo.update.notification.v1")[-1]
    assert update.data == read
    assert published(ada, "notifications")[-1].type == "todo.notification.read.v1"


def test_all_are_read_at_once(ada: User) -> None:
    deliver(ada, *[sent(ada, None) for _ in range(5)])
    ada.post(f"/notifications/{entries(ada)[2]['id']}/read")
    assert ada.post("/notifications/read").json() == {"unread": 0}
    assert ada.post("/notifications/read").json() == {"unread": 0}
    assert entries(ada, unread=True) == [] and unread(ada) == 0
    assert len({e["read_at"] for e in entries(ada)}) == 2
    assert whole(ada) == 8
    update = published(ada, "task-updates", "todo.update.notification.v1")[-1]
    assert update.data == {"notification": None, "unread": 0} and update.event["subject"] == ada.id
    deliver(ada, sent(ada, None))
    assert unread(ada) == 1


def test_anothers_is_not_found(ada: User, service: Service) -> None:
    deliver(ada, sent(ada, None))
    eve = User(service)
    refused(eve.post(f"/notifications/{entries(ada)[0]['id']}/read"), 404)
    refused(ada.post("/notifications/nothing/read"), 404)
    refused(ada.post(f"/notifications/{new_id()}/read"), 404)
    assert eve.post("/notifications/read").json() == {"unread": 0}
    deliver(eve, sent(eve, None))
    assert eve.post("/notifications/read").json() == {"unread": 0}
    assert unread(ada) == 1 == len(entries(ada, unread=True))


def test_pages_go_on_where_they_ended(ada: User) -> None:
    events = [sent(ada, None, sent_at=at(minutes=n // 3)) for n in range(10)]  # some of one instant
    random.Random(4).shuffle(events)
    deliver(ada, *events)
    found, cursor = [], None
    while True:
        answer = ada.get("/notifications", params={"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
        found += answer["notifications"]
        assert answer["unread"] >= 10
        cursor = answer["next_cursor"]
        if cursor is None:
            break
        deliver(ada, sent(ada, None, sent_at=at(days=-1)))  # what comes on top shifts nothing
    wanted = sorted((e["data"]["sent_at"], e["data"]["id"]) for e in events)
    assert [(e["created_at"], e["id"]) for e in found] == wanted[::-1]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 201}, "limit"),
        ({"unread": "yes"}, "unread"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": f"0.{new_id()}"}, "cursor"),
        ({"cursor": f"99999999999999999999.{new_id()}"}, "cursor"),
        ({"cursor": "17.x"}, "cursor"),
        ({"since": 1}, "since"),
    ],
)
def test_a_bad_query_is_named(ada: User, params: dict[str, Any], field: str) -> None:
    refused(ada.get("/notifications", params=params), 400, field=field)


def test_scopes_are_those_of_tasks(ada: User) -> None:
    deliver(ada, sent(ada, None))
    reader, writer = ada.api_token("tasks:read"), ada.api_token("tasks:write")
    assert reader.get("/notifications").status_code == 200
    refused(reader.post("/notifications/read"), 403, "missing_scope")
    refused(writer.get("/notifications"), 403, "missing_scope")
    assert writer.post("/notifications/read").status_code == 200


# ---- sync


def follow(user: User, since: int, limit: int) -> tuple[int, dict[str, dict], int]:
    """What a client that starts at `since` with nothing ends with."""
    copy: dict[str, dict] = {}
    while True:
        told = user.get("/sync", params={"since": since, "limit": limit, "full": "true" if since else "false"}).json()
        assert not told["reset"]
        for change in told["changes"]:
            assert since < change["seq"] <= told["seq"]
            if change["type"] != "notification":
                continue
            if change["notification"] is None:
                copy = {id: {**n, "read": True} for id, n in copy.items()}
            else:
                n = change["notification"]
                copy[n["id"]] = {"title": n["title"], "read": n["read_at"] is not None}
        since = told["seq"]
        if not told["more"]:
            return since, copy, told["unread"]


def test_sync_tells_of_notifications(ada: User) -> None:
    task = add_task(ada)
    before = ada.get("/sync?since=0").json()
    deliver(ada, sent(ada, task))
    told = ada.get("/sync", params={"since": before["seq"]}).json()
    assert [c["type"] for c in told["changes"]] == ["task", "notification"]
    assert told["changes"][1]["notification"] == entries(ada)[0]
    assert told["unread"] == 1 and told["seq"] == before["seq"] + 2
    ada.post("/notifications/read")
    last = ada.get("/sync", params={"since": told["seq"]}).json()
    assert last["changes"] == [{"seq": told["seq"] + 1, "type": "notification", "notification": None}]
    assert last["unread"] == 0


def test_a_follower_has_it_all_whatever_happens(ada: User) -> None:
    seed = secrets.randbits(32)
    print("seed", seed)
    rng = random.Random(seed)
    seq, copy = 0, {}
    for _ in range(60):
        choice = rng.random()
        present = entries(ada, limit=200)
        if choice < 0.5:
            deliver(ada, sent(ada, None, title=f"digest {rng.random()}", sent_at=at(minutes=rng.randrange(99))))
        elif choice < 0.75 and present:
            ada.post(f"/notifications/{rng.choice(present)['id']}/read")
        elif choice < 0.85:
            ada.post("/notifications/read")
        elif choice < 0.95:
            add_task(ada)
        else:
            seq, copy = step(ada, seq, copy, rng.randrange(1, 5))
    seq, copy = step(ada, seq, copy, 3)
    wanted = {e["id"]: {"title": e["title"], "read": e["read_at"] is not None} for e in entries(ada, limit=200)}
    assert copy == wanted
    assert follow(ada, 0, 2)[1] == wanted
    assert unread(ada) == sum(not n["read"] for n in wanted.values())
    whole(ada)


def step(user: User, since: int, copy: dict[str, dict], limit: int) -> tuple[int, dict[str, dict]]:
    while True:
        told = user.get("/sync", params={"since": since, "limit": limit, "full": "true" if since else "false"}).json()
        for change in told["changes"]:
            if change["type"] != "notification":
                continue
            if change["notification"] is None:
                copy = {id: {**n, "read": True} for id, n in copy.items()}
            else:
                n = change["notification"]
                copy[n["id"]] = {"title": n["title"], "read": n["read_at"] is not None}
        since = told["seq"]
        if not told["more"]:
            return since, copy


# ---- at once


def test_many_at_once_count_right(ada: User) -> None:
    """Deliveries, twice each, with reads of all and of one in between, and tasks that change."""
    task = add_task(ada)
    events = [sent(ada, None) for _ in range(40)]
    jobs: list[Any] = [lambda e=e: deliver(ada, e) for e in events * 2]
    jobs += [lambda: ada.post("/notifications/read") for _ in range(6)]
    jobs += [lambda: ada.patch(f"/tasks/{task['id']}", json={"title": secrets.token_hex(4)}) for _ in range(10)]
    random.Random(7).shuffle(jobs)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda job: job(), jobs))
    found = entries(ada, limit=200)
    assert sorted(e["id"] for e in found) == sorted(e["data"]["id"] for e in events)
    assert unread(ada) == sum(e["read_at"] is None for e in found)
    # a client that follows thinks the same
    assert {id: n["read"] for id, n in follow(ada, 0, 7)[1].items()} == {
        e["id"]: e["read_at"] is not None for e in found
    }
    whole(ada)
    # of each number, the update for browsers says what the trail has
    updates = published(ada, "task-updates", "todo.update.notification.v1")
    assert [(u.event["seq"], u.data) for u in updates] == [
        (f.event["seq"], f.data) for f in published(ada, "notifications")
    ]
    assert updates[-1].data["unread"] == unread(ada)


def test_the_trail_is_whole(ada: User, service_maker, cluster) -> None:
    """`audit verify` of all that backend tells of a user with notifications finds no hole."""
    task = add_task(ada)
    deliver(ada, sent(ada, task), sent(ada, None), sent(ada, None))
    ada.post(f"/notifications/{entries(ada)[0]['id']}/read")
    ada.patch("/reminder-settings", json={"digest_at": "07:00"})
    ada.post("/notifications/read")
    ada.post(f"/tasks/{task['id']}/complete")
    seq = whole(ada)
    trail = service_maker(cluster.new_database(), name="audit", settings={}).start()
    for event in ada.service.sidecar.events():
        if event.event["ownerid"] == ada.id and event.topic in audit.TOPICS:
            audit.deliver(trail, event.topic, event.event)
    status, lines = audit.verify(trail, "--patience", "0")
    assert status == 0 and " 0 holes," in lines[-1], lines
    assert len(audit.history(trail, owner_id=ada.id, limit=200).json()["entries"]) == seq


def test_one_that_comes_while_all_are_read_is_seen(ada: User) -> None:
    """Reading all waits for the owner's row, and was begun before the last one was there."""
    deliver(ada, sent(ada, None))
    late = new_id()
    database = ada.service.database
    with database.connect("backend") as db, concurrent.futures.ThreadPoolExecutor(1) as pool:
        db.autocommit = False
        db.execute(
            "WITH a AS (UPDATE account SET seq = seq + 1, unread_count = unread_count + 1 WHERE id = %s RETURNING seq)"
            " INSERT INTO notification (owner_id, id, seq, kind, title, remind_at, created_at)"
            " SELECT %s, %s, seq, 1, 'late', now(), now() FROM a",
            [ada.id, ada.id, late],
        )
        answer = pool.submit(ada.post, "/notifications/read")
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        wait_for("the request to wait", lambda: database.value("public", waiting) > 0)
        db.commit()
        assert answer.result().json() == {"unread": 0}
    assert entries(ada, unread=True) == [] and unread(ada) == 0
    assert len(entries(ada)) == 2


# ---- export, deletion, age


def test_export_has_what_the_app_showed(ada: User) -> None:
    deliver(ada, sent(ada, add_task(ada)), sent(ada, None))
    exported = ada.get("/account/export").json()
    assert sorted(n["id"] for n in exported["notifications"]) == sorted(e["id"] for e in entries(ada))
    assert len(exported["tasks"]) == 1


def rows(user: User) -> int:
    query = f"SELECT count(*) FROM notification WHERE owner_id = '{user.id}'"
    return user.service.database.execute("backend", query)[0][0]


def test_deletion_takes_what_the_app_showed_with_it(ada: User) -> None:
    events = [sent(ada, None) for _ in range(3)]
    deliver(ada, *events)
    assert rows(ada) == 3
    assert ada.post("/account/delete", json={"password": ada.password}).status_code == 204
    deliver(ada, *events, sent(ada, None))
    wait_for("the purge", lambda: rows(ada) == 0)


def test_what_is_old_goes_and_is_counted_off(service_maker, database) -> None:
    service = service_maker(database, settings={**SETTINGS, "NOTIFICATION_DAYS": "1", "PURGE_INTERVAL_S": "1"}).start()
    user = User(service)
    old, read, new = (sent(user, None, sent_at=at(hours=h)) for h in (23, 23, 22))
    deliver(user, old, read, new)
    user.post(f"/notifications/{read['data']['id']}/read")
    service.database.execute(
        "backend",
        "UPDATE notification SET created_at = created_at - interval '2 hours'"
        f" WHERE owner_id = '{user.id}' AND id <> '{new['data']['id']}'",
    )
    wait_for("the old to go", lambda: [e["id"] for e in entries(user)] == [new["data"]["id"]])
    assert unread(user) == 1
    # a replay of the topic does not bring back what is old
    old["data"]["sent_at"] = read["data"]["sent_at"] = at(hours=25)
    deliver(user, old, read, new)
    assert len(entries(user)) == 1


# ---- what becomes of reminders


DELIVERY = {
    "id": new_id(),
    "kind": "reminder",
    "task_id": new_id(),
    "reminder_id": new_id(),
    "generation": 1,
    "channel": "email",
    "channel_id": None,
    "title": "Send the figures",
    "remind_at": "2026-11-27T07:45:00.000Z",
    "state": "retrying",
    "held_until": None,
    "sent_at": None,
    "late_ms": None,
    "reason": "the mail server answered 451",
    "attempts": [
        {
            "number": 1,
            "began_at": "2026-11-27T07:45:00.010Z",
            "ended_at": "2026-11-27T07:45:00.210Z",
            "outcome": "failed",
            "reason": "the mail server answered 451",
        }
    ],
}


def test_reminders_are_asked_of_notification(ada: User) -> None:
    ada.service.sidecar.answer_invoke(
        "notification", "/internal/reminders", 200, {"reminders": [DELIVERY], "next_cursor": "abc", "more": 1}
    )
    task_id = new_id()
    answer = ada.get("/reminders", params={"state": "retrying", "task_id": task_id.upper(), "limit": 7, "cursor": "x-1"})
    assert answer.json() == {"reminders": [DELIVERY], "next_cursor": "abc"}
    call = ada.service.sidecar.calls_of("GET", "/v1.0/invoke/notification/method/internal/reminders")[-1]
    assert call.query == {"owner": ada.id, "state": "retrying", "task_id": task_id, "limit": "7", "cursor": "x-1"}
    assert ada.get("/reminders").status_code == 200
    call = ada.service.sidecar.calls_of("GET", "/v1.0/invoke/notification/method/internal/reminders")[-1]
    assert call.query == {"owner": ada.id, "limit": "50"}


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"state": "lost"}, "state"),
        ({"task_id": "x"}, "task_id"),
        ({"limit": 201}, "limit"),
        ({"cursor": "a&owner=b"}, "cursor"),
        ({"cursor": ""}, "cursor"),
        ({"owner": "x"}, "owner"),
    ],
)
def test_a_bad_query_of_reminders_is_named(ada: User, params: dict[str, Any], field: str) -> None:
    refused(ada.get("/reminders", params=params), 400, field=field)


@pytest.mark.parametrize(("status", "body"), [(500, {}), (403, {}), (400, {}), (200, {"reminders": "x"}), (200, {})])
def test_what_notification_cannot_say_is_our_failure(ada: User, status: int, body: Any) -> None:
    ada.service.sidecar.answer_invoke("notification", "/internal/reminders", status, body)
    answer = ada.get("/reminders")
    assert answer.status_code == (503 if status != 200 else 500)


def test_a_cursor_that_notification_refuses_is_the_clients(ada: User) -> None:
    problem = {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "cursor", "code": "invalid"}
    ada.service.sidecar.answer_invoke("notification", "/internal/reminders", 400, problem)
    refused(ada.get("/reminders?cursor=abc"), 400, field="cursor")


def test_scopes_of_reminders(ada: User) -> None:
    refused(ada.api_token("account:read").get("/reminders"), 403, "missing_scope")
