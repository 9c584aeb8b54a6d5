"""Three replicas of recurring-task and notification, whose crons all fire every second, also while a step
takes longer than that: everything comes once."""

from __future__ import annotations

import collections
import datetime
import uuid

import httpx
import psycopg
import pytest
from client import Person, instant, now, rings, soon
from conftest import SETTINGS
from support.stack import Stack
from support.waiting import wait_for
from support.web_sink import WebSink
from test_reminders import wait_for_addresses

# the crons and the ledger are the same whatever the broker
pytestmark = pytest.mark.brokers("redis")

REPLICAS = 3
PEOPLE = 4
REMINDERS = 25
SLOW_S = 2.5  # longer than the schedule


@pytest.fixture(scope="module")
def system(broker):
    replicas = f"recurring-task={REPLICAS},notification={REPLICAS}"
    with Stack(broker, env=SETTINGS, replicas=replicas, sweep_every="1s") as system:
        yield system


@pytest.fixture
def people(system):
    people = [Person(system.url) for _ in range(PEOPLE)]
    yield people
    for person in people:
        person.close()


def names(service: str) -> list[str]:
    return [service, *(f"{service}-{number}" for number in range(1, REPLICAS))]


def fired(system: Stack, service: str, route: str) -> list[float]:
    """How often the cron reached each replica."""
    counts = []
    for name in names(service):
        lines = httpx.get(f"http://127.0.0.1:{system.port(name, 'http')}/metrics").text.splitlines()
        found = [line for line in lines if line.startswith("http_requests_total") and f"/{route}" in line]
        counts.append(sum(float(line.rsplit(" ", 1)[1]) for line in found))
    return counts


def wait_fired(system: Stack, times: int) -> None:
    """Until every cron has fired that often on every replica."""
    for service, route in (("notification", "reminder-check"), ("recurring-task", "recurrence-sweep")):
        before = fired(system, service, route)

        def has_fired(service=service, route=route, before=before) -> bool:
            now = fired(system, service, route)
            return all(n - b >= times for n, b in zip(now, before, strict=True))

        wait_for(f"{times} of {route} on every replica", has_fired)


def check_mails(system: Stack, people: list[Person], wanted: collections.Counter) -> None:
    """Each title once, to the person it belongs to; and nothing more while the crons fire on."""

    def came() -> collections.Counter:
        subjects = [(person.email, mail.subject) for person in people for mail in system.mail.to(person.email)]
        return collections.Counter((email, title) for email, subject in subjects for _, title in wanted if title in subject)

    wait_for("every mail", lambda: set(wanted) <= set(came()))
    wait_fired(system, 3)
    assert came() == wanted


def remind(people: list[Person]) -> tuple[collections.Counter, datetime.datetime]:
    """Make reminders that fall due together in some seconds; return who is to get which title, and when."""

    def attempt(at: datetime.datetime):
        wanted: collections.Counter = collections.Counter()
        made = []
        for person in people:
            titles = [f"Ring {uuid.uuid4().hex}" for _ in range(REMINDERS)]
            wanted.update((person.email, title) for title in titles)
            operations = [{"op": "create", "task": {"title": t, "reminders": [{"at": instant(at)}]}} for t in titles]
            results = person.call("POST", "/tasks/batch", 200, {"operations": operations})["results"]
            assert {result["status"] for result in results} == {201}
            made += [result["task"] for result in results]
        return (wanted, at) if all(rings(task, at) for task in made) else None

    return soon(attempt, (6, 20, 60, 200))


def test_three_crons_remind_once(system, people):
    wanted, _ = remind(people)
    check_mails(system, people, wanted)


def test_three_crons_make_each_occurrence_once(system, people):
    """Hours that have passed are caught up, one after the other, whoever's cron fires."""
    hours = 6
    due = instant(now(hours=-hours, minutes=-30))
    series = [
        (person, person.create("Hourly", due_at=due, time_zone="UTC", recurrence="FREQ=HOURLY", missed="catch_up", reminders=[]))
        for person in people
    ]

    def numbers() -> list[list[int]]:
        return [
            sorted(task["occurrence"] for task in person.tasks() if task["series_id"] == first["series_id"])
            for person, first in series
        ]

    wanted = [list(range(1, hours + 2))] * len(series)
    wait_for("the hours that passed", lambda: numbers() == wanted)
    wait_fired(system, 3)
    assert numbers() == wanted
    due = "SELECT count(*) FROM audit.entry WHERE type = 'todo.task.recurrence-due.v1' AND owner_id = %s"
    for person in people:
        said = wait_for("the trail", lambda p=person: (n := system.query(due, p.account["id"])[0][0]) >= hours and n)
        assert said == hours, "said to be due once"


def test_a_step_slower_than_the_schedule_is_not_begun_again(system, people):
    """The ledger is locked for longer than the crons' interval while a hundred fall due."""
    wanted, due = remind(people)
    titles = [title for _, title in wanted]
    wait_for("the ledger", lambda: system.count_of("notification", "delivery", "title", titles) == 2 * len(titles))
    with psycopg.connect(system.database_url()) as holder:
        holder.execute("LOCK TABLE notification.delivery IN ACCESS EXCLUSIVE MODE")
        wait_for("their instant", lambda: now() > due)
        wait_fired(system, 2)
    check_mails(system, people, wanted)


def test_a_channel_slower_than_the_schedule_is_asked_once(system, people):
    with WebSink(lambda _request: (204, SLOW_S)) as sink:
        for number, person in enumerate(people):
            person.call("POST", "/channels", 201, {"channel": "webhook", "url": f"{sink.url}/{number}"})
            wait_for_addresses(system, person, 1)
        wanted, _ = remind(people)
        titles = {title for _, title in wanted}

        def came() -> list:
            return [request for request in sink.received() if request.json["data"]["title"] in titles]

        wait_for("every webhook", lambda: len(came()) >= len(wanted))
        wait_fired(system, 3)
        ids = collections.Counter(request.headers["webhook-id"] for request in came())
        assert len(ids) == len(wanted) and set(ids.values()) == {1}
        wait_for("their answers", lambda: all(request.accepted for request in came()))
