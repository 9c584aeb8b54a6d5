"""How a user wants to be told: settings, push subscriptions, webhooks, and the events that say so."""

from __future__ import annotations

import base64
import concurrent.futures
import json
import secrets
from typing import Any

import pytest

from support import api
from support.api import User, refused
from support.service import PUSH_PUBLIC_KEY, Service
from support.waiting import wait_for

SETTINGS = {**api.SETTINGS, "USER_ADDRESS_LOOPBACK": "true"}
INITIAL = {
    "email": True,
    "push": True,
    "app": True,
    "webhook": True,
    "default_reminder": "PT0S",
    "quiet_from": None,
    "quiet_until": None,
    "digest_at": None,
}


@pytest.fixture
def ada(service: Service) -> User:
    return User(service)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def subscription(endpoint: str = "https://127.0.0.1/push/1", **fields: Any) -> dict[str, Any]:
    keys = {"p256dh": base64url(b"\x04" + secrets.token_bytes(64)), "auth": base64url(secrets.token_bytes(16))}
    return {"channel": "push", "endpoint": endpoint, "keys": keys, **fields}


def webhook(url: str = "https://127.0.0.1/hook/1", **fields: Any) -> dict[str, Any]:
    return {"channel": "webhook", "url": url, **fields}


def add(user: User, body: dict[str, Any], status: int = 201) -> dict[str, Any]:
    answer = user.post("/channels", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def told(user: User, version: int) -> dict[str, Any]:
    """What user-events say of the user's version."""

    def find() -> Any:
        sidecar = user.service.sidecar
        return next(
            (e for e in sidecar.events("user-events") if e.event["ownerid"] == user.id and e.data["version"] == version),
            None,
        )

    return wait_for(f"version {version} on user-events", find)


# ---- settings


def test_settings_are_there_from_the_start(ada: User) -> None:
    assert ada.get("/reminder-settings").json() == INITIAL


def test_a_change_of_settings_is_told_with_the_whole_user(ada: User) -> None:
    channel = add(ada, subscription())
    wanted = {"email": False, "quiet_from": "22:00", "quiet_until": "07:00", "digest_at": "08:30", "default_reminder": "-PT30M"}
    answer = ada.patch("/reminder-settings", json=wanted)
    assert answer.status_code == 200
    assert answer.json() == {**INITIAL, **wanted}
    assert ada.get("/reminder-settings").json() == {**INITIAL, **wanted}
    event = told(ada, 3)
    assert event.type == "todo.user.updated.v1"
    assert event.data["email"] == ada.email
    assert event.data["time_zone"] == "UTC"
    assert event.data["reminder_settings"] == {**INITIAL, **wanted}
    assert [c["id"] for c in event.data["channels"]] == [channel["id"]]


def test_registration_tells_that_nothing_is_set(ada: User) -> None:
    event = told(ada, 1)
    assert event.type == "todo.user.registered.v1"
    assert event.data["reminder_settings"] is None
    assert event.data["channels"] == []


def test_a_change_of_the_account_keeps_settings_and_channels(ada: User) -> None:
    add(ada, webhook())
    ada.patch("/reminder-settings", json={"digest_at": "07:15"})
    ada.patch("/account", json={"time_zone": "Europe/Berlin"})
    event = told(ada, 4)
    assert event.data["time_zone"] == "Europe/Berlin"
    assert event.data["reminder_settings"]["digest_at"] == "07:15"
    assert len(event.data["channels"]) == 1


def test_what_changes_nothing_is_not_told(ada: User) -> None:
    for _ in range(2):
        assert ada.patch("/reminder-settings", json={"email": True}).json() == INITIAL
    ada.patch("/account", json={"name": "Ada L."})
    assert told(ada, 2).data["name"] == "Ada L."


def test_null_takes_a_setting_away(ada: User) -> None:
    ada.patch("/reminder-settings", json={"quiet_from": "22:00", "quiet_until": "07:00"})
    answer = ada.patch("/reminder-settings", json={"quiet_from": None, "quiet_until": None, "default_reminder": None})
    assert answer.json() == {**INITIAL, "default_reminder": None}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"quiet_from": "22:00"}, "quiet_until"),
        ({"quiet_until": "07:00"}, "quiet_from"),
        ({"quiet_from": "07:00", "quiet_until": "07:00"}, "quiet_until"),
        ({"quiet_from": "24:00", "quiet_until": "07:00"}, "quiet_from"),
        ({"quiet_from": "7:00", "quiet_until": "09:00"}, "quiet_from"),
        ({"digest_at": "08:60"}, "digest_at"),
        ({"digest_at": "0８:00"}, "digest_at"),
        ({"default_reminder": "an hour before"}, "default_reminder"),
        ({"default_reminder": "-P400D"}, "default_reminder"),
        ({"email": None}, "email"),
        ({"sms": True}, "sms"),
    ],
)
def test_a_setting_that_breaks_a_rule_is_named(ada: User, body: dict, field: str) -> None:
    refused(ada.patch("/reminder-settings", json=body), 400, field=field)
    assert ada.get("/reminder-settings").json() == INITIAL


