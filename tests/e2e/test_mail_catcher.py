"""The mail catcher that `make run` has: what is sent shows at /mail/, and nowhere else."""

from __future__ import annotations

import re

import httpx
import pytest
from client import Person, instant, rings, soon
from conftest import SETTINGS
from support.stack import Stack
from support.waiting import wait_for


@pytest.mark.brokers("redis")
def test_a_reminder_shows_on_the_catchers_page(broker):
    with Stack(broker, env=SETTINGS, catcher=True) as stack, httpx.Client(base_url=stack.url) as browser:
        assert stack.known["mail"] == f"{stack.url}/mail/"
        assert "MailDev" in browser.get("/mail/").text
        assert browser.get("/mail").headers["location"].endswith("/mail/")
        hello = browser.get("/mail/socket.io/", params={"EIO": "4", "transport": "polling"})
        assert "websocket" in hello.text, "the page is live"
        person = Person(stack.url)

        def attempt(due):
            task = person.create("Post the letter", due_at=instant(due), time_zone="UTC", reminders=[{"offset": "PT0S"}])
            return task if rings(task, due) else None

        soon(attempt)
        mail = wait_for("the mail", lambda: browser.get("/mail/email").json())[0]
        assert [to["address"] for to in mail["to"]] == [person.email]
        assert "Post the letter" in mail["subject"] and f"{stack.url}/api/v1/actions/" in mail["html"]
        assert browser.get(f"/mail/email/{mail['id']}/html").status_code == 200
        links = re.findall(r'href="([^"]+)"', mail["html"])
        assert links and all(browser.get(link).status_code in (200, 302) for link in links), links
        stack.restart("mail")
        kept = wait_for("the mail to be there again", lambda: (a := browser.get("/mail/email")).is_success and a.json())
        assert [each["id"] for each in kept] == [mail["id"]]
        person.close()
        assert stack.mail.mails == []
