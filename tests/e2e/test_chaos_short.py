"""A short run of `make chaos`, and whether its judges see what they must."""

from __future__ import annotations

import collections
import os
import random
import sys

import pytest
from support.stack import ROOT

sys.path.append(str(ROOT / "tests/chaos"))

import chaos  # noqa: E402
import deliveries  # noqa: E402
import series_verdict  # noqa: E402
from deliveries import Attempt, Delivery, Receipt  # noqa: E402
from kills import Killed  # noqa: E402
from load import MAYBE, NEVER, WANTED, Reminded  # noqa: E402
from series_load import Series  # noqa: E402
from verdict import Verdict  # noqa: E402

KILLS = 8
SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))


def test_eight_kills_lose_and_double_nothing(broker):
    options = chaos.Options(broker, KILLS, SEED, people=3)
    print(f"SEED={SEED}")
    assert not chaos.run(options).problems


# ---------------------------------------------------------------------------- the judge of deliveries
def delivery(*attempts: Attempt, channel: str = "email") -> Delivery:
    return Delivery("d", "ada", "r", 1, channel, "sent", 100.0, list(attempts))


def came(*times: float, owner: str = "ada", channel: str = "email") -> list[Receipt]:
    return [Receipt(channel, "d", owner, at) for at in times]


def killed(at: float, name: str = "notification") -> list[Killed]:
    return [Killed(name, 7, at, at)]


FIRST = Attempt(1, "notification", 100.0, None, "open")
SECOND = Attempt(2, "notification-1", 106.0, 106.2, "sent")


@pytest.mark.parametrize(
    ("found", "receipts", "kills", "channel", "explained", "said"),
    [
        ([SECOND], came(106.1), [], "email", 0, ""),
        ([FIRST, SECOND], came(100.1, 106.1), killed(100.2), "email", 1, ""),
        ([FIRST, SECOND], came(100.1, 106.1), killed(100.2, "daprd-notification"), "email", 1, ""),
        ([FIRST, SECOND], came(100.1, 106.1), killed(100.2, "daprd-notification"), "webhook", 0, "nobody was killed"),
        ([FIRST, SECOND], came(100.1, 106.1), killed(100.2, "notification-1"), "email", 0, "nobody was killed"),
        ([FIRST, SECOND], came(100.1, 106.1), killed(99.0), "email", 0, "nobody was killed"),
        ([FIRST, SECOND], came(100.1, 106.1), [], "email", 0, "nobody was killed"),
        ([FIRST, SECOND], came(100.1, 100.2, 106.1), killed(100.3), "email", 1, "delivered 2 times"),
        ([SECOND], came(99.5), [], "email", 0, "0.500 s early"),
        ([SECOND], came(103.0), [], "email", 0, "before any attempt"),
        ([SECOND], came(106.1, owner="bob"), [], "email", 0, "went to bob"),
    ],
)
def test_the_judge_excuses_only_a_kill_in_mid_attempt(found, receipts, kills, channel, explained, said):
    count, wrong = deliveries.judge_one(delivery(*found, channel=channel), receipts, kills)
    assert count == explained
    assert (said in " ".join(wrong)) if said else not wrong


def reminded(fate: str, at: float = 100.0) -> list[Reminded]:
    return [Reminded("t", "r", 1, at, "Ring", fate)]


@pytest.mark.parametrize(
    ("asked", "receipts", "said"),
    [
        (reminded(WANTED), came(106.1), ""),
        (reminded(WANTED), [], "reminders by email: 0 instead of 1"),
        (reminded(MAYBE), [], ""),
        (reminded(MAYBE), came(106.1), ""),
        (reminded(NEVER), [], ""),
        (reminded(NEVER), came(106.1), "its instant was over"),
        ([], came(106.1), "nobody asked for it"),
        (reminded(WANTED, at=90.0), came(106.1), "asked for was 90.000"),
    ],
)
def test_the_judge_holds_what_came_against_what_was_asked_for(asked, receipts, said, monkeypatch):
    monkeypatch.setattr(deliveries, "CHANNELS", ("email",))
    verdict = deliveries.judge(asked, [delivery(SECOND)], receipts, [])
    assert (said in " ".join(verdict.problems)) if said else not verdict.problems


