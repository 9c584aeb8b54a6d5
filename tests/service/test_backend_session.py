"""Sessions: sign-in and its locks, refresh and its grace, sign-out, the list."""

from __future__ import annotations

import concurrent.futures
import hashlib
import time

import httpx
import pytest

from support import api
from support.api import PASSWORD, PUBLIC_URL, User, client, new_email, refused
from support.waiting import wait_for

SERVICE = "backend"
SETTINGS = {**api.SETTINGS, "SESSIONS_MAX": "5", "SESSION_CHECK_MS": "200"}

COOKIE = "todo_refresh"


def sign_in(service, email: str, password: str = PASSWORD, **options) -> httpx.Response:
    return client(service, **options).post("/session", json={"email": email, "password": password})


def cookie_client(service, token: str, **headers: str) -> httpx.Client:
    """A client whose only means is a refresh cookie."""
    return client(service, headers={"Cookie": f"{COOKIE}={token}", **headers})


def refresh(service, token: str, **headers: str) -> httpx.Response:
    return cookie_client(service, token, **headers).post("/session/refresh")


def new_cookie(answer: httpx.Response) -> str:
    return answer.headers["set-cookie"].split(";")[0].removeprefix(COOKIE + "=")


def age_replaced_tokens(database, user: User, seconds: int) -> None:
    """As if the refresh tokens had been replaced so long ago."""
    database.execute(
        "backend",
        "UPDATE refresh_token t SET replaced_at = replaced_at - make_interval(secs => %s)"
        " FROM session s WHERE s.id = t.session_id AND s.account_id = %s",
        seconds,
        user.id,
    )


@pytest.fixture(autouse=True)
def no_failures_left_over(database, service):
    database.execute("backend", "DELETE FROM sign_in_failure")


# ---------------------------------------------------------------- sign-in


def test_sign_in_gives_token_and_cookie(service):
    user = User(service)
    answer = sign_in(service, user.email.upper())
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=Strict", "Path=/api/v1/session", "Max-Age=2592000"):
        assert part in cookie
    assert client(service, answer.json()["access_token"]).get("/account").status_code == 200


def test_cookie_is_for_https_alone_by_default(service_maker, database):
    settings = {k: v for k, v in SETTINGS.items() if k != "COOKIE_SECURE"}
    service = service_maker(database, settings=settings).start()
    user = User(service)
    assert "; Secure" in sign_in(service, user.email).headers["set-cookie"]


def test_wrong_password_and_unknown_email_look_alike(service):
    user = User(service)
    wrong = refused(sign_in(service, user.email, "not the password"), 401, "wrong_credentials")
    unknown = refused(sign_in(service, new_email(), "not the password"), 401, "wrong_credentials")
    assert wrong["detail"] == unknown["detail"]


def failure_digest(kind: str, text: str) -> bytes:
    """By which failures of an account or an address are counted."""
    return hashlib.sha256(f"{kind}\0{text}".encode()).digest()


def test_right_and_wrong_passwords_at_once_do_not_wait_for_each_other(service, database):
    """Attempts take the two rows by their digests, the account's first here; so does what takes one back."""
    address = failure_digest("address", "127.0.0.1")
    email = next(e for e in iter(new_email, None) if failure_digest("account", e) < address)
    User(service, email=email)
    take = "SELECT FROM sign_in_failure WHERE digest = %s FOR UPDATE"
    with concurrent.futures.ThreadPoolExecutor(1) as pool, database.connect("backend") as attempt:
        with database.connect("backend") as lock, lock.transaction():
            lock.execute("LOCK TABLE account")  # which is read between the attempt and its end
            answer = pool.submit(sign_in, service, email)
            wait_for("the attempt", lambda: database.waiting("%a.email = $1%") == 1)
            attempt.autocommit = False
            assert attempt.execute(take, (failure_digest("account", email),)).rowcount == 1
        wait_for("its end to wait", lambda: database.waiting("%forgotten AS%") == 1)
        assert attempt.execute(take, (address,)).rowcount == 1
        attempt.commit()
        assert answer.result().status_code == 200
    left = database.execute("backend", "SELECT digest, failures FROM sign_in_failure")
    assert left == [(address, 0)]


