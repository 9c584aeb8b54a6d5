"""A person at the public API: registers, writes tasks, watches frames, reads history."""

from __future__ import annotations

import collections
import datetime
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
from support.waiting import LIMIT_S
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

PASSWORD = "correct horse battery staple"
AWAY = (502, 503, 504)


def instant(at: datetime.datetime) -> str:
    return at.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now(**ahead: float) -> datetime.datetime:
    """The present second, moved."""
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0) + datetime.timedelta(**ahead)


def soon(attempt: Callable[[datetime.datetime], Any], leads: tuple[int, ...] = (3, 10, 40, 120)) -> Any:
    """Call `attempt` with an instant that is some seconds ahead; with a later one while it returns None,
    which says that it was not done in time, as on a busy machine."""
    for lead in leads:
        done = attempt(now(seconds=lead))
        if done is not None:
            return done
    raise AssertionError(f"not done within {leads[-1]} s")


def rings(task: dict[str, Any], at: datetime.datetime) -> bool:
    """Whether it was saved before the instant of its reminder; else nobody is reminded of what he just typed."""
    return task["created_at"] <= instant(at)


class Person:
    """One account. Every write carries an Idempotency-Key and is repeated while `retry_s` lasts. What only
    reads is asked again while a part that is asked in turn is away, or slow: the test waits for it anyhow."""

    def __init__(self, base_url: str, retry_s: float = 0.0) -> None:
        self.base_url = base_url
        self.retry_s = retry_s
        self.browsers: list[Browser] = []
        self.email = f"e2e-{uuid.uuid4().hex}@example.com"
        self.http = httpx.Client(base_url=f"{base_url}/api/v1", timeout=LIMIT_S)
        body = {"email": self.email, "password": PASSWORD, "name": "E2E", "time_zone": "Europe/Berlin"}
        self.account = self.expect(201, self.http.post("/register", json=body))["account"]
        self.sign_in()

    def close(self) -> None:
        for browser in self.browsers:
            browser.close()
        self.http.close()

    def sign_in(self) -> None:
        body = {"email": self.email, "password": PASSWORD}
        session = self.expect(200, self.http.post("/session", json=body))
        self.http.headers["Authorization"] = f"Bearer {session['access_token']}"

    @staticmethod
    def expect(status: int, answer: httpx.Response) -> Any:
        assert answer.status_code == status, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def call(self, method: str, path: str, status: int, body: Any = None, key: str | None = None) -> Any:
        """One request; while `retry_s` lasts, a lost connection or a 5xx is tried again with the same key."""
        headers = {"Idempotency-Key": key or uuid.uuid4().hex} if method != "GET" else {}
        began = time.monotonic()
        deadline = began + self.retry_s
        pause = threading.Event()
        while True:
            try:
                answer = self.http.request(method, path, json=body, headers=headers)
                only_reads = method == "GET" or path.endswith("/preview")
                is_patient = only_reads and answer.status_code in AWAY and time.monotonic() < began + LIMIT_S
                if not is_patient and (answer.status_code < 500 or time.monotonic() > deadline):
                    return self.expect(status, answer)
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
            pause.wait(0.1)

    def create(self, title: str, **fields: Any) -> dict[str, Any]:
        return self.call("POST", "/tasks", 201, {"title": title, **fields})

    def complete(self, task_id: str) -> dict[str, Any]:
        return self.call("POST", f"/tasks/{task_id}/complete", 200)

    def tasks(self) -> list[dict[str, Any]]:
        return list(self.pages("/tasks?limit=200", "tasks"))

    def history(self, task_id: str | None = None) -> list[dict[str, Any]]:
        path = f"/tasks/{task_id}/history" if task_id else "/history"
        return list(self.pages(f"{path}?limit=200", "entries"))

    def pages(self, path: str, member: str) -> Iterator[dict[str, Any]]:
        cursor = ""
        while cursor is not None:
            page = self.call("GET", path + (f"&cursor={cursor}" if cursor else ""), 200)
            yield from page[member]
            cursor = page["next_cursor"]

    def sync(self, since: int) -> tuple[int, list[dict[str, Any]]]:
        """Return the newest seq and all changes after `since`."""
        changes: list[dict[str, Any]] = []
        while True:
            page = self.call("GET", f"/sync?since={since}", 200)
            changes += page["changes"]
            since = page["seq"]
            if not page["more"]:
                return since, changes

    def ticket(self) -> str:
        return self.call("POST", "/ws/ticket", 201)["ticket"]


class Browser:
    """What an open page does: a socket, `sync` after each (re)connect, frames from then on.

    `tasks` and `notifications` are what it shows; `seen` has every frame that came."""

    def __init__(self, person: Person) -> None:
        self.person = person
        person.browsers.append(self)
        self.tasks: dict[str, dict[str, Any]] = {}
        self.notifications: dict[str, dict[str, Any]] = {}
        self.unread: int | None = None
        self.seen: list[tuple[str, int, str]] = []  # (socket, seq, id): a pair twice is a doubled frame
        self.seq = 0
        self.connects = 0
        self.stop = threading.Event()
        self.connected = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                self.watch()
            except (OSError, ConnectionClosed, InvalidHandshake, httpx.TransportError, AssertionError):
                self.connected.clear()
                self.stop.wait(0.1)

    def watch(self) -> None:
        url = self.person.base_url.replace("http", "ws", 1) + f"/ws?ticket={self.person.ticket()}"
        with connect(url, origin=self.person.base_url, open_timeout=LIMIT_S) as socket:
            self.connects += 1
            name = f"socket-{self.connects}"
            hello = json.loads(socket.recv(timeout=LIMIT_S))
            assert hello["type"] == "hello", hello
            self.catch_up()
            self.connected.set()
            while not self.stop.is_set():
                try:
                    self.take(name, json.loads(socket.recv(timeout=0.2)))
                except TimeoutError:
                    continue

    def catch_up(self) -> None:
        self.seq, changes = self.person.sync(self.seq)
        for change in changes:
            self.show(change)

    def take(self, name: str, frame: dict[str, Any]) -> None:
        if frame["type"] == "ping":
            if frame["seq"] > self.seq:
                self.catch_up()
            return
        shown = frame.get("task") or frame.get("notification") or frame
        self.seen.append((name, frame["seq"], shown.get("id", frame["type"])))
        if frame["seq"] > self.seq + 1:
            self.catch_up()
        self.seq = max(self.seq, frame["seq"])
        self.show(frame)

    def show(self, change: dict[str, Any]) -> None:
        if change["type"] == "task_purged":
            self.tasks.pop(change["id"], None)
            return
        if change["type"] == "notification":
            notification = change.get("notification") or {}
            if notification:
                self.notifications[notification["id"]] = notification
            self.unread = change.get("unread", self.unread)
            return
        task = change["task"]
        shown = self.tasks.get(task["id"])
        if shown is None or shown["version"] < task["version"]:
            self.tasks[task["id"]] = task

    def doubled(self) -> list[tuple[str, int, str]]:
        """The frames that came twice on one socket."""
        return [frame for frame, times in collections.Counter(self.seen).items() if times > 1]

    def close(self) -> None:
        self.stop.set()
        self.thread.join(timeout=LIMIT_S)
