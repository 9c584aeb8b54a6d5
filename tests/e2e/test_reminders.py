"""Reminders through the whole system: by mail, in the app, by webhook and by push; on time, once, to the
right person; snoozed, held back in quiet hours, and accounted for."""

from __future__ import annotations

import datetime
import html
import re
import time
from typing import Any

import httpx
import pytest
from client import Browser, Person, instant, now, rings, soon
from support.push import Subscription, verify_sender
from support.waiting import wait_for
from support.web_sink import WebSink
from support.webhook import verify
from test_recurrence import wait_for_occurrence


@pytest.fixture
def person(stack):
    person = Person(stack.url)
    yield person
    person.close()


@pytest.fixture
def web():
    with WebSink() as web:
        yield web


def reminders_of(person: Person, task_id: str) -> list[dict[str, Any]]:
    """What the user can read of the deliveries of a task."""
    return list(person.pages(f"/reminders?task_id={task_id}&limit=50", "reminders"))


def mail_about(stack, person: Person, title: str):
    return wait_for("the mail", lambda: [mail for mail in stack.mail.to(person.email) if title in mail.subject])


def links(mail) -> dict[str, str]:
    """The links of a mail, by what stands on them."""
    found = re.findall(r'<a [^>]*href="([^"]*/api/v1/actions/[^"]+)"[^>]*>(.*?)</a>', mail.html, re.S)
    return {re.sub(r"<[^>]+>|\s+", " ", words).strip().lower(): html.unescape(link) for link, words in found}


def link_to(mail, word: str) -> str:
    found = [link for words, link in links(mail).items() if word in words]
    assert found, f"no link to {word}: {links(mail)}"
    return found[0]


def seconds(text: str) -> float:
    return datetime.datetime.fromisoformat(text).timestamp()


def remind(person: Person, title: str, **fields: Any) -> tuple[dict[str, Any], float]:
    """Make a task that rings when it is due, in some seconds; return it, and that instant."""

    def attempt(due: datetime.datetime):
        body = {"due_at": instant(due), "time_zone": "UTC", "reminders": [{"offset": "PT0S"}], **fields}
        task = person.create(title, **body)
        return (task, due.timestamp()) if rings(task, due) else None

    return soon(attempt)


def wait_for_addresses(stack, person: Person, n: int) -> None:
    """Until notification knows the user's own: a reminder that is due by then is not for a later one."""
    statement = "SELECT jsonb_array_length(channels) FROM notification.app_user WHERE id = %s"
    wait_for(f"{n} addresses at notification", lambda: stack.query(statement, person.account["id"]) == [(n,)])


def test_a_reminder_comes_not_early_by_every_channel(stack, person, web):
    """How late it may be, `make bench` says."""
    browser = Browser(person)
    wait_for("the socket", browser.connected.is_set)
    hook = person.call("POST", "/channels", 201, {"channel": "webhook", "name": "Home", "url": f"{web.url}/hooks/1"})
    subscription = Subscription(f"{web.url}/push/1")
    person.call("POST", "/channels", 201, {"channel": "push", "name": "Firefox", **subscription.json()})
    wait_for_addresses(stack, person, 2)
    title = "Ring <b>the</b> bell & wait"

    def attempt(due: datetime.datetime):
        task = person.create(title, due_at=instant(due), time_zone="Europe/Berlin", reminders=[{"offset": "-PT1S"}])
        at = due - datetime.timedelta(seconds=1)
        return (task, at.timestamp()) if rings(task, at) else None

    task, at = soon(attempt)
    mail = mail_about(stack, person, title)[0]
    assert mail.recipients == [person.email]
    assert html.escape(title, quote=False) in mail.html and "<b>the</b>" not in mail.html
    assert at <= mail.at

    hooked = wait_for("the webhook", lambda: web.received("/hooks/1"))[0]
    assert at <= hooked.came_at
    delivery_id = verify(hooked, hook["secret"])
    assert title in hooked.body.decode() or title in str(hooked.json)

    pushed = wait_for("the push message", lambda: web.received("/push/1"))[0]
    assert at <= pushed.came_at
    assert pushed.headers["content-encoding"] == "aes128gcm" and int(pushed.headers["ttl"]) >= 0
    public_key = person.call("GET", "/push-key", 200)["public_key"]
    claims = verify_sender(pushed.headers["authorization"], public_key, audience=web.url)
    assert claims["sub"].startswith("mailto:")
    assert title in subscription.decrypt(pushed.body).decode()

    wait_for("the frame", lambda: browser.notifications)
    shown = next(iter(browser.notifications.values()))
    assert (shown["task_id"], shown["title"], shown["read_at"]) == (task["id"], title, None)
    assert browser.unread == 1
    listed = person.call("GET", "/notifications?unread=true", 200)
    assert [each["id"] for each in listed["notifications"]] == [shown["id"]] and listed["unread"] == 1
    person.call("POST", f"/notifications/{shown['id']}/read", 200)
    wait_for("the frame of its reading", lambda: browser.unread == 0)
    assert browser.notifications[shown["id"]]["read_at"]

    def is_marked():
        return person.call("GET", f"/tasks/{task['id']}", 200)["reminder_sent"]

    wait_for("the task to say so", is_marked)
    reminder = person.call("GET", f"/tasks/{task['id']}", 200)["reminders"][0]
    assert at <= seconds(reminder["sent_at"]) and reminder["channel"]

    def all_sent():
        found = reminders_of(person, task["id"])
        return len(found) == 4 and all(each["state"] == "sent" for each in found) and found

    deliveries = {each["channel"]: each for each in wait_for("four deliveries", all_sent)}
    assert set(deliveries) == {"email", "app", "webhook", "push"}
    assert deliveries["webhook"]["id"] == delivery_id
    assert deliveries["email"]["id"] in mail.html
    for channel in ("email", "webhook", "push"):
        attempts = deliveries[channel]["attempts"]
        assert [attempt["number"] for attempt in attempts] == [1]
        assert at <= seconds(attempts[0]["began_at"]) <= seconds(attempts[0]["ended_at"])

    types = {"todo.reminder.scheduled.v1", "todo.reminder.due.v1", "todo.notification.sent.v1"}
    wait_for("the trail", lambda: types <= {entry["type"] for entry in person.history()})
    assert len(web.received("/hooks/1")) == len(web.received("/push/1")) == 1
    assert len(stack.mail.to(person.email)) == 1
    browser.close()
    assert browser.doubled() == []