@pytest.mark.parametrize("has_room", [True, False])
def test_a_sign_in_that_waits_for_a_deletion_finds_no_account(service, database, has_room):
    """Nor does it hold a session that has to make room while it waits: the deletion takes it as well."""
    user = User(service)
    for _ in range(0 if has_room else 4):
        user.sign_in()
    with concurrent.futures.ThreadPoolExecutor(1) as pool, database.connect("backend") as deletion:
        deletion.autocommit = False
        deletion.execute("SELECT FROM account WHERE id = %s FOR UPDATE", (user.id,))
        answer = pool.submit(sign_in, service, user.email)
        wait_for("the sign-in to wait", lambda: database.waiting("%oldest AS%") == 1)
        deletion.execute("DELETE FROM account WHERE id = %s", (user.id,))
        deletion.commit()
        refused(answer.result(), 401, "wrong_credentials")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"password": "x"}, "email"),
        ({"email": "ada@example.org"}, "password"),
        ({"email": "not an address", "password": "x"}, "email"),
        ({"email": "ada@example.org", "password": ""}, "password"),
        ({"email": "ada@example.org", "password": "x" * 129}, "password"),
        ({"email": "ada@example.org", "password": {"$ne": ""}}, "password"),
        ({"email": "ada@example.org", "password": "x", "remember": True}, "remember"),
    ],
)
def test_sign_in_names_the_field_that_is_wrong(service, body, field):
    refused(client(service).post("/session", json=body), 400, "invalid", field)


def hold_locks(database) -> int:
    """Put a minute on top of what is locked: the first lock takes 2 s, which may be over before a busy
    machine asks again. Return how long the newest lock was to take, in seconds."""
    newest = "locked_until > last_at AND last_at = (SELECT max(last_at) FROM sign_in_failure)"
    took = f"SELECT extract(epoch FROM max(locked_until - last_at))::int FROM sign_in_failure WHERE {newest}"
    lock_s = database.value("backend", took)
    database.execute(
        "backend", f"UPDATE sign_in_failure SET locked_until = locked_until + interval '1 minute' WHERE {newest}"
    )
    return lock_s


def test_failures_lock_the_account_for_a_growing_time(service, database):
    user = User(service)
    for _ in range(5):
        refused(sign_in(service, user.email, "not the password"), 401)
    refused(sign_in(service, user.email, "not the password"), 401)  # the first beyond the free ones locks
    waits = []
    for _ in range(4):
        waits.append(hold_locks(database))
        answer = sign_in(service, user.email)  # the right one, but not now
        refused(answer, 429, "locked")
        assert 0 < int(answer.headers["retry-after"]) <= 60 + waits[-1]
        # the lock is over
        database.execute("backend", "UPDATE sign_in_failure SET locked_until = now() - interval '1 second'")
        refused(sign_in(service, user.email, "not the password"), 401)
    assert waits == sorted(waits) and waits[0] <= 2 and waits[-1] > 8
    database.execute("backend", "UPDATE sign_in_failure SET locked_until = now() - interval '1 second'")
    assert sign_in(service, user.email).status_code == 200
    refused(sign_in(service, user.email, "not the password"), 401)  # forgiven: it counts anew
    assert sign_in(service, user.email).status_code == 200


def test_attempts_at_once_do_not_slip_past_the_lock(service, database):
    user = User(service)
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: sign_in(service, user.email, "not the password"), range(40)))
    statuses = [a.status_code for a in answers]
    n_locks_over = (time.monotonic() - began) // 2  # the shortest lock takes 2 s
    assert statuses.count(401) <= 6 + n_locks_over and set(statuses) <= {401, 429, 503}


def test_unknown_accounts_are_locked_alike(service, database):
    email = new_email()
    for _ in range(6):
        refused(sign_in(service, email, "not the password"), 401)
    hold_locks(database)
    refused(sign_in(service, email, "not the password"), 429, "locked")


