"""What the backend does by itself: expired rows go, by several replicas at once; a drain answers those
who wait for a password; what the database holds gives no token."""

from __future__ import annotations

import concurrent.futures

import httpx
import pytest

from support import api
from support.api import PASSWORD, User, client, new_email
from support.waiting import wait_for

SERVICE = "backend"
SETTINGS = {**api.SETTINGS, "PURGE_INTERVAL_S": "1"}


@pytest.fixture(scope="module")
def other_replica(service, service_maker, database):
    return service_maker(database, sidecar=service.sidecar).start()


def count(database, table: str, user: User) -> int:
    by = {"refresh_token": "session_id IN (SELECT id FROM session WHERE account_id = %s)"}
    where = by.get(table, "account_id = %s")
    return database.value("backend", f"SELECT count(*) FROM {table} WHERE {where}", user.id)


def test_expired_sessions_go_and_live_ones_stay(service, other_replica, database):
    user = User(service)
    user.sign_in()
    oldest = "id = (SELECT id FROM session WHERE account_id = %s ORDER BY created_at LIMIT 1)"
    database.execute("backend", f"UPDATE session SET expires_at = now() - interval '1 second' WHERE {oldest}", user.id)
    wait_for("one session to be left", lambda: count(database, "session", user) == 1)


def test_old_refresh_tokens_go(service, other_replica, database):
    user = User(service)
    for _ in range(3):
        assert user.post("/session/refresh").status_code == 200
    assert count(database, "refresh_token", user) == 4
    database.execute(
        "backend",
        "UPDATE refresh_token t SET replaced_at = now() - interval '8 days' FROM session s"
        " WHERE s.id = t.session_id AND s.account_id = %s AND replaced_at IS NOT NULL",
        user.id,
    )
    wait_for("the current one to be left", lambda: count(database, "refresh_token", user) == 1)
    assert user.post("/session/refresh").status_code == 200


def test_api_tokens_go_a_month_after_their_end(service, other_replica, database):
    user = User(service)
    for days in (1, 31):
        user.api_token("tasks:read", name=f"{days}")
        database.execute(
            "backend",
            "UPDATE api_token SET expires_at = now() - make_interval(days => %s) WHERE account_id = %s AND name = %s",
            days,
            user.id,
            str(days),
        )
    wait_for("one token to be left", lambda: [t["name"] for t in user.get("/tokens").json()["tokens"]] == ["1"])


def test_old_failures_are_forgotten(service, other_replica, database):
    for _ in range(3):
        client(service).post("/session", json={"email": new_email(), "password": "some password"})
    assert database.value("backend", "SELECT count(*) FROM sign_in_failure") > 0
    database.execute("backend", "UPDATE sign_in_failure SET last_at = now() - interval '25 hours'")
    wait_for("none to be left", lambda: database.value("backend", "SELECT count(*) FROM sign_in_failure") == 0)


def test_large_accounts_go_in_bounded_steps(service, other_replica, database):
    user = User(service)
    assert user.post("/tasks", json={"title": "one of many"}).status_code == 201
    database.execute(
        "backend",
        "INSERT INTO task (owner_id, id, version, seq, created_at, updated_at, status, priority, title, description,"
        " tags, tag_keys) SELECT owner_id, gen_random_uuid(), 1, 100 + i, now(), now(), 0, 1, 'x', '', '{}', '{}'"
        " FROM task, generate_series(1, 5000) i WHERE owner_id = %s",
        user.id,
    )
    assert user.post("/account/delete", json={"password": PASSWORD}).status_code == 204
    query = "SELECT count(*) FROM task WHERE owner_id = %s"
    wait_for("no task to be left", lambda: database.value("backend", query, user.id) == 0)
    wait_for("the account to be done with", lambda: database.value("backend", "SELECT count(*) FROM removed_account") == 0)


def test_the_database_gives_no_token(service, database):
    user = User(service)
    token = user.http.cookies["todo_refresh"]
    user.post("/session/refresh")
    rows = database.execute(
        "backend",
        "SELECT t::text FROM account t UNION ALL SELECT t::text FROM session t UNION ALL"
        " SELECT t::text FROM refresh_token t UNION ALL SELECT t::text FROM outbox t",
    )
    text = str(rows)
    assert PASSWORD not in text and token not in text and user.http.cookies["todo_refresh"] not in text
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in text


def test_a_drain_answers_who_waits_for_a_password(service_maker, database):
    settings = {**SETTINGS, "PASSWORD_WORKERS": "1", "SIGN_IN_FAILURES_FREE": "100"}
    service = service_maker(database, settings=settings).start()
    email = User(service).email

    def sign_in(_: int) -> int:
        try:
            body = {"email": email, "password": PASSWORD}
            return httpx.post(service.url + "/api/v1/session", json=body, timeout=60).status_code
        except httpx.TransportError:
            return 0  # came after the end

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(sign_in, i) for i in range(8)]
        wait_for("passwords to be hashed", lambda: service.metric("password_hash_seconds_count") >= 2)
        assert service.stop() == 0
        statuses = [f.result() for f in futures]
    assert set(statuses) <= {200, 0} and statuses.count(200) >= 2
