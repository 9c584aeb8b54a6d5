"""What the tests of audit share: events, chains as rows, and the subcommands."""

from __future__ import annotations

import base64
import json
import random
import secrets
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from .audit_chain import GENESIS, Entry
from .postgres import Database
from .service import Service, run_binary
from .waiting import LIMIT_S

TOPICS = ("task-events", "recurrences", "reminders", "notifications", "user-events", "chat-events")
ENTRY_COLUMNS = (
    "owner_id, number, event_id, topic, type, source, subject, seq, occurred_at, recorded_at, payload, digest, hash"
)


def new_id() -> str:
    """A version 7 UUID."""
    value = (int(time.time() * 1000) << 80) | (7 << 76) | (2 << 62) | secrets.randbits(62)
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def new_event(owner_id: str, type: str = "todo.task.created.v1", **changes: Any) -> dict[str, Any]:
    """An event as daprd delivers it; `changes` replace attributes, None leaves one out."""
    event = {
        "specversion": "1.0",
        "id": new_id(),
        "source": "/todo/backend",
        "type": type,
        "subject": new_id(),
        "time": "2026-11-21T09:46:00.123Z",
        "datacontenttype": "application/json",
        "ownerid": owner_id,
        "traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01",
        "data": {"title": f"secret {secrets.token_hex(8)}"},
        **changes,
    }
    return {name: value for name, value in event.items() if value is not None}


def new_history(owner_id: str, n: int) -> list[dict[str, Any]]:
    """`n` events of one owner, numbered from 1."""
    return [new_event(owner_id, seq=str(i + 1)) for i in range(n)]


def deliver(service: Service, topic: str, event: dict[str, Any] | bytes) -> None:
    """Hand over one event as often as daprd would until it is taken: also when no answer comes in time."""
    deadline = time.monotonic() + LIMIT_S * 3
    while True:
        try:
            status, answer = service.sidecar.deliver(topic, event)
        except httpx.TimeoutException:
            assert time.monotonic() < deadline, f"no answer to {topic}"
            continue
        assert status == 200, (status, answer)
        if answer == {"status": "SUCCESS"}:
            return
        assert answer == {"status": "RETRY"} and time.monotonic() < deadline, answer


def deliver_all(service: Service, events: list[tuple[str, dict[str, Any]]], workers: int = 16) -> None:
    """Hand over (topic, event) pairs at once, in no order."""
    shuffled = random.sample(events, len(events))
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(deliver, service, topic, event) for topic, event in shuffled]:
            done.result()


def append_chain(service: Service, owner_id: str, n: int) -> list[dict[str, Any]]:
    """Append `n` events of one owner, one after the other."""
    events = new_history(owner_id, n)
    for event in events:
        deliver(service, "task-events", event)
    return events


def read_chain(database: Database, owner_id: str) -> list[Entry]:
    rows = database.execute("audit", f"SELECT {ENTRY_COLUMNS} FROM entry WHERE owner_id = %s ORDER BY number", owner_id)
    return [Entry(str(row[0]), row[1], str(row[2]), *row[3:]) for row in rows]


def check_chain(database: Database, owner_id: str) -> list[Entry]:
    """Hold one chain and its head against the second implementation; return its entries."""
    entries = read_chain(database, owner_id)
    previous = GENESIS
    for number, entry in enumerate(entries, 1):
        assert entry.number == number
        assert entry.digest == entry.compute_digest()
        assert entry.hash == entry.compute_hash(previous)
        previous = entry.hash
    head = database.execute("audit", "SELECT number, hash FROM chain_head WHERE owner_id = %s", owner_id)
    assert head == ([(len(entries), previous)] if entries else [])
    return entries


def key_of(database: Database, owner_id: str) -> bytes | None:
    rows = database.execute("audit", "SELECT key FROM payload_key WHERE owner_id = %s", owner_id)
    return rows[0][0] if rows else None


def run(service: Service, *argv: str, **env: str) -> subprocess.CompletedProcess:
    """`audit …` with the settings of the service, its sidecar's secret store included."""
    return run_binary("audit", *argv, env={**service.env(), **env})


def verify(service: Service, *argv: str) -> tuple[int, list[str]]:
    """Exit status and lines of `audit verify`; the last line is the summary."""
    done = run(service, "verify", *argv)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.returncode, done.stdout.splitlines()


def history(service: Service, caller: str | None = "backend", **query: Any) -> httpx.Response:
    headers = {"dapr-api-token": service.sidecar.app_token}
    if caller is not None:
        headers["dapr-caller-app-id"] = caller
    return httpx.get(service.app_url + "/internal/history", params=query, headers=headers, timeout=LIMIT_S)


def dead_letter(owner_id: str, consumer: str, topic: str, original: dict[str, Any] | bytes, **changes: Any) -> dict:
    """The event that `consumer` writes about an original it cannot handle."""
    data = {"consumer": consumer, "topic": topic, "reason": "title: is 501 characters long; at most 500"}
    if isinstance(original, bytes):
        data["event_b64"] = base64.b64encode(original).decode()
        subject = owner_id
    else:
        data["event"] = json.dumps(original)
        subject = original.get("subject", owner_id)
    return new_event(
        owner_id, "todo.dead-letter.v1", source=f"/todo/{consumer}", subject=subject, data={**data, **changes}
    )
