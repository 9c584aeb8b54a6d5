"""Users and tasks with reminders as the backend tells of them, and what notification makes of them."""

from __future__ import annotations

import base64
import ctypes
import ctypes.util
import datetime
import itertools
import json
import secrets
import uuid
from typing import Any

import httpx
import jsonschema
import referencing

from .fake_sidecar import FakeSidecar
from .postgres import Database
from .push import Subscription
from .service import ROOT, Service
from .waiting import LIMIT_S, wait_for

Event = dict[str, Any]
STATES = ["scheduled", "claimed", "retrying", "sent", "failed", "cancelled", "expired"]
CHANNELS = ["email", "push", "app", "webhook"]
SETTINGS = {
    "email": True,
    "push": True,
    "app": True,
    "webhook": True,
    "default_reminder": "PT0S",
    "quiet_from": None,
    "quiet_until": None,
    "digest_at": None,
}


def at(seconds: float = 0) -> datetime.datetime:
    """So many seconds from now, in whole ms."""
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return when.replace(microsecond=when.microsecond // 1000 * 1000)


def text(when: datetime.datetime | None) -> str | None:
    return when and f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03d}Z"


def uuid7(when: datetime.datetime | None = None) -> str:
    """RFC 9562 §5.7."""
    ms = int((when or at()).timestamp() * 1000)
    value = uuid.uuid4().int & ((1 << 80) - 1) | ms << 80
    value = value & ~(0xF << 76) | 7 << 76
    return str(uuid.UUID(int=value & ~(3 << 62) | 2 << 62))


class User:
    """One user of the backend; what changes him or his tasks returns the event, untold."""

    def __init__(self, **settings: Any) -> None:
        self.id = uuid7()
        self.email = f"{self.id[-12:]}@example.org"
        self.seq = itertools.count(1)
        self.settings = {**SETTINGS, **settings}
        self.channels: list[dict[str, Any]] = []
        self.time_zone = "Europe/Vienna"
        self.version = 0

    def event(self, type_: str, subject: str, data: dict[str, Any]) -> Event:
        return {
            "specversion": "1.0",
            "id": uuid7(),
            "source": "/todo/backend",
            "type": f"todo.{type_}.v1",
            "subject": subject,
            "time": text(at()),
            "datacontenttype": "application/json",
            "ownerid": self.id,
            "seq": str(next(self.seq)),
            "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "data": data,
        }

    def saved(self, **change: Any) -> Event:
        """Registered or updated; `settings`, `channels`, `time_zone` as members."""
        self.version += 1
        for name, value in change.items():
            setattr(self, name, {**self.settings, **value} if name == "settings" else value)
        data = {
            "id": self.id,
            "email": self.email,
            "name": "Zoë",
            "time_zone": self.time_zone,
            "reminder_settings": self.settings,
            "channels": self.channels,
            "version": self.version,
            "created_at": text(at(-86400)),
            "deleted_at": None,
        }
        return self.event("user.registered" if self.version == 1 else "user.updated", self.id, data)

    def deleted(self) -> Event:
        self.version += 1
        data = {"id": self.id, "version": self.version, "deleted_at": text(at())}
        return self.event("user.deleted", self.id, data)

    def task(self, *reminders: dict[str, Any], **fields: Any) -> "Task":
        return Task(self, list(reminders), fields)


def reminder(offset: str | None = None, at: datetime.datetime | None = None, made: float = -3600) -> dict[str, Any]:
    """One of a task, made so many seconds from now."""
    made_at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=made)
    return {
        "id": uuid7(made_at),
        "offset": offset,
        "at": text(at),
        "snoozed_until": None,
        "generation": 1,
        "set_at": text(made_at),
        "sent_at": None,
        "channel": None,
    }