def test_half_of_the_quiet_hours_may_move(ada: User) -> None:
    ada.patch("/reminder-settings", json={"quiet_from": "22:00", "quiet_until": "07:00"})
    assert ada.patch("/reminder-settings", json={"quiet_until": "08:00"}).json()["quiet_from"] == "22:00"
    refused(ada.patch("/reminder-settings", json={"quiet_from": None}), 400, field="quiet_from")


# ---- channels


def test_a_webhook_gets_a_secret_that_is_shown_once(ada: User) -> None:
    added = add(ada, webhook(name="Home"))
    assert added["channel"] == "webhook" and added["name"] == "Home" and added["host"] == "127.0.0.1"
    assert len(base64.b64decode(added["secret"].removeprefix("whsec_"), validate=True)) == 24
    secret = added.pop("secret")
    assert ada.get("/channels").json() == {"channels": [added]}
    assert secret not in json.dumps(told(ada, 2).event)
    assert secret not in ada.get("/account/export").text


def test_where_a_message_goes_is_nowhere_in_clear(ada: User) -> None:
    body = subscription("https://127.0.0.1/push/very-secret")
    add(ada, body)
    add(ada, webhook("https://127.0.0.1/hook/very-secret"))
    event = told(ada, 3)
    for channel in event.data["channels"]:
        assert set(channel) == {"id", "channel", "name", "sealed", "created_at"}
        assert channel["sealed"].startswith("k1.")
    texts = [
        json.dumps(event.event),
        ada.get("/account/export").text,
        ada.get("/channels").text,
        str(ada.service.database.execute("backend", f"SELECT * FROM channel WHERE owner_id = '{ada.id}'")),
        ada.service.log(),
    ]
    for secret in ("very-secret", body["keys"]["auth"], body["keys"]["p256dh"]):
        assert not [t for t in texts if secret in t], secret


def test_a_subscription_that_is_sent_again_keeps_its_id(ada: User) -> None:
    first = add(ada, subscription(name="Firefox"))
    add(ada, subscription("https://127.0.0.1/push/2"))
    again = add(ada, subscription(name="Firefox at home"), status=200)
    assert again == {**first, "name": "Firefox at home"}
    sealed = {c["id"]: c["sealed"] for c in told(ada, 4).data["channels"]}
    assert sealed[first["id"]] != {c["id"]: c["sealed"] for c in told(ada, 3).data["channels"]}[first["id"]]
    assert [c["name"] for c in ada.get("/channels").json()["channels"]] == ["Firefox at home", ""]


def test_two_users_may_have_the_same_address(service: Service) -> None:
    one, other = User(service), User(service)
    assert add(one, subscription())["id"] != add(other, subscription())["id"]


def test_a_webhook_that_is_there_is_a_conflict(ada: User) -> None:
    add(ada, webhook())
    refused(ada.post("/channels", json=webhook()), 409, "webhook_exists")


def test_there_are_at_most_twenty(ada: User) -> None:
    def post(n: int) -> Any:
        """Again while others were always faster."""

        def attempt() -> Any:
            answer = ada.post("/channels", json=webhook(f"https://127.0.0.1/{n}"))
            return answer if answer.status_code != 503 else None

        return wait_for("an answer", attempt)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(post, range(24)))
    assert sorted(a.status_code for a in answers) == [201] * 20 + [409] * 4
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"too_many_channels"}
    assert len(ada.get("/channels").json()["channels"]) == 20
    assert len(told(ada, 21).data["channels"]) == 20
    seqs = [int(e.event["seq"]) for e in ada.service.sidecar.events("user-events") if e.event["ownerid"] == ada.id]
    assert sorted(seqs) == list(range(1, 22))


