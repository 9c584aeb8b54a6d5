"""kill -9 at random under load, then count.

    scripts/run-chaos BUILD [--broker redis|kafka|both] [--kills 50] [--seed N] [--people 6]

The seed is printed; with it, who is killed in what order after what pause, and what people do, is drawn
again. (How the threads of a machine interleave is not.) With --kills 0 the load runs undisturbed, and
nothing at all may come twice. Ends in 0 when all of it adds up, else tells what does not."""

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
import verdict as verdicts  # noqa: E402
from kills import Killer, plan  # noqa: E402
from load import Player  # noqa: E402
from sinks import Sinks  # noqa: E402
from support.stack import Stack  # noqa: E402
from verdict import Verdict  # noqa: E402

WORK = ("tasks", "series", "reminders")
SHOWN_MAX = 25
SETTLE_MAX_S = 600
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
    quiet_s: float = 20.0  # of load when nobody is killed
    settle_s: float = 60.0  # without anything more to be found: then what is missing will not come
    work: tuple[str, ...] = WORK
    lease_ms: int = 6000
    binaries: str | None = None

    @property
    def kills_limit_s(self) -> float:
        return 60 + 20 * self.kills


def run(options: Options) -> Verdict:
    """One broker, from an empty machine to the verdict."""
    began = time.monotonic()
    settings = {**SETTINGS}
    if "reminders" in options.work:
        settings |= {"notification:LEASE_MS": str(options.lease_ms), "USER_ADDRESS_LOOPBACK": "true"}
    with contextlib.ExitStack() as closing:
        sinks = closing.enter_context(Sinks(options.seed))
        stack = Stack(options.broker, options.binaries, settings, REPLICAS)
        stack.mail.close()
        stack.mail = sinks.mail
        closing.enter_context(stack)
        print(f"  the system is up after {verdicts.elapsed(began)}", flush=True)
        players = [Player(stack.url, n, options.seed, sinks.hook_url(n), set(options.work)) for n in range(options.people)]
        killer = Killer(stack, plan(options.seed, options.kills, options.broker))
        disturb(options, players, killer)
        print(f"  {len(killer.killed)} kills are over after {verdicts.elapsed(began)}; counting", flush=True)
        verdict = settle(options, stack, players, sinks, killer)
        print(f"  settled after {verdicts.elapsed(began)}", flush=True)
        tell(options, verdict)
        if verdict.problems:
            print(f"  logs: {stack.save_logs()}", flush=True)
        return verdict


def disturb(options: Options, players: list[Player], killer: Killer) -> None:
    """Load and kills at once; both have ended when this returns."""
    for player in players:
        player.prepare()
    try:
        for thread in (*players, killer):
            thread.start()
        if options.kills:
            killer.finish(options.kills_limit_s)
        else:
            killer.over.wait(options.quiet_s)
    finally:
        killer.over.set()
        for player in players:
            player.over.set()
    for player in players:
        player.finish(180)


def settle(options: Options, stack: Stack, players: list[Player], sinks: Sinks, killer: Killer) -> Verdict:
    """Count again and again until nothing is missing, or nothing more comes; what is wrong stays so."""
    began = time.monotonic()
    most, since = -1, began
    pause = threading.Event()
    while True:
        verdict = count(options, stack, players, sinks, killer)
        now = time.monotonic()
        if verdict.found > most:
            most, since = verdict.found, now
        if not verdict.missing or now - since > options.settle_s or now - began > SETTLE_MAX_S:
            return verdict
        pause.wait(1.0)


def count(options: Options, stack: Stack, players: list[Player], sinks: Sinks, killer: Killer) -> Verdict:
    verdict = Verdict()
    if "tasks" in options.work:
        verdicts.judge_plain(players, verdict)
    if "series" in options.work:
        verdicts.judge_series(stack, players, verdict)
    if "reminders" in options.work:
        ledger = deliveries.read_ledger(stack, players)
        receipts = sinks.receipts(players, deliveries.read_app(players))
        found = deliveries.judge(players, ledger, receipts, killer.killed, ("email", "webhook", "app"))
        verdict.rows += found.rows
        verdict.missing += found.missing
        verdict.wrong += found.wrong
    verdicts.judge_system(stack, players, verdict)
    if not verdict.missing:
        verdicts.judge_audit(stack, verdict)
    return verdict


def tell(options: Options, verdict: Verdict) -> None:
    print(f"\n  {options.broker}, seed {options.seed}, {options.kills} kills{'':<20} wanted   found")
    for row in verdict.rows:
        print(row.text())
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