class Task:
    def __init__(self, user: User, reminders: list[dict[str, Any]], fields: dict[str, Any]) -> None:
        self.user = user
        self.id = uuid7()
        self.data = {
            "id": self.id,
            "owner_id": user.id,
            "title": f"task {self.id[-6:]}",
            "description": "secret words",
            "status": "open",
            "priority": "normal",
            "tags": [],
            "due_at": None,
            "time_zone": None,
            "recurrence": None,
            "anchor": None,
            "missed": None,
            "series_id": None,
            "series_version": None,
            "occurrence": None,
            "series_start": None,
            "series_from": None,
            "scheduled_at": None,
            "reminders": reminders,
            "reminder_sent": False,
            "version": 0,
            "created_at": text(at(-3600)),
            "updated_at": text(at(-3600)),
            "completed_at": None,
            "deleted_at": None,
            **{k: text(v) if isinstance(v, datetime.datetime) else v for k, v in fields.items()},
        }

    @property
    def reminders(self) -> list[dict[str, Any]]:
        return self.data["reminders"]

    def saved(self, kind: str = "", typed: datetime.datetime | None = None, **change: Any) -> Event:
        """Created, or changed: kind is the event's; updated_at is now unless `typed` says when."""
        self.data = json.loads(json.dumps(self.data))
        self.data["version"] += 1
        if self.data["version"] > 1:
            self.data["updated_at"] = text(typed or at())
        for name, value in change.items():
            self.data[name] = text(value) if isinstance(value, datetime.datetime) else value
        kind = kind or ("created" if self.data["version"] == 1 else "updated")
        return self.user.event(f"task.{kind}", self.id, self.data)

    def moved(self, due_at: datetime.datetime) -> Event:
        """As backend does: reminders by offset move along."""
        self.data = json.loads(json.dumps(self.data))
        for r in self.reminders:
            if r["offset"]:
                r.update(generation=r["generation"] + 1, set_at=text(at()), sent_at=None, channel=None, snoozed_until=None)
        return self.saved(due_at=due_at)

    def snoozed(self, until: datetime.datetime, n: int = 0) -> Event:
        self.data = json.loads(json.dumps(self.data))
        r = self.reminders[n]
        r.update(generation=r["generation"] + 1, set_at=text(at()), sent_at=None, channel=None, snoozed_until=text(until))
        return self.saved()

    def completed(self) -> Event:
        return self.saved("completed", status="completed", completed_at=at())

    def reopened(self) -> Event:
        return self.saved("reopened", status="open", completed_at=None)

    def trashed(self) -> Event:
        return self.saved("deleted", deleted_at=at())

    def restored(self) -> Event:
        return self.saved("restored", deleted_at=None)

    def purged(self) -> Event:
        return self.user.event("task.purged", self.id, {"id": self.id})


def topic_of(event: Event) -> str:
    return "user-events" if event["type"].startswith("todo.user.") else "task-events"


def tell(sidecar: FakeSidecar, *events: Event) -> None:
    for event in events:
        assert sidecar.deliver(topic_of(event), event) == (200, {"status": "SUCCESS"})