def test_a_channel_is_removed_once(ada: User, service: Service) -> None:
    channel = add(ada, webhook())
    other = User(service)
    refused(other.delete(f"/channels/{channel['id']}"), 404)
    assert ada.delete(f"/channels/{channel['id'].upper()}").status_code == 204
    refused(ada.delete(f"/channels/{channel['id']}"), 404)
    refused(ada.delete("/channels/nothing"), 404)
    assert told(ada, 3).data["channels"] == []
    assert ada.get("/channels").json() == {"channels": []}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"channel": "email"}, "channel"),
        ({}, "channel"),
        ({"channel": "push"}, "endpoint"),
        ({"channel": "push", "endpoint": "https://127.0.0.1/"}, "keys"),
        ({"channel": "push", "endpoint": "https://127.0.0.1/", "keys": []}, "keys"),
        ({"channel": "push", "endpoint": "https://127.0.0.1/", "keys": {"p256dh": "x"}}, "keys.auth"),
        (subscription() | {"keys": {"p256dh": base64url(b"\x04" * 64), "auth": base64url(b"1" * 16)}}, "keys.p256dh"),
        (subscription() | {"keys": {"p256dh": base64url(b"\x02" * 65), "auth": base64url(b"1" * 16)}}, "keys.p256dh"),
        (subscription() | {"keys": {"p256dh": base64url(b"\x04" * 65), "auth": base64url(b"1" * 15)}}, "keys.auth"),
        (subscription() | {"keys": {"p256dh": base64url(b"\x04" * 65), "auth": "é" * 22}}, "keys.auth"),
        (subscription(url="https://127.0.0.1/"), "url"),
        (webhook(keys={}), "keys"),
        (webhook("ftp://127.0.0.1/"), "url"),
        (webhook("https://ada@127.0.0.1/"), "url"),
        (webhook("https://127.0.0.1/#there"), "url"),
        (webhook("https://127.0.0.1/a\nb"), "url"),
        (webhook("https://"), "url"),
        (webhook("https://127.0.0.1/" + "a" * 2000), "url"),
        (webhook(name="a" * 101), "name"),
        (webhook(secret="whsec_mine"), "secret"),
    ],
)
def test_a_channel_that_breaks_a_rule_is_named(ada: User, body: dict, field: str) -> None:
    refused(ada.post("/channels", json=body), 400, field=field)
    assert ada.get("/channels").json() == {"channels": []}


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://2130706433/",
        "https://localhost/",
        "http://example.org/",
        "https://93.184.216.34:8443/",
    ],
)
def test_an_address_that_is_not_public_is_refused(strict: User, url: str) -> None:
    refused(strict.post("/channels", json=webhook(url)), 400, field="url")
    refused(strict.post("/channels", json=subscription(url)), 400, field="endpoint")


@pytest.fixture(scope="module")
def strict(service_maker, database) -> User:
    """A user of a service with the initial rules for addresses."""
    service = service_maker(database, settings=api.SETTINGS).start()
    return User(service)


def test_a_public_address_is_taken(strict: User) -> None:
    assert add(strict, webhook("https://93.184.216.34/hook"))["host"] == "93.184.216.34"


def test_scopes_are_held_against_what_is_asked(ada: User) -> None:
    reader, writer = ada.api_token("account:read"), ada.api_token("account:write")
    assert reader.get("/channels").status_code == reader.get("/reminder-settings").status_code == 200
    assert reader.get("/push-key").status_code == 200
    refused(reader.patch("/reminder-settings", json={}), 403, "missing_scope")
    refused(writer.get("/channels"), 403, "missing_scope")
    # whoever may not read tasks may not have them sent to him either
    refused(writer.post("/channels", json=webhook()), 403, "missing_scope")
    both = ada.api_token("account:write", "tasks:read")
    channel = both.post("/channels", json=webhook())
    assert channel.status_code == 201
    assert writer.delete(f"/channels/{channel.json()['id']}").status_code == 204


def test_the_push_key_is_that_of_the_secret(ada: User) -> None:
    assert ada.get("/push-key").json() == {"public_key": PUSH_PUBLIC_KEY}


def test_export_has_settings_and_channels(ada: User) -> None:
    ada.patch("/reminder-settings", json={"push": False})
    channel = add(ada, subscription(name="Phone"))
    exported = ada.get("/account/export").json()
    assert exported["reminder_settings"] == {**INITIAL, "push": False}
    assert exported["channels"] == [channel]


def test_deletion_takes_channels_with_it(ada: User) -> None:
    add(ada, subscription())
    assert ada.post("/account/delete", json={"password": ada.password}).status_code == 204
    assert ada.service.database.execute("backend", f"SELECT id FROM channel WHERE owner_id = '{ada.id}'") == []
    event = ada.service.sidecar.wait_for_events("user-events", 1, "todo.user.deleted.v1")[-1]
    assert event.data["channels"] == [] and event.data["reminder_settings"] is None


def test_changes_at_once_are_all_made(ada: User) -> None:
    """Each is a version of its own, and the last has them all."""
    bodies = [{"email": False}, {"push": False}, {"webhook": False}, {"digest_at": "06:00"}, {"default_reminder": None}]
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda body: ada.patch("/reminder-settings", json=body), bodies))
    assert [a.status_code for a in answers] == [200] * 5
    wanted = {**INITIAL, "email": False, "push": False, "webhook": False, "digest_at": "06:00", "default_reminder": None}
    assert ada.get("/reminder-settings").json() == wanted
    assert told(ada, 6).data["reminder_settings"] == wanted
