"""What a person does with things that come again, and the book of what he was told.

The book holds only what the API has answered: a number that was ended, a title that was accepted, a
series that was stopped after so many. What follows from it is series_verdict.py's."""

from __future__ import annotations

import dataclasses
import datetime
import random
import time
from typing import Any

from caller import Caller, is_refused
from instants import UTC, instant, seconds

# rule, anchor, missed; all due in the future, so that only ending them makes the next one
RULES = [
    {"recurrence": "daily"},
    {"recurrence": "FREQ=WEEKLY;BYDAY=MO,WE,FR", "anchor": "due", "missed": "skip"},
    {"recurrence": "monthly", "anchor": "completion", "missed": "catch_up"},
]
# this one goes on by itself: an occurrence for every hour that has passed
PASSING = {"recurrence": "FREQ=HOURLY", "anchor": "due", "missed": "catch_up"}
PASSING_HOURS = 12
DAY_S = 86400


@dataclasses.dataclass
class Series:
    id: str
    anchor: str
    title: str
    ended: set[int] = dataclasses.field(default_factory=set)  # completed or skipped, for good: each has a next one
    status: dict[int, str] = dataclasses.field(default_factory=dict)  # as last told; of others open
    titles: dict[int, str] = dataclasses.field(default_factory=dict)  # of this one
    templates: list[tuple[int, str]] = dataclasses.field(default_factory=list)  # from this one on
    dues: dict[int, str] = dataclasses.field(default_factory=dict)  # moved by hand
    last: int | None = None  # stopped after this one
    rings: bool = False  # its second occurrence has a reminder during the run

    def title_of(self, number: int) -> str:
        said = [title for first, title in self.templates if first <= number]
        return self.titles.get(number, said[-1] if said else self.title)


class SeriesLoad:
    """The acts; each is one or a few calls, and returns whether something was done."""

    def __init__(self, person: Caller) -> None:
        self.person = person
        self.books: list[Series] = []
        self.going_on: list[Series] = []  # those that are not stopped or of use for one act alone
        self.screen: dict[str, dict[str, Any]] = {}  # what his page shows, kept by sync
        self.seq = 0
        self.passing: str | None = None
        self.passing_from = 0.0

    def prepare(self) -> None:
        tomorrow = datetime.datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + datetime.timedelta(days=1)
        for rule in RULES:
            self.going_on.append(self.begin(tomorrow.timestamp(), "Comes again", [], **rule)[0])
        # half an hour beside the next hour: the number of those passed does not change meanwhile
        self.passing_from = time.time() - PASSING_HOURS * 3600 - 1800
        passing = self.person.create(
            "Goes on by itself", due_at=instant(self.passing_from), time_zone="UTC", reminders=[], **PASSING
        )
        self.passing = passing["series_id"]

    def begin(self, due_at: float, title: str, reminders: list, **rule: Any) -> tuple[Series, dict[str, Any]]:
        task = self.person.create(title, due_at=instant(due_at), time_zone="UTC", reminders=reminders, **rule)
        series = Series(task["series_id"], task["anchor"], title)
        self.books.append(series)
        return series, task

    def passing_count(self) -> int:
        """How many occurrences of the passing series there must be now."""
        return 1 + int((time.time() - self.passing_from) // 3600)

    # ------------------------------------------------------------------ what he sees
    def look(self) -> None:
        """What a page does: ask for what has changed."""
        self.seq, changes = self.person.sync(self.seq)
        for change in changes:
            if change["type"] == "task":
                self.screen[change["task"]["id"]] = change["task"]

    def pick(self, rng: random.Random, status: str) -> tuple[Series, dict[str, Any] | None]:
        series = rng.choice(self.going_on)
        self.look()
        tasks = [t for t in self.screen.values() if t["series_id"] == series.id and t["status"] == status]
        tasks.sort(key=lambda task: task["occurrence"])
        return series, rng.choice(tasks) if tasks else None

    def note(self, series: Series, task: dict[str, Any]) -> None:
        self.screen[task["id"]] = task
        series.status[task["occurrence"]] = task["status"]
        if task["status"] != "open":
            series.ended.add(task["occurrence"])

    # ------------------------------------------------------------------ what he does
    def complete(self, rng: random.Random) -> bool:
        series, task = self.pick(rng, "open")
        if task:
            self.note(series, self.person.complete(task["id"]))
        return task is not None

    def skip(self, rng: random.Random) -> bool:
        series, task = self.pick(rng, "open")
        if task:
            self.note(series, self.person.call("POST", f"/tasks/{task['id']}/skip", 200))
        return task is not None

    def reopen(self, rng: random.Random) -> bool:
        """The one after it was made or will be; completing it once more makes no other."""
        series, task = self.pick(rng, "completed")
        if task:
            self.note(series, self.person.call("POST", f"/tasks/{task['id']}/reopen", 200))
        return task is not None

    def edit_this(self, rng: random.Random) -> bool:
        series, task = self.pick(rng, "open")
        title, by_s = f"This one {rng.getrandbits(32):08x}", rng.randint(1, 5) * 600
        if not task:
            return False
        body = {"title": title, "due_at": instant(seconds(task["due_at"]) + by_s)}
        task = self.person.call("PATCH", f"/tasks/{task['id']}?scope=this", 200, body)
        self.screen[task["id"]] = task
        series.titles[task["occurrence"]] = title
        series.dues[task["occurrence"]] = task["due_at"]
        return True

    def edit_later(self, rng: random.Random) -> bool:
        series, task = self.pick(rng, "open")
        return self.change_series(rng, series, task) if task else False

    def complete_and_edit(self, rng: random.Random) -> bool:
        """The rule begins anew at the one that was just completed, while its next one is on its way."""
        series, task = self.pick(rng, "open")
        if not task:
            return False
        self.note(series, self.person.complete(task["id"]))
        self.change_series(rng, series, self.screen[task["id"]])
        return True

    def change_series(self, rng: random.Random, series: Series, task: dict[str, Any]) -> bool:
        """This and later ones; refused when this is not the newest (any more)."""
        title, days = f"From here on {rng.getrandbits(32):08x}", rng.randint(0, 2)
        body = {"title": title}
        if series.anchor == "due" and days:
            body["due_at"] = instant(seconds(task["due_at"]) + days * DAY_S)
        answer = self.person.call("PATCH", f"/tasks/{task['id']}?scope=this_and_later", (200, 409), body)
        if is_refused(answer):
            assert answer["code"] == "not_newest_occurrence", answer
            return False
        self.screen[answer["id"]] = answer
        number = answer["occurrence"]
        series.titles[number] = title
        series.templates.append((number + 1, title))
        series.dues[number] = answer["due_at"]
        return True

    def stop(self, rng: random.Random) -> bool:
        """One completed and stopped at once: whether its next one came before says the answer."""
        title = f"Comes to an end {rng.getrandbits(32):08x}"
        series, task = self.begin(time.time() + DAY_S, title, [], recurrence="daily")
        if rng.random() < 0.7:
            self.note(series, self.person.complete(task["id"]))
        answer = self.person.call("POST", f"/series/{series.id}/stop", 200)
        series.last = answer["last_occurrence"]
        return True

    def ring_next(self, rng: random.Random) -> bool:
        """Its second occurrence, made by completing the first, rings two days before it is due: soon."""
        title, ahead_s = f"Rings next {rng.getrandbits(32):08x}", rng.uniform(3.0, 8.0)
        offset = [{"offset": "-P2D"}]
        series, task = self.begin(time.time() + ahead_s + DAY_S, title, offset, recurrence="daily")
        series.rings = True
        self.note(series, self.person.complete(task["id"]))
        return True
