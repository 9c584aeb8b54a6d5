"""Access tokens that are not ours, personal API tokens and their scopes, WebSocket tickets, limits."""

from __future__ import annotations

import base64
import datetime
import json
import time
import uuid

import jwt
import pytest

from support import api
from support.api import User, client, refused
from support.fake_sidecar import random_key
from support.waiting import wait_for

SERVICE = "backend"
SETTINGS = {**api.SETTINGS, "API_TOKENS_MAX": "5", "SESSION_CHECK_MS": "0"}


@pytest.fixture(scope="module")
def user(service) -> User:
    return User(service)


def key_of(service, name: str = "token-keys", kid: str | None = None) -> bytes:
    ring = service.sidecar.secrets[name]
    return base64.b64decode(ring[kid or ring["active"]])


def claims_of(user: User, **changes) -> dict:
    claims = jwt.decode(user.token, options={"verify_signature": False})
    claims.update(changes)
    return {k: v for k, v in claims.items() if v is not ...}


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_the_token_is_a_jwt_with_a_kid(service, user):
    header = jwt.get_unverified_header(user.token)
    assert header["alg"] == "HS256" and header["kid"] == service.sidecar.secrets["token-keys"]["active"]
    claims = jwt.decode(user.token, key_of(service), algorithms=["HS256"], audience="api", issuer="todo")
    assert claims["sub"] == user.id and uuid.UUID(claims["sid"])
    assert claims["exp"] - claims["iat"] == 900


def test_a_token_of_our_own_making_with_the_right_key_works(service, user):
    """So that the refusals below are for the reason they name."""
    token = jwt.encode(claims_of(user), key_of(service), "HS256", headers={"kid": "k1"})
    assert client(service, token).get("/account").status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": int(time.time()) - 1},
        {"exp": 0},
        {"exp": ...},
        {"exp": "never"},
        {"aud": "ws"},
        {"aud": ...},
        {"aud": ["api", "ws"]},
        {"iss": "someone"},
        {"iss": ...},
        {"sub": ...},
        {"sub": "x"},
        {"sub": str(uuid.uuid4())},
        {"sid": ...},
        {"sid": "x"},
        {"sid": str(uuid.uuid4())},
    ],
)
def test_wrong_claims_are_refused(service, user, changes):
    token = jwt.encode(claims_of(user, **changes), key_of(service), "HS256", headers={"kid": "k1"})
    refused(client(service, token).get("/account"), 401)


def test_an_expired_token_says_so(service, user):
    token = jwt.encode(claims_of(user, exp=int(time.time()) - 1), key_of(service), "HS256", headers={"kid": "k1"})
    refused(client(service, token).get("/account"), 401, "token_expired")


def test_alg_none_is_refused(service, user):
    for header in ({"alg": "none", "typ": "JWT"}, {"alg": "none", "kid": "k1"}, {"alg": "NONE", "kid": "k1"}, {"kid": "k1"}):
        for signature in ("", user.token.split(".")[2]):
            token = f"{segment(header)}.{segment(claims_of(user))}.{signature}"
            refused(client(service, token).get("/account"), 401)


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_is_refused(service, user, algorithm):
    key = key_of(service) * 2  # as long as they want it, and the right bytes for HS256
    for each in (key, key_of(service)):
        token = jwt.encode(claims_of(user), each, algorithm, headers={"kid": "k1"})
        refused(client(service, token).get("/account"), 401)


@pytest.mark.parametrize("kid", ["k2", "active", "", "../../k1", "k1\u0000", None, 1, "x" * 300])
def test_a_wrong_kid_is_refused(service, user, kid):
    header = {"alg": "HS256", "typ": "JWT", **({} if kid is None else {"kid": kid})}
    body = f"{segment(header)}.{segment(claims_of(user))}"
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(body.encode(), key_of(service))
    token = f"{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
    refused(client(service, token).get("/account"), 401)


def test_a_forged_signature_is_refused(service, user):
    token = jwt.encode(claims_of(user), base64.b64decode(random_key()), "HS256", headers={"kid": "k1"})
    refused(client(service, token).get("/account"), 401)
    head, body, signature = user.token.split(".")
    other = segment(claims_of(user, sub=str(uuid.uuid4())))
    flipped = signature[:-2] + ("A" if signature[-2] != "A" else "B") + signature[-1]
    for forged in (f"{head}.{other}.{signature}", f"{head}.{body}.{flipped}", f"{head}.{body}.", f"{head}.{body}"):
        refused(client(service, forged).get("/account"), 401)


@pytest.mark.parametrize("token", ["x", "..", "a.b.c", "Bearer", "e30.e30.", "x" * 2000, "todo_", "todo_" + "A" * 43, "todo_x"])
def test_what_is_no_token_is_refused(service, token):
    refused(client(service, token).get("/account"), 401)


@pytest.mark.parametrize("header", ["", "Basic YTpi", "Bearer", "token", "bearer"])
def test_another_scheme_is_refused(service, header):
    refused(client(service, headers={"Authorization": header}).get("/account"), 401, "token_missing")