class Ledger:
    """What notification has of an owner, by its internal route and by its events."""

    def __init__(self, service: Service, user: User) -> None:
        self.service = service
        self.sidecar = service.sidecar
        self.user = user

    def get(self, caller: str | None = "backend", **query: Any) -> httpx.Response:
        headers = {"dapr-api-token": self.sidecar.app_token}
        if caller:
            headers["dapr-caller-app-id"] = caller
        params = {"owner": self.user.id, **query}
        return httpx.get(f"{self.service.app_url}/internal/reminders", params=params, headers=headers)

    def rows(self, **query: Any) -> list[dict[str, Any]]:
        answer = self.get(limit=200, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()["reminders"]

    def states(self, **query: Any) -> list[tuple[str, int | None, str]]:
        """(channel, generation, state) of each, sorted."""
        return sorted((r["channel"], r["generation"], r["state"]) for r in self.rows(**query))

    def wait_for_states(self, *states: tuple[str, int | None, str], limit_s: float = LIMIT_S, **query: Any) -> list:
        """Wait until the ledger has exactly these; return its rows."""
        wanted = sorted(states)
        seen: list = []

        def has_them() -> bool:
            seen[:] = self.states(**query)
            return seen == wanted

        try:
            wait_for("the ledger", has_them, limit_s)
        except AssertionError:
            raise AssertionError(f"wanted {wanted}\nseen {seen}") from None
        return self.rows(**query)

    def events(self, *types: str) -> list[dict[str, Any]]:
        """The user's events of these types ("reminder.due"), in order."""
        wanted = {f"todo.{t}.v1" for t in types}
        return [p.event for p in self.sidecar.events() if p.event["ownerid"] == self.user.id and (not wanted or p.type in wanted)]

    def wait_for_events(self, n: int, *types: str) -> list[dict[str, Any]]:
        def enough() -> list[dict[str, Any]] | None:
            found = self.events(*types)
            return found if len(found) >= n else None

        return wait_for(f"{n} of {types}", enough)

    def mails(self) -> list[dict[str, Any]]:
        return mails_to(self.sidecar, self.user)

    def check_seq(self) -> None:
        """Every event of the user fits its schema, and they are counted from 1, without a gap."""
        wait_for("the outbox to be empty", lambda: self.service.database is None or is_published(self.service.database, self.user))
        seqs = sorted(int(e["seq"]) for e in self.events())
        assert seqs == list(range(1, len(seqs) + 1))
        for event in self.events():
            check_schema(event)


def check_schema(event: Event) -> None:
    directory = ROOT / "api" / "events"
    read = lambda uri: json.loads((directory / uri).read_text())  # noqa: E731
    registry = referencing.Registry(retrieve=lambda uri: referencing.Resource.from_contents(read(uri)))
    schema = read(f"{event['type']}.json")
    checker = jsonschema.Draft7Validator.FORMAT_CHECKER
    jsonschema.Draft7Validator(schema, registry=registry, format_checker=checker).validate(event)


def is_published(database: Database, user: User) -> bool:
    return database.value("notification", "SELECT count(*) FROM outbox WHERE owner_id = %s", user.id) == 0


def mails_to(sidecar: FakeSidecar, user: User) -> list[dict[str, Any]]:
    with sidecar._lock:
        return [b for b in sidecar.bindings if b["metadata"].get("emailTo") == user.email]


def is_settled(database: Database) -> bool:
    """Nothing is left to be scheduled, and nothing is due or claimed."""
    return unsettled(database) == (0, 0, 0)


def unsettled(database: Database) -> tuple[int, int, int]:
    """How many tasks are to be scheduled, users to be spread, deliveries due or claimed."""
    (counts,) = database.execute(
        "notification",
        "SELECT (SELECT count(*) FROM task t JOIN app_user u ON u.id = t.owner_id WHERE t.unscheduled),"
        " (SELECT count(*) FROM app_user WHERE spread_after IS NOT NULL),"
        " (SELECT count(*) FROM delivery WHERE state = 1 OR state IN (0, 2) AND next_try_at <= now())",
    )
    return counts


# ---- addresses


def seal(keys: dict[str, str], content: dict[str, str]) -> str:
    """As backend does it: common/seal/sealed.h."""
    sodium = ctypes.CDLL(ctypes.util.find_library("sodium"))
    message, nonce = json.dumps(content).encode(), secrets.token_bytes(24)
    box = ctypes.create_string_buffer(len(message) + 16)
    key = base64.b64decode(keys[keys["active"]])
    done = sodium.crypto_secretbox_xchacha20poly1305_easy(box, message, ctypes.c_ulonglong(len(message)), nonce, key)
    assert done == 0
    return f"{keys['active']}.{base64.urlsafe_b64encode(nonce + box.raw).rstrip(b'=').decode()}"


def webhook(sidecar: FakeSidecar, url: str, created: float = -3600) -> tuple[dict[str, Any], str]:
    """A webhook of a user, made so many seconds from now, and its secret."""
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    address = {
        "id": uuid7(),
        "channel": "webhook",
        "name": "hook",
        "sealed": seal(sidecar.secrets["channel-keys"], {"url": url, "secret": secret}),
        "created_at": text(at(created)),
    }
    return address, secret


def push_address(sidecar: FakeSidecar, subscription: Subscription) -> dict[str, Any]:
    content = {"endpoint": subscription.endpoint, **subscription.json()["keys"]}
    return {
        "id": uuid7(),
        "channel": "push",
        "name": "browser",
        "sealed": seal(sidecar.secrets["channel-keys"], content),
        "created_at": text(at(-3600)),
    }
