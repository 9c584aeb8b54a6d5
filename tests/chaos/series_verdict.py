"""Series, by count, each by itself: its numbers are 1, 2, … without a hole or a double, up to one after the
last that was ended, or to where it was told to stop; each is as it was told to be."""

from __future__ import annotations

import collections
from typing import Any

from load import Player
from series_load import Series
from support.stack import Stack
from verdict import Verdict

DUE = "todo.task.recurrence-due.v1"
Occurrences = dict[str, list[dict[str, Any]]]


def judge_series(stack: Stack, players: list[Player], seen: dict[str, Occurrences], verdict: Verdict) -> None:
    n_ended = n_next = passed = found = 0
    for player in players:
        occurrences = seen[player.id]
        for series in player.series.books:
            wanted, got = judge_one(series, occurrences[series.id], verdict)
            n_ended += wanted
            n_next += got
        numbers = [task["occurrence"] for task in occurrences[player.series.passing]]
        check_numbers(f"series {player.series.passing}", numbers, verdict)
        passed += player.series.passing_count()
        found += len(numbers)
    verdict.count("occurrences ended, each with its next one", n_ended, n_next)
    verdict.count("occurrences whose time has passed", passed, found)
    owners = [player.id for player in players]
    rows = stack.query(
        "SELECT series_id, occurrence FROM backend.task WHERE series_id IS NOT NULL AND owner_id::text = ANY(%s)", owners
    )
    verdict.count("series and number, in the database", len(rows), len(set(rows)))


def judge_one(series: Series, tasks: list[dict[str, Any]], verdict: Verdict) -> tuple[int, int]:
    """Return how many were ended whose next one must be there, and how many of those have exactly one."""
    what = f"series {series.id}"
    times = collections.Counter(task["occurrence"] for task in tasks)
    last = series.last or len(series.ended) + 1
    ended = [number for number in sorted(series.ended) if number < last]
    check_numbers(what, list(times.elements()), verdict)
    if series.ended - set(range(1, last + 1)):
        verdict.wrong.append(f"{what}: {sorted(series.ended)} were ended, but there are to be {last}")
    if max(times, default=0) > last:
        verdict.wrong.append(f"{what} has {sorted(times)}, though only {sorted(series.ended)} were ended (stop: {series.last})")
    verdict.missing += [f"{what}: {number} was ended, {number + 1} is not there" for number in ended if not times[number + 1]]
    for task in tasks:
        judge_task(series, task, verdict)
    instants = [task["scheduled_at"] for task in sorted(tasks, key=lambda task: task["occurrence"])]
    # counted from the day of completion, two of one day have the same next one
    if series.anchor == "due" and instants != sorted(set(instants)):
        verdict.wrong.append(f"{what}: its instants do not go up: {instants}")
    return len(ended), sum(times[number + 1] == 1 for number in ended)


def judge_task(series: Series, task: dict[str, Any], verdict: Verdict) -> None:
    number = task["occurrence"]
    told = {"status": series.status.get(number, "open"), "title": series.title_of(number)}
    if number in series.dues:
        told["due_at"] = series.dues[number]
    for name, value in told.items():
        if task[name] != value:
            verdict.wrong.append(f"series {series.id}: {name} of {number} is {task[name]!r}, not {value!r}")


def check_numbers(what: str, numbers: list[int], verdict: Verdict) -> None:
    if sorted(numbers) != list(range(1, len(numbers) + 1)):
        verdict.wrong.append(f"{what} has holes or doubles: {sorted(numbers)}")


def judge_decisions(players: list[Player], seen: dict[str, Occurrences], verdict: Verdict) -> None:
    """In the trail: each next one was decided once per version of its series, and none was made undecided."""
    n_decided = n_made = n_found = 0
    for player in players:
        decided = collections.Counter(
            (entry["data"]["series_id"], entry["data"]["series_version"], entry["data"]["occurrence"])
            for entry in player.person.history()
            if entry["type"] == DUE
        )
        n_decided += len(decided)
        verdict.wrong += [f"decided {n} times: series, version, number {key}" for key, n in decided.items() if n > 1]
        numbers = {(series, number) for series, _version, number in decided}
        for series, tasks in seen[player.id].items():
            made = [(series, task["occurrence"]) for task in tasks if task["occurrence"] > 1]
            n_made += len(made)
            n_found += len(numbers & set(made))
    verdict.count("occurrences made, decided in the trail", n_made, n_found, f"{n_decided} decisions in all")