def test_the_scheme_is_in_either_case(service, user):
    assert client(service, headers={"Authorization": f"bearer {user.token}"}).get("/account").status_code == 200


def test_a_ticket_is_no_access_token(service, user):
    ticket = user.post("/ws/ticket").json()["ticket"]
    refused(client(service, ticket).get("/account"), 401)


def test_rotated_keys_are_in_use_soon(service, database):
    """The active key signs, all keys verify, a removed one no longer does."""
    user = User(service)
    ring = service.sidecar.secrets["token-keys"]
    try:
        service.sidecar.secrets["token-keys"] = {**ring, "active": "k2", "k2": random_key()}
        wait_for(
            "the new key to sign",
            lambda: jwt.get_unverified_header(user.sign_in().token)["kid"] == "k2",
        )
        assert user.get("/account").status_code == 200  # signed with k1
        new = user.sign_in()
        service.sidecar.secrets["token-keys"] = {"active": "k2", "k2": service.sidecar.secrets["token-keys"]["k2"]}
        wait_for("the old key to be forgotten", lambda: user.get("/account").status_code == 401)
        assert new.get("/account").status_code == 200
    finally:
        service.sidecar.secrets["token-keys"] = ring
        wait_for("the first keys again", lambda: user.get("/account").status_code == 200)


@pytest.mark.parametrize(
    "broken",
    [{}, {"active": "k9", "k1": "AAAA"}, {"active": "k1", "k1": "c2hvcnQ="}, {"active": "k1"}, {"active": "k1", "k1": "%%%"}],
)
def test_an_unusable_secret_changes_nothing(service, broken):
    user = User(service)
    ring = service.sidecar.secrets["token-keys"]
    n_calls = len(service.sidecar.calls_of("GET", "/v1.0/secrets/secrets/token-keys"))
    try:
        service.sidecar.secrets["token-keys"] = broken
        wait_for(
            "it to be read",
            lambda: len(service.sidecar.calls_of("GET", "/v1.0/secrets/secrets/token-keys")) > n_calls + 2,
        )
        assert user.get("/account").status_code == 200
        user.sign_in()
    finally:
        service.sidecar.secrets["token-keys"] = ring
    assert all(v not in service.log() for v in broken.values() if len(v) > 4)


# ---------------------------------------------------------------- personal API tokens


def test_a_personal_token_is_shown_once(service, database):
    user = User(service)
    answer = user.post("/tokens", json={"name": "backup", "scopes": ["tasks:read", "account:read"]})
    assert answer.status_code == 201
    token = answer.json()
    assert token["scopes"] == ["tasks:read", "account:read"] and token["last_used_at"] is None
    listed = user.get("/tokens").json()["tokens"]
    assert [t["id"] for t in listed] == [token["id"]]
    assert token["token"] not in user.get("/tokens").text
    dump = str(database.execute("backend", "SELECT t::text FROM api_token t"))
    assert token["token"] not in dump and token["token"][5:] not in dump


def test_a_use_is_noted(service):
    user = User(service)
    program = user.api_token("account:read")
    assert program.get("/account").status_code == 200
    wait_for("last_used_at", lambda: user.get("/tokens").json()["tokens"][0]["last_used_at"])


def test_scopes_limit_what_a_token_may_do(service):
    user = User(service)
    reader, writer = user.api_token("tasks:read"), user.api_token("tasks:write", "account:write")
    assert reader.get("/tasks").status_code == 200
    assert reader.post("/ws/ticket").status_code == 201
    refused(reader.post("/tasks", json={"title": "x"}), 403, "missing_scope")
    refused(reader.get("/account"), 403, "missing_scope")
    refused(reader.get("/account/export"), 403, "missing_scope")
    assert writer.post("/tasks", json={"title": "x"}).status_code == 201
    assert writer.patch("/account", json={"name": "by token"}).status_code == 200
    refused(writer.get("/tasks"), 403, "missing_scope")
    problem = refused(writer.get("/account"), 403, "missing_scope")
    assert "account:read" in problem["detail"]


def test_no_token_manages_sessions_tokens_or_passwords(service):
    user = User(service)
    program = user.api_token("tasks:read", "tasks:write", "account:read", "account:write")
    for method, path, body in (
        ("GET", "/sessions", None),
        ("DELETE", "/sessions", None),
        ("DELETE", f"/sessions/{uuid.uuid4()}", None),
        ("DELETE", "/session", None),
        ("GET", "/tokens", None),
        ("POST", "/tokens", {"name": "x", "scopes": ["tasks:read"]}),
        ("DELETE", f"/tokens/{uuid.uuid4()}", None),
        ("POST", "/account/password", {"password": "x", "new_password": "another horse battery"}),
        ("POST", "/account/delete", {"password": "x"}),
    ):
        refused(program.request(method, path, json=body), 403, "session_required")


def test_a_revoked_token_is_refused_at_once(service):
    user = User(service)
    program = user.api_token("account:read")
    assert program.get("/account").status_code == 200
    id = user.get("/tokens").json()["tokens"][0]["id"]
    assert user.delete(f"/tokens/{id}").status_code == 204
    refused(program.get("/account"), 401)
    refused(user.delete(f"/tokens/{id}"), 404, "not_found")