def test_failures_lock_the_address_across_accounts(service_maker, database):
    service = service_maker(database, settings={**SETTINGS, "SIGN_IN_ADDRESS_FAILURES_FREE": "8"}).start()
    user = User(service)
    attacker = {"X-Forwarded-For": "203.0.113.9"}
    for _ in range(9):
        refused(sign_in(service, new_email(), "not the password", headers=attacker), 401)
    hold_locks(database)
    refused(sign_in(service, user.email, headers=attacker), 429, "locked")
    assert sign_in(service, user.email, headers={"X-Forwarded-For": "198.51.100.7"}).status_code == 200


def test_an_ipv6_network_is_one_address(service_maker, database):
    service = service_maker(database, settings={**SETTINGS, "SIGN_IN_ADDRESS_FAILURES_FREE": "4"}).start()
    for i in range(5):
        headers = {"X-Forwarded-For": f"2001:db8:1:2:{i}::1"}
        refused(sign_in(service, new_email(), "not the password", headers=headers), 401)
    hold_locks(database)
    refused(sign_in(service, new_email(), headers={"X-Forwarded-For": "2001:db8:1:2:ffff::9"}), 429, "locked")
    refused(sign_in(service, new_email(), headers={"X-Forwarded-For": "2001:db8:1:3::9"}), 401)


def test_password_guessing_by_a_session_is_locked_too(service, database):
    user = User(service)
    for _ in range(6):
        refused(user.post("/account/delete", json={"password": "not the password"}), 401)
    hold_locks(database)
    refused(user.post("/account/delete", json={"password": PASSWORD}), 429, "locked")


def test_too_many_passwords_at_once_are_refused(service_maker, database):
    settings = {**SETTINGS, "PASSWORD_WORKERS": "1", "PASSWORD_QUEUE_MAX": "1"}
    service = service_maker(database, settings=settings).start()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: sign_in(service, new_email(), "some password"), range(32)))
    busy = [a for a in answers if a.status_code == 503]
    assert busy and {a.status_code for a in answers} <= {401, 503}
    assert all(a.json()["code"] == "busy" and int(a.headers["retry-after"]) >= 1 for a in busy)


def test_sign_ins_from_an_address_are_limited(service_maker, database):
    settings = {**SETTINGS, "RATE_SIGN_IN_PER_MIN": "1", "RATE_SIGN_IN_BURST": "3"}
    service = service_maker(database, settings=settings).start()
    answers = [sign_in(service, new_email(), "some password") for _ in range(4)]
    assert [a.status_code for a in answers] == [401, 401, 401, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1


# ---------------------------------------------------------------- refresh


def test_refresh_rotates_the_cookie(service):
    user = User(service)
    first = user.http.cookies[COOKIE]
    answer = user.post("/session/refresh")
    assert answer.status_code == 200
    assert new_cookie(answer) != first
    assert answer.json()["account"] == user.account
    assert client(service, answer.json()["access_token"]).get("/account").status_code == 200


def test_a_repeated_refresh_gives_the_same_successor(service):
    user = User(service)
    token = user.http.cookies[COOKIE]
    first, second = refresh(service, token), refresh(service, token)
    assert new_cookie(first) == new_cookie(second)
    third = refresh(service, new_cookie(first))
    assert third.status_code == 200 and new_cookie(third) not in (token, new_cookie(first))
    assert new_cookie(refresh(service, token)) == new_cookie(first)


def test_tabs_refreshing_at_once_agree(service):
    user = User(service)
    token = user.http.cookies[COOKIE]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: refresh(service, token), range(16)))
    assert {a.status_code for a in answers} == {200}
    assert len({new_cookie(a) for a in answers}) == 1


def test_reuse_after_the_grace_ends_the_session(service, database):
    user = User(service)
    stolen = user.http.cookies[COOKIE]
    successor = new_cookie(refresh(service, stolen))
    age_replaced_tokens(database, user, 11)
    answer = refresh(service, stolen)
    refused(answer, 401, "refresh_reused")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    refused(refresh(service, successor), 401, "session_ended")
    refused(user.get("/account"), 401, "session_ended")