# ---------------------------------------------------------------------------- the judge of series
def occurrences(*numbers: int, **changed: str) -> list[dict]:
    """Of a daily series, all completed but the newest."""
    newest = max(numbers)
    return [
        {
            "occurrence": n,
            "status": "open" if n == newest else "completed",
            "title": "Daily",
            "due_at": f"2030-01-{n:02}T09:00:00.000Z",
            "scheduled_at": f"2030-01-{n:02}T09:00:00.000Z",
            **changed,
        }
        for n in numbers
    ]


def told(*ended: int, last: int | None = None) -> Series:
    return Series("s", "due", "Daily", set(ended), dict.fromkeys(ended, "completed"), last=last)


@pytest.mark.parametrize(
    ("series", "tasks", "counts", "said"),
    [
        (told(1, 2), occurrences(1, 2, 3), (2, 2), ""),
        (told(1, 2), occurrences(1, 2, 3)[:2], (2, 1), "2 was ended, 3 is not there"),
        (told(1, 2), occurrences(1, 2, 3, 3), (2, 1), "holes or doubles"),
        (told(1, 2), occurrences(1, 2, 3) + occurrences(1, 2, 3, 4)[3:], (2, 2), "though only [1, 2] were ended"),
        (told(1, 2, last=2), occurrences(1, 2, 3)[:2], (1, 1), ""),
        (told(1, 2, last=2), occurrences(1, 2, 3), (1, 1), "(stop: 2)"),
        (told(1, 2), occurrences(1, 2, 3, title="Weekly"), (2, 2), "title of 1 is 'Weekly', not 'Daily'"),
        (told(1, 2), occurrences(1, 2, 3, status="open"), (2, 2), "status of 1 is 'open', not 'completed'"),
        (told(1), occurrences(1, 2, scheduled_at="2030-01-01T09:00:00.000Z"), (1, 1), "do not go up"),
    ],
)
def test_the_judge_counts_each_series_by_itself(series, tasks, counts, said):
    verdict = Verdict()
    assert series_verdict.judge_one(series, tasks, verdict) == counts
    assert (said in " ".join(verdict.problems)) if said else not verdict.problems


class Trail:
    """A person whose history has these decisions."""

    id = "ada"

    def __init__(self, *decisions: tuple[str, int, int]) -> None:
        self.person = self
        self.decisions = decisions

    def history(self) -> list[dict]:
        names = ("series_id", "series_version", "occurrence")
        return [{"type": series_verdict.DUE, "data": dict(zip(names, d, strict=True))} for d in self.decisions]


@pytest.mark.parametrize(
    ("decisions", "said"),
    [
        ([("s", 1, 2), ("s", 1, 3)], ""),
        ([("s", 1, 2), ("s", 2, 2), ("s", 2, 3)], ""),
        ([("s", 1, 2), ("s", 1, 3), ("s", 1, 3)], "decided 2 times"),
        ([("s", 1, 2)], "1 instead of 2"),
    ],
)
def test_each_next_occurrence_is_decided_once_per_version(decisions, said):
    verdict = Verdict()
    seen = {"ada": collections.defaultdict(list, s=occurrences(1, 2, 3))}
    series_verdict.judge_decisions([Trail(*decisions)], seen, verdict)
    assert (said in " ".join(verdict.problems)) if said else not verdict.problems


def test_a_run_in_which_too_little_happened_proves_nothing():
    verdict = Verdict()
    verdict.count_least("occurrences completed or skipped", 30, 3)
    assert verdict.problems == ["occurrences completed or skipped: only 3, 30 are the least that prove anything"]
