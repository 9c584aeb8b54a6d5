"""audit appends every event once to its owner's chain, and answers backend what happened."""

from __future__ import annotations

import base64
import json
import random

import psycopg
import pytest

from support.audit import (
    TOPICS,
    append_chain,
    check_chain,
    deliver,
    deliver_all,
    history,
    key_of,
    new_event,
    new_history,
    new_id,
    read_chain,
    verify,
)
from support.postgres import Database
from support.service import Service, migrate
from support.waiting import wait_for


# ---- once


def test_an_event_becomes_an_entry_with_all_its_fields(service: Service, database: Database) -> None:
    owner = new_id()
    event = new_event(owner, seq="7")
    deliver(service, "task-events", event)
    (entry,) = check_chain(database, owner)
    assert (entry.event_id, entry.topic, entry.type) == (event["id"], "task-events", event["type"])
    assert (entry.source, entry.subject, entry.seq) == ("/todo/backend", event["subject"], 7)
    assert entry.occurred_at == 1795254360123
    key = key_of(database, owner)
    assert key is not None and json.loads(entry.open(key)) == event["data"]


def test_content_is_not_in_the_database_in_the_clear(service: Service, database: Database) -> None:
    owner = new_id()
    event = new_event(owner)
    deliver(service, "task-events", event)
    row = database.value("audit", "SELECT entry::text FROM entry WHERE owner_id = %s", owner)
    assert event["data"]["title"] not in row
    assert event["data"]["title"].encode().hex() not in row


@pytest.mark.parametrize("topic", TOPICS)
def test_every_topic_and_unknown_types_are_appended(service: Service, database: Database, topic: str) -> None:
    owner = new_id()
    deliver(service, topic, new_event(owner, "todo.never.heard-of.v9"))
    (entry,) = check_chain(database, owner)
    assert (entry.topic, entry.type) == (topic, "todo.never.heard-of.v9")


def test_a_repeated_event_is_appended_once(service: Service, database: Database) -> None:
    owner = new_id()
    events = new_history(owner, 5)
    for event in events * 3:
        deliver(service, "task-events", event)
    assert [entry.event_id for entry in check_chain(database, owner)] == [event["id"] for event in events]


def test_repeats_shuffles_and_concurrency_append_each_event_once(service: Service, database: Database) -> None:
    owners = [new_id() for _ in range(8)]
    events = [(random.choice(TOPICS), event) for owner in owners for event in new_history(owner, 25)]
    deliver_all(service, events * 3, workers=32)
    for owner in owners:
        entries = check_chain(database, owner)
        assert sorted(entry.event_id for entry in entries) == sorted(
            event["id"] for _, event in events if event["ownerid"] == owner
        )
        key = key_of(database, owner)
        sent = {event["id"]: event["data"] for _, event in events}
        assert key is not None
        assert all(json.loads(entry.open(key)) == sent[entry.event_id] for entry in entries)


def test_two_replicas_share_a_chain(service: Service, service_maker, database: Database) -> None:
    other = service_maker(database).start()
    owner = new_id()
    events = [("task-events", event) for event in new_history(owner, 60)]
    halves = [(service if i % 2 else other, pair) for i, pair in enumerate(events)] + [(other, p) for p in events[:20]]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(16) as pool:
        for done in [pool.submit(deliver, replica, topic, event) for replica, (topic, event) in halves]:
            done.result()
    assert len(check_chain(database, owner)) == 60
    other.stop()


def test_a_killed_service_loses_and_doubles_nothing(service_maker, database: Database) -> None:
    replica = service_maker(database).start()
    owner = new_id()
    events = new_history(owner, 30)
    for event in events[:10]:
        deliver(replica, "task-events", event)
    replica.kill()
    replica.start()
    for event in events:  # what was not acknowledged comes again; here, all
        deliver(replica, "task-events", event)
    assert len(check_chain(database, owner)) == 30
    replica.stop()


def bytes_of(letter: dict) -> bytes:
    return base64.b64decode(letter.get("event_b64", ""))


