"""A hundred thousand random rules, expanded by recurring-task and by python-dateutil.

The seed is printed; RECURRENCE_SEED=… repeats a run, RECURRENCE_RULES=… makes it shorter or longer.
Wall clock times become instants by Python's zoneinfo, so the zones have a second opinion, too.

Where the two differ, and why ours is right:
- The start. "The DTSTART property value SHOULD be synchronized with the recurrence rule, if specified. The
  recurrence set generated with a DTSTART property value not synchronized with the recurrence rule is
  undefined" and "the DTSTART property value, if specified, counts as the first occurrence" (RFC 5545 §3.8.5.3,
  §3.3.10): a task's own due date is always its first occurrence. dateutil leaves out a start that the rule
  does not give, and then COUNT counts one less of the others.
- The end of a month. dateutil takes a day that only the start names for an explicit BYMONTHDAY, and leaves out
  months without it; a monthly task from 31 January comes at each month's end here. So dateutil is asked for the
  28th, and the day is moved to the start's or the month's last.
- Weekdays with and without a number. "BYDAY=FR,1MO" is each Friday and the first Monday: "a list of days"
  (§3.3.10). dateutil takes only days that are in both of its lists, of those with and those without a number; so
  it is asked for the first to the 5th or 53rd Friday.
- BYSETPOS with WEEKLY "operates on a set of recurrence instances in one interval" (§3.3.10), and a week begins on
  WKST. dateutil lets the first week begin with the start (the first month and year it takes whole); so it is
  given a start on WKST.
- An instant that two wall clock times share (02:30 and 03:30 where the clocks go forward) comes and counts
  once: "if the recurrence set has duplicates, only one is considered" (§3.8.5.2 of RDATE, the same for rules).
"""

from __future__ import annotations

import calendar
import datetime
import multiprocessing
import os
import random
import subprocess
import zoneinfo

import pytest
from dateutil import rrule

from support.service import build_dir

RULES = int(os.environ.get("RECURRENCE_RULES", "100000"))
BATCH = 2000
PARTS = 10  # tests, each of which gets its share of the rules
JUMPS = 4  # one of so many rules is jumped into, too
INSTANTS = 6
LAST = datetime.datetime(2299, 12, 31, 23, 59, 59)
FREQS = {"HOURLY": rrule.HOURLY, "DAILY": rrule.DAILY, "WEEKLY": rrule.WEEKLY, "MONTHLY": rrule.MONTHLY,
         "YEARLY": rrule.YEARLY}
STEP = {"HOURLY": datetime.timedelta(hours=1), "DAILY": datetime.timedelta(days=1),
        "WEEKLY": datetime.timedelta(days=7), "MONTHLY": datetime.timedelta(days=30.5),
        "YEARLY": datetime.timedelta(days=366)}
# how many steps dateutil walks before we call it enough: it looks at each single hour
STEPS = {"HOURLY": 100, "DAILY": 150, "WEEKLY": 60, "MONTHLY": 36, "YEARLY": 8}
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Europe/Moscow",
         "Pacific/Auckland", "America/Santiago", "Africa/Casablanca", "Asia/Amman", "Asia/Kathmandu", "Europe/Dublin",
         "Pacific/Apia", "America/Nuuk", "Asia/Gaza")


class Enough(Exception):
    """dateutil has walked far enough."""


class Steps(rrule._iterinfo):
    """Ends dateutil's walk: a rule that never matches would go on to the year 9999."""

    left = 0

    def step(self, days):
        Steps.left -= 1
        if Steps.left < 0:
            raise Enough
        return days

    def ydayset(self, year, month, day):
        return self.step(super().ydayset(year, month, day))

    def mdayset(self, year, month, day):
        return self.step(super().mdayset(year, month, day))

    def wdayset(self, year, month, day):
        return self.step(super().wdayset(year, month, day))

    def ddayset(self, year, month, day):
        return self.step(super().ddayset(year, month, day))


rrule._iterinfo = Steps


