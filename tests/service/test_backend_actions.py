"""Links in mails: a page that asks, and one that says what became of it; each link does its work once."""

from __future__ import annotations

import base64
import concurrent.futures
import datetime
import hashlib
import html
import re
import time
import zoneinfo
from typing import Any

import httpx
import pytest

from support import api
from support.api import User
from support.audit import new_id
from support.live import sign
from support.service import Service
from support.waiting import LIMIT_S, wait_for

SETTINGS = {**api.SETTINGS, "PURGE_INTERVAL_S": "1"}
WEEK_S = 7 * 86400
ACTIONS = ("complete", "snooze_10m", "snooze_1h", "snooze_tomorrow")


@pytest.fixture
def ada(service: Service) -> User:
    return User(service, time_zone="Asia/Kolkata")


def instant(**ahead: float) -> str:
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**ahead)
    return f"{when:%Y-%m-%dT%H:%M:%S}.000Z"


def add_task(user: User, title: str = "Send the figures", **fields: Any) -> dict[str, Any]:
    body = {"title": title, "due_at": instant(hours=3), "reminders": [{"offset": "-PT1H"}], **fields}
    answer = user.post("/tasks", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def read(user: User, task: dict[str, Any]) -> dict[str, Any]:
    return user.get(f"/tasks/{task['id']}").json()


def token(user: User, task: dict[str, Any], action: str = "complete", header: dict | None = None, **changes: Any) -> str:
    """As notification signs it."""
    now = int(time.time())
    claims = {
        "iss": "todo",
        "aud": "link",
        "sub": user.id,
        "jti": new_id(),
        "action": action,
        "task_id": task["id"],
        "reminder_id": task["reminders"][0]["id"],
        "generation": task["reminders"][0]["generation"],
        "iat": now,
        "exp": now + WEEK_S,
        **changes,
    }
    said = {name: claim for name, claim in claims.items() if claim is not None}
    return sign(user.service.sidecar.secrets["link-keys"], said, **(header or {}))


def ask(user: User, method: str, token: str) -> httpx.Response:
    answer = httpx.request(method, f"{user.service.url}/api/v1/actions/{token}", timeout=LIMIT_S)
    assert answer.headers["content-type"] == "text/html; charset=utf-8", answer.text
    check_page(answer)
    return answer


def check_page(answer: httpx.Response) -> None:
    """What holds of every page: self-contained, nothing kept, nothing told to others."""
    headers, text = answer.headers, answer.text
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    style = re.search(r"<style>(.*?)</style>", text, re.S)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert f"style-src 'sha256-{digest}'" in policy and "unsafe" not in policy
    assert "form-action 'self'" in policy and "frame-ancestors 'none'" in policy
    assert "<script" not in text and " style=" not in text and "http" not in text
    assert '<html lang="en">' in text and text.count("<h1>") == 1 and "<title>" in text
    assert 'content="width=device-width,initial-scale=1"' in text


def heading(answer: httpx.Response) -> str:
    return re.search(r"<h1>(.*?)</h1>", answer.text)[1]


@pytest.mark.parametrize("action", ACTIONS)
def test_a_get_asks_and_changes_nothing(ada: User, action: str) -> None:
    task = add_task(ada)
    link = token(ada, task, action)
    for _ in range(3):
        page = ask(ada, "GET", link)
        assert page.status_code == 200
        assert heading(page).endswith("?") and "Send the figures" in page.text
        assert '<form method="post"><button' in page.text
    assert httpx.head(f"{ada.service.url}/api/v1/actions/{link}").status_code == 200
    assert read(ada, task) == task


def test_completing_is_done_once(ada: User) -> None:
    task = add_task(ada)
    link = token(ada, task)
    done = ask(ada, "POST", link)
    assert done.status_code == 200 and heading(done) == "Done"
    completed = read(ada, task)
    assert completed["status"] == "completed"
    for method in ("POST", "GET", "POST"):
        page = ask(ada, method, link)
        assert page.status_code == 410 and heading(page) == "This link was used before"
    # also when it would have something to do again
    ada.post(f"/tasks/{task['id']}/reopen")
    assert ask(ada, "POST", link).status_code == 410
    assert read(ada, task)["status"] == "open"


@pytest.mark.parametrize(("action", "ahead_s"), [("snooze_10m", 600), ("snooze_1h", 3600)])
def test_snoozing_moves_the_reminder(ada: User, action: str, ahead_s: int) -> None:
    task = add_task(ada)
    page = ask(ada, "POST", token(ada, task, action))
    assert page.status_code == 200 and heading(page) == "Done"
    (reminder,) = read(ada, task)["reminders"]
    until = datetime.datetime.fromisoformat(reminder["snoozed_until"]).timestamp()
    assert ahead_s - 30 < until - time.time() <= ahead_s
    assert reminder["generation"] == 2
    assert read(ada, task)["due_at"] == task["due_at"]


@pytest.mark.parametrize("zone", [None, "America/New_York"])
def test_tomorrow_morning_is_that_of_the_zone(ada: User, zone: str | None) -> None:
    """The task's, else the user's."""
    task = add_task(ada, time_zone=zone)
    there = zoneinfo.ZoneInfo(zone or "Asia/Kolkata")
    days = [datetime.datetime.now(there).date()]
    assert ask(ada, "POST", token(ada, task, "snooze_tomorrow")).status_code == 200
    days.append(datetime.datetime.now(there).date())  # midnight may have passed
    (reminder,) = read(ada, task)["reminders"]
    until = datetime.datetime.fromisoformat(reminder["snoozed_until"]).astimezone(there)
    assert (until.hour, until.minute) == (9, 0)
    assert until.date() - datetime.timedelta(days=1) in days


def test_a_link_that_is_used_at_once_does_it_once(ada: User) -> None:
    task = add_task(ada)
    link = token(ada, task, "snooze_10m")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(ada, "POST", link), range(16)))
    assert sorted(a.status_code for a in answers) == [200] + [410] * 15
    assert read(ada, task)["reminders"][0]["generation"] == 2