def test_reuse_ends_no_other_session(service, database):
    user = User(service)
    other = user.sign_in()
    stolen = user.http.cookies[COOKIE]
    refresh(service, stolen)
    age_replaced_tokens(database, user, 11)
    refused(refresh(service, stolen), 401, "refresh_reused")
    assert other.post("/session/refresh").status_code == 200


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "A" * 44, "ä", "A" * 5000])
def test_an_invented_cookie_is_refused(service, token):
    answer = httpx.post(
        service.url + "/api/v1/session/refresh", headers={"Cookie": f"{COOKIE}={token}".encode()}
    )
    refused(answer, 401)


@pytest.mark.parametrize("locked_first", [True, False])
def test_a_refresh_that_waits_for_the_end_of_its_session_is_told_of_it(service, database, locked_first):
    """And holds none of its tokens meanwhile, which the end of the session deletes too, after it."""
    user = User(service)
    session_id = user.get("/sessions").json()["sessions"][0]["id"]
    with concurrent.futures.ThreadPoolExecutor(1) as pool, database.connect("backend") as ending:
        ending.autocommit = False
        end = "DELETE FROM session WHERE id = %s"
        ending.execute("SELECT FROM session WHERE id = %s FOR UPDATE" if locked_first else end, (session_id,))
        answer = pool.submit(user.post, "/session/refresh")
        wait_for("the refresh to wait", lambda: database.waiting("%used AS%") == 1)
        ending.execute(end, (session_id,))
        ending.commit()
        refused(answer.result(), 401, "session_ended")
    assert "Max-Age=0" in answer.result().headers["set-cookie"]


