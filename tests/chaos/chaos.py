"""kill -9 at random under load, then count.

    scripts/run-chaos BUILD [--broker redis|kafka|both] [--kills 50] [--seed N] [--people 6]

First a while of load in which nobody is killed, and nothing at all may come twice; then the kills, on the
same system. The seed is printed; with it, who is killed in what order after what pause, and what people
do, is drawn again. (How the threads of a machine interleave is not.) Ends in 0 when all of it adds up,
else tells what does not."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import pathlib
import random
import signal
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("TEST_LIMIT_S", "60")
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("chaos", "e2e", "")]

import deliveries  # noqa: E402
import series_verdict  # noqa: E402
import verdict as verdicts  # noqa: E402
from kills import Killed, Killer, ended_by_themselves, plan  # noqa: E402
from load import Player  # noqa: E402
from sinks import Sinks  # noqa: E402
from support.stack import Stack  # noqa: E402
from verdict import Verdict  # noqa: E402

WORK = ("tasks", "series", "reminders")
LEAST = 30  # of a run without kills
ENOUGH_MAX_S = 240
LAST_CALL_S = 240
SHOWN_MAX = 25
SETTLE_MAX_S = 900
REPLICAS = "recurring-task=2,notification=2"
SETTINGS = {
    "backend:RATE_USER_PER_S": "0",
    "backend:RATE_ADDRESS_PER_S": "0",
    "backend:RATE_SIGN_IN_PER_MIN": "0",
}


@dataclasses.dataclass
class Options:
    broker: str = "redis"
    kills: int = 50
    seed: int = 0
    people: int = 6
    settle_s: float = 120.0  # without anything more to be found: then what is missing will not come
    work: tuple[str, ...] = WORK
    lease_ms: int = 10000
    binaries: str | None = None

    @property
    def kills_limit_s(self) -> float:
        return 300 + 40 * self.kills

    @property
    def least(self) -> int:
        """How many occurrences must have been ended, and reminders asked for, while so many were killed."""
        return max(LEAST, 2 * self.kills)


class Run:
    """One broker, from an empty machine to the verdict."""

    def __init__(self, options: Options, stack: Stack, sinks: Sinks) -> None:
        self.options, self.stack, self.sinks = options, stack, sinks
        self.players: list[Player] = []
        self.killed: list[Killed] = []
        self.began = time.monotonic()

    def go(self) -> Verdict:
        """Undisturbed first; what is wrong then needs no kill."""
        self.play(Killer(self.stack, []), LEAST)
        verdict = self.settle(LEAST)
        tell(self.options, f"{self.options.broker}, seed {self.options.seed}, nobody killed", verdict)
        if verdict.problems or not self.options.kills:
            return verdict
        self.play(Killer(self.stack, plan(self.options.seed, self.options.kills, self.options.broker)), self.options.least)
        verdict = self.settle(LEAST + self.options.least)
        tell(self.options, f"{self.options.broker}, seed {self.options.seed}, {self.options.kills} kills", verdict)
        return verdict

    def play(self, killer: Killer, least: int) -> None:
        """Load of new people, and kills at once; both have ended when this returns."""
        first, seed = len(self.players), self.options.seed
        numbers = range(first, first + self.options.people)
        players = [Player(self.stack.url, n, seed, self.sinks.web.url, self.options.work) for n in numbers]
        self.players += players
        for player in players:
            player.failed = killer.over
            player.prepare()
        try:
            for thread in (*players, killer):
                thread.start()
            killer.finish(self.options.kills_limit_s)
            self.wait_until_enough(players, least)
        finally:
            killer.over.set()
            for player in players:
                player.over.set()
            self.killed += killer.killed
        for player in players:
            player.finish(LAST_CALL_S)
        print(f"  {len(killer.killed)} kills are over after {verdicts.elapsed(self.began)}; counting", flush=True)

    def wait_until_enough(self, players: list[Player], least: int) -> None:
        """A slow machine takes longer; the verdict says what was reached."""
        pause = threading.Event()
        until = time.monotonic() + ENOUGH_MAX_S
        while not verdicts.did_enough(players, least) and time.monotonic() < until:
            if any(player.problem for player in players):
                return
            pause.wait(0.2)

    def settle(self, least: int) -> Verdict:
        """Count again and again until nothing is missing, or nothing more comes; what is wrong stays so."""
        began = time.monotonic()
        most, since = -1, began
        pause = threading.Event()
        while True:
            verdict = self.count(least)
            now = time.monotonic()
            if verdict.found > most:
                most, since = verdict.found, now
            if not verdict.missing or now - since > self.options.settle_s or now - began > SETTLE_MAX_S:
                return verdict
            pause.wait(1.0)

    def count(self, least: int) -> Verdict:
        verdict, work = Verdict(), self.options.work
        sidecars, services = ended_by_themselves(self.stack)
        verdict.wrong += services
        verdict.note(f"{len(sidecars)} sidecars ended by themselves, since what they need was away")
        excuses = self.killed + sidecars if self.killed else []
        seen = {player.id: player.occurrences() for player in self.players}
        verdicts.judge_done(self.players, least, verdict)
        if "tasks" in work:
            verdicts.judge_plain(self.players, verdict)
        if "series" in work:
            series_verdict.judge_series(self.stack, self.players, seen, verdict)
        if "reminders" in work:
            reminded = [r for player in self.players for r in player.reminded.values()]
            reminded += [r for player in self.players for r in player.rung_by_series(seen[player.id])]
            ledger = deliveries.read_ledger(self.stack, self.players)
            receipts = self.sinks.receipts(self.players, deliveries.read_app(self.players))
            verdict.add(deliveries.judge(reminded, ledger, receipts, excuses))
        verdicts.judge_system(self.stack, verdict)
        if not verdict.missing and "series" in work:
            series_verdict.judge_decisions(self.players, seen, verdict)
        if not verdict.missing:
            verdicts.judge_audit(self.stack, verdict)
        return verdict


def run(options: Options) -> Verdict:
    settings = {**SETTINGS}
    if "reminders" in options.work:
        settings |= {"notification:LEASE_MS": str(options.lease_ms), "USER_ADDRESS_LOOPBACK": "true"}
        # a sidecar may be away for minutes: what was tried nine times by then would wait for nine minutes more
        settings |= {"notification:SEND_RETRY_MAX_MS": "10000"}
    with contextlib.ExitStack() as closing:
        sinks = closing.enter_context(Sinks(options.seed))
        stack = Stack(options.broker, options.binaries, settings, REPLICAS)
        stack.mail.close()
        stack.mail = sinks.mail
        closing.enter_context(stack)
        verdict = Run(options, stack, sinks).go()
        if verdict.problems:
            print(f"  logs: {stack.save_logs()}", flush=True)
        return verdict


def tell(options: Options, what: str, verdict: Verdict) -> None:
    print(f"\n  {what:<44}  wanted   found")
    for row in verdict.rows:
        print(row.text())
    for note in verdict.notes:
        print(f"  {note}")
    for problem in verdict.problems[:SHOWN_MAX]:
        print(f"  WRONG: {problem}")
    if len(verdict.problems) > SHOWN_MAX:
        print(f"  and {len(verdict.problems) - SHOWN_MAX} more")
    if verdict.problems:
        print(f"  repeat with: make chaos BROKER={options.broker} KILLS={options.kills} SEED={options.seed}")
    sys.stdout.flush()


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--broker", choices=("redis", "kafka", "both"), default="both")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--people", type=int, default=6)
    parser.add_argument("--work", default=",".join(WORK), help="a,b: only these parts of the load")
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(1 << 32)
    binaries = str(pathlib.Path(given.build).resolve())
    good = True
    for broker in ("redis", "kafka") if given.broker == "both" else (given.broker,):
        options = Options(broker, given.kills, seed, given.people, work=tuple(given.work.split(",")), binaries=binaries)
        print(f"chaos on {broker}: KILLS={options.kills} SEED={seed}", flush=True)
        good &= not run(options).problems
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
