#!/usr/bin/env python3
"""What a user does, from the first request to the reminder he gets, against a running system.

Registers, opens a socket, adds a task with a reminder and one that recurs, completes that one and waits
for its next occurrence, waits for the reminder in the app and for the audit trail to know of it all, and
deletes the account again. Prints a line for each step; exits 1 at the first that fails.
Python's standard library alone: `helm test` runs it in the cluster, scripts/smoke-tests from outside.
"""

import argparse
import base64
import datetime
import http.client
import json
import os
import socket
import ssl
import struct
import sys
import time
import urllib.parse
import uuid


class Failed(Exception):
    """A step went otherwise than it should."""


class Address:
    """Where one of the two services is: scheme, host and port of a URL."""

    def __init__(self, url: str, host_header: str | None, insecure: bool):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Failed(f"{url} is no http or https address")
        self.host = parts.hostname
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.host_header = host_header or parts.netloc
        self.context = ssl.create_default_context() if parts.scheme == "https" else None
        if self.context and insecure:
            self.context.check_hostname = False
            self.context.verify_mode = ssl.CERT_NONE

    def connect(self, limit_s: float) -> socket.socket:
        sock = socket.create_connection((self.host, self.port), limit_s)
        if not self.context:
            return sock
        return self.context.wrap_socket(sock, server_hostname=self.host_header.partition(":")[0])


class Api:
    """The public API, as one user."""

    def __init__(self, address: Address):
        self.address = address
        self.token = ""

    def call(self, method: str, path: str, expected: int, body: object = None) -> dict:
        connection = http.client.HTTPConnection(self.address.host, self.address.port, timeout=15)
        connection.sock = self.address.connect(15)
        headers = {"Host": self.address.host_header, "Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if method != "GET":
            headers["Idempotency-Key"] = uuid.uuid4().hex
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, f"/api/v1{path}", data, headers)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as problem:
            raise Failed(f"{method} {path}: {problem or type(problem).__name__}") from None
        finally:
            connection.close()
        if answer.status != expected:
            raise Failed(f"{method} {path} answered {answer.status} instead of {expected}: {text[:400]}")
        return json.loads(text) if text else {}


class Frames:
    """A WebSocket (RFC 6455), as far as reading texts needs it."""

    def __init__(self, address: Address, ticket: str, origin: str):
        self.sock = address.connect(15)
        self.data = b""
        key = base64.b64encode(os.urandom(16)).decode()
        path = "/ws?" + urllib.parse.urlencode({"ticket": ticket})
        self.sock.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {address.host_header}\r\nOrigin: {origin}\r\n"
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        while b"\r\n\r\n" not in self.data:
            self._more()
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        status = head.split(b"\r\n")[0].decode(errors="replace")
        if " 101 " not in f"{status} ":
            raise Failed(f"the socket was refused: {status}")

    def _more(self) -> None:
        chunk = self.sock.recv(65536)
        if not chunk:
            raise Failed("the socket was closed")
        self.data += chunk

    def _take(self, n_bytes: int) -> bytes:
        while len(self.data) < n_bytes:
            self._more()
        taken, self.data = self.data[:n_bytes], self.data[n_bytes:]
        return taken

    def wait_for(self, kind: str, limit_s: float) -> dict:
        """Return the next frame of this type."""
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            self.sock.settimeout(max(0.1, until - time.monotonic()))
            try:
                first, second = self._take(2)
                length = second & 0x7F
                if length > 125:
                    code, size = (">H", 2) if length == 126 else (">Q", 8)
                    (length,) = struct.unpack(code, self._take(size))
                payload = self._take(length)
            except TimeoutError:
                break
            if first & 0x0F == 8:
                raise Failed(f"the socket was closed: {payload!r}")
            if first & 0x0F == 1:
                frame = json.loads(payload)
                if frame["type"] == kind:
                    return frame
        raise Failed(f"no frame of type {kind} came within {limit_s:.0f} s")

    def close(self) -> None:
        self.sock.close()


def wait_for_port(host: str, port: int, limit_s: float) -> None:
    """In a cluster a network policy may need a moment to know a new pod."""
    until = time.monotonic() + limit_s
    while True:
        try:
            socket.create_connection((host, port), 5).close()
            return
        except OSError as problem:
            if time.monotonic() > until:
                raise Failed(f"{host}:{port} cannot be reached: {problem}") from None
            time.sleep(0.25)


def wait_for(what: str, look, limit_s: float):
    """Look again and again until there is something; it comes by events."""
    until = time.monotonic() + limit_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > until:
            raise Failed(f"{what} did not come within {limit_s:.0f} s")
        time.sleep(0.25)


