"""From the completion of an occurrence to the moment its owner can read the next one: backend, outbox,
relay, broker, recurring-task, its outbox and relay, broker, backend; every arrow through a sidecar."""

from __future__ import annotations

import concurrent.futures
import threading
import time
import uuid

from client import Client
from hop import Hop
from system import System

POLL_S = 0.001
LIMIT_S = 60
LANES = 8
SERIES = {
    "title": "Water the plants on the balcony",
    "due_at": "2027-05-04T17:30:00Z",
    "time_zone": "Europe/Berlin",
    "recurrence": "daily",
    "reminders": [],
}


class Lane:
    """One person with one series, who completes whatever is open."""

    def __init__(self, port: int, token: str) -> None:
        self.client = Client(port, token)
        self.seq = self.client.call("GET", "/sync?since=0")["seq"]
        self.task = self.client.call("POST", "/tasks", SERIES, 201)
        self.pause = threading.Event()

    def step(self) -> float:
        """Milliseconds from the start of the request that completes it until the next is read."""
        began = time.perf_counter()
        self.client.call("POST", f"/tasks/{self.task['id']}/complete")
        while True:
            page = self.client.call("GET", f"/sync?since={self.seq}")
            self.seq = page["seq"]
            for change in page["changes"]:
                task = change.get("task")
                if task and task["occurrence"] == self.task["occurrence"] + 1:
                    took = time.perf_counter() - began
                    self.task = task
                    return took * 1000
            if time.perf_counter() - began > LIMIT_S:
                raise RuntimeError(f"nothing comes after occurrence {self.task['occurrence']} in {LIMIT_S} s")
            self.pause.wait(POLL_S)


def in_turns(system: System, hop: Hop, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds: of completions, and of bare hops of the same size between them."""
    lane = Lane(system.stack.port("backend", "http"), system.tokens[0])
    ours, bare = [], []
    for number in range(count + 10):
        took = lane.step()
        event = system.event(system.owners[0], number, {**lane.task, "id": str(uuid.uuid4())})
        began = time.perf_counter()
        hop.publish("bench-bare", event)
        came = hop.wait_for(event["id"])
        if number >= 10:  # the first ones warm up
            ours.append(took)
            bare.append((came - began) * 1000)
    lane.client.close()
    return ours, bare


def at_once(system: System, count: int) -> list[float]:
    """Milliseconds of `count` completions, LANES people at a time."""

    def run(token: str) -> list[float]:
        lane = Lane(system.stack.port("backend", "http"), token)
        try:
            return [lane.step() for _ in range(count // LANES)]
        finally:
            lane.client.close()

    with concurrent.futures.ThreadPoolExecutor(LANES) as pool:
        return sorted(took for lane in pool.map(run, system.tokens[1 : LANES + 1]) for took in lane)


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