def test_two_links_of_one_mail_both_work(ada: User) -> None:
    task = add_task(ada)
    assert ask(ada, "POST", token(ada, task, "snooze_10m")).status_code == 200
    assert ask(ada, "POST", token(ada, task, "complete")).status_code == 200
    page = ask(ada, "POST", token(ada, task, "snooze_1h"))
    assert page.status_code == 409 and heading(page) == "The task is not open"


def test_what_is_completed_already_is_said(ada: User) -> None:
    task = add_task(ada)
    ada.post(f"/tasks/{task['id']}/complete")
    before = read(ada, task)
    for method in ("GET", "POST"):
        page = ask(ada, method, token(ada, task))
        assert page.status_code == 200 and heading(page) == "Already completed"
        assert "<form" not in page.text
        assert ask(ada, method, token(ada, task, "snooze_1h")).status_code == 409
    assert read(ada, task) == before


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("action", ["complete", "snooze_10m"])
def test_what_is_gone_is_said(ada: User, method: str, action: str) -> None:
    task = add_task(ada)
    ada.delete(f"/tasks/{task['id']}")
    page = ask(ada, method, token(ada, task, action))
    assert page.status_code == 409 and heading(page) == "The task is in the trash"
    ada.delete(f"/tasks/{task['id']}?purge=true")
    page = ask(ada, method, token(ada, task, action))
    assert page.status_code == 404 and heading(page) == "No longer there"
    assert "figures" not in page.text


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_reminder_that_is_gone_is_said(ada: User, method: str) -> None:
    task = add_task(ada)
    ada.patch(f"/tasks/{task['id']}", json={"reminders": []})
    assert ask(ada, method, token(ada, task, "snooze_1h")).status_code == 404


