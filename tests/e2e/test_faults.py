"""kill -9 of every part during 2,000 writes: by count, nothing is lost and nothing is there twice."""

from __future__ import annotations

import collections
import concurrent.futures
import os
import random
import threading

from client import Browser, Person
from support.waiting import wait_for

WRITES, PEOPLE = 2000, 8
SEED = int(os.environ.get("FAULT_SEED", random.SystemRandom().randrange(1 << 32)))


def write_all(person: Person, count: int, written: threading.Semaphore) -> list[str]:
    ids = []
    for number in range(count):
        ids.append(person.create(f"Task {number}")["id"])
        written.release()
    return ids


def kill_in_turn(stack, victims: list[str], written: threading.Semaphore, limit_s: float) -> None:
    """Kill one after another, spread over the writes, each after the one before is up again."""
    share = WRITES // (len(victims) + 1)
    for victim in victims:
        for _ in range(share):
            assert written.acquire(timeout=limit_s), f"writes stand still before {victim} is killed"
        print(f"kill -9 {victim}", flush=True)
        stack.kill(victim)
        wait_for(f"{victim} to be up again", lambda v=victim: stack.is_running(v), limit_s)


def test_kill_9_of_every_part_loses_and_doubles_nothing(stack):
    print(f"FAULT_SEED={SEED}")
    people = [Person(stack.url, retry_s=90) for _ in range(PEOPLE)]
    browsers = [Browser(person) for person in people]
    for browser in browsers:
        wait_for("the sockets", browser.connected.is_set)
    services = [*stack.services, "websocket-1"]
    victims = [*services, *(f"daprd-{service}" for service in services), stack.broker, "postgres"]
    random.Random(SEED).shuffle(victims)
    written = threading.Semaphore(0)
    with concurrent.futures.ThreadPoolExecutor(PEOPLE) as pool:
        writers = [pool.submit(write_all, person, WRITES // PEOPLE, written) for person in people]
        kill_in_turn(stack, victims, written, 90)
        ids = [writer.result(timeout=300) for writer in writers]

    assert sum(len(set(one)) for one in ids) == WRITES
    for person, browser, own in zip(people, browsers, ids, strict=True):
        listed = [task["id"] for task in person.tasks()]
        assert sorted(listed) == sorted(own), "tasks: exactly those that were acknowledged"
        wait_for("the audit trail", lambda p=person, n=len(own): len(created(p)) >= n, 120)
        assert collections.Counter(created(person)) == collections.Counter(own), "audit: each once"
        wait_for("the browser", lambda b=browser, o=own: set(b.tasks) == set(o), 60)
        browser.close()
        assert browser.doubled() == [], "frames: none twice on a socket"
        person.close()
    for service in ("recurring_task", "notification"):
        owners = [person.account["id"] for person in people]
        wait_for(f"{service}'s projection", lambda s=service, o=owners: stack.count_of(s, "task", "owner_id", o) == WRITES, 120)
    verified = stack.run("audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def created(person: Person) -> list[str]:
    return [entry["task_id"] for entry in person.history() if entry["type"] == "todo.task.created.v1"]
