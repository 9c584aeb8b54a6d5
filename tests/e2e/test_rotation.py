"""A rotated secret is in use within 60 s, and no request fails meanwhile."""

from __future__ import annotations

import subprocess
import uuid

import httpx
import jwt
from client import PASSWORD, Person
from support.stack import ROOT
from support.waiting import wait_for
from support.web_sink import WebSink
from support.webhook import verify
from test_recurrence import instant, now
from test_reminders import link_to, mail_about


def rotate(stack, name: str) -> None:
    subprocess.run([str(ROOT / "scripts/stack"), "rotate", name, "--dir", str(stack.dir)], check=True)


def kid_of_a_new_token(person: Person) -> str:
    body = {"email": person.email, "password": PASSWORD}
    session = person.expect(200, person.http.post("/session", json=body))
    return jwt.get_unverified_header(session["access_token"])["kid"]


def logins(stack) -> set[str]:
    rows = stack.query("SELECT DISTINCT usename FROM pg_stat_activity WHERE usename LIKE 'backend_%%'")
    return {row[0] for row in rows}


def test_a_new_token_key_signs_and_the_old_one_still_verifies(stack):
    person, other = Person(stack.url), Person(stack.url)
    old = kid_of_a_new_token(other)
    rotate(stack, "token-keys")

    def is_new():
        person.create("Signed in with the old key")
        return kid_of_a_new_token(other) != old

    wait_for("a token of the new key", is_new, 60)
    person.create("Signed in with the old key, still")
    person.close()
    other.close()


def test_a_new_database_login_is_used_and_no_request_fails(stack):
    person = Person(stack.url)
    old = logins(stack)
    assert len(old) == 1
    rotate(stack, "backend-database")

    def has_moved():
        person.create("Written while the login changes")
        return not (logins(stack) & old)

    wait_for("connections of the other login alone", has_moved, 60)
    person.create("Written by the other login")
    person.close()


def test_addresses_sealed_and_links_signed_with_old_keys_stay_good(stack):
    """What was sealed is kept for years, so channel-keys forgets no key."""
    person = Person(stack.url)

    def remind() -> str:
        """Have a mail; return its link."""
        title = f"Ring {uuid.uuid4().hex}"
        person.create(title, due_at=instant(now(seconds=3)), time_zone="UTC", reminders=[{"offset": "PT0S"}])
        return link_to(mail_about(stack, person, title)[0], "complete")

    def sealed_with(channel: dict) -> str:
        rows = stack.query("SELECT sealed FROM backend.channel WHERE id = %s", channel["id"])
        return rows[0][0].partition(".")[0]

    def kid_of(link: str) -> str:
        return jwt.get_unverified_header(link.rpartition("/")[2])["kid"]

    with WebSink() as web:
        hooks = [person.call("POST", "/channels", 201, {"channel": "webhook", "url": f"{web.url}/old"})]
        link = remind()
        for name in ("channel-keys", "channel-keys", "link-keys"):
            rotate(stack, name)
        wait_for("a link of the new key", lambda: kid_of(remind()) != kid_of(link), 60)

        def add_hook() -> bool:
            body = {"channel": "webhook", "url": f"{web.url}/new/{len(hooks)}"}
            hooks.append(person.call("POST", "/channels", 201, body))
            return sealed_with(hooks[-1]) != sealed_with(hooks[0])

        wait_for("an address sealed with the new key", add_hook, 60)
        remind()
        for path, hook in (("/old", hooks[0]), (f"/new/{len(hooks) - 1}", hooks[-1])):
            verify(wait_for(path, lambda p=path: web.received(p))[-1], hook["secret"])
        assert httpx.get(link).status_code == 200
    person.close()
