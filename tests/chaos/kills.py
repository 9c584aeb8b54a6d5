"""Who is killed, and when: a plan drawn from the seed, and the thread that carries it out."""

from __future__ import annotations

import dataclasses
import datetime
import random
import re
import threading
import time

from support.stack import Stack
from support.waiting import wait_for

UP_LIMIT_S = 300


def kinds(broker: str) -> list[list[str]]:
    """A round of eight, in random order, of each kind one: who decides and who sends die most."""
    both = {name: [name, f"{name}-1"] for name in ("recurring-task", "notification")}
    return [
        both["recurring-task"],
        both["notification"],
        [f"daprd-{name}" for name in both["recurring-task"]],
        [f"daprd-{name}" for name in both["notification"]],
        ["backend", "daprd-backend"],
        ["audit", "daprd-audit", "websocket", "daprd-websocket"],
        [broker],
        ["postgres"],
    ]


@dataclasses.dataclass
class Planned:
    name: str
    pause_s: float  # before it
    when_whole: bool  # wait until everything is up before it: else it may fall into another's outage


def plan(seed: int, count: int, broker: str) -> list[Planned]:
    rng = random.Random(f"{seed}:kills")
    planned: list[Planned] = []
    while len(planned) < count:
        turn = kinds(broker)
        rng.shuffle(turn)
        planned += [Planned(rng.choice(names), rng.uniform(0.2, 2.5), rng.random() < 0.3) for names in turn]
    return planned[:count]


@dataclasses.dataclass
class Killed:
    name: str
    pid: int
    began_at: float  # s since 1970; it died between these two
    ended_at: float


# 2026-11-21 17:13:42,255 WARN exited: daprd-audit (exit status 1; not expected)
EXITED = re.compile(r"^(\S+ \S+),(\d{3}) \S+ exited: (\S+) \(((?!terminated by SIGKILL).*)\)$", re.M)
REAPED_S = 3.0  # supervisord may hear of an end as late as that


def ended_by_themselves(stack: Stack) -> tuple[list[Killed], list[str]]:
    """Sidecars end when what they need is not there within 5 s, as while a broker that was killed comes back; that
    is a kill like any other. Our services never end: return those that did, too."""
    sidecars, services = [], []
    for at, ms, name, how in EXITED.findall((stack.dir / "logs" / "supervisord.log").read_text()):
        ended_at = datetime.datetime.strptime(at, "%Y-%m-%d %H:%M:%S").timestamp() + int(ms) / 1000
        if name.startswith("daprd-"):
            sidecars.append(Killed(name, 0, ended_at - REAPED_S, ended_at))
        elif (stack.binaries / name.removesuffix("-1")).exists():
            services.append(f"{name} ended by itself at {at}: {how}")
    return sidecars, services


class Killer(threading.Thread):
    def __init__(self, stack: Stack, planned: list[Planned]) -> None:
        super().__init__(daemon=True, name="killer")
        self.stack, self.planned = stack, planned
        self.killed: list[Killed] = []
        self.over = threading.Event()
        self.problem: BaseException | None = None

    def run(self) -> None:
        try:
            for number, victim in enumerate(self.planned, 1):
                if victim.when_whole:
                    self.wait_whole()
                if self.over.wait(victim.pause_s):
                    return
                self.kill(victim.name)
                print(f"  {number:3} kill -9 {victim.name}", flush=True)
            self.wait_whole()
        except BaseException as problem:  # noqa: BLE001  # told by the thread that joins
            self.problem = problem

    def kill(self, name: str) -> None:
        """Kill it once it runs again, should it still be down from the last time."""
        last = next((k.pid for k in reversed(self.killed) if k.name == name), 0)

        def try_to() -> bool:
            pid = self.stack.pid(name)
            if not pid or pid == last:
                return False
            began_at = time.time()
            try:
                self.killed.append(Killed(name, self.stack.kill(name), began_at, time.time()))
            except ProcessLookupError:  # it had just ended by itself
                return False
            return True

        wait_for(f"{name} to be up for its kill", try_to, UP_LIMIT_S)

    def wait_whole(self) -> None:
        names = list(self.stack.supervisor.processes())
        for name in names:
            wait_for(f"{name} to be up again", lambda n=name: self.over.is_set() or self.stack.is_running(n), UP_LIMIT_S)

    def finish(self, limit_s: float) -> None:
        self.join(limit_s)
        self.over.set()
        if self.is_alive():
            raise AssertionError(f"only {len(self.killed)} of {len(self.planned)} kills in {limit_s:.0f} s")
        if self.problem:
            raise self.problem