@pytest.mark.parametrize(
    "body",
    [
        b"not json at all \x00\xff",
        json.dumps({"specversion": "1.0"}).encode(),
        json.dumps(new_event("not-a-uuid")).encode(),
    ],
)
def test_what_is_no_event_becomes_a_dead_letter_of_audit(service: Service, body: bytes) -> None:
    deliver(service, "task-events", body)

    def letter() -> dict | None:
        found = [p.data for p in service.sidecar.events("dead-letters")]
        return next((data for data in found if body in (data.get("event", "").encode(), bytes_of(data))), None)

    data = wait_for("its letter", letter)
    assert (data["consumer"], data["topic"]) == ("audit", "task-events")


def test_while_the_database_is_away_events_are_put_off(service_maker, cluster, sidecar) -> None:
    database = cluster.new_database()
    replica = service_maker(database, settings={"DB_LIMIT_MS": "1000"}).start()
    owner = new_id()
    event = new_event(owner)
    deliver(replica, "task-events", event)
    with cluster.connect("postgres") as db:
        db.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS false")
        db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database.name])
    second = new_event(owner)
    assert replica.sidecar.deliver("task-events", second) == (200, {"status": "RETRY"})
    with cluster.connect("postgres") as db:
        db.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS true")
    deliver(replica, "task-events", second)
    assert len(check_chain(database, owner)) == 2
    replica.stop()
    database.drop()


def test_entries_are_counted_by_topic(service: Service) -> None:
    def count() -> float:
        return service.metric("audit_entries_total")

    before = count()
    append_chain(service, new_id(), 3)
    assert count() == before + 3


# ---- deletion of an account


def delete_account(service: Service, owner: str) -> dict:
    event = new_event(owner, "todo.user.deleted.v1", subject=owner, data={"id": owner, "version": 9})
    deliver(service, "user-events", event)
    return event


def test_deleting_an_account_leaves_a_whole_chain_without_content(service: Service, database: Database) -> None:
    owner = new_id()
    append_chain(service, owner, 4)
    delete_account(service, owner)
    entries = check_chain(database, owner)
    assert len(entries) == 5 and entries[4].type == "todo.user.deleted.v1" and entries[4].payload is None
    assert key_of(database, owner) is None
    status, lines = verify(service)
    assert status == 0, lines
    page = history(service, owner_id=owner).json()["entries"]
    assert [entry["data"] for entry in page] == [None] * 5


def test_a_late_event_brings_no_key_back(service: Service, database: Database) -> None:
    owner = new_id()
    append_chain(service, owner, 2)
    deletion = delete_account(service, owner)
    late = new_event(owner, seq="3")
    deliver(service, "task-events", late)
    deliver(service, "user-events", deletion)
    deliver(service, "task-events", late)
    entries = check_chain(database, owner)
    assert [entry.payload is None for entry in entries] == [False, False, True, True]
    assert key_of(database, owner) is None
    assert verify(service)[0] == 0


def test_a_deletion_may_come_first(service: Service, database: Database) -> None:
    owner = new_id()
    delete_account(service, owner)
    append_chain(service, owner, 2)
    assert [entry.payload for entry in check_chain(database, owner)] == [None, None, None]
    assert key_of(database, owner) is None
    assert verify(service)[0] == 0


def test_deletions_amid_events_leave_no_key(service: Service, database: Database) -> None:
    owners = [new_id() for _ in range(10)]
    events = [("task-events", event) for owner in owners for event in new_history(owner, 10)]
    events += [("user-events", new_event(owner, "todo.user.deleted.v1", subject=owner)) for owner in owners]
    deliver_all(service, events, workers=32)
    for owner in owners:
        entries = check_chain(database, owner)
        assert len(entries) == 11
        gone = [entry.number for entry in entries if entry.type == "todo.user.deleted.v1"][0]
        assert all((entry.payload is None) == (entry.number >= gone) for entry in entries)
        assert key_of(database, owner) is None
    assert verify(service)[0] == 0


