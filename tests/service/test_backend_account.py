"""Accounts: registration, profile, password, deletion, export."""

from __future__ import annotations

import concurrent.futures
import json

import httpx
import pytest

from support import api
from support.api import PASSWORD, User, client, new_email, refused
from support.waiting import wait_for

SERVICE = "backend"
SETTINGS = {**api.SETTINGS, "PURGE_INTERVAL_S": "1"}


def register(service, **fields) -> httpx.Response:
    body = {"email": new_email(), "password": PASSWORD, **fields}
    return client(service).post("/register", json={k: v for k, v in body.items() if v is not ...})


def test_registration_signs_in(service):
    email = new_email()
    answer = register(service, email=email, name="Ada", time_zone="Europe/Berlin")
    assert answer.status_code == 201
    body = answer.json()
    assert body["account"]["email"] == email
    assert (body["account"]["name"], body["account"]["time_zone"]) == ("Ada", "Europe/Berlin")
    profile = client(service, body["access_token"]).get("/account")
    assert profile.json() == body["account"]


def test_registration_needs_no_name_and_no_zone(service):
    account = register(service).json()["account"]
    assert (account["name"], account["time_zone"]) == ("", "UTC")


def test_email_is_kept_in_lower_case_and_is_unique(service):
    email = new_email()
    assert register(service, email=email.upper()).json()["account"]["email"] == email
    problem = refused(register(service, email=email.title()), 409, "email_taken")
    assert email not in json.dumps(problem).lower()


def test_registrations_at_once_make_one_account(service):
    email = new_email()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = sorted(a.status_code for a in pool.map(lambda _: register(service, email=email), range(8)))
    assert statuses == [201] + [409] * 7


def test_registration_publishes_the_user_once_with_seq_1(service, sidecar):
    user = User(service, name="Ada", time_zone="Europe/Berlin")

    def events():
        return [e for e in sidecar.events("user-events") if e.event["ownerid"] == user.id]

    wait_for("user.registered", events)
    assert len(events()) == 1
    event = events()[0].event
    assert event["type"] == "todo.user.registered.v1"
    assert (event["subject"], event["seq"], event["source"]) == (user.id, "1", "/todo/backend")
    data = event["data"]
    assert (data["id"], data["email"], data["version"]) == (user.id, user.email, 1)
    assert events()[0].metadata["partitionKey"] == user.id


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"email": ...}, "email"),
        ({"password": ...}, "password"),
        ({"email": None}, "email"),
        ({"email": 7}, "email"),
        ({"email": ""}, "email"),
        ({"email": "ada"}, "email"),
        ({"email": "ada@"}, "email"),
        ({"email": "@example.org"}, "email"),
        ({"email": "ada@localhost"}, "email"),
        ({"email": "ada@1.2.3.4"}, "email"),
        ({"email": "ada..b@example.org"}, "email"),
        ({"email": "ada@exa mple.org"}, "email"),
        ({"email": "ada@-example.org"}, "email"),
        ({"email": "ada;eve@example.org"}, "email"),
        ({"email": "ada\r\nbcc: eve@example.org"}, "email"),
        ({"email": "a" * 65 + "@example.org"}, "email"),
        ({"email": "a@" + "b" * 250 + ".org"}, "email"),
        ({"email": "a@" + ".".join(["b" * 60] * 5) + ".org"}, "email"),
        ({"email": "ä@example.org"}, "email"),
        ({"password": "123456789"}, "password"),
        ({"password": "x" * 129}, "password"),
        ({"password": "ten\u0007chars!"}, "password"),
        ({"password": ["correct horse battery staple"]}, "password"),
        ({"name": "x" * 101}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"name": None}, "name"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"time_zone": "/etc/localtime"}, "time_zone"),
        ({"time_zone": "Europe"}, "time_zone"),
        ({"time_zone": ""}, "time_zone"),
        ({"is_admin": True}, "is_admin"),
    ],
)
def test_registration_names_the_field_that_is_wrong(service, fields, field):
    refused(register(service, **fields), 400, "invalid", field)


def test_registration_reports_every_wrong_field(service):
    problem = refused(register(service, email="x", password="short", name="x" * 101), 400)
    fields = {e["field"] for e in problem["errors"]}
    assert {"password", "name"} <= fields


@pytest.mark.parametrize("password", ["pässwörtér", "🔑" * 10, "x" * 128, "🔑" * 128, "  spaces   stay  "])
def test_password_counts_characters_not_bytes(service, password):
    user = User(service, password=password)
    user.sign_in()


def test_profile_changes_and_is_published(service, sidecar):
    user = User(service)
    answer = user.patch("/account", json={"name": "Ada L.", "time_zone": "Asia/Tokyo"})
    assert answer.status_code == 200
    assert (answer.json()["name"], answer.json()["time_zone"]) == ("Ada L.", "Asia/Tokyo")
    assert user.get("/account").json() == answer.json()

    def updated():
        return [e for e in sidecar.events(type="todo.user.updated.v1") if e.event["ownerid"] == user.id]

    wait_for("user.updated", updated)
    assert updated()[0].event["seq"] == "2"
    assert updated()[0].data["version"] == 2


