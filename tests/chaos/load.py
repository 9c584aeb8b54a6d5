"""People at the public API. Each keeps book of what he was told, and that is what is counted at the end.

What a person does is drawn from the seed; what he does next never waits for a part that is down longer
than until his request is answered."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import random
import threading
import time
from typing import Any

from client import Person

RETRY_S = 120  # longer than the longest outage of a run
UTC = datetime.timezone.utc
# rule, anchor, missed; all due in the future, so that only completing them makes the next one
SERIES = [
    {"recurrence": "daily"},
    {"recurrence": "FREQ=WEEKLY;BYDAY=MO,WE,FR", "anchor": "due", "missed": "skip"},
    {"recurrence": "monthly", "anchor": "completion", "missed": "catch_up"},
]
# this one goes on by itself: an occurrence for every hour that has passed
PASSING = {"recurrence": "FREQ=HOURLY", "anchor": "due", "missed": "catch_up"}
PASSING_HOURS = 12


def instant(at_s: float) -> str:
    return datetime.datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds(text: str) -> float:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


@dataclasses.dataclass
class Series:
    id: str
    anchor: str
    completed: list[int]  # the occurrences that he was told are completed, in that order


@dataclasses.dataclass
class Reminded:
    """A reminder that must come: by every channel, once."""

    task_id: str
    reminder_id: str
    generation: int
    at: float  # its instant, s since 1970
    title: str
    is_late: bool  # asked for when its instant had passed: nobody wants that one


class Player(threading.Thread):
    def __init__(self, url: str, number: int, seed: int, hook_url: str | None, work: set[str]) -> None:
        super().__init__(daemon=True, name=f"player {number}")
        self.rng = random.Random(f"{seed}:{number}")
        self.person = Person(url, retry_s=RETRY_S)
        self.id: str = self.person.account["id"]
        self.work = work
        self.hook_url = hook_url
        self.series: list[Series] = []
        self.passing: str | None = None
        self.reminded: dict[tuple[str, int], Reminded] = {}  # by reminder and generation
        self.plain: dict[str, str] = {}  # task → status
        self.screen: dict[str, dict[str, Any]] = {}  # what his page shows, kept by sync
        self.seq = 0
        self.n_calls = 0
        self.over = threading.Event()
        self.problem: BaseException | None = None

    # ------------------------------------------------------------------ life
    def prepare(self) -> "Player":
        if "reminders" in self.work and self.hook_url:
            body = {"channel": "webhook", "name": "chaos", "url": self.hook_url}
            self.person.call("POST", "/channels", 201, body)
        if "series" in self.work:
            tomorrow = datetime.datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + datetime.timedelta(days=1)
            for rule in SERIES:
                task = self.recurring(tomorrow.timestamp(), rule)
                self.series.append(Series(task["series_id"], task["anchor"], []))
            # half an hour beside the next hour: the number of those passed does not change meanwhile
            self.passing_from = time.time() - PASSING_HOURS * 3600 - 1800
            self.passing = self.recurring(self.passing_from, PASSING)["series_id"]
        return self

    def recurring(self, due_at: float, rule: dict[str, Any]) -> dict[str, Any]:
        return self.person.create("Comes again", due_at=instant(due_at), time_zone="UTC", reminders=[], **rule)

    def run(self) -> None:
        acts = []
        if "series" in self.work:
            acts += [self.complete_one] * 4
        if "reminders" in self.work:
            acts += [self.remind, self.remind_twice, self.move, self.rename]
        if "tasks" in self.work:
            acts += [self.write_plain]
        try:
            while not self.over.is_set():
                self.rng.choice(acts)()
                self.n_calls += 1
                self.over.wait(self.rng.uniform(0.0, 0.3))
        except BaseException as problem:  # noqa: BLE001  # told by the thread that joins
            self.problem = problem

    def finish(self, limit_s: float) -> None:
        self.join(limit_s)
        if self.is_alive():
            raise AssertionError(f"{self.name} is still waiting for an answer after {limit_s} s")
        if self.problem:
            raise self.problem

    # ------------------------------------------------------------------ what he does
    def look(self) -> None:
        """What a page does: ask for what has changed."""
        self.seq, changes = self.person.sync(self.seq)
        for change in changes:
            if change["type"] == "task":
                self.screen[change["task"]["id"]] = change["task"]

    def complete_one(self) -> None:
        """Complete the open occurrence of one series, if it is there already."""
        series = self.rng.choice(self.series)
        self.look()
        for task in self.screen.values():
            if task.get("series_id") == series.id and task["status"] == "open":
                done = self.person.complete(task["id"])
                self.screen[task["id"]] = done
                series.completed.append(done["occurrence"])
                return

    def remind(self) -> None:
        self.create_reminded([self.rng.uniform(1.0, 6.0)])

    def remind_twice(self) -> None:
        first = self.rng.uniform(1.0, 4.0)
        self.create_reminded([first, first + self.rng.uniform(0.0, 4.0)])

    def create_reminded(self, ahead_s: list[float]) -> dict[str, Any]:
        title = f"Ring {self.rng.getrandbits(48):012x}"
        reminders = [{"at": instant(time.time() + ahead)} for ahead in ahead_s]
        task = self.person.create(title, reminders=reminders)
        self.expect(task, seconds(task["created_at"]))
        self.screen[task["id"]] = task
        return task

    def expect(self, task: dict[str, Any], asked_at: float) -> None:
        for reminder in task["reminders"]:
            at = seconds(reminder["at"]) if reminder.get("at") else seconds(task["due_at"])
            key = (reminder["id"], reminder["generation"])
            if key not in self.reminded:
                self.reminded[key] = Reminded(task["id"], *key, at, task["title"], at <= asked_at)

    def move(self) -> None:
        """A task due in an hour whose due date moves to a few seconds from now: only that counts."""
        title = f"Move {self.rng.getrandbits(48):012x}"
        task = self.person.create(title, due_at=instant(time.time() + 3600), time_zone="UTC", reminders=[{"offset": "PT0S"}])
        moved = {"due_at": instant(time.time() + self.rng.uniform(1.0, 5.0))}
        task = self.person.call("PATCH", f"/tasks/{task['id']}", 200, moved)
        self.expect(task, seconds(task["updated_at"]))
        self.screen[task["id"]] = task

    def rename(self) -> None:
        """Rename a task whose reminder is near, and may have come while something was down."""
        if not self.reminded:
            return
        task_id = self.rng.choice(list(self.reminded.values())[-5:]).task_id
        body = {"description": f"Changed {self.rng.getrandbits(48):012x}"}
        self.person.call("PATCH", f"/tasks/{task_id}", 200, body)

    def write_plain(self) -> None:
        task = self.person.create(f"Plain {self.rng.getrandbits(48):012x}")
        self.plain[task["id"]] = "open"
        if self.rng.random() < 0.5:
            self.person.complete(task["id"])
            self.plain[task["id"]] = "completed"

    # ------------------------------------------------------------------ what he sees at the end
    def occurrences(self) -> dict[str, list[dict[str, Any]]]:
        """All his tasks that are one of a series, by series."""
        found: dict[str, list[dict[str, Any]]] = collections.defaultdict(list)
        for task in self.person.tasks():
            if task["series_id"]:
                found[task["series_id"]].append(task)
        return found

    def notifications(self) -> list[dict[str, Any]]:
        return list(self.person.pages("/notifications?limit=50", "notifications"))

    def passing_count(self) -> int:
        """How many occurrences of the passing series there must be now."""
        return 1 + int((time.time() - self.passing_from) // 3600)