def test_only_user_events_delete_an_account(service: Service, database: Database) -> None:
    owner = new_id()
    for topic in ("task-events", "dead-letters"):
        deliver(service, topic, new_event(owner, "todo.user.deleted.v1", subject=owner, topic="user-events"))
    assert key_of(database, owner) is not None


# ---- history


def test_history_is_newest_first_and_pages_to_the_end(service: Service) -> None:
    owner = new_id()
    events = append_chain(service, owner, 23)
    seen, cursor, pages = [], None, 0
    while True:
        answer = history(service, owner_id=owner, limit=10, **({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        seen += answer.json()["entries"]
        cursor, pages = answer.json()["next_cursor"], pages + 1
        if cursor is None:
            break
    assert pages == 3
    assert [entry["id"] for entry in seen] == [event["id"] for event in reversed(events)]
    assert [entry["number"] for entry in seen] == list(range(23, 0, -1))
    first = seen[-1]
    assert first == {
        "id": events[0]["id"],
        "number": 1,
        "seq": 1,
        "topic": "task-events",
        "type": "todo.task.created.v1",
        "time": "2026-11-21T09:46:00.123Z",
        "task_id": events[0]["subject"],
        "data": events[0]["data"],
    }


def test_a_full_last_page_has_no_next(service: Service) -> None:
    owner = new_id()
    append_chain(service, owner, 4)
    assert history(service, owner_id=owner, limit=4).json()["next_cursor"] is None
    assert history(service, owner_id=owner, limit=3).json()["next_cursor"] is not None


def test_history_of_a_task_has_that_task_alone(service: Service) -> None:
    owner, task = new_id(), new_id()
    ids = []
    for i in range(6):
        event = new_event(owner, **({"subject": task} if i % 2 else {}))
        ids += [event["id"]] if i % 2 else []
        deliver(service, "task-events", event)
    deliver(service, "reminders", new_event(owner, "todo.reminder.due.v1", subject=task))
    page = history(service, owner_id=owner, task_id=task).json()
    assert [entry["topic"] for entry in page["entries"]] == ["reminders"] + ["task-events"] * 3
    assert [entry["id"] for entry in page["entries"]][1:] == ids[::-1]
    assert {entry["task_id"] for entry in page["entries"]} == {task}
    rest = history(service, owner_id=owner, task_id=task, limit=2).json()
    rest = history(service, owner_id=owner, task_id=task, limit=2, cursor=rest["next_cursor"]).json()
    assert [entry["id"] for entry in rest["entries"]] == ids[1::-1] and rest["next_cursor"] is None


def test_history_has_no_other_owners_entries(service: Service) -> None:
    one, other, task = new_id(), new_id(), new_id()
    deliver(service, "task-events", new_event(one, subject=task))
    deliver(service, "task-events", new_event(other, subject=task))
    for query in ({}, {"task_id": task}):
        (entry,) = history(service, owner_id=one, **query).json()["entries"]
        assert entry["number"] == 1
    assert history(service, owner_id=new_id()).json() == {"entries": [], "next_cursor": None}
    assert history(service, owner_id=new_id(), task_id=task).json() == {"entries": [], "next_cursor": None}


def test_account_events_have_no_task_and_dead_letters_are_not_history(service: Service) -> None:
    owner = new_id()
    deliver(service, "user-events", new_event(owner, "todo.user.registered.v1", subject=owner))
    deliver(service, "dead-letters", new_event(owner, topic="task-events"))
    (entry,) = history(service, owner_id=owner).json()["entries"]
    assert entry["task_id"] is None and entry["seq"] is None


def test_a_page_of_large_entries_ends_early_and_goes_on(service: Service) -> None:
    owner = new_id()
    for i in range(5):
        deliver(service, "task-events", new_event(owner, data={"description": "x" * 500_000, "i": i}))
    seen, cursor = [], None
    while True:
        page = history(service, owner_id=owner, **({"cursor": cursor} if cursor else {})).json()
        assert 1 <= len(page["entries"]) <= 3
        seen += [entry["data"]["i"] for entry in page["entries"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "owner_id"),
        ({"owner_id": "x"}, "owner_id"),
        ({"task_id": "x"}, "task_id"),
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": "1e1"}, "limit"),
        ({"cursor": "-1"}, "cursor"),
        ({"cursor": "99999999999999999999"}, "cursor"),
        ({"cursor": ""}, "cursor"),
        ({"page": "1"}, "page"),
    ],
)
def test_a_bad_query_is_named(service: Service, query: dict[str, str], field: str) -> None:
    given = query if not query or field == "owner_id" else {"owner_id": new_id(), **query}
    answer = history(service, **given)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("caller", [None, "", "websocket", "Backend"])
def test_nobody_but_backend_may_ask(service: Service, caller: str | None) -> None:
    assert history(service, caller=caller, owner_id=new_id()).status_code == 403


def test_history_is_not_on_the_public_port(service: Service) -> None:
    import httpx

    answer = httpx.get(service.url + "/internal/history", headers={"dapr-caller-app-id": "backend"})
    assert answer.status_code == 404


# ---- privileges


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET subject = 'x'",
        "DELETE FROM entry",
        "TRUNCATE entry",
        "DELETE FROM chain_head",
        "UPDATE payload_key SET key = key",
        "UPDATE payload_key SET owner_id = owner_id",
        "DELETE FROM inbox",
        "DELETE FROM dead_letter",
        "ALTER TABLE entry DISABLE TRIGGER ALL",
    ],
)
@pytest.mark.parametrize("login", ["audit_a", "audit_b"])
def test_the_services_role_may_not(service: Service, database: Database, login: str, statement: str) -> None:
    append_chain(service, new_id(), 1)
    with psycopg.connect(database.url(login), autocommit=True) as db:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute(statement)


