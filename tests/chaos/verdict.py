"""What must be so at the end, by count. Nothing here waits: `look` is asked until all of it holds, or the
time is over; then what it says is what is wrong."""

from __future__ import annotations

import collections
import dataclasses
import time
from collections.abc import Iterable
from typing import Any

from support.stack import Stack

from load import Player, Series


@dataclasses.dataclass
class Row:
    """A line of the table."""

    what: str
    expected: int
    found: int
    note: str = ""

    def text(self) -> str:
        mark = "" if self.found == self.expected else "  <--"
        return f"  {self.what:<44} {self.expected:>7} {self.found:>7}  {self.note}{mark}"


@dataclasses.dataclass
class Verdict:
    rows: list[Row] = dataclasses.field(default_factory=list)
    missing: list[str] = dataclasses.field(default_factory=list)  # may yet come
    wrong: list[str] = dataclasses.field(default_factory=list)  # no waiting will mend it

    def count(self, what: str, expected: int, found: int, note: str = "") -> None:
        self.rows.append(Row(what, expected, found, note))
        if found != expected:
            (self.missing if found < expected else self.wrong).append(f"{what}: {found} instead of {expected}")

    @property
    def found(self) -> int:
        return sum(row.found for row in self.rows)

    @property
    def problems(self) -> list[str]:
        return self.wrong + self.missing


def doubled(values: Iterable) -> list:
    return [value for value, times in collections.Counter(values).items() if times > 1]


# ---------------------------------------------------------------------------- plain tasks
def judge_plain(players: list[Player], verdict: Verdict) -> None:
    told = {task: status for player in players for task, status in player.plain.items()}
    kept = {}
    for player in players:
        kept |= {t["id"]: t["status"] for t in player.person.tasks() if t["title"].startswith("Plain ")}
    verdict.count("plain tasks, as they were left", len(told), sum(kept.get(t) == s for t, s in told.items()))
    unknown = kept.keys() - told.keys()
    if unknown:
        verdict.wrong.append(f"plain tasks that nobody was told of: {sorted(unknown)[:5]}")


# ---------------------------------------------------------------------------- series
def judge_series(stack: Stack, players: list[Player], verdict: Verdict) -> None:
    n_completions = n_next = passed = found = 0
    for player in players:
        occurrences = player.occurrences()
        for series in player.series:
            n_completions += len(series.completed)
            n_next += judge_one_series(series, occurrences[series.id], verdict)
        numbers = [task["occurrence"] for task in occurrences[player.passing]]
        check_numbers(player.passing, numbers, verdict)
        passed += player.passing_count()
        found += len(numbers)
    verdict.count("completions, and the next ones they made", n_completions, n_next)
    verdict.count("occurrences whose time has passed", passed, found)
    judge_emissions(stack, players, verdict)


def judge_one_series(series: Series, tasks: list[dict[str, Any]], verdict: Verdict) -> int:
    """Return how many next occurrences there are: each completed one has exactly one after it."""
    tasks = sorted(tasks, key=lambda task: task["occurrence"])
    numbers = [task["occurrence"] for task in tasks]
    check_numbers(series.id, numbers, verdict)
    if len(series.completed) != len(set(series.completed)):
        verdict.wrong.append(f"series {series.id}: told twice that one is completed: {doubled(series.completed)}")
    for task in tasks:
        status = "completed" if task["occurrence"] in series.completed else "open"
        if task["status"] != status:
            verdict.wrong.append(f"series {series.id}: {task['occurrence']} is {task['status']}, not {status}")
    dues = [task["due_at"] for task in tasks]
    # counted from the day of completion, two of one day have the same next one
    if dues != sorted(dues if series.anchor == "completion" else set(dues)):
        verdict.wrong.append(f"series {series.id}: due dates do not go up: {dues}")
    return len(numbers) - 1


def check_numbers(series_id: str, numbers: list[int], verdict: Verdict) -> None:
    if sorted(numbers) != list(range(1, len(numbers) + 1)):
        verdict.wrong.append(f"series {series_id} has holes or doubles: {sorted(numbers)}")


def judge_emissions(stack: Stack, players: list[Player], verdict: Verdict) -> None:
    """In the database: (series, occurrence) is unique, whatever the API shows."""
    owners = [player.id for player in players]
    rows = stack.query(
        "SELECT series_id, occurrence FROM backend.task WHERE series_id IS NOT NULL AND owner_id::text = ANY(%s)", owners
    )
    verdict.count("series and number, in the database", len(rows), len(set(rows)))


# ---------------------------------------------------------------------------- the system
OUTBOXES = ("backend", "recurring_task", "notification", "audit")


def judge_system(stack: Stack, players: list[Player], verdict: Verdict) -> None:
    for schema in OUTBOXES:
        left = stack.query(f"SELECT count(*) FROM {schema}.outbox")[0][0]  # noqa: S608
        if left:
            verdict.missing.append(f"{left} events are still in the outbox of {schema}")
    letters = stack.query("SELECT consumer, reason FROM audit.dead_letter LIMIT 5")
    for consumer, reason in letters:
        verdict.wrong.append(f"dead letter of {consumer}: {reason}")


def judge_audit(stack: Stack, verdict: Verdict) -> None:
    """The chains whole, and every number of the backend arrived."""
    verified = stack.run("audit", "verify", "--patience", "0")
    findings = [line for line in verified.stdout.splitlines() if line.startswith(("fault:", "hole:", "warning:"))]
    said = (verified.stdout + verified.stderr).strip().splitlines()
    verdict.rows.append(Row("audit verify", 0, len(findings), said[-1] if said else ""))
    if verified.returncode != 0:
        verdict.wrong.append(f"audit verify ended with {verified.returncode}: {' | '.join(said[-5:])}")
    # what is on its way is a hole until it comes
    verdict.missing += findings[:10]


def elapsed(since: float) -> str:
    return f"{time.monotonic() - since:.1f} s"
