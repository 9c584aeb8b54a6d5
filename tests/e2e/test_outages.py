"""A part that stays away: what is accepted meanwhile arrives when it is back."""

from __future__ import annotations

import httpx
import pytest
from client import Person
from support.waiting import wait_for

WRITES = 30


@pytest.fixture
def person(stack):
    person = Person(stack.url)
    yield person
    person.close()


def outbox(stack, person: Person) -> int:
    return stack.count("backend", "outbox", "owner_id", person.account["id"])


def trail(person: Person) -> list[str]:
    return sorted(entry["task_id"] for entry in person.history() if entry["type"] == "todo.task.created.v1")


@pytest.fixture
def away(stack):
    """Stop a process; it is back after the test in any case."""
    halted = []

    def halt(name: str) -> None:
        stack.halt(name)
        halted.append(name)

    def resume(name: str) -> None:
        halted.remove(name)
        stack.resume(name)
        wait_for(f"{name} to be back", lambda: stack.is_running(name))
        stack.wait_ready()

    halt.back = resume
    yield halt
    for name in list(halted):
        resume(name)


def test_writes_go_on_without_the_broker_and_are_published_when_it_is_back(stack, person, away):
    away(stack.broker)
    ids = [person.create(f"Without a broker {number}")["id"] for number in range(WRITES)]
    assert outbox(stack, person) >= WRITES
    away.back(stack.broker)
    wait_for("the outbox to empty", lambda: outbox(stack, person) == 0)
    wait_for("the audit trail", lambda: trail(person) == sorted(ids))


def test_a_consumer_that_was_away_gets_what_it_missed(stack, person, away):
    away("notification")
    ids = [person.create(f"Without a consumer {number}")["id"] for number in range(WRITES)]
    wait_for("the others", lambda: trail(person) == sorted(ids))
    away.back("notification")
    wait_for("the copies", lambda: stack.count_of("notification", "task", "id", ids) == WRITES)


def test_without_the_database_a_write_is_refused_and_nothing_of_it_is_kept(stack, person, away):
    kept = person.create("Before")["id"]
    away("postgres")
    answer = person.http.post("/tasks", json={"title": "Refused"})
    assert answer.status_code in (503, 504) and answer.headers["content-type"] == "application/problem+json", answer.text
    for service in ("backend", "audit"):
        assert httpx.get(f"http://127.0.0.1:{stack.port(service, 'http')}/health").status_code == 200
        wait_for("not ready", lambda s=service: httpx.get(f"http://127.0.0.1:{stack.port(s, 'http')}/ready").status_code == 503)
    away.back("postgres")
    after = wait_for("a write to work", lambda: (a := person.http.post("/tasks", json={"title": "After"})).status_code == 201 and a)
    assert {task["id"] for task in person.tasks()} == {kept, after.json()["id"]}
    wait_for("the audit trail", lambda: trail(person) == sorted([kept, after.json()["id"]]))
