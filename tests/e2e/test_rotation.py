"""A rotated secret is in use within 60 s, and no request fails meanwhile."""

from __future__ import annotations

import subprocess

import jwt
from client import PASSWORD, Person
from support.stack import ROOT
from support.waiting import wait_for


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
