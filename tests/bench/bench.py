"""Measure each figure of docs/BENCHMARKS.md and hold each against its limit, measured in the same run.

    scripts/run-bench BUILD [--quick] [--only read,create]

What is compared runs in turns, pair by pair; a figure is the median of its pairs."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "scripts"), str(pathlib.Path(__file__).resolve().parent)]

import baseline  # noqa: E402
import recurrences  # noqa: E402
import reminders  # noqa: E402
import start  # noqa: E402
from hop import Hop, create_topics  # noqa: E402
from recurrences import quantile  # noqa: E402
from sweep import DUE, WAITING, Sweep  # noqa: E402
from system import BULK, Memory, System  # noqa: E402
from world import World  # noqa: E402

CLIENTS = 64
DB_CONNECTIONS = 8  # the backend's default


@dataclasses.dataclass
class Figure:
    name: str
    value: float
    unit: str
    limit: float | None = None  # None: for information
    is_least: bool = False  # the limit is the least that will do, not the most
    note: str = ""
    runs: list | None = None

    @property
    def is_met(self) -> bool:
        if self.limit is None:
            return True
        return self.value >= self.limit if self.is_least else self.value <= self.limit

    def row(self) -> list[str]:
        sign = "≥" if self.is_least else "≤"
        limit = "" if self.limit is None else f"{sign} {self.limit:g}"
        verdict = "" if self.limit is None else ("met" if self.is_met else "MISSED")
        return [self.name, f"{self.value:,.6g} {self.unit}".strip(), limit, verdict, self.note]


class Bench:
    def __init__(self, options: argparse.Namespace, directory: pathlib.Path) -> None:
        self.directory = directory
        self.is_quick = options.quick
        self.pairs = 2 if options.quick else 7
        self.seconds = 2 if options.quick else 6
        self.build = pathlib.Path(options.build).resolve()
        self.figures: list[Figure] = []

    def add(self, *args, **more) -> None:
        figure = Figure(*args, **more)
        self.figures.append(figure)
        print("  " + "  ".join(part for part in figure.row() if part), flush=True)

    def load(self, port: int, requests: pathlib.Path, status: int, clients: int = CLIENTS) -> dict:
        argv = [
            str(self.build / "tests/bench/load"),
            *(str(port), str(clients), "1000", str(self.seconds * 1000), str(status), str(requests)),
        ]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"load: {done.stdout}{done.stderr}")
        result = json.loads(done.stdout)
        if result["wrong"]:
            raise RuntimeError(f"{result['wrong']} answers were not {status}: {done.stdout}")
        return result

    def compare(self, world: World, name: str, requests: pathlib.Path, status: int, bench) -> None:
        """Our requests against pgbench, in turns."""
        ours, theirs, ratios = [], [], []
        for _ in range(self.pairs):
            result = self.load(world.service.port, requests, status)
            ours.append(result)
            theirs.append(bench.run(DB_CONNECTIONS, self.seconds + 1))
            ratios.append(result["per_s"] / theirs[-1])
        per_s = statistics.median(r["per_s"] for r in ours)
        base = statistics.median(theirs)
        runs = [{"ours": o, "pgbench_per_s": t} for o, t in zip(ours, theirs)]
        p99 = statistics.median(r["p99_us"] for r in ours) / 1000
        note = f"{per_s:,.0f}/s, p99 {p99:.1f} ms; pgbench {base:,.0f}/s"
        self.add(f"{name}, share of pgbench", statistics.median(ratios), "", 0.6, True, note, runs)

    def backend(self, only: set[str]) -> None:
        world = World(self.directory)
        try:
            world.open()
            statements = baseline.capture(world)
            if "read" in only:
                bench = baseline.read_bench(world, statements["read"])
                self.compare(world, "read one task", world.read_requests(), 200, bench)
            if "create" in only:
                bench = baseline.create_bench(world, statements["create"])
                self.compare(world, "create with outbox", world.create_requests(), 201, bench)
                # the disk is most of that: once more without waiting for it, on both sides
                world.set_role("synchronous_commit = off")
                name = "create with outbox, commits in memory"
                self.compare(world, name, world.create_requests(), 201, bench)
            mib = world.service.resident_bytes() / 2**20
            self.add("memory of backend after this", mib, "MiB", 12)
        finally:
            world.close()

    def system(self, broker: str) -> None:
        """Everything behind daprd: memory under load, then the way of an event."""
        system = System(broker, self.directory)
        try:
            system.open()
            print(f"  the system is up on {broker}; registering its users", flush=True)
            system.register()
            system.watch()
            memory = Memory(system.stack)
            created = self.load(system.stack.port("backend", "http"), system.create_requests(), 201)
            seconds = system.wait_quiet()
            note = f"{broker}: {created['per_s']:,.0f} tasks created/s beside all consumers, {seconds:.1f} s to empty the outbox"
            for name, mib in memory.close().items():
                self.add(f"memory of {name}, {broker}", mib, "MiB", 12, note=note)
            create_topics(system.stack, ["bench-bare", "bench-void"])
            hop = Hop(system.stack, ["task-events", "bench-bare"])
            try:
                self.delivery(broker, system, hop)
                self.recurrences(broker, system, hop)
            finally:
                hop.close()
            self.reminders(broker, system)
        finally:
            system.close()

    def delivery(self, broker: str, system: System, hop: Hop) -> None:
        relayed, bare = system.relay_latency(hop, 20 if self.pairs < 5 else 200)
        ours, theirs = statistics.median(relayed), statistics.median(bare)
        note = f"reply to delivery {ours:.1f} ms; bare daprd hop {theirs:.1f} ms"
        self.add(f"delivery through the relay, {broker}, share of a bare hop", ours / theirs, "", 3, note=note)
        requests = system.bulk_requests(hop)
        rates = []
        for _ in range(max(2, self.pairs // 2)):
            bulks = self.load(hop.port, requests, 204, 2)["per_s"] * BULK
            rates.append((system.relay_rate(), bulks))
        note = "relay {:,.0f}/s; bare bulks {:,.0f}/s".format(*map(statistics.median, zip(*rates)))
        share = statistics.median(ours / bare for ours, bare in rates)
        self.add(f"events through the relay, {broker}, share of bare bulks", share, "", 0.5, True, note, rates)

    def recurrences(self, broker: str, system: System, hop: Hop) -> None:
        """From a completion to the next one, beside the bare hop; then many at once."""
        ours, bare = recurrences.in_turns(system, hop, 100 if self.is_quick else 1000)
        p99, hop_p99 = quantile(ours, 0.99), quantile(bare, 0.99)
        note = f"p99 {p99:.1f} ms, median {statistics.median(ours):.1f} ms; "
        note += f"bare hop p99 {hop_p99:.1f} ms, median {statistics.median(bare):.1f} ms"
        self.add(f"completion to the next task, {broker}, p99 in bare hops'", p99 / hop_p99, "", 10, note=note)
        many = recurrences.at_once(system, 400 if self.is_quick else 10_000)
        note = f"{len(many):,} by {recurrences.LANES} people at once: median {statistics.median(many):.1f} ms, "
        note += f"p99 {quantile(many, 0.99):.1f} ms, last {many[-1]:.1f} ms"
        self.add(f"completion to the next task, {broker}, p99.9", quantile(many, 0.999), "ms", 1000, note=note)

    def reminders(self, broker: str, system: System) -> None:
        for name, count in reminders.COUNTS.items():
            work = reminders.Reminders(system, name, *((600, 6.0) if self.is_quick else (count, 60.0))).open()
            late = work.measure()
            note = f"{work.count:,} in {work.span_s:.0f} s: median {statistics.median(late):.1f} ms, last {late[-1]:.1f} ms"
            self.add(f"reminder {name}, {broker}, p99 after its instant", quantile(late, 0.99), "ms", 1000, note=note)
            self.add(f"reminder {name}, {broker}, earliest", late[0], "ms", 0, True, "none before its instant")

    def sweep(self) -> None:
        work = Sweep(self.directory)
        try:
            work.open()
            times, plan = work.run(3 if self.is_quick else 9)
        finally:
            work.close()
        (self.build / "bench-sweep-plan.txt").write_text(plan)
        note = f"{DUE} due of {WAITING:,}; first {times[0]:.2f} ms, worst {max(times):.2f} ms; plan in bench-sweep-plan.txt"
        if "Seq Scan on delivery" in plan or "delivery_waiting" not in plan:
            raise RuntimeError(f"the sweep does not go by its index:\n{plan}")
        self.add("sweep over waiting reminders, in the database", statistics.median(times), "ms", 10, note=note, runs=times)

    def start(self) -> None:
        for name in ("backend", "recurring-task", "notification", "audit", "websocket"):
            if not (self.build / name).exists():
                continue
            times = start.measure(self.build / name, 5 if self.pairs < 5 else 30)
            note = f"worst of {len(times)}: {max(times):.1f} ms"
            self.add(f"start of {name}", statistics.median(times), "ms", 50, note=note, runs=times)


def print_table(figures: list[Figure]) -> None:
    rows = [["figure", "measured", "limit", "", ""]] + [figure.row() for figure in figures]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    print()
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)) + "  " + row[4])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("--quick", action="store_true", help="two short pairs: to try it out")
    parser.add_argument("--only", default="read,create,start,sweep,redis,kafka", help="a,b: only these")
    options = parser.parse_args()
    only = set(options.only.split(","))
    os.environ["BUILD_DIR"] = str(pathlib.Path(options.build).resolve())
    with tempfile.TemporaryDirectory(prefix="todo-bench-") as directory:
        bench = Bench(options, pathlib.Path(directory))
        if only & {"read", "create"}:
            bench.backend(only)
        if "start" in only:
            bench.start()
        if "sweep" in only:
            bench.sweep()
        for broker in ("redis", "kafka"):
            if broker in only:
                bench.system(broker)
    print_table(bench.figures)
    out = pathlib.Path(options.build) / "bench.json"
    out.write_text(json.dumps([dataclasses.asdict(f) for f in bench.figures], indent=1) + "\n")
    print(f"\nwritten to {out}")
    missed = [f.name for f in bench.figures if not f.is_met]
    if missed:
        print(f"missed: {', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
