"""Streams of the backend's events about users and tasks, and what a service that keeps a copy of
them must end with, whatever the order of delivery and however often each comes."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import datetime
import random
import uuid
from typing import Any

from .fake_sidecar import FakeSidecar
from .postgres import Database
from .waiting import wait_for

Event = dict[str, Any]
ZONES = ["Europe/Vienna", "America/New_York", "Asia/Tokyo", "UTC"]


def instant(rng: random.Random) -> str:
    second = rng.randrange(1_780_000_000, 1_800_000_000)
    when = datetime.datetime.fromtimestamp(second, datetime.timezone.utc)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{rng.randrange(1000):03d}Z"


def some_id(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


@dataclasses.dataclass
class Owner:
    """One user with his tasks, as the backend has them at the end."""

    id: str
    is_known: bool = False  # an event told of him, not only of a task of his
    user: dict[str, Any] = dataclasses.field(default_factory=dict)
    deleted_at: str | None = None
    tasks: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    purged: dict[str, str] = dataclasses.field(default_factory=dict)  # task id → when


class Stream:
    """The history of some users, drawn from a seed."""

    def __init__(self, seed: int, n_owners: int = 6, n_changes: int = 120) -> None:
        self.rng = random.Random(seed)
        self.events: list[tuple[str, Event]] = []  # topic, event
        self.owners = [Owner(some_id(self.rng)) for _ in range(n_owners)]
        for _ in range(n_changes):
            self._change(self.rng.choice(self.owners))
        for owner in self.owners[: n_owners // 3]:
            self._delete_user(owner)

    # ---- what happens

    def _change(self, owner: Owner) -> None:
        # the last of the owners is never told of: his tasks stay parked
        if owner is not self.owners[-1] and self.rng.random() < 0.2:
            self._save_user(owner)
        elif owner.tasks and self.rng.random() < 0.75:
            self._change_task(owner, self.rng.choice(list(owner.tasks.values())))
        else:
            self._create_task(owner)

    def _save_user(self, owner: Owner) -> None:
        kind = "updated" if owner.is_known else "registered"
        owner.is_known = True
        owner.user = {
            "id": owner.id,
            "email": f"u{self.rng.randrange(10**6)}@example.org",
            "name": self.rng.choice(["", "Zoë", "Bob \"x\" O'Neil"]),
            "time_zone": self.rng.choice(ZONES),
            "version": owner.user.get("version", 0) + 1,
            "created_at": instant(self.rng),
            "deleted_at": None,
        }
        self.add("user-events", f"todo.user.{kind}.v1", owner.id, owner.id, owner.user)

    def _delete_user(self, owner: Owner) -> None:
        owner.is_known = True
        owner.deleted_at = instant(self.rng)
        owner.user = {"id": owner.id, "version": owner.user.get("version", 0) + 1, "deleted_at": owner.deleted_at}
        self.add("user-events", "todo.user.deleted.v1", owner.id, owner.id, owner.user)

    def _create_task(self, owner: Owner) -> None:
        task = {
            "id": some_id(self.rng),
            "owner_id": owner.id,
            "title": "",
            "description": "two\nlines",
            "status": "open",
            "priority": "normal",
            "tags": ["a"],
            "due_at": None,
            "time_zone": None,
            "version": 0,
            "created_at": instant(self.rng),
            "updated_at": instant(self.rng),
            "completed_at": None,
            "deleted_at": None,
        }
        self._save_task(owner, task, "created", {})

    def _change_task(self, owner: Owner, task: dict[str, Any]) -> None:
        if task["deleted_at"]:
            if self.rng.random() < 0.5:
                self._purge_task(owner, task)
            else:
                self._save_task(owner, task, "restored", {"deleted_at": None})
            return
        kind = self.rng.choice(["updated", "updated", "deleted", "completed" if task["status"] == "open" else "reopened"])
        self._save_task(
            owner,
            task,
            kind,
            {
                "deleted": {"deleted_at": instant(self.rng)},
                "completed": {"status": "completed", "completed_at": instant(self.rng)},
                "reopened": {"status": "open", "completed_at": None},
                "updated": {},
            }[kind],
        )

    def _save_task(self, owner: Owner, task: dict[str, Any], kind: str, change: dict[str, Any]) -> None:
        is_due = self.rng.random() < 0.5
        task = {
            **task,
            "title": f"task {self.rng.randrange(10**6)}",
            "due_at": instant(self.rng) if is_due else None,
            "time_zone": self.rng.choice(ZONES) if is_due else None,
            "version": task["version"] + 1,
            **change,
        }
        owner.tasks[task["id"]] = task
        self.add("task-events", f"todo.task.{kind}.v1", task["id"], owner.id, task)

    def _purge_task(self, owner: Owner, task: dict[str, Any]) -> None:
        del owner.tasks[task["id"]]
        event = self.add("task-events", "todo.task.purged.v1", task["id"], owner.id, {"id": task["id"]})
        owner.purged[task["id"]] = event["time"]

    def add(self, topic: str, type_: str, subject: str, owner_id: str, data: dict[str, Any]) -> Event:
        event = {
            "specversion": "1.0",
            "id": some_id(self.rng),
            "source": "/todo/backend",
            "type": type_,
            "subject": subject,
            "time": instant(self.rng),
            "datacontenttype": "application/json",
            "ownerid": owner_id,
            "seq": str(len(self.events) + 1),
            "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "data": data,
        }
        self.events.append((topic, event))
        return event

    # ---- how it is told

    def shuffled(self, copies: int = 3) -> list[tuple[str, Event]]:
        """Every event at least once and at most `copies` times, in any order."""
        told = [e for e in self.events for _ in range(self.rng.randint(1, copies))]
        self.rng.shuffle(told)
        return told


def tell(sidecar: FakeSidecar, told: list[tuple[str, Event]], at_once: int = 8) -> int:
    """Deliver as a broker does: several at once, each again until it is acknowledged. Return how
    many answers asked for that."""

    def deliver(topic_event: tuple[str, Event]) -> int:
        answers: list[Any] = []

        def is_acknowledged() -> bool:
            status, answer = sidecar.deliver(*topic_event)
            answers.append(answer)
            return status == 200 and answer == {"status": "SUCCESS"}

        wait_for("the event to be acknowledged", is_acknowledged)
        return len(answers) - 1

    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        return sum(pool.map(deliver, told))


# ---- what must be kept


@dataclasses.dataclass(frozen=True)
class Copy:
    """What a service keeps, and where: the columns of its tables beside ids and versions."""

    schema: str
    user_columns: tuple[str, ...]
    task_columns: tuple[str, ...]
    # what the service has of its own beside the copy
    own_user_columns: tuple[str, ...] = ()
    own_task_columns: tuple[str, ...] = ()
    own_tables: tuple[str, ...] = ()

    def expected_users(self, stream: Stream) -> dict[str, tuple]:
        """By id: version, deleted_at, the columns."""
        rows: dict[str, tuple] = {}
        for owner in stream.owners:
            version = owner.user.get("version", 0)
            content = tuple(owner.user.get(c) if not owner.deleted_at else None for c in self.user_columns)
            if owner.is_known or owner.tasks or owner.purged:
                rows[owner.id] = (version, owner.deleted_at, *content)
        return rows

    def expected_tasks(self, stream: Stream) -> dict[str, tuple]:
        """By id: owner, version, purged_at, status, the columns."""
        rows: dict[str, tuple] = {}
        for owner in stream.owners:
            if owner.deleted_at:
                continue
            for task in owner.tasks.values():
                status = ["open", "completed"].index(task["status"])
                content = tuple(task[c] for c in self.task_columns)
                rows[task["id"]] = (owner.id, task["version"], None, status, *content)
            for id_, purged_at in owner.purged.items():
                rows[id_] = (owner.id, 0, purged_at, None, *[None] * len(self.task_columns))
        return rows

    def users(self, database: Database, stream: Stream) -> dict[str, tuple]:
        columns = ", ".join(("id", "version", "deleted_at", *self.user_columns))
        return self._read(database, f"SELECT {columns} FROM app_user WHERE id = ANY(%s)", stream)

    def tasks(self, database: Database, stream: Stream) -> dict[str, tuple]:
        columns = ", ".join(("id", "owner_id", "version", "purged_at", "status", *self.task_columns))
        return self._read(database, f"SELECT {columns} FROM task WHERE owner_id = ANY(%s)", stream)

    def _read(self, database: Database, query: str, stream: Stream) -> dict[str, tuple]:
        ids = [uuid.UUID(owner.id) for owner in stream.owners]
        return {str(row[0]): tuple(map(_plain, row[1:])) for row in database.execute(self.schema, query, ids)}

    def check(self, database: Database, stream: Stream) -> None:
        assert self.users(database, stream) == self.expected_users(stream)
        assert self.tasks(database, stream) == self.expected_tasks(stream)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        utc = value.astimezone(datetime.timezone.utc)
        return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"
    return str(value) if isinstance(value, uuid.UUID) else value