def test_the_next_occurrence_rings_before_it_is_due_while_one_is_open(stack, person):
    """With catch_up it is made ahead of its instant, in time for its reminder."""

    def attempt(at: datetime.datetime):
        first = person.create(
            f"Take the pills at {at:%H:%M:%S}",
            due_at=instant(at - datetime.timedelta(minutes=30)),
            time_zone="UTC",
            recurrence="FREQ=HOURLY",
            missed="catch_up",
            reminders=[{"offset": "-PT30M"}],
        )
        second = wait_for_occurrence(person, first["series_id"], 2)
        return (first, second, at) if rings(second, at) else None

    first, second, at = soon(attempt)
    assert second["due_at"] == instant(at + datetime.timedelta(minutes=30)) and second["status"] == "open"
    mail = mail_about(stack, person, second["title"])[0]
    assert at.timestamp() <= mail.at
    sent = [each for each in reminders_of(person, second["id"]) if each["channel"] == "email"]
    assert [each["remind_at"] for each in sent] == [instant(at)]
    wait_for("the first's", lambda: {each["state"] for each in reminders_of(person, first["id"])} == {"expired"})
    found = [task for task in person.tasks() if task["series_id"] == first["series_id"]]
    assert sorted(task["occurrence"] for task in found) == [1, 2], "one ahead, no more"


def test_a_link_in_a_mail_completes_its_task_once(stack, person):
    task, _ = remind(person, "Take it out", recurrence="daily")
    mail = mail_about(stack, person, "Take it out")[0]
    link = link_to(mail, "complete")
    assert link.startswith(stack.url)
    with httpx.Client() as browser:
        page = browser.get(link)
        assert page.status_code == 200 and "Take it out" in page.text and "<form" in page.text
        assert person.call("GET", f"/tasks/{task['id']}", 200)["status"] == "open", "who only looks changes nothing"
        assert browser.post(link).status_code == 200
        assert person.call("GET", f"/tasks/{task['id']}", 200)["status"] == "completed"
        second = wait_for_occurrence(person, task["series_id"], 2)
        person.call("POST", f"/tasks/{task['id']}/reopen", 200)
        assert browser.post(link).status_code == 410
        assert person.call("GET", f"/tasks/{task['id']}", 200)["status"] == "open"
        assert browser.get(link[:-6] + "AAAAAA").status_code in (400, 401, 403, 404, 410)
    assert second["status"] == "open"


def test_a_snoozed_reminder_comes_later_and_once_more(stack, person):
    task, _ = remind(person, "Wake up", time_zone="Europe/Berlin")
    mail_about(stack, person, "Wake up")
    path = f"/tasks/{task['id']}/reminders/{task['reminders'][0]['id']}/snooze"

    def snooze(until: datetime.datetime):
        answer = person.http.post(path, json={"until": instant(until)})
        return None if answer.status_code == 400 else (person.expect(200, answer), until)  # 400: it has passed

    snoozed, until = soon(snooze)
    assert snoozed["due_at"] == task["due_at"], "the due date stays"
    assert snoozed["reminders"][0]["generation"] == 2
    assert snoozed["reminders"][0]["sent_at"] is None
    wait_for("the second mail", lambda: len(mail_about(stack, person, "Wake up")) == 2)
    assert until.timestamp() <= stack.mail.to(person.email)[1].at

    morning = person.call("POST", path, 200, {"to": "tomorrow_morning"})["reminders"][0]
    local = datetime.datetime.fromisoformat(morning["snoozed_until"])
    assert morning["generation"] == 3 and seconds(morning["snoozed_until"]) > time.time()
    assert local.astimezone(datetime.UTC).minute == 0
    before = time.time()
    later = person.call("POST", path, 200, {"for": "PT10M"})["reminders"][0]
    assert before - 0.001 <= seconds(later["snoozed_until"]) - 600 <= time.time()