def test_change_without_effect_draws_no_seq(service, database):
    user = User(service, name="Ada")
    for body in ({}, {"name": "Ada"}, {"time_zone": "UTC"}):
        assert user.patch("/account", json=body).status_code == 200
    assert database.value("backend", "SELECT seq FROM account WHERE id = %s", user.id) == 1


def test_changes_at_once_are_all_counted(service, database):
    user = User(service)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: user.patch("/account", json={"name": f"name {i}"}), range(8)))
    assert {a.status_code for a in answers} <= {200, 503}
    n_saved = sum(a.status_code == 200 for a in answers)
    row = database.execute("backend", "SELECT seq, version FROM account WHERE id = %s", user.id)[0]
    assert row == (1 + n_saved, 1 + n_saved)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": "eve@example.org"}, "email"),
        ({"name": None}, "name"),
        ({"name": 1}, "name"),
        ({"time_zone": "UTC+1"}, "time_zone"),
        ({"seq": 7}, "seq"),
    ],
)
def test_profile_names_the_field_that_is_wrong(service, body, field):
    refused(User(service).patch("/account", json=body), 400, "invalid", field)


def test_password_change_ends_the_other_sessions(service):
    user = User(service)
    other = user.sign_in()
    answer = user.post("/account/password", json={"password": PASSWORD, "new_password": "another horse battery"})
    assert answer.status_code == 204
    refused(other.get("/account"), 401, "session_ended")
    refused(other.post("/session/refresh"), 401)
    assert user.get("/account").status_code == 200
    assert user.post("/session/refresh").status_code == 200
    refused(client(service).post("/session", json={"email": user.email, "password": PASSWORD}), 401)
    user.password = "another horse battery"
    user.sign_in()


def test_password_change_keeps_the_personal_tokens(service):
    user = User(service)
    program = user.api_token("account:read")
    user.post("/account/password", json={"password": PASSWORD, "new_password": "another horse battery"})
    assert program.get("/account").status_code == 200


def test_password_change_needs_the_old_one(service):
    user = User(service)
    body = {"password": "not the password", "new_password": "another horse battery"}
    refused(user.post("/account/password", json=body), 401, "wrong_credentials")
    refused(user.post("/account/password", json={**body, "new_password": "short"}), 400, "invalid", "new_password")
    refused(user.post("/account/password", json={"new_password": "another horse"}), 400, "invalid", "password")
    user.sign_in()


def test_deletion_needs_the_password(service):
    user = User(service)
    refused(user.post("/account/delete", json={"password": "not the password"}), 401, "wrong_credentials")
    refused(user.post("/account/delete", json={}), 400, "invalid", "password")
    refused(user.post("/account/delete"), 415)
    assert user.get("/account").status_code == 200


def test_deletion_removes_all_that_is_owned(service, database, sidecar):
    user = User(service)
    other = user.sign_in()
    program = user.api_token("account:read", "tasks:read")
    for i in range(3):
        assert user.post("/tasks", json={"title": f"task {i}"}).status_code == 201
    answer = user.post("/account/delete", json={"password": PASSWORD})
    assert answer.status_code == 204
    assert "Max-Age=0" in answer.headers["set-cookie"]
    for someone in (user, other, program):
        refused(someone.get("/account"), 401)
        refused(someone.get("/tasks"), 401)
    refused(client(service).post("/session", json={"email": user.email, "password": PASSWORD}), 401)

    def n_rows():
        return database.value(
            "backend",
            "SELECT (SELECT count(*) FROM account WHERE id = %(id)s)"
            " + (SELECT count(*) FROM session WHERE account_id = %(id)s)"
            " + (SELECT count(*) FROM api_token WHERE account_id = %(id)s)"
            " + (SELECT count(*) FROM task WHERE owner_id = %(id)s)"
            " + (SELECT count(*) FROM idempotency WHERE owner_id = %(id)s)"
            " + (SELECT count(*) FROM removed_account WHERE id = %(id)s)".replace("%(id)s", f"'{user.id}'"),
        )

    wait_for("nothing to be left", lambda: n_rows() == 0)
    wait_for("user.deleted", lambda: [e for e in sidecar.events("user-events", "todo.user.deleted.v1") if e.event["ownerid"] == user.id])
    wait_for("update.user-deleted", lambda: [e for e in sidecar.events("task-updates", "todo.update.user-deleted.v1") if e.event["ownerid"] == user.id])
    event = next(e for e in sidecar.events(type="todo.user.deleted.v1") if e.event["ownerid"] == user.id)
    assert user.email not in json.dumps(event.event)
    assert event.event["seq"] == "5"  # registered, three tasks, deleted
    User(service, email=user.email)  # the address is free again