def test_an_expired_token_is_refused(service, database):
    user = User(service)
    program = user.api_token("account:read")
    assert program.get("/account").status_code == 200
    database.execute("backend", "UPDATE api_token SET expires_at = now() WHERE account_id = %s", user.id)
    refused(program.get("/account"), 401)


def test_tokens_of_others_are_not_there(service):
    user, eve = User(service), User(service)
    program = user.api_token("account:read")
    id = user.get("/tokens").json()["tokens"][0]["id"]
    refused(eve.delete(f"/tokens/{id}"), 404, "not_found")
    assert eve.get("/tokens").json()["tokens"] == []
    assert program.get("/account").status_code == 200


def in_days(days: float) -> str:
    return (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)).isoformat()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scopes": ["tasks:read"]}, "name"),
        ({"name": "", "scopes": ["tasks:read"]}, "name"),
        ({"name": "x" * 101, "scopes": ["tasks:read"]}, "name"),
        ({"name": "x"}, "scopes"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": "tasks:read"}, "scopes"),
        ({"name": "x", "scopes": ["tasks:read", "admin"]}, "scopes[1]"),
        ({"name": "x", "scopes": ["session"]}, "scopes[0]"),
        ({"name": "x", "scopes": ["tasks:read", "tasks:read"]}, "scopes[1]"),
        ({"name": "x", "scopes": ["tasks:read"] * 5}, "scopes"),
        ({"name": "x", "scopes": [1]}, "scopes[0]"),
        ({"name": "x", "scopes": ["tasks:read"], "expires_at": in_days(-1)}, "expires_at"),
        ({"name": "x", "scopes": ["tasks:read"], "expires_at": in_days(367)}, "expires_at"),
        ({"name": "x", "scopes": ["tasks:read"], "expires_at": "tomorrow"}, "expires_at"),
        ({"name": "x", "scopes": ["tasks:read"], "expires_at": None}, "expires_at"),
        ({"name": "x", "scopes": ["tasks:read"], "token": "todo_x"}, "token"),
    ],
)
def test_a_token_order_names_the_field_that_is_wrong(service, user, body, field):
    refused(user.post("/tokens", json=body), 400, "invalid", field)


def test_expiry_can_be_chosen(service):
    wanted = in_days(10)
    token = User(service).post("/tokens", json={"name": "x", "scopes": ["tasks:read"], "expires_at": wanted}).json()
    got = datetime.datetime.fromisoformat(token["expires_at"])
    assert abs(got - datetime.datetime.fromisoformat(wanted)) < datetime.timedelta(seconds=1)


def test_there_is_a_most_of_tokens(service):
    user = User(service)
    for _ in range(5):
        user.api_token("tasks:read")
    answer = user.post("/tokens", json={"name": "x", "scopes": ["tasks:read"]})
    assert "5" in refused(answer, 409, "too_many_tokens")["detail"]


# ---------------------------------------------------------------- tickets


def test_a_ticket_is_signed_for_the_websocket(service):
    user = User(service)
    answer = user.post("/ws/ticket")
    assert answer.status_code == 201
    ticket = answer.json()["ticket"]
    claims = jwt.decode(ticket, key_of(service, "ticket-keys"), algorithms=["HS256"], audience="ws", issuer="todo")
    assert claims["sub"] == user.id and claims["seq"] == 1
    assert claims["exp"] - claims["iat"] == 30
    assert claims["jti"] != jwt.decode(user.post("/ws/ticket").json()["ticket"], options={"verify_signature": False})["jti"]
    user.patch("/account", json={"name": "new"})
    again = jwt.decode(user.post("/ws/ticket").json()["ticket"], options={"verify_signature": False})
    assert again["seq"] == 2


# ---------------------------------------------------------------- limits


def test_requests_of_a_user_are_limited(service_maker, database):
    settings = {**SETTINGS, "RATE_USER_PER_S": "1", "RATE_USER_BURST": "5"}
    service = service_maker(database, settings=settings).start()
    one, other = User(service), User(service)
    statuses = [one.get("/account").status_code for _ in range(5)]
    assert statuses == [200] * 5
    wait_for("a refusal", lambda: one.get("/account").status_code == 429)
    assert other.get("/account").status_code == 200


def test_requests_from_an_address_are_limited(service_maker, database):
    settings = {**SETTINGS, "RATE_ADDRESS_PER_S": "1", "RATE_ADDRESS_BURST": "10"}
    service = service_maker(database, settings=settings).start()
    here = client(service)
    limited = wait_for("a refusal", lambda: (a := here.get("/openapi.json")).status_code == 429 and a)
    assert int(limited.headers["retry-after"]) >= 1
    elsewhere = client(service, headers={"X-Forwarded-For": "203.0.113.77"}).get("/openapi.json")
    assert elsewhere.status_code == 200
    service.wait_ready()  # health and readiness are not counted
