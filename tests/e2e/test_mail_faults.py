"""A mail server that hangs, refuses, and answers 4xx and 5xx, behind the real SMTP binding; and 64 mails
at once, each to its own."""

from __future__ import annotations

import concurrent.futures
import datetime
import re
import uuid
from typing import Any

import pytest
from client import Person, instant, rings, soon
from support.waiting import wait_for

# the mail server is the same whatever the broker
pytestmark = pytest.mark.brokers("redis")

AT_ONCE = 64
DELIVERY = re.compile(r"Delivery ([0-9a-f-]{36})")


@pytest.fixture
def person(stack):
    person = Person(stack.url)
    yield person
    person.close()


@pytest.fixture
def mail(stack):
    """The mail server, which takes everything again in the end."""
    yield stack.mail
    stack.mail.accept()


def remind(person: Person) -> dict[str, Any]:
    """A task that rings in a moment."""

    def attempt(at: datetime.datetime):
        task = person.create(f"Ring {uuid.uuid4().hex}", reminders=[{"at": instant(at)}])
        return task if rings(task, at) else None

    return soon(attempt, (1, 5, 30, 120))


def delivery(person: Person, task: dict[str, Any], channel: str = "email") -> dict[str, Any]:
    found = person.call("GET", f"/reminders?task_id={task['id']}", 200)["reminders"]
    return next((each for each in found if each["channel"] == channel), {"state": "none", "attempts": []})


def mails_about(mail, person: Person, task: dict[str, Any]) -> list:
    return [each for each in mail.to(person.email) if task["title"] in each.html]


def comes_once(mail, person: Person, task: dict[str, Any]) -> dict[str, Any]:
    """Wait until the user is told that it was sent; return the delivery."""

    def sent() -> dict[str, Any] | None:
        found = delivery(person, task)
        assert found["state"] != "failed", found
        return found if found["state"] == "sent" else None

    found = wait_for("the mail", sent)
    assert len(mails_about(mail, person, task)) == 1, found
    return found


def tried(person: Person, task: dict[str, Any], times: int = 1) -> list[dict[str, Any]]:
    """Wait for that many ended attempts."""

    def ended() -> list[dict[str, Any]] | None:
        found = [attempt for attempt in delivery(person, task)["attempts"] if attempt["ended_at"]]
        return found if len(found) >= times else None

    return wait_for(f"{times} ended attempts", ended)


@pytest.mark.parametrize("stage", ["connect", "body"])
def test_a_server_that_hangs_holds_up_mail_alone(mail, person, stage):
    mail.hang(stage)
    task = remind(person)
    app = wait_for("the app's", lambda: (d := delivery(person, task, "app"))["state"] == "sent" and d)
    (attempt,) = tried(person, task)[:1]
    assert app["sent_at"] < attempt["ended_at"], "the app does not wait for the mail"
    assert "in time" in attempt["reason"] or "could not be reached" in attempt["reason"], attempt
    assert delivery(person, task)["state"] in ("retrying", "claimed")
    mail.accept()
    comes_once(mail, person, task)


def test_a_server_that_refuses_connections_gets_it_later(mail, person):
    mail.refuse()
    task = remind(person)
    attempts = tried(person, task, 2)
    assert all("could not be reached" in attempt["reason"] for attempt in attempts), attempts
    mail.accept()
    sent = comes_once(mail, person, task)
    assert len(sent["attempts"]) >= 3 and sent["attempts"][-1]["outcome"] == "sent"


@pytest.mark.parametrize("stage", ["connect", "rcpt", "body"])
def test_4xx_is_tried_again(mail, person, stage):
    mail.fail(stage, "451 4.3.0 try again later")
    task = remind(person)
    (attempt, *_) = tried(person, task)
    assert attempt["outcome"] == "refused" and attempt["reason"], attempt
    assert mails_about(mail, person, task) == []
    mail.accept()
    comes_once(mail, person, task)


@pytest.mark.parametrize("stage", ["rcpt", "body"])
def test_5xx_is_given_up_with_a_reason(mail, person, stage):
    mail.fail(stage, "550 5.1.1 nobody of that name here")
    task = remind(person)
    failed = wait_for("the end", lambda: (d := delivery(person, task))["state"] == "failed" and d)
    assert "550" in failed["reason"] and "no such mailbox" in failed["reason"], failed
    assert [attempt["number"] for attempt in failed["attempts"]] == [1], "no use in trying again"
    assert person.email not in failed["reason"]
    mail.accept()
    other = remind(person)
    comes_once(mail, person, other)
    assert mails_about(mail, person, task) == []


def test_64_at_once_each_get_their_own(stack, mail):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        people = list(pool.map(lambda _: Person(stack.url), range(AT_ONCE)))

        def attempt(at: datetime.datetime):
            create = lambda person: person.create(f"Ring {uuid.uuid4().hex}", reminders=[{"at": instant(at)}])  # noqa: E731
            tasks = list(pool.map(create, people))
            return tasks if all(rings(task, at) for task in tasks) else None

        tasks = soon(attempt, (6, 20, 60, 200))
    pairs = list(zip(people, tasks, strict=True))
    wait_for("64 mails", lambda: all(mails_about(mail, person, task) for person, task in pairs))
    for person, task in pairs:
        sent = comes_once(mail, person, task)
        (got,) = mails_about(mail, person, task)
        assert got.recipients == [person.email] and got.message["To"] == person.email
        assert task["title"] in got.subject and task["title"] in got.html
        assert DELIVERY.search(got.html)[1] == sent["id"]
        others = [other["title"] for _, other in pairs if other is not task]
        assert not [title for title in others if title in str(got.message)]
        person.close()
