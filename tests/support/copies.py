"""The tests that every service must pass which keeps a copy of the backend's tasks and users. A test
module has a subclass that says what is kept: `class TestCopy(CopyTests): copy = Copy(…)`."""

from __future__ import annotations

import copy as copies
import json
import os
import random
import threading
from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest

from .fake_sidecar import FakeSidecar
from .postgres import Cluster, Database
from .service import ROOT, Service, migrate
from .streams import Copy, Event, Stream, tell
from .waiting import wait_for

# the last is new in every run; SEED=n repeats the run that failed
SEEDS = [1, 2, 3, 4, int(os.environ.get("SEED", random.SystemRandom().randrange(10**9)))]


def example(type_: str) -> Event:
    """A valid event of the type, with an id of its own."""
    event = json.loads((ROOT / "api" / "events" / "examples" / f"{type_}.json").read_text())
    return {**event, "id": str(Stream(random.randrange(10**9), 1, 0).add("", "", "", "", {})["id"])}


def letter_about(sidecar: FakeSidecar, event: Event) -> dict[str, Any]:
    """The dead letter that holds this event, once it is published."""

    def find() -> dict[str, Any] | None:
        letters = [p.data for p in sidecar.events("dead-letters")]
        return next((x for x in letters if json.loads(x["event"]) == event), None)

    return wait_for(f"the dead letter of {event['id']}", find)


class Told:
    """A stream of one owner whose events are told one by one, in the test's own order."""

    def __init__(self, sidecar: FakeSidecar) -> None:
        self.sidecar = sidecar
        self.stream = Stream(random.randrange(10**9), 1, 0)
        self.owner = self.stream.owners[0]

    def make(self, change: Callable[..., Any], *args: Any) -> Event:
        """Make one change of the owner; return its event, untold."""
        change(self.owner, *args)
        return self.stream.events[-1][1]

    def tell(self, *events: Event) -> None:
        by_id = {event["id"]: topic for topic, event in self.stream.events}
        for event in events:
            assert self.sidecar.deliver(by_id[event["id"]], event) == (200, {"status": "SUCCESS"})

    def register(self) -> Event:
        return self.make(self.stream._save_user)

    def create_task(self) -> Event:
        return self.make(self.stream._create_task)

    def change_task(self, created: Event, kind: str, change: dict[str, Any]) -> Event:
        task = self.owner.tasks[created["subject"]]
        return self.make(self.stream._save_task, task, kind, change)

    def purge_task(self, created: Event) -> Event:
        return self.make(self.stream._purge_task, self.owner.tasks[created["subject"]])

    def delete_user(self) -> Event:
        return self.make(self.stream._delete_user)


