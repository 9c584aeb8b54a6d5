"""A rotated secret is in use within 60 s, and no request fails meanwhile."""

from __future__ import annotations

import subprocess
import uuid

import httpx
import jwt
from client import Person, instant, rings, soon
from support.stack import ROOT
from support.waiting import wait_for
from support.web_sink import WebSink
from support.webhook import verify
from test_reminders import link_to, mail_about, wait_for_addresses


# services look every 2 s here, and one look may meet a sidecar that is just reading its store anew
SETTLE_S = 8


def rotate(stack, name: str) -> None:
    argv = [str(ROOT / "scripts/stack"), "rotate", name, "--settle", str(SETTLE_S), "--dir", str(stack.dir)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def kid_of_a_new_token(person: Person) -> str:
    """Whichever replica signed it, every one of them takes it at once."""
    person.sign_in()
    for _ in range(4):
        person.call("GET", "/account", 200)
    return jwt.get_unverified_header(person.http.headers["Authorization"].split()[1])["kid"]


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

    wait_for("a token of the new key", is_new)
    person.create("Signed in with the old key, still")
    person.close()
    other.close()


def test_a_new_database_login_is_used_and_no_request_fails(stack):
    person = Person(stack.url)
    old = wait_for("the one login", lambda: len(seen := logins(stack)) == 1 and seen)
    rotate(stack, "backend-database")

    def has_moved():
        person.create("Written while the login changes")
        return not (logins(stack) & old)

    wait_for("connections of the other login alone", has_moved)
    person.create("Written by the other login")
    person.close()


def test_addresses_sealed_and_links_signed_with_old_keys_stay_good(stack):
    """What was sealed is kept for years, so channel-keys forgets no key."""
    person = Person(stack.url)

    def remind() -> str:
        """Have a mail; return its link."""

        def attempt(due):
            title = f"Ring {uuid.uuid4().hex}"
            task = person.create(title, due_at=instant(due), time_zone="UTC", reminders=[{"offset": "PT0S"}])
            return title if rings(task, due) else None

        return link_to(mail_about(stack, person, soon(attempt))[0], "complete")

    def sealed_with(channel: dict) -> str:
        rows = stack.query("SELECT sealed FROM backend.channel WHERE id = %s", channel["id"])
        return rows[0][0].partition(".")[0]

    def kid_of(link: str) -> str:
        return jwt.get_unverified_header(link.rpartition("/")[2])["kid"]

    with WebSink() as web:
        old = person.call("POST", "/channels", 201, {"channel": "webhook", "url": f"{web.url}/old"})
        link = remind()
        for name in ("channel-keys", "channel-keys", "link-keys"):
            rotate(stack, name)
        wait_for("a link of the new key", lambda: kid_of(remind()) != kid_of(link))

        def add_hook() -> dict | None:
            hook = person.call("POST", "/channels", 201, {"channel": "webhook", "url": f"{web.url}/new"})
            if sealed_with(hook) != sealed_with(old):
                return hook
            person.call("DELETE", f"/channels/{hook['id']}", 204)
            return None

        new = wait_for("an address sealed with the new key", add_hook)
        wait_for_addresses(stack, person, 2)
        remind()
        for path, hook in (("/old", old), ("/new", new)):
            verify(wait_for(path, lambda p=path: web.received(p))[-1], hook["secret"])
        assert httpx.get(link).status_code == 200
    person.close()