def instant(ahead_s: float) -> str:
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=ahead_s)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Smoke:
    """The steps; what one makes the next ones use."""

    def __init__(self, options: argparse.Namespace):
        self.limit_s = options.limit
        self.origin = options.origin or options.backend
        self.api = Api(Address(options.backend, options.host, options.insecure))
        self.live = Address(options.websocket or options.backend, options.host, options.insecure)
        self.email = f"smoke-{uuid.uuid4().hex}@example.com"
        self.password = f"{uuid.uuid4().hex} smoke"

    def register(self) -> str:
        for address in (self.api.address, self.live):
            wait_for_port(address.host, address.port, 30)
        account = {"email": self.email, "password": self.password, "name": "Smoke", "time_zone": "Europe/Berlin"}
        self.api.call("POST", "/register", 201, account)
        session = self.api.call("POST", "/session", 200, {"email": self.email, "password": self.password})
        self.api.token = session["access_token"]
        return "registered and signed in"

    def open_socket(self) -> str:
        ticket = self.api.call("POST", "/ws/ticket", 201)["ticket"]
        self.frames = Frames(self.live, ticket, self.origin)
        self.frames.wait_for("hello", self.limit_s)
        return "a socket is open"

    def add(self) -> str:
        rings = {"title": "Smoke: this rings", "due_at": instant(4), "time_zone": "UTC", "reminders": [{"offset": "-PT1S"}]}
        self.ringing = self.api.call("POST", "/tasks", 201, rings)
        recurs = {"title": "Smoke: this recurs", "due_at": instant(86400), "time_zone": "Europe/Berlin", "recurrence": "daily"}
        self.recurring = self.api.call("POST", "/tasks", 201, recurs)
        listed = {task["id"] for task in self.api.call("GET", "/tasks?limit=50", 200)["tasks"]}
        if not {self.ringing["id"], self.recurring["id"]} <= listed:
            raise Failed("the tasks that were added are not listed")
        self.frames.wait_for("task", self.limit_s)
        return "two tasks were added, and the socket told of it"

    def complete(self) -> str:
        done = self.api.call("POST", f"/tasks/{self.recurring['id']}/complete", 200)
        if done["status"] != "completed":
            raise Failed(f"the completed task is {done['status']}")
        return "one was completed"

    def next_occurrence(self) -> str:
        series = self.recurring["series_id"]

        def look():
            tasks = self.api.call("GET", "/tasks?limit=50", 200)["tasks"]
            return [task for task in tasks if task["series_id"] == series and task["occurrence"] == 2]

        (task,) = wait_for("the next occurrence", look, self.limit_s)
        return f"its next occurrence is due at {task['due_at']}"

    def reminder(self) -> str:
        def look():
            shown = self.api.call("GET", "/notifications?unread=true", 200)["notifications"]
            return [each for each in shown if each["task_id"] == self.ringing["id"]]

        wait_for("the reminder", look, self.limit_s)
        return "the reminder is in the app"

    def history(self) -> str:
        wanted = {"todo.user.registered.v1", "todo.task.created.v1", "todo.task.completed.v1", "todo.notification.sent.v1"}

        def look():
            types = [entry["type"] for entry in self.api.call("GET", "/history?limit=200", 200)["entries"]]
            return types if wanted <= set(types) and types.count("todo.task.created.v1") == 3 else None

        return f"the audit trail has {len(wait_for('the audit trail of it', look, self.limit_s))} entries of it"

    def leave(self) -> str:
        self.frames.close()
        self.api.call("POST", "/account/delete", 204, {"password": self.password})
        return "the account is deleted again"

    def run(self) -> int:
        steps = (self.register, self.open_socket, self.add, self.complete, self.next_occurrence, self.reminder, self.history, self.leave)
        began = time.monotonic()
        for number, step in enumerate(steps, 1):
            try:
                said = step()
            except (Failed, OSError, KeyError, ValueError) as problem:
                print(f"FAILED  {step.__name__}: {problem!r}" if not isinstance(problem, Failed) else f"FAILED  {step.__name__}: {problem}")
                return 1
            print(f"ok {number}/{len(steps)}  {time.monotonic() - began:5.1f} s  {said}", flush=True)
        return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wait-for", metavar="HOST:PORT", help="only wait until this can be connected to")
    parser.add_argument("--backend", metavar="URL", help="the API, without /api: the ingress, or the Service")
    parser.add_argument("--websocket", metavar="URL", help="the sockets, where that is another address")
    parser.add_argument("--origin", metavar="URL", help="Origin of the socket, as PUBLIC_URL says (default: the API)")
    parser.add_argument("--host", metavar="NAME", help="Host header, where the address has another")
    parser.add_argument("--limit", type=float, default=60, metavar="S", help="wait that long for what comes by events (60)")
    parser.add_argument("--insecure", action="store_true", help="take any certificate")
    options = parser.parse_args()
    if not options.wait_for and not options.backend:
        parser.error("where is it? --backend URL")
    try:
        if options.wait_for:
            host, _, port = options.wait_for.rpartition(":")
            wait_for_port(host, int(port), options.limit)
            return 0
        return Smoke(options).run()
    except Failed as problem:
        print(f"FAILED  {problem}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