@pytest.mark.parametrize("statement", ["UPDATE entry SET subject = 'x'", "DELETE FROM entry", "TRUNCATE entry"])
@pytest.mark.parametrize("login", ["audit_owner", "postgres"])
def test_even_its_owner_meets_the_trigger(service: Service, database: Database, login: str, statement: str) -> None:
    append_chain(service, new_id(), 1)
    if login == "postgres":
        db = database.connect("audit")
    else:
        db = psycopg.connect(database.url(login), autocommit=True)
    with db, pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        db.execute(statement)


def test_other_services_may_not_read(service: Service, database: Database) -> None:
    with psycopg.connect(database.url("backend_a"), autocommit=True) as db:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("SELECT * FROM audit.entry")


# ---- life


def test_the_schema_goes_down_and_up_again(cluster) -> None:
    database = cluster.new_database()
    for argv in (["up"], ["down", "0"], ["up"], ["status"]):
        done = migrate("audit", database, *argv)
        assert done.returncode == 0, done.stdout + done.stderr
    tables = database.execute("audit", "SELECT tablename FROM pg_tables WHERE schemaname = 'audit'")
    assert {"entry", "chain_head", "payload_key", "dead_letter"} <= {name for (name,) in tables}
    database.drop()


def test_a_rotated_login_is_used_without_a_lost_event(service_maker, database: Database) -> None:
    replica = service_maker(database).start()
    owner = new_id()
    append_chain(replica, owner, 3)
    replica.sidecar.secrets["audit-database"] = {"url": database.url("audit_b")}

    def uses_b() -> bool:
        deliver(replica, "task-events", new_event(owner))
        return database.value("audit", "SELECT count(*) FROM pg_stat_activity WHERE usename = 'audit_b'") > 0

    wait_for("a connection as audit_b", uses_b)
    entries = check_chain(database, owner)
    assert len(entries) == len(read_chain(database, owner)) > 3
    replica.stop()


def test_sigterm_ends_it_well(service_maker, database: Database) -> None:
    replica = service_maker(database).start()
    append_chain(replica, new_id(), 2)
    assert replica.stop() == 0