class Rule:
    """One random rule: its parts, the start, the zone."""

    def __init__(self, dice: random.Random) -> None:
        self.freq = dice.choices(list(FREQS), (1, 3, 4, 5, 4))[0]
        self.zone = dice.choice(ZONES)
        self.start = self.random_start(dice)
        self.interval = dice.choice((1, 1, 1, 2, 3, 4, 5, 7, 12, dice.randint(1, 60)))
        self.months = self.some(dice, 0.3, range(1, 13), 4)
        self.month_days: list[int] = []
        self.days: list[tuple[int, int]] = []
        self.positions: list[int] = []
        if self.freq != "WEEKLY":
            self.month_days = self.some(dice, 0.25, [*range(1, 32), *range(-31, 0), -1, 31, 30, 29], 5)
        if dice.random() < 0.45:
            self.days = self.random_days(dice)
        if self.months or self.month_days or self.days:
            self.positions = self.some(dice, 0.25, [1, -1, 2, -2, 3, -3, 4, 5, 10, -10, 20], 2)
        self.week_start = dice.choice((0, 0, 6, 5, 2))
        self.count = dice.randint(1, 12) if dice.random() < 0.2 else 0
        self.until, self.until_is_utc = None, dice.random() < 0.5
        if not self.count and dice.random() < 0.2:
            ahead = STEP[self.freq] * self.interval * dice.randint(0, 12)
            self.until = min(self.start + ahead, LAST).replace(microsecond=0)

    @staticmethod
    def random_start(dice: random.Random) -> datetime.datetime:
        day = datetime.datetime(1990, 1, 1) + datetime.timedelta(days=dice.randint(0, 365 * 60))
        if dice.random() < 0.3:
            day = day.replace(day=calendar.monthrange(day.year, day.month)[1])
        clock = dice.choice(((9, 0, 0), (2, 30, 0), (1, 15, 0), (0, 0, 0), (23, 59, 59), None))
        hour, minute, second = clock or (dice.randint(0, 23), dice.randint(0, 59), 0)
        return day.replace(hour=hour, minute=minute, second=second)

    @staticmethod
    def some(dice: random.Random, chance: float, values, n_max: int) -> list[int]:
        if dice.random() >= chance:
            return []
        return sorted({dice.choice(list(values)) for _ in range(dice.randint(1, n_max))})

    def random_days(self, dice: random.Random) -> list[tuple[int, int]]:
        days = set()
        for _ in range(dice.randint(1, 5)):
            ordinal = 0
            if self.freq in ("MONTHLY", "YEARLY") and dice.random() < 0.4:
                ordinal = dice.choice((1, 2, 3, 4, 5, -1, -2, -5))
                if self.freq == "YEARLY" and not self.months:
                    ordinal = dice.choice((ordinal, 10, 20, 52, 53, -53, -30))
            days.add((ordinal, dice.randint(0, 6)))
        return sorted(days)

    def __str__(self) -> str:
        parts = [f"FREQ={self.freq}"]
        if self.interval > 1:
            parts.append(f"INTERVAL={self.interval}")
        for name, values in (("BYMONTH", self.months), ("BYMONTHDAY", self.month_days),
                             ("BYSETPOS", self.positions)):
            if values:
                parts.append(f"{name}={','.join(map(str, values))}")
        if self.days:
            parts.append("BYDAY=" + ",".join(f"{n or ''}{WEEKDAYS[day]}" for n, day in self.days))
        if self.week_start:
            parts.append(f"WKST={WEEKDAYS[self.week_start]}")
        if self.count:
            parts.append(f"COUNT={self.count}")
        if self.until:
            parts.append(f"UNTIL={self.until:%Y%m%dT%H%M%S}{'Z' if self.until_is_utc else ''}")
        return ";".join(parts)

    def line(self, n: int, after: int | None = None) -> str:
        end = "" if after is None else f"|{after}"
        return f"{self}|{self.start:%Y-%m-%dT%H:%M:%S}|{self.zone}|{n}{end}\n"

    def horizon(self) -> datetime.datetime:
        return min(self.start + min(STEP[self.freq] * self.interval * STEPS[self.freq], LAST - self.start), LAST)

    def spelled_out_days(self) -> list[tuple[int, int]]:
        if not any(n for n, _ in self.days):
            return self.days
        most = 53 if self.freq == "YEARLY" and not self.months else 5
        return [(n, day) for given, day in self.days for n in ([given] if given else range(1, most + 1))]

    def local_times(self):
        """What the rule says after the start, by dateutil."""
        parts = {"interval": self.interval, "wkst": self.week_start}
        parts["bymonth"] = self.months or None
        parts["bymonthday"] = self.month_days or None
        parts["bysetpos"] = self.positions or None
        parts["byweekday"] = [rrule.weekday(day, n or None) for n, day in self.spelled_out_days()] or None
        clamps = self.freq in ("MONTHLY", "YEARLY") and not self.month_days and not self.days
        begin = self.start
        if clamps:
            begin = self.start.replace(day=1)
            parts["bymonthday"] = 28
            parts["bymonth"] = self.months or (self.start.month if self.freq == "YEARLY" else None)
        if self.freq == "WEEKLY":
            begin -= datetime.timedelta(days=(begin.weekday() - self.week_start) % 7)
            parts["byweekday"] = parts["byweekday"] or self.start.weekday()
        Steps.left = STEPS[self.freq] + 5
        try:
            for time in rrule.rrule(FREQS[self.freq], begin, **parts):
                if clamps:
                    days_in_month = calendar.monthrange(time.year, time.month)[1]
                    time = time.replace(day=min(self.start.day, days_in_month))
                if time > self.start:
                    yield time
        except Enough:
            pass

    def instants(self) -> list[int]:
        """The first ones up to the horizon, the start among them."""
        zone = zoneinfo.ZoneInfo(self.zone)
        found = [instant(self.start, zone)]
        for time in self.local_times():
            at = instant(time, zone)
            if len(found) == INSTANTS or len(found) == self.count or time > self.horizon():
                break
            if self.until and (at > instant(self.until, zoneinfo.ZoneInfo("UTC")) if self.until_is_utc
                               else time > self.until):
                break
            if at > found[-1]:
                found.append(at)
        return found


