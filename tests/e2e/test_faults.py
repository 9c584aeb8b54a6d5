"""kill -9 of every part during 2,000 writes: by count, nothing is lost and nothing is there twice."""

from __future__ import annotations

import collections
import concurrent.futures
import os
import random
import threading

from client import Browser, Person
from support.waiting import LIMIT_S, wait_for

PEOPLE, CREATES, COMPLETE_EACH = 8, 200, 4
WRITES = PEOPLE * (CREATES + CREATES // COMPLETE_EACH)  # 2,000
SEED = int(os.environ.get("FAULT_SEED", random.SystemRandom().randrange(1 << 32)))


class Written:
    """What one person was told to be done."""

    def __init__(self) -> None:
        self.created: list[str] = []
        self.completed: list[str] = []


def write_all(person: Person, count: threading.Semaphore) -> Written:
    written = Written()
    for number in range(CREATES):
        written.created.append(person.create(f"Task {number}")["id"])
        count.release()
        if number % COMPLETE_EACH == 0:
            person.complete(written.created[-1])
            written.completed.append(written.created[-1])
            count.release()
    return written


def kill_in_turn(stack, victims: list[str], count: threading.Semaphore) -> None:
    """Kill one after another, spread over the writes, each after the one before is up again."""
    share = WRITES // (len(victims) + 1)
    for victim in victims:
        for _ in range(share):
            assert count.acquire(timeout=LIMIT_S), f"writes stand still before {victim} is killed"
        print(f"kill -9 {victim}", flush=True)
        stack.kill(victim)
        wait_for(f"{victim} to be up again", lambda v=victim: stack.is_running(v))


def test_kill_9_of_every_part_loses_and_doubles_nothing(stack):
    print(f"FAULT_SEED={SEED}")
    people = [Person(stack.url, retry_s=LIMIT_S) for _ in range(PEOPLE)]
    browsers = [Browser(person) for person in people]
    for browser in browsers:
        wait_for("the sockets", browser.connected.is_set)
    services = [*stack.services, "websocket-1"]
    victims = [*services, *(f"daprd-{service}" for service in services), stack.broker, "postgres"]
    random.Random(SEED).shuffle(victims)
    count = threading.Semaphore(0)
    with concurrent.futures.ThreadPoolExecutor(PEOPLE) as pool:
        writers = [pool.submit(write_all, person, count) for person in people]
        kill_in_turn(stack, victims, count)
        all_written = [writer.result() for writer in writers]
    stack.wait_ready()

    for person, browser, written in zip(people, browsers, all_written, strict=True):
        check_person(person, browser, written)
        browser.close()
        assert browser.doubled() == [], "frames: none twice on a socket"
    owners = [person.account["id"] for person in people]
    for service in ("recurring_task", "notification"):
        wait_for(
            f"{service}'s projection",
            lambda s=service: stack.count_of(s, "task", "owner_id", owners) == PEOPLE * CREATES,
        )
    verified = stack.run("audit", "verify", "--patience", "0")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert not [line for line in verified.stdout.splitlines() if any(owner in line for owner in owners)], verified.stdout
    for person in people:
        person.close()


def check_person(person: Person, browser: Browser, written: Written) -> None:
    """Tasks, audit trail and browser: what was acknowledged, all of it, once."""
    listed = {task["id"]: task["status"] for task in person.tasks()}
    told = dict.fromkeys(written.created, "open") | dict.fromkeys(written.completed, "completed")
    assert len(written.created) == len(set(written.created)) == CREATES
    assert listed == told, "tasks: exactly those that were acknowledged, as they were left"

    def trail() -> dict[str, collections.Counter]:
        entries = collections.defaultdict(collections.Counter)
        for entry in person.history():
            entries[entry["type"]][entry["task_id"]] += 1
        return entries

    wait_for("the audit trail", lambda: sum(map(len, trail().values())) >= 1 + len(written.created + written.completed))
    assert trail()["todo.task.created.v1"] == collections.Counter(written.created), "audit: each once"
    assert trail()["todo.task.completed.v1"] == collections.Counter(written.completed), "audit: each once"
    wait_for("the browser", lambda: {i: t["status"] for i, t in list(browser.tasks.items())} == told)