@pytest.mark.parametrize("how", ["moved", "snoozed", "snoozed by the same mail"])
def test_a_reminder_that_was_changed_since_the_mail_stays_as_it_is(ada: User, how: str) -> None:
    task = add_task(ada)
    if how == "moved":
        ada.patch(f"/tasks/{task['id']}", json={"due_at": instant(days=2)})
    elif how == "snoozed":
        ada.post(f"/tasks/{task['id']}/reminders/{task['reminders'][0]['id']}/snooze", json={"for": "PT30M"})
    else:
        assert ask(ada, "POST", token(ada, task, "snooze_1h")).status_code == 200
    before = read(ada, task)
    for action in ("snooze_10m", "snooze_1h", "snooze_tomorrow"):
        link = token(ada, task, action)
        for method in ("GET", "POST", "POST"):
            page = ask(ada, method, link)
            assert page.status_code == 409 and heading(page) == "This reminder was changed since"
            assert "Send the figures" in page.text and "<form" not in page.text
    assert read(ada, task) == before
    assert ask(ada, "POST", token(ada, task, "complete")).status_code == 200, "that is no matter of when"


def test_links_of_one_mail_used_at_once_snooze_it_once(ada: User) -> None:
    task = add_task(ada)
    links = [token(ada, task, f"snooze_{span}") for span in ("10m", "1h", "tomorrow")]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda link: ask(ada, "POST", link), links))
    assert sorted(a.status_code for a in answers) == [200, 409, 409]
    assert read(ada, task)["reminders"][0]["generation"] == 2


def test_a_link_that_does_not_say_its_generation_snoozes_what_is_there(ada: User) -> None:
    """From a mail of before it was said."""
    task = add_task(ada)
    ada.patch(f"/tasks/{task['id']}", json={"due_at": instant(days=2)})
    assert ask(ada, "POST", token(ada, task, "snooze_1h", generation=None)).status_code == 200
    assert read(ada, task)["reminders"][0]["generation"] == 3


def test_a_deleted_account_is_gone_at_once(ada: User, service: Service) -> None:
    """Its task, used link and all, is still there until the purge has come by, but is shown to nobody."""
    task = add_task(ada)
    used = token(ada, task)
    assert ask(ada, "POST", used).status_code == 200
    service.database.execute("backend", "DELETE FROM account WHERE id = %s", ada.id)
    for link in (used, token(ada, task), token(ada, task, "snooze_1h")):
        for method in ("GET", "POST"):
            page = ask(ada, method, link)
            assert page.status_code == 404 and heading(page) == "No longer there"
            assert "figures" not in page.text


def test_an_expired_link_does_nothing(ada: User) -> None:
    task = add_task(ada)
    now = int(time.time())
    for method in ("GET", "POST"):
        page = ask(ada, method, token(ada, task, iat=now - WEEK_S - 1, exp=now - 1))
        assert page.status_code == 410 and heading(page) == "This link has expired"
        assert "figures" not in page.text
    assert read(ada, task) == task


def test_a_link_of_another_makes_no_difference(ada: User, service: Service) -> None:
    """The token says whose task it is: with another's id there is none."""
    task = add_task(ada)
    assert ask(ada, "POST", token(User(service), task)).status_code == 404
    assert read(ada, task) == task


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "api"},
        {"aud": "ws"},
        {"iss": "other"},
        {"sub": "someone"},
        {"action": "delete"},
        {"action": None},
        {"task_id": None},
        {"task_id": "x"},
        {"jti": None},
        {"jti": ""},
        {"jti": "a" * 101},
        {"jti": "a b"},
        {"action": "snooze_1h", "reminder_id": None},
        {"header": {"alg": "none"}},
        {"header": {"kid": "other"}},
        {"exp": None},
    ],
)
def test_what_is_no_link_of_ours_does_nothing(ada: User, changes: dict[str, Any]) -> None:
    task = add_task(ada)
    for method in ("GET", "POST"):
        page = ask(ada, method, token(ada, task, **changes))
        assert page.status_code == (410 if changes.get("exp", 1) is None else 404), heading(page)
        assert "figures" not in page.text
    assert read(ada, task) == task


