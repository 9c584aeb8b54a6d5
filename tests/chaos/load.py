"""People at the public API. Each keeps book of what he was told, and that is what is counted at the end.

What a person does, and with what, is drawn from the seed: one deck of acts after another, each act with
a generator of its own, so that what he finds does not change what he draws next."""

from __future__ import annotations

import collections
import dataclasses
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from caller import Caller, is_refused
from instants import instant, seconds
from series_load import SeriesLoad
from support.push import Subscription

HOUR_S = 3600
WANTED, MAYBE, NEVER = "wanted", "maybe", "never"


@dataclasses.dataclass
class Reminded:
    """A reminder of one generation. `wanted` must come by every channel, once; `maybe` was taken back when its
    instant was near or over: once or not at all; `never` was asked for when its instant had passed."""

    task_id: str
    reminder_id: str
    generation: int
    at: float  # its instant, s since 1970
    title: str
    fate: str


class Player(threading.Thread):
    def __init__(self, url: str, number: int, seed: int, sink_url: str, work: tuple[str, ...]) -> None:
        super().__init__(daemon=True, name=f"player {number}")
        self.seed, self.number, self.work = seed, number, work
        self.person = Caller(url)
        self.id: str = self.person.account["id"]
        self.hook_url = f"{sink_url}/hooks/{number}"
        self.hook_secret = ""
        self.push = Subscription(f"{sink_url}/push/{number}")
        self.series = SeriesLoad(self.person)
        self.reminded: dict[tuple[str, int], Reminded] = {}  # by reminder and generation
        self.plain: dict[str, str] = {}  # task → status
        self.done: collections.Counter[str] = collections.Counter()  # acts that did something
        self.over = threading.Event()
        self.problem: BaseException | None = None
        self.failed = threading.Event()  # may be another's: nobody goes on when one cannot

    # ------------------------------------------------------------------ life
    def prepare(self) -> "Player":
        if "reminders" in self.work:
            body = {"channel": "webhook", "name": "chaos", "url": self.hook_url}
            self.hook_secret = self.person.call("POST", "/channels", 201, body)["secret"]
            self.person.call("POST", "/channels", 201, {"channel": "push", "name": "chaos", **self.push.json()})
        if "series" in self.work:
            self.series.prepare()
        return self

    def acts(self) -> list[Callable[[random.Random], bool]]:
        """One deck: each so often."""
        deck: list[Callable[[random.Random], bool]] = []
        if "series" in self.work:
            s = self.series
            deck += [s.complete] * 6 + [s.skip, s.reopen, s.edit_this, s.edit_later, s.complete_and_edit, s.stop]
        if {"series", "reminders"} <= set(self.work):
            deck += [self.series.ring_next]
        if "reminders" in self.work:
            deck += [self.remind, self.remind_twice] * 2 + [self.move, self.rename, self.cancel]
            deck += [self.snooze_near, self.snooze_far]
        if "tasks" in self.work:
            deck += [self.write_plain]
        return deck

    def run(self) -> None:
        deck, n_acts = self.acts(), 0
        order: list[Callable[[random.Random], bool]] = []
        try:
            while not self.over.is_set():
                rng = random.Random(f"{self.seed}:{self.number}:{n_acts}")
                n_acts += 1
                if not order:
                    order = rng.sample(deck, len(deck))
                act = order.pop()
                pause_s = rng.uniform(0.1, 0.6)
                self.done[act.__name__] += bool(act(rng))
                self.over.wait(pause_s)
        except BaseException as problem:  # noqa: BLE001  # told by the thread that joins
            self.problem = problem
            self.failed.set()

    def finish(self, limit_s: float) -> None:
        self.join(limit_s)
        if self.is_alive():
            raise AssertionError(f"{self.name} is still waiting for an answer after {limit_s} s")
        if self.problem:
            raise self.problem

    # ------------------------------------------------------------------ what he does
    def expect(self, task: dict[str, Any], asked_at: float) -> None:
        """Take into the book what this answer has of reminders."""
        for reminder in task["reminders"]:
            key = (reminder["id"], reminder["generation"])
            if key in self.reminded:
                continue
            said = reminder["snoozed_until"] or reminder["at"] or task["due_at"]
            fate = NEVER if seconds(said) < asked_at else WANTED
            self.reminded[key] = Reminded(task["id"], *key, seconds(said), task["title"], fate)

    def remind(self, rng: random.Random) -> bool:
        return bool(self.create_reminded(rng, [rng.uniform(1.0, 6.0)]))

    def remind_twice(self, rng: random.Random) -> bool:
        first = rng.uniform(1.0, 4.0)
        return bool(self.create_reminded(rng, [first, first + rng.uniform(0.0, 4.0)]))

    def create_reminded(self, rng: random.Random, ahead_s: list[float]) -> dict[str, Any]:
        title = f"Ring {rng.getrandbits(48):012x}"
        reminders = [{"at": instant(time.time() + ahead)} for ahead in ahead_s]
        task = self.person.create(title, reminders=reminders)
        self.expect(task, seconds(task["created_at"]))
        return task

    def move(self, rng: random.Random) -> bool:
        """A task due in an hour whose due date moves to a few seconds from now: only that counts."""
        title = f"Move {rng.getrandbits(48):012x}"
        due_at = instant(time.time() + HOUR_S)
        task = self.person.create(title, due_at=due_at, time_zone="UTC", reminders=[{"offset": "PT0S"}])
        moved = {"due_at": instant(time.time() + rng.uniform(1.0, 5.0))}
        task = self.person.call("PATCH", f"/tasks/{task['id']}", 200, moved)
        self.expect(task, seconds(task["updated_at"]))
        return True

    def rename(self, rng: random.Random) -> bool:
        """Rename a task whose reminder is near, and may have come while something was down."""
        body = {"description": f"Changed {rng.getrandbits(48):012x}"}
        near = list(self.reminded.values())[-5:]
        if near:
            self.person.call("PATCH", f"/tasks/{rng.choice(near).task_id}", 200, body)
        return bool(near)

    def snooze_far(self, rng: random.Random) -> bool:
        """A reminder in an hour that is to come in a few seconds instead."""
        return self.snooze(rng, self.person.create(f"Far {rng.getrandbits(48):012x}", reminders=[{"at": instant(time.time() + HOUR_S)}]))

    def snooze_near(self, rng: random.Random) -> bool:
        """One that may have come when it is snoozed, or be about to."""
        task = self.create_reminded(rng, [rng.uniform(0.5, 2.0)])
        self.over.wait(rng.uniform(0.0, 2.0))
        return self.snooze(rng, task)

    def snooze(self, rng: random.Random, task: dict[str, Any]) -> bool:
        reminder = task["reminders"][0]
        until = {"until": instant(time.time() + rng.uniform(1.0, 5.0))}
        path = f"/tasks/{task['id']}/reminders/{reminder['id']}/snooze"
        task = self.person.call("POST", path, (200, 400), until)
        if is_refused(task):  # in an outage it was not heard before that instant
            assert [error["field"] for error in task["errors"]] == ["until"], task
            return False
        self.take_back((reminder["id"], reminder["generation"]))
        self.expect(task, seconds(task["updated_at"]))
        return True

    def cancel(self, rng: random.Random) -> bool:
        """Completed when its reminder is near: how near the news of it came, nobody can promise."""
        task = self.create_reminded(rng, [rng.uniform(0.5, 5.0)])
        self.person.complete(task["id"])
        for reminder in task["reminders"]:
            self.take_back((reminder["id"], reminder["generation"]))
        return True

    def take_back(self, key: tuple[str, int]) -> None:
        known = self.reminded.get(key)
        if known and known.fate == WANTED:
            known.fate = MAYBE

    def write_plain(self, rng: random.Random) -> bool:
        task = self.person.create(f"Plain {rng.getrandbits(48):012x}")
        self.plain[task["id"]] = "open"
        if rng.random() < 0.5:
            self.person.complete(task["id"])
            self.plain[task["id"]] = "completed"
        return True

    # ------------------------------------------------------------------ what he sees at the end
    def occurrences(self) -> dict[str, list[dict[str, Any]]]:
        """All his tasks that are one of a series, by series, in order."""
        found: dict[str, list[dict[str, Any]]] = collections.defaultdict(list)
        for task in self.person.tasks():
            if task["series_id"]:
                found[task["series_id"]].append(task)
        for tasks in found.values():
            tasks.sort(key=lambda task: task["occurrence"])
        return found

    def rung_by_series(self, occurrences: dict[str, list[dict[str, Any]]]) -> list[Reminded]:
        """Reminders of occurrences: the first one's was over when it was made, the second one's is wanted."""
        found = []
        for series in self.series.books:
            for task in occurrences[series.id] if series.rings else []:
                for reminder in task["reminders"]:
                    at = reminder["snoozed_until"] and seconds(reminder["snoozed_until"])
                    at = at or seconds(task["due_at"]) - 48 * HOUR_S
                    fate = WANTED if task["occurrence"] == 2 else NEVER
                    key = (task["id"], reminder["id"], reminder["generation"])
                    found.append(Reminded(*key, at, task["title"], fate))
        return found

    def notifications(self) -> list[dict[str, Any]]:
        return list(self.person.pages("/notifications?limit=50", "notifications"))