def instant(time: datetime.datetime, zone: zoneinfo.ZoneInfo) -> int:
    """fold=0: the first of two equal times; in a gap the offset before it."""
    return int(time.replace(tzinfo=zone).timestamp())


def expand(lines: list[str]) -> list[list[int]]:
    program = build_dir() / "tests/service/services/recurring-task/test_rule_lines"
    done = subprocess.run([program], input="".join(lines), capture_output=True, text=True, timeout=1000)
    assert done.returncode == 0, done.stderr
    answers = done.stdout.splitlines()
    assert len(answers) == len(lines)
    return [[] if answer == "-" else [int(at) for at in answer.split()] for answer in answers]


def compare_batch(seed: int) -> tuple[int, int, list[str]]:
    """Return how many rules and instants were compared, and what differs."""
    dice = random.Random(seed)
    rules = [Rule(dice) for _ in range(BATCH)]
    expected = [rule.instants() for rule in rules]
    # all from the start, and some from somewhere in the middle, just before or at an instant
    jumps = range(0, BATCH, JUMPS)
    afters = {n: dice.choice(expected[n]) * 1000 - dice.choice((0, 1)) for n in jumps}
    lines = [rule.line(INSTANTS) for rule in rules]
    lines += [rules[n].line(INSTANTS, afters[n]) for n in jumps]
    answers = expand(lines)
    different = []
    for n, rule in enumerate(rules):
        end = instant(rule.horizon(), zoneinfo.ZoneInfo(rule.zone))
        walked = [at for at in answers[n] if at <= end]
        want = [at for at in expected[n] if at <= end]
        if walked != want:
            different.append(f"{lines[n]}  ours:     {walked}\n  dateutil: {want}")
        if n in afters:
            # the jump may show more of them than were expanded from the start
            jumped = answers[BATCH + n // JUMPS]
            want = [at for at in want if at * 1000 > afters[n]]
            if jumped[: len(want)] != want:
                different.append(f"{lines[BATCH + n // JUMPS]}  ours:     {jumped}\n  dateutil: {want}")
    return BATCH, sum(map(len, expected)), different


@pytest.mark.parametrize("part", range(PARTS))
def test_random_rules_agree_with_dateutil(part: int, run_seed: int) -> None:
    print(f"RECURRENCE_SEED={run_seed}")
    n_batches = max(1, RULES // BATCH // PARTS)
    n_rules = n_instants = 0
    different: list[str] = []
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        seeds = [(run_seed * PARTS + part) * 1_000_003 + number for number in range(n_batches)]
        for rules, instants, found in pool.imap_unordered(compare_batch, seeds):
            n_rules += rules
            n_instants += instants
            different += found
    print(f"{n_rules} rules, {n_instants} instants")
    assert not different, f"RECURRENCE_SEED={run_seed}: {len(different)} differ\n" + "\n".join(different[:10])
    assert n_instants > 3 * n_rules, "too few of the random rules gave anything to compare"


@pytest.fixture(scope="module")
def run_seed() -> int:
    return int(os.environ.get("RECURRENCE_SEED", random.SystemRandom().randrange(1 << 32)))