def test_refresh_needs_a_cookie(service):
    refused(client(service).post("/session/refresh"), 401, "refresh_missing")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": PUBLIC_URL + ".evil.example"},
        {"Origin": PUBLIC_URL + "/"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": PUBLIC_URL, "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_another_site_cannot_act_by_the_cookie(service, headers):
    user = User(service)
    token = user.http.cookies[COOKIE]
    refused(refresh(service, token, **headers), 403, "cross_site")
    refused(cookie_client(service, token, **headers).delete("/session"), 403, "cross_site")
    assert refresh(service, token, Origin=PUBLIC_URL).status_code == 200


def test_an_expired_session_is_refused(service, database):
    user = User(service)
    database.execute("backend", "UPDATE session SET expires_at = now() WHERE account_id = %s", user.id)
    refused(user.post("/session/refresh"), 401, "session_ended")


def test_a_refresh_survives_a_crash_before_its_reply(service_maker, database):
    """Committed, but the answer never came: the same cookie works again, the new one as well."""
    service = service_maker(database, settings=SETTINGS).start()
    user = User(service)
    token = user.http.cookies[COOKIE]
    assert refresh(service, token).status_code == 200
    service.kill()
    service.start()
    answer = refresh(service, token)
    assert answer.status_code == 200
    assert refresh(service, new_cookie(answer)).status_code == 200


# ---------------------------------------------------------------- sign-out and the list


def test_sign_out_by_cookie_ends_both_tokens(service):
    user = User(service)
    token = user.http.cookies[COOKIE]
    answer = user.delete("/session")
    assert answer.status_code == 204
    assert "Max-Age=0" in answer.headers["set-cookie"]
    refused(client(service, user.token).get("/account"), 401, "session_ended")
    refused(refresh(service, token), 401, "session_ended")
    assert cookie_client(service, token).delete("/session").status_code == 204  # again: no error


def test_sign_out_by_access_token(service):
    user = User(service)
    assert client(service, user.token).delete("/session").status_code == 204
    refused(user.get("/account"), 401, "session_ended")


def test_sign_out_needs_something_to_sign_out(service):
    refused(client(service).delete("/session"), 401, "token_missing")


def test_sign_out_everywhere(service):
    user = User(service)
    others = [user.sign_in() for _ in range(3)]
    assert user.delete("/sessions").status_code == 204
    for one in (user, *others):
        refused(one.get("/account"), 401, "session_ended")
        refused(one.post("/session/refresh"), 401)


def test_sign_out_everywhere_tells_the_sockets(service, sidecar):
    user = User(service)
    task = user.post("/tasks", json={"title": "x"})
    assert task.status_code == 201
    assert user.delete("/sessions").status_code == 204
    wait_for("update.signed-out", lambda: api.signed_outs(sidecar, user))
    assert api.signed_outs(sidecar, user) == [("2", {"id": user.id})]  # the task's: it draws none


def test_password_change_tells_the_sockets_and_draws_no_seq(service, sidecar):
    user = User(service)
    user.post("/account/password", json={"password": "not the password", "new_password": "another horse battery"})
    answer = user.post("/account/password", json={"password": PASSWORD, "new_password": "another horse battery"})
    assert answer.status_code == 204
    wait_for("update.signed-out", lambda: api.signed_outs(sidecar, user))
    assert api.signed_outs(sidecar, user) == [("1", {"id": user.id})]


def test_a_revocation_reaches_other_replicas(service_maker, database):
    one = service_maker(database, settings=SETTINGS).start()
    two = service_maker(database, settings=SETTINGS, sidecar=one.sidecar).start()
    user = User(one)
    there = client(two, user.token)
    assert there.get("/account").status_code == 200
    assert user.delete("/sessions").status_code == 204
    wait_for("the other replica to notice", lambda: there.get("/account").status_code == 401)


def test_the_list_shows_where(service):
    user = User(service)
    other = user.sign_in()
    client(service, headers={"User-Agent": "Lynx/2.9"}).post(
        "/session", json={"email": user.email, "password": PASSWORD}
    )
    sessions = user.get("/sessions").json()["sessions"]
    assert len(sessions) == 3
    assert [s["is_current"] for s in sessions].count(True) == 1
    assert "Lynx/2.9" in [s["user_agent"] for s in sessions]
    mine = next(s["id"] for s in sessions if s["is_current"])
    assert next(s["id"] for s in other.get("/sessions").json()["sessions"] if s["is_current"]) != mine


def test_one_session_can_be_revoked(service):
    user = User(service)
    other = user.sign_in()
    theirs = next(s["id"] for s in other.get("/sessions").json()["sessions"] if s["is_current"])
    assert user.delete(f"/sessions/{theirs}").status_code == 204
    refused(other.get("/account"), 401, "session_ended")
    assert user.get("/account").status_code == 200
    refused(user.delete(f"/sessions/{theirs}"), 404, "not_found")


def test_sessions_of_others_are_not_there(service):
    user, eve = User(service), User(service)
    theirs = user.get("/sessions").json()["sessions"][0]["id"]
    refused(eve.delete(f"/sessions/{theirs}"), 404, "not_found")
    assert user.get("/account").status_code == 200
    assert theirs not in [s["id"] for s in eve.get("/sessions").json()["sessions"]]


@pytest.mark.parametrize("id", ["x", "00000000-0000-0000-0000-00000000000", "%00", "..", "' OR 1=1 --"])
def test_a_malformed_session_id_is_not_found(service, id):
    answer = User(service).delete(f"/sessions/{id}")
    assert answer.status_code in (400, 404, 405)


def test_the_oldest_session_makes_room(service):
    user = User(service)
    others = [user.sign_in() for _ in range(5)]
    refused(user.post("/session/refresh"), 401, "session_ended")
    assert others[-1].get("/account").status_code == 200
    assert len(others[-1].get("/sessions").json()["sessions"]) == 5


@pytest.mark.parametrize("agent", [b"x" * 5000, "Bröwser".encode(), b"\xff\xfe", b""])
def test_any_user_agent_signs_in(service, agent):
    user = User(service)
    answer = httpx.post(
        service.url + "/api/v1/session",
        headers={"User-Agent": agent},
        json={"email": user.email, "password": PASSWORD},
    )
    assert answer.status_code == 200
    agents = [s["user_agent"] for s in user.get("/sessions").json()["sessions"]]
    assert all(len(a.encode()) <= 200 for a in agents)