def test_writes_during_a_deletion_leave_nothing(service, database):
    user = User(service)

    def write(i: int) -> int:
        return user.post("/tasks", json={"title": f"task {i}"}).status_code

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        writes = [pool.submit(write, i) for i in range(40)]
        assert user.post("/account/delete", json={"password": PASSWORD}).status_code == 204
        assert {w.result() for w in writes} <= {201, 401, 404}
    query = "SELECT count(*) FROM task WHERE owner_id = %s"
    wait_for("no task to be left", lambda: database.value("backend", query, user.id) == 0)


@pytest.mark.parametrize(
    "method, path, body",
    [
        ("POST", "/tasks", {"title": "late"}),
        ("PATCH", "/tasks/{id}", {"title": "late"}),
        ("POST", "/tokens", {"name": "late", "scopes": ["tasks:read"]}),
        ("POST", "/account/password", {"password": PASSWORD, "new_password": "another horse battery"}),
        ("POST", "/account/delete", {"password": PASSWORD}),
    ],
)
def test_what_waits_for_a_deletion_finds_the_account_gone(service, database, method, path, body):
    """Its statement began before the deletion committed, and still sees the row it waits for."""
    user = User(service)
    task = user.post("/tasks", json={"title": "task"}).json()
    with concurrent.futures.ThreadPoolExecutor(1) as pool, database.connect("backend") as deletion:
        deletion.autocommit = False
        deletion.execute("DELETE FROM account WHERE id = %s", (user.id,))
        answer = pool.submit(user.request, method, path.format(id=task["id"]), json=body)
        wait_for(f"{method} {path} to wait", lambda: database.waiting("WITH%") == 1)
        deletion.commit()
        refused(answer.result(), 401, "unauthenticated")


@pytest.mark.parametrize(
    "method, path, body",
    [
        ("POST", "/tasks", {"title": "late"}),
        ("PATCH", "/tasks/{id}", {"title": "late"}),
        ("POST", "/tasks/{id}/reopen", None),
    ],
)
def test_a_401_behind_a_known_token_is_a_challenge_too(service, database, method, path, body):
    """The token is still cached when its account goes, and its task still there: each statement finds out
    by itself."""
    user = User(service)
    task = user.post("/tasks", json={"title": "task"}).json()
    database.execute("backend", "DELETE FROM account WHERE id = %s", user.id)
    answer = user.request(method, path.format(id=task["id"]), json=body)
    refused(answer, 401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="todo", error="invalid_token"'


def test_export_has_everything_and_no_secret(service):
    user = User(service, name="Ada")
    user.api_token("tasks:read")
    ids = [user.post("/tasks", json={"title": f"task {i}"}).json()["id"] for i in range(5)]
    user.delete(f"/tasks/{ids[0]}")
    answer = user.get("/account/export")
    export = answer.json()
    assert export["account"] == user.get("/account").json()
    assert len(export["sessions"]) == 1 and len(export["tokens"]) == 1
    assert {t["id"] for t in export["tasks"]} == set(ids)
    assert next(t for t in export["tasks"] if t["id"] == ids[0])["deleted_at"]
    assert export["next_cursor"] is None
    for secret in ("argon2", "todo_", "password", "hash", "sealed"):
        assert secret not in answer.text


def test_export_pages_through_many_tasks(service):
    user = User(service)
    for _ in range(3):
        operations = [{"op": "create", "task": {"title": f"task {i}"}} for i in range(80)]
        assert user.post("/tasks/batch", json={"operations": operations}).status_code == 200
    found, cursor = set(), None
    for _ in range(5):
        page = user.get("/account/export", params={"cursor": cursor} if cursor else {}).json()
        assert ("account" in page) == (cursor is None)
        found |= {t["id"] for t in page["tasks"]}
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(found) == 240 and cursor is None


@pytest.mark.parametrize("cursor", ["x", "0", "-1", "1x", "99999999999999999999", "1.5", ""])
def test_export_refuses_a_cursor_of_its_own_making(service, cursor):
    refused(User(service).get("/account/export", params={"cursor": cursor}), 400, "invalid", "cursor")


def test_memory_goes_back_after_passwords(service):
    """Each hash takes 19 MiB; none of it stays. A sanitizer keeps freed memory of other kinds for a while."""
    limit = (64 if "asan" in service.mapped_files() else 8) * 2**20
    before = service.resident_bytes()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert all(a.status_code == 201 for a in pool.map(lambda _: register(service), range(32)))
    wait_for("the memory to go back", lambda: service.resident_bytes() - before < limit)


def test_logs_hold_no_secret(service):
    user = User(service, password="a very secret passphrase")
    refused(client(service).post("/session", json={"email": user.email, "password": "another wrong secret"}), 401)
    refused(client(service, user.token + "x").get("/account"), 401)
    log = service.log()
    for secret in (user.password, "another wrong secret", user.token, user.email):
        assert secret not in log
    assert list(user.http.cookies.values())[0] not in log