@pytest.mark.parametrize("text", ["x", "a.b.c", "a" * 2000, "%3Cscript%3E"])
def test_garbage_is_no_link(ada: User, text: str) -> None:
    page = ask(ada, "GET", text)
    assert page.status_code == 404 and "script" not in page.text


def test_tokens_are_not_each_others(ada: User) -> None:
    """A link opens no API, and an access token is no link."""
    link = token(ada, add_task(ada))
    assert httpx.get(ada.service.url + "/api/v1/tasks", headers={"Authorization": f"Bearer {link}"}).status_code == 401
    assert ask(ada, "GET", ada.token).status_code == 404


def test_a_title_is_text_and_nothing_else(ada: User) -> None:
    title = "<script>alert('1')</script> & \"quotes\" עברית"
    page = ask(ada, "GET", token(ada, add_task(ada, title)))
    shown = re.search(r'<p class="task" dir="auto">(.*?)</p>', page.text)[1]
    assert html.unescape(shown) == title and "<" not in shown


def test_an_outage_is_said_and_costs_nothing(service_maker, database) -> None:
    ada = User(service_maker(database, settings={**SETTINGS, "DB_LIMIT_MS": "2000"}).start())
    task = add_task(ada)
    link = token(ada, task)
    with ada.service.database.connect("backend") as lock:
        lock.autocommit = False
        lock.execute("LOCK TABLE task IN ACCESS EXCLUSIVE MODE")
        for method in ("GET", "POST"):
            page = ask(ada, method, link)
            assert page.status_code == 503 and heading(page) == "Try again in a moment"
            assert page.headers["retry-after"] == "1"
        lock.rollback()
    assert ask(ada, "POST", link).status_code == 200
    assert read(ada, task)["status"] == "completed"


def test_a_used_link_is_known_as_long_as_it_is_valid(ada: User) -> None:
    """Kept replies go after a day, those of links after eight."""
    task = add_task(ada)
    link = token(ada, task, "snooze_10m")
    assert ask(ada, "POST", link).status_code == 200
    other = add_task(ada, "other")
    key = {"Idempotency-Key": "mine"}
    ada.post(f"/tasks/{other['id']}/complete", headers=key)

    def age(days: int) -> None:
        ada.service.database.execute(
            "backend",
            f"UPDATE idempotency SET created_at = now() - interval '{days} days' WHERE owner_id = '{ada.id}'",
        )

    def keys() -> list[str]:
        rows = ada.service.database.execute("backend", f"SELECT key FROM idempotency WHERE owner_id = '{ada.id}'")
        return [row[0] for row in rows]

    age(7)
    wait_for("the other to go", lambda: len(keys()) == 1)
    assert keys()[0].startswith("action:")
    assert ask(ada, "POST", link).status_code == 410
    age(9)
    wait_for("it to go", lambda: not keys())


def test_the_trail_and_the_browsers_hear_of_it(ada: User) -> None:
    task = add_task(ada)
    ask(ada, "POST", token(ada, task))

    def told(topic: str) -> list[str]:
        return [e.type for e in ada.service.sidecar.events(topic) if e.event["ownerid"] == ada.id]

    wait_for("the event", lambda: "todo.task.completed.v1" in told("task-events"))
    wait_for("the update", lambda: told("task-updates").count("todo.update.task.v1") == 2)


def test_neither_log_nor_metrics_have_the_token(ada: User) -> None:
    link = token(ada, add_task(ada))
    for method in ("GET", "POST", "POST"):
        ask(ada, method, link)
    assert link not in ada.service.log()
    assert link not in httpx.get(ada.service.url + "/metrics").text