def test_quiet_hours_hold_back_what_rings(stack, person, web):
    berlin = datetime.timezone(datetime.timedelta(hours=1))  # no summer time in these tests' seconds
    zone = "Etc/GMT-1"  # POSIX counts the other way round: this is UTC+1
    person.call("PATCH", "/account", 200, {"time_zone": zone})
    clock = datetime.datetime.now(berlin)
    quiet = {
        "quiet_from": (clock - datetime.timedelta(hours=1)).strftime("%H:%M"),
        "quiet_until": (clock + datetime.timedelta(hours=2)).strftime("%H:%M"),
    }
    person.call("PATCH", "/reminder-settings", 200, quiet)
    person.call("POST", "/channels", 201, {"channel": "webhook", "url": f"{web.url}/hooks/2"})
    wait_for_addresses(stack, person, 1)
    task, _ = remind(person, "Not now", time_zone=zone)
    wait_for("the app", lambda: person.call("GET", "/notifications", 200)["unread"] == 1)

    def held():
        found = {each["channel"]: each for each in reminders_of(person, task["id"])}
        return all(found.get(name, {}).get("held_until") for name in ("email", "webhook")) and found

    found = wait_for("what is held", held)
    assert found["app"]["state"] == "sent"
    until = datetime.datetime.fromisoformat(found["email"]["held_until"]).astimezone(berlin)
    assert until.strftime("%H:%M") == quiet["quiet_until"] and until > clock
    assert stack.mail.to(person.email) == [] and web.received("/hooks/2") == []


def test_what_is_completed_moved_or_deleted_rings_no_more(stack, person):
    at = [{"offset": "PT0S"}]

    def states(task: dict[str, Any]) -> set[str]:
        return {each["state"] for each in reminders_of(person, task["id"])}

    def silence(due: datetime.datetime):
        """Make three, silence them; return their title and instant once the ledger says so, if in time."""
        title = f"Silent at {due:%H:%M:%S}"
        done, gone, moved = (person.create(title, due_at=instant(due), time_zone="UTC", reminders=at) for _ in range(3))
        for task in (done, gone, moved):  # an event that came behind the next one would show nothing
            wait_for("the ledger", lambda t=task: states(t))
        person.complete(done["id"])
        person.call("DELETE", f"/tasks/{gone['id']}", 200)
        person.call("PATCH", f"/tasks/{moved['id']}", 200, {"due_at": instant(now(days=1))})
        wanted = [(done, {"cancelled"}), (gone, {"cancelled"}), (moved, {"cancelled", "scheduled"})]
        wait_for("the ledger", lambda: all(states(task) == states_ for task, states_ in wanted) or now() >= due)
        return None if now() >= due else (title, due)

    def ring_later(at: datetime.datetime):
        at = max(at, due + datetime.timedelta(seconds=2))
        task = person.create("The last one", reminders=[{"at": instant(at)}])
        return task if rings(task, at) else None

    title, due = soon(silence, (5, 20, 60, 150))
    last = soon(ring_later)
    mail_about(stack, person, last["title"])
    assert [mail.subject for mail in stack.mail.to(person.email) if title in mail.subject] == []


def test_a_gone_subscription_is_removed(stack, person, web):
    web.answer("/push/3", 410)
    subscription = Subscription(f"{web.url}/push/3")
    person.call("POST", "/channels", 201, {"channel": "push", "name": "Old phone", **subscription.json()})
    wait_for_addresses(stack, person, 1)
    task, _ = remind(person, "Anyone?")
    wait_for("its removal", lambda: person.call("GET", "/channels", 200)["channels"] == [])
    failed = [each for each in reminders_of(person, task["id"]) if each["channel"] == "push"]
    assert [each["state"] for each in failed] == ["failed"] and failed[0]["reason"]
    assert len(web.received("/push/3")) == 1


def test_only_backend_may_ask_for_reminders(stack):
    for service, refused in (("backend", False), ("audit", True), ("recurring-task", True)):
        answer = stack.dapr(service, "GET", "invoke/notification/method/internal/reminders")
        assert (answer.status_code == 403) == refused, f"{service}: {answer.status_code} {answer.text}"


def test_the_crons_reach_every_replica(stack):
    for service, route in (("recurring-task", "recurrence-sweep"), ("notification", "reminder-check")):
        for replica in (service, f"{service}-1"):
            url = f"http://127.0.0.1:{stack.port(replica, 'http')}/metrics"

            def fired(url=url, route=route):
                lines = httpx.get(url).text.splitlines()
                return [line for line in lines if line.startswith("http_requests_total") and f"/{route}" in line]

            counts = wait_for(f"the cron at {replica}", fired)
            assert all('"200"' in line or '"2xx"' in line for line in counts), counts