class CopyTests:
    copy: Copy

    @pytest.fixture
    def told(self, sidecar: FakeSidecar) -> Told:
        return Told(sidecar)

    # ---- any order, any repetition

    def test_in_order_the_copy_is_what_the_backend_has(self, sidecar: FakeSidecar, database: Database) -> None:
        stream = Stream(0)
        tell(sidecar, stream.events, at_once=1)
        self.copy.check(database, stream)

    @pytest.mark.parametrize("seed", SEEDS, ids="seed={}".format)
    def test_shuffled_and_repeated_it_is_the_same(self, sidecar: FakeSidecar, database: Database, seed: int) -> None:
        stream = Stream(seed)
        tell(sidecar, stream.shuffled())
        self.copy.check(database, stream)
        ids = [event["id"] for _, event in stream.events]
        handled = database.value(self.copy.schema, "SELECT count(*) FROM inbox WHERE event_id = ANY(%s::uuid[])", ids)
        assert handled == len(ids)

    def test_lost_connections_lose_nothing(self, sidecar: FakeSidecar, database: Database) -> None:
        stream = Stream(random.randrange(10**9), n_changes=200)
        is_told = threading.Event()

        def cut_connections() -> None:
            with psycopg.connect(database.url("postgres"), autocommit=True) as db:
                for _ in range(5):  # the service waits longer after each
                    if is_told.wait(0.1):
                        break
                    db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> 'postgres'")

        cutter = threading.Thread(target=cut_connections)
        cutter.start()
        try:
            tell(sidecar, stream.shuffled())
        finally:
            is_told.set()
            cutter.join()
        self.copy.check(database, stream)

    # ---- what comes before its owner

    def test_a_task_waits_for_its_owner(self, told: Told, database: Database) -> None:
        registered, created = told.register(), told.create_task()
        told.tell(created)
        assert self.copy.users(database, told.stream)[told.owner.id][0] == 0, "known by his task alone"
        assert created["subject"] in self.copy.tasks(database, told.stream)
        told.tell(registered)
        self.copy.check(database, told.stream)

    # ---- versions and facts

    def test_an_older_version_changes_nothing(self, told: Told, database: Database) -> None:
        registered, renamed = told.register(), told.register()
        created = told.create_task()
        updated = told.change_task(created, "updated", {})
        told.tell(renamed, registered, updated, created)
        self.copy.check(database, told.stream)

    def test_a_task_in_the_trash_comes_back_when_restored(self, told: Told, database: Database) -> None:
        created = told.create_task()
        deleted = told.change_task(created, "deleted", {"deleted_at": created["time"]})
        told.tell(created, deleted)
        self.copy.check(database, told.stream)
        restored = told.change_task(created, "restored", {"deleted_at": None})
        told.tell(restored, deleted)
        self.copy.check(database, told.stream)

    def test_a_purged_task_leaves_a_tombstone_whatever_comes(self, told: Told, database: Database) -> None:
        created = told.create_task()
        newer = told.change_task(created, "updated", {})
        newest = told.change_task(created, "restored", {})
        purged = told.purge_task(created)
        told.tell(created, purged, newer)
        self.copy.check(database, told.stream)
        told.tell(newest)
        self.copy.check(database, told.stream)

    def test_a_deleted_account_leaves_only_its_tombstone(self, told: Told, database: Database) -> None:
        registered, first, second = told.register(), told.create_task(), told.create_task()
        purged = told.purge_task(first)
        late = told.create_task()
        deleted = told.delete_user()
        told.tell(registered, first, second, purged, deleted)
        self.copy.check(database, told.stream)
        told.tell(late, deleted)
        self.copy.check(database, told.stream)
        assert self.copy.tasks(database, told.stream) == {}

    def test_an_account_of_many_tasks_ends_step_by_step(
        self, told: Told, database: Database, service: Service
    ) -> None:
        """Each a statement of its own, whose limit is that of any other; the inbox comes last."""

        def n_steps() -> int:
            name = 'pg_call_duration_seconds_count{statement="copy_forget_user"} '
            lines = httpx.get(service.url + "/metrics").text.splitlines()
            return next(int(line.removeprefix(name)) for line in lines if line.startswith(name))

        told.tell(told.register())
        deleted, before = told.delete_user(), n_steps()
        database.execute(
            self.copy.schema,
            "INSERT INTO task (owner_id, id, version, purged_at)"
            " SELECT %s, gen_random_uuid(), 0, now() FROM generate_series(1, 5000)",
            told.owner.id,
        )
        told.tell(deleted)
        self.copy.check(database, told.stream)
        assert n_steps() - before == 6
        assert database.value(self.copy.schema, "SELECT count(*) FROM inbox WHERE event_id = %s", deleted["id"]) == 1

    def test_an_account_may_end_before_it_began(self, told: Told, database: Database) -> None:
        registered, created = told.register(), told.create_task()
        told.tell(told.delete_user(), created, registered)
        self.copy.check(database, told.stream)

    def test_an_account_ends_whatever_the_version(self, told: Told, database: Database) -> None:
        registered, renamed = told.register(), told.register()
        deleted = copies.deepcopy(told.delete_user())
        deleted["data"]["version"] = told.owner.user["version"] = 1
        told.tell(registered, renamed, deleted)
        self.copy.check(database, told.stream)

    def test_no_task_slips_past_the_end_of_its_account(self, sidecar: FakeSidecar, database: Database) -> None:
        for _ in range(25):
            told = Told(sidecar)
            for _ in range(6):
                told.create_task()
            told.delete_user()
            tell(sidecar, told.stream.shuffled(copies=1), at_once=7)
            self.copy.check(database, told.stream)

    # ---- what is not kept

    def test_no_more_is_kept_than_is_needed(self, database: Database, service: Service) -> None:
        expected = {
            "app_user": {"id", "version", "deleted_at", *self.copy.user_columns, *self.copy.own_user_columns},
            "task": {
                "owner_id",
                "id",
                "version",
                "status",
                "purged_at",
                *self.copy.task_columns,
                *self.copy.own_task_columns,
            },
        }
        for table, columns in expected.items():
            rows = database.execute(
                "pg_catalog",
                "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s",
                self.copy.schema,
                table,
            )
            assert {row[0] for row in rows} == columns

    # ---- what a newer or a broken backend sends

    def test_what_a_newer_backend_adds_is_ignored(self, told: Told, database: Database) -> None:
        events = copies.deepcopy([told.register(), told.create_task()])
        for event in events:
            event["data"]["mood"] = {"is": ["new"]}
        told.tell(*events)
        self.copy.check(database, told.stream)

    @pytest.mark.parametrize(
        ("topic", "type_", "change", "reason"),
        [
            ("task-events", "todo.task.created.v1", {"title": None}, "title: must not be null"),
            ("task-events", "todo.task.created.v1", {"title": "x" * 501}, "title: is 501 characters long; at most 500"),
            ("task-events", "todo.task.created.v1", {"title": "a\x7f"}, "title: has the control character U+007F"),
            ("task-events", "todo.task.updated.v1", {"version": 0}, "version: is 0; must be from 1 to"),
            ("task-events", "todo.task.updated.v1", {"version": 2.5}, "version: is 2.5; must be a whole number"),
            ("task-events", "todo.task.completed.v1", {"status": "done"}, "status: must be one of: open, completed"),
            ("task-events", "todo.task.reopened.v1", {"due_at": "tomorrow"}, "due_at: must be an instant"),
            ("task-events", "todo.task.deleted.v1", {"deleted_at": "9999-99-99T00:00:00Z"}, "deleted_at: must be"),
            ("task-events", "todo.task.restored.v1", {"id": "7"}, "id: must be a UUID"),
            ("task-events", "todo.task.created.v1", {"id": "0" * 8 + "-0000-4000-8000-" + "0" * 12}, "the event is about"),
            (
                "task-events",
                "todo.task.created.v1",
                {"owner_id": "0" * 8 + "-0000-4000-8000-" + "0" * 12},
                "owner_id: is 00000000-0000-4000-8000-000000000000, the event is about",
            ),
            ("task-events", "todo.task.purged.v1", {"id": "0" * 8 + "-0000-4000-8000-" + "0" * 12}, "id: is 00000000"),
            ("user-events", "todo.user.registered.v1", {"email": None}, "email: is required"),
            ("user-events", "todo.user.updated.v1", {"time_zone": None}, "time_zone: is required"),
            ("user-events", "todo.user.updated.v1", {"id": "0" * 8 + "-0000-4000-8000-" + "0" * 12}, "the event is about"),
            ("user-events", "todo.user.deleted.v1", {"version": None}, "version: must not be null"),
        ],
    )
    def test_what_can_never_be_kept_is_a_dead_letter(
        self,
        service: Service,
        sidecar: FakeSidecar,
        database: Database,
        topic: str,
        type_: str,
        change: dict[str, Any],
        reason: str,
    ) -> None:
        event = example(type_)
        event["data"] = {**event["data"], **change}
        assert sidecar.deliver(topic, event) == (200, {"status": "SUCCESS"})
        letter = letter_about(sidecar, event)
        assert letter["consumer"] == service.name
        assert reason in letter["reason"]
        inbox = database.value(self.copy.schema, "SELECT count(*) FROM inbox WHERE event_id = %s", event["id"])
        assert inbox == 0, "a corrected replay must find it unhandled"

    # ---- the schema

    def test_its_migrations_go_down_and_up(self, service_maker: Any, cluster: Cluster) -> None:
        database = cluster.new_database()
        name = self.copy.schema.replace("_", "-")
        try:
            for argv in (["up"], ["up"], ["down", "0"], ["up"]):
                done = migrate(name, database, *argv)
                assert done.returncode == 0, done.stdout + done.stderr
            tables = database.execute(self.copy.schema, "SELECT tablename FROM pg_tables WHERE schemaname = %s", self.copy.schema)
            assert {t[0] for t in tables} == {
                "app_user",
                "task",
                "inbox",
                "outbox",
                "schema_migration",
                *self.copy.own_tables,
            }
        finally:
            database.drop()
