"""What must be so at the end, by count. Nothing here waits: `look` is asked until all of it holds, or the
time is over; then what it says is what is wrong."""

from __future__ import annotations

import dataclasses
import time

from load import WANTED, Player
from support.stack import Stack


@dataclasses.dataclass
class Row:
    """A line of the table."""

    what: str
    expected: int
    found: int
    note: str = ""
    at_least: bool = False

    @property
    def is_good(self) -> bool:
        return self.found >= self.expected if self.at_least else self.found == self.expected

    def text(self) -> str:
        wanted = f"{'≥ ' if self.at_least else ''}{self.expected}"
        mark = "" if self.is_good else "  <--"
        return f"  {self.what:<44} {wanted:>7} {self.found:>7}  {self.note}{mark}"


@dataclasses.dataclass
class Verdict:
    rows: list[Row] = dataclasses.field(default_factory=list)
    missing: list[str] = dataclasses.field(default_factory=list)  # may yet come
    wrong: list[str] = dataclasses.field(default_factory=list)  # no waiting will mend it
    notes: list[str] = dataclasses.field(default_factory=list)

    def count(self, what: str, expected: int, found: int, note: str = "") -> None:
        self.rows.append(Row(what, expected, found, note))
        if found != expected:
            (self.missing if found < expected else self.wrong).append(f"{what}: {found} instead of {expected}")

    def count_least(self, what: str, least: int, found: int, note: str = "") -> None:
        """What the run must have reached: one in which nothing happened proves nothing."""
        self.rows.append(Row(what, least, found, note, at_least=True))
        if found < least:
            self.wrong.append(f"{what}: only {found}, {least} are the least that prove anything")

    def add(self, other: "Verdict") -> None:
        self.rows += other.rows
        self.missing += other.missing
        self.wrong += other.wrong
        self.notes += other.notes

    def note(self, text: str) -> None:
        self.notes.append(text)

    @property
    def found(self) -> int:
        return sum(row.found for row in self.rows)

    @property
    def problems(self) -> list[str]:
        return self.wrong + self.missing


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


# ---------------------------------------------------------------------------- what was done
def did_enough(players: list[Player], least: int) -> bool:
    """Whether each act was done, and occurrences ended and reminders wanted at least so often."""
    done = acts_done(players)
    return all(done.values()) and count_ended(players) >= least and count_wanted(players) >= least


def acts_done(players: list[Player]) -> dict[str, int]:
    return {act.__name__: sum(p.done[act.__name__] for p in players) for act in players[0].acts()}


def count_ended(players: list[Player]) -> int:
    return sum(len(series.ended) for player in players for series in player.series.books)


def count_wanted(players: list[Player]) -> int:
    return sum(reminded.fate == WANTED for player in players for reminded in player.reminded.values())


def judge_done(players: list[Player], least: int, verdict: Verdict) -> None:
    done = acts_done(players)
    said = ", ".join(f"{name} {n}" for name, n in sorted(done.items()))
    verdict.count_least("different acts that were done", len(done), sum(n > 0 for n in done.values()), said)
    if players[0].series.books:
        verdict.count_least("occurrences completed or skipped", least, count_ended(players))
    if players[0].reminded:
        verdict.count_least("reminders asked for and not taken back", least, count_wanted(players))


# ---------------------------------------------------------------------------- the system
OUTBOXES = ("backend", "recurring_task", "notification", "audit")


def judge_system(stack: Stack, verdict: Verdict) -> None:
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
    said = (verified.stderr + verified.stdout).strip().splitlines()  # how far it is goes to stderr
    verdict.rows.append(Row("audit verify", 0, len(findings), said[-1] if said else ""))
    if verified.returncode != 0:
        verdict.wrong.append(f"audit verify ended with {verified.returncode}: {' | '.join(said[-5:])}")
    # what is on its way is a hole until it comes
    verdict.missing += findings[:10]


def elapsed(since: float) -> str:
    return f"{time.monotonic() - since:.1f} s"
