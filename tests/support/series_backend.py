"""What backend does with series, as far as recurring-task can see it: it makes tasks and their events,
and takes task.recurrence-due as ARCHITECTURE.md says, by the series' version and the next number."""

from __future__ import annotations

import dataclasses
import datetime
import random
from typing import Any

from .streams import Event, some_id

Task = dict[str, Any]
DAY_MS = 24 * 3600 * 1000
# far from now, so that no instant passes during a test that wants none to
FUTURE_MS = 1_900_000_000_000 // DAY_MS * DAY_MS + 9 * 3600 * 1000


def now_ms() -> int:
    return int(datetime.datetime.now(datetime.timezone.utc).timestamp() * 1000)


def text(at: int) -> str:
    when = datetime.datetime.fromtimestamp(at // 1000, datetime.timezone.utc)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}Z"


def ms(instant: str) -> int:
    when = datetime.datetime.fromisoformat(instant.replace("Z", "+00:00"))
    return round(when.timestamp() * 1000)


@dataclasses.dataclass
class Series:
    id: str
    owner_id: str
    version: int = 0
    rule: str | None = None
    anchor: str = "due"
    missed: str = "collapse"
    start: str = ""
    start_occurrence: int = 1
    tasks: list[Task] = dataclasses.field(default_factory=list)  # by number, from 1
    purged: set[str] = dataclasses.field(default_factory=set)

    @property
    def newest(self) -> Task:
        return self.tasks[-1]


class SeriesBackend:
    """All series are in UTC, so that a wall clock time is an instant."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.series: dict[str, Series] = {}
        self.untold: list[tuple[str, Event]] = []  # topic, event
        self.all: list[tuple[str, Event]] = []
        self.verdicts: list[str] = []  # of what was taken
        self.deleted: set[str] = set()  # owners
        self.n_events = 0

    # ---- what users do

    def register(self) -> str:
        owner_id = some_id(self.rng)
        user = {
            "id": owner_id,
            "email": "a@example.org",
            "name": "",
            "time_zone": "UTC",
            "version": 1,
            "created_at": text(now_ms()),
            "deleted_at": None,
        }
        self._add("user-events", "todo.user.registered.v1", owner_id, owner_id, user)
        return owner_id

    def delete_user(self, owner_id: str) -> Event:
        self.deleted.add(owner_id)
        user = {"id": owner_id, "version": 2, "deleted_at": text(now_ms())}
        return self._add("user-events", "todo.user.deleted.v1", owner_id, owner_id, user)

    def create(
        self, owner_id: str, due_at: int = FUTURE_MS, rule: str = "FREQ=DAILY", missed: str = "collapse", anchor: str = "due"
    ) -> Series:
        series = Series(some_id(self.rng), owner_id, rule=rule, missed=missed, anchor=anchor)
        self.series[series.id] = series
        task = self._new_task(series, due_at)
        self._begin_rule(series, task)
        series.tasks.append(task)
        self._save(task, "created", {})
        return series

    def complete(self, series: Series, at: int | None = None) -> Event:
        at = at or now_ms()
        return self._save(series.newest, "completed", {"status": "completed", "completed_at": text(at)})

    def skip(self, series: Series) -> Event:
        return self._save(series.newest, "skipped", {"status": "skipped", "completed_at": text(now_ms())})

    def reopen(self, task: Task) -> Event:
        return self._save(task, "reopened", {"status": "open", "completed_at": None})

    def rename(self, task: Task) -> Event:
        return self._save(task, "updated", {"title": f"t{self.rng.randrange(1000)}"})

    def edit(self, series: Series, due_at: int, rule: str = "FREQ=DAILY") -> Event:
        """This and later: the rule begins anew at the newest occurrence."""
        series.rule = rule
        series.newest["due_at"] = text(due_at)
        self._begin_rule(series, series.newest)
        return self._save(series.newest, "updated", {})

    def stop(self, series: Series) -> Event:
        series.version += 1
        series.rule = None
        change = {"series_version": series.version, "recurrence": None, "anchor": None, "missed": None}
        return self._save(series.newest, "updated", change)

    def trash(self, task: Task) -> Event:
        return self._save(task, "deleted", {"deleted_at": text(now_ms())})

    def restore(self, task: Task) -> Event:
        return self._save(task, "restored", {"deleted_at": None})

    def purge(self, series: Series, task: Task) -> Event:
        series.purged.add(task["id"])
        return self._add("task-events", "todo.task.purged.v1", task["id"], task["owner_id"], {"id": task["id"]})

    # ---- what recurring-task says

    def take(self, event: Event) -> str:
        """`made`, `stale`, `not_next` or `trashed`; what the one that was made is like is checked."""
        data = event["data"]
        series = self.series[data["series_id"]]
        previous = series.newest
        assert event["ownerid"] == series.owner_id
        if series.owner_id in self.deleted or series.rule is None or data["series_version"] != series.version:
            verdict = "stale"
        elif data["occurrence"] != len(series.tasks) + 1:
            verdict = "not_next"
        elif previous["deleted_at"] and previous["status"] == "open":
            verdict = "trashed"
        else:
            verdict = "made"
            assert data["previous_id"] == event["subject"] == previous["id"]
            if data["skips_previous"] and previous["status"] == "open":
                self.skip(series)
            task = self._new_task(series, ms(data["due_at"]))
            task.update(self._definition(series), scheduled_at=data["due_at"])
            series.tasks.append(task)
            self._save(task, "created", {})
        self.verdicts.append(verdict)
        return verdict

    # ----

    def _new_task(self, series: Series, due_at: int) -> Task:
        return {
            "id": some_id(self.rng),
            "owner_id": series.owner_id,
            "title": "water the plants",
            "description": "",
            "status": "open",
            "priority": "normal",
            "tags": [],
            "due_at": text(due_at),
            "time_zone": "UTC",
            "series_id": series.id,
            "occurrence": len(series.tasks) + 1,
            "scheduled_at": text(due_at),
            "reminders": [],
            "reminder_sent": False,
            "version": 0,
            "created_at": text(now_ms()),
            "updated_at": text(now_ms()),
            "completed_at": None,
            "deleted_at": None,
        }

    def _begin_rule(self, series: Series, task: Task) -> None:
        series.version += 1
        series.start = task["due_at"][:19]
        series.start_occurrence = task["occurrence"]
        task.update(self._definition(series), scheduled_at=task["due_at"])

    def _definition(self, series: Series) -> dict[str, Any]:
        return {
            "recurrence": series.rule,
            "anchor": series.anchor,
            "missed": series.missed,
            "series_version": series.version,
            "series_start": series.start,
            "series_from": series.start_occurrence,
        }

    def _save(self, task: Task, kind: str, change: dict[str, Any]) -> Event:
        task.update(change, version=task["version"] + 1, updated_at=text(now_ms()))
        return self._add("task-events", f"todo.task.{kind}.v1", task["id"], task["owner_id"], dict(task))

    def _add(self, topic: str, type_: str, subject: str, owner_id: str, data: dict[str, Any]) -> Event:
        self.n_events += 1
        event = {
            "specversion": "1.0",
            "id": some_id(self.rng),
            "source": "/todo/backend",
            "type": type_,
            "subject": subject,
            "time": text(now_ms()),
            "datacontenttype": "application/json",
            "ownerid": owner_id,
            "seq": str(self.n_events),
            "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "data": data,
        }
        self.untold.append((topic, event))
        self.all.append((topic, event))
        return event
