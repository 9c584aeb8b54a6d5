"""A Dapr sidecar for one service: it records what the service asks of it, answers as daprd does,
and delivers events. What is asked can be made to fail, a number of times or until told otherwise.

    sidecar.secrets["token-keys"] = {"active": "k1", "k1": "…"}
    sidecar.fail("POST", "/v1.0/publish", 503, times=2)
    sidecar.answer_invoke("audit", "/internal/history", 200, {"entries": []})
    events = sidecar.events("task-events")          # published so far, in order
    status, answer = sidecar.deliver("user-events", event)
"""

from __future__ import annotations

import base64
import dataclasses
import http.server
import json
import re
import secrets
import threading
import time
import urllib.parse
from typing import Any

import httpx

from .waiting import LIMIT_S, wait_for

HELD = -1  # the status of a failure that is none, only late


def random_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def key_ring(kid: str = "k1") -> dict[str, str]:
    """A secret of signing keys with one key, which is active."""
    return {"active": kid, kid: random_key()}


@dataclasses.dataclass
class Call:
    """One request of the service."""

    method: str
    path: str  # without the query
    query: dict[str, str]
    headers: dict[str, str]  # names in lower case
    body: bytes
    status: int = 0  # what it was answered
    came_s: float = 0.0  # monotonic, as the next
    left_s: float = 0.0  # 0: not answered yet

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclasses.dataclass
class Published:
    """One event that the service published and was told that the broker has."""

    pubsub: str
    topic: str
    event: dict[str, Any]
    metadata: dict[str, str]

    @property
    def type(self) -> str:
        return self.event["type"]

    @property
    def data(self) -> Any:
        return self.event["data"]


@dataclasses.dataclass
class Failure:
    method: str
    prefix: str
    status: int
    times: int  # -1: until cleared
    body: str
    delay_s: float
    of: str


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    sidecar: "FakeSidecar"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A service that goes away in mid-answer is what some tests are about."""


class FakeSidecar:
    def __init__(self, app_id: str) -> None:
        self.app_id = app_id
        self.dapr_token = secrets.token_hex(16)  # the service sends it to us
        self.app_token = secrets.token_hex(16)  # we send it to the service
        self.secrets: dict[str, dict[str, str]] = {}
        self.state: dict[tuple[str, str], tuple[Any, str]] = {}  # (store, key) → value, etag
        self.calls: list[Call] = []
        self.published: list[Published] = []
        self.bindings: list[dict[str, Any]] = []
        self.is_ready = True
        self.app_port = 0  # set by Service
        self._failures: list[Failure] = []
        self._invocations: dict[tuple[str, str], tuple[int, Any]] = {}
        self._entry_failures: list[str] = []
        self._lock = threading.RLock()
        self._client = httpx.Client(timeout=LIMIT_S, trust_env=False)  # one of its own each call takes 40 ms
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.sidecar = self
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._client.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # ---- what a test arranges

    def fail(
        self, method: str, prefix: str, status: int, times: int = -1, body: str = "", delay_s: float = 0, of: str = ""
    ) -> None:
        """Answer `status` to the next `times` calls whose path begins so; 0 closes the connection
        instead; -1 goes on until `clear_failures`. `of`: only those that have this text in their
        body, such as the address of a mail; what an earlier test left goes by."""
        with self._lock:
            self._failures.append(Failure(method, prefix, status, times, body, delay_s, of))

    def hold(self, method: str, prefix: str, delay_s: float, times: int = -1, of: str = "") -> None:
        """Do what the next `times` such calls ask at once, but answer only after a while."""
        self.fail(method, prefix, HELD, times, delay_s=delay_s, of=of)

    def fail_entries(self, *ids: str) -> None:
        """Refuse these event ids inside a bulk that otherwise succeeds, until `clear_failures`."""
        with self._lock:
            self._entry_failures += ids

    def clear_failures(self) -> None:
        with self._lock:
            self._failures.clear()
            self._entry_failures.clear()

    def answer_invoke(self, app_id: str, path: str, status: int, body: Any) -> None:
        """What a call of another service's `path` (without the query) is answered."""
        with self._lock:
            self._invocations[(app_id, path)] = (status, body)

    # ---- what a test looks at

    def events(self, topic: str | None = None, type: str | None = None) -> list[Published]:
        with self._lock:
            return [
                p
                for p in self.published
                if (topic is None or p.topic == topic) and (type is None or p.event.get("type") == type)
            ]

    def wait_for_events(self, topic: str, n: int, type: str | None = None, limit_s: float = LIMIT_S) -> list[Published]:
        """Wait until at least `n` have been published on `topic`; return them all."""

        def enough() -> list[Published] | None:
            found = self.events(topic, type)
            return found if len(found) >= n else None

        return wait_for(f"{n} events on {topic}", enough, limit_s)

    def most_at_once(self, method: str, path: str, since_s: float = 0) -> int:
        """How many calls of a path were being answered at the same time, at the most, of those that came
        since an instant of the monotonic clock."""
        calls = [c for c in self.calls_of(method, path) if c.path == path and c.came_s >= since_s]
        edges = [(c.came_s, 1) for c in calls] + [(c.left_s, -1) for c in calls if c.left_s]
        most = now = 0
        for _, step in sorted(edges):
            now += step
            most = max(most, now)
        return most

    def calls_of(self, method: str, prefix: str) -> list[Call]:
        with self._lock:
            return [c for c in self.calls if c.method == method and c.path.startswith(prefix)]

    # ---- what daprd does by itself

    def deliver(self, topic: str, event: dict[str, Any] | bytes, token: str | None = None) -> tuple[int, Any]:
        """Hand one event to the service as daprd does; return its status and JSON answer."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        headers = {
            "content-type": "application/cloudevents+json",
            "dapr-api-token": self.app_token if token is None else token,
            "traceparent": "00-" + "0" * 32 + "-" + "0" * 16 + "-00",
        }
        url = f"http://127.0.0.1:{self.app_port}/events/{topic}"
        answer = self._client.post(url, content=body, headers=headers)
        try:
            return answer.status_code, answer.json()
        except ValueError:
            return answer.status_code, answer.text

    # ---- the answers

    def handle(self, call: Call) -> tuple[int, bytes, float]:
        """Return status, body and the delay before them; status 0 closes the connection."""
        with self._lock:
            self.calls.append(call)
            if call.headers.get("dapr-api-token") != self.dapr_token:
                return 401, b'{"errorCode":"ERR_UNAUTHENTICATED"}', 0
            failure = self._find_failure(call)
            if failure and failure.status != HELD:
                return failure.status, failure.body.encode(), failure.delay_s
            delay_s = failure.delay_s if failure else 0
            for method, pattern, answer in ROUTES:
                match = re.fullmatch(pattern, call.path)
                if match and method == call.method:
                    status, body = answer(self, call, *map(urllib.parse.unquote, match.groups()))
                    return status, b"" if body is None else json.dumps(body).encode(), delay_s
            return 404, b'{"errorCode":"ERR_NOT_FOUND"}', 0

    def _find_failure(self, call: Call) -> Failure | None:
        for failure in self._failures:
            fits = failure.method == call.method and call.path.startswith(failure.prefix) and failure.of.encode() in call.body
            if fits and failure.times:
                failure.times -= 1 if failure.times > 0 else 0
                return failure
        return None

    def _health(self, call: Call) -> tuple[int, Any]:
        return (204, None) if self.is_ready else (500, {"errorCode": "ERR_OUTBOUND_HEALTH_NOT_READY"})

    def _metadata(self, call: Call) -> tuple[int, Any]:
        return 200, {"id": self.app_id, "runtimeVersion": "fake", "subscriptions": [], "components": []}

    def _secret(self, call: Call, store: str, name: str) -> tuple[int, Any]:
        if name not in self.secrets:
            return 500, {"errorCode": "ERR_SECRET_GET", "message": f"failed getting secret with key {name}"}
        return 200, self.secrets[name]

    def _publish(self, call: Call, pubsub: str, topic: str) -> tuple[int, Any]:
        self._take(pubsub, topic, call.json, call.query)
        return 204, None

    def _publish_bulk(self, call: Call, pubsub: str, topic: str) -> tuple[int, Any]:
        failed = []
        for entry in call.json:
            event = entry["event"]
            if isinstance(event, dict) and event.get("id") in self._entry_failures:
                failed.append({"entryId": entry["entryId"], "error": "refused by the test"})
            else:
                self._take(pubsub, topic, event, entry.get("metadata", {}))
        if failed:
            return 500, {"failedEntries": failed, "errorCode": "ERR_PUBSUB_PUBLISH_MESSAGE"}
        return 204, None

    def _take(self, pubsub: str, topic: str, event: Any, metadata: dict[str, str]) -> None:
        self.published.append(Published(pubsub, topic, event, metadata))

    def _state_save(self, call: Call, store: str) -> tuple[int, Any]:
        for item in call.json:
            first_write = item.get("options", {}).get("concurrency") == "first-write"
            known = self.state.get((store, item["key"]))
            if first_write and known and item.get("etag") != known[1]:
                if item.get("etag"):
                    return 409, {"errorCode": "ERR_STATE_SAVE", "message": "possible etag mismatch"}
                return 500, {"errorCode": "ERR_STATE_SAVE", "message": "no item was updated"}
            self.state[(store, item["key"])] = (item["value"], str(time.monotonic_ns()))
        return 204, None

    def _state_get(self, call: Call, store: str, key: str) -> tuple[int, Any]:
        known = self.state.get((store, key))
        return (200, known[0]) if known else (204, None)

    def _state_delete(self, call: Call, store: str, key: str) -> tuple[int, Any]:
        self.state.pop((store, key), None)
        return 204, None

    def _invoke(self, call: Call, app_id: str, path: str) -> tuple[int, Any]:
        return self._invocations.get(
            (app_id, "/" + path), (403, {"errorCode": "ERR_DIRECT_INVOKE", "message": "PermissionDenied"})
        )

    def _binding(self, call: Call, name: str) -> tuple[int, Any]:
        self.bindings.append({"name": name, **call.json})
        return 204, None


ROUTES = [
    ("GET", r"/v1\.0/healthz(?:/outbound)?", FakeSidecar._health),
    ("GET", r"/v1\.0/metadata", FakeSidecar._metadata),
    ("GET", r"/v1\.0/secrets/([^/]+)/([^/]+)", FakeSidecar._secret),
    ("POST", r"/v1\.0(?:-alpha1)?/publish/bulk/([^/]+)/([^/]+)", FakeSidecar._publish_bulk),
    ("POST", r"/v1\.0/publish/([^/]+)/([^/]+)", FakeSidecar._publish),
    ("POST", r"/v1\.0/state/([^/]+)", FakeSidecar._state_save),
    ("GET", r"/v1\.0/state/([^/]+)/([^/]+)", FakeSidecar._state_get),
    ("DELETE", r"/v1\.0/state/([^/]+)/([^/]+)", FakeSidecar._state_delete),
    ("GET", r"/v1\.0/invoke/([^/]+)/method/(.+)", FakeSidecar._invoke),
    ("POST", r"/v1\.0/invoke/([^/]+)/method/(.+)", FakeSidecar._invoke),
    ("POST", r"/v1\.0/bindings/([^/]+)", FakeSidecar._binding),
]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """The calls are recorded instead."""

    def _answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        url = urllib.parse.urlsplit(self.path)
        call = Call(
            self.command,
            url.path,
            dict(urllib.parse.parse_qsl(url.query)),
            {k.lower(): v for k, v in self.headers.items()},
            self.rfile.read(length),
        )
        call.came_s = time.monotonic()
        status, body, delay_s = self.server.sidecar.handle(call)
        call.status = status
        if delay_s:
            threading.Event().wait(delay_s)
        call.left_s = time.monotonic()
        if status == 0:
            self.close_connection = True
            return
        self.send_response(status)
        if status != 204:
            is_problem = status >= 400 and b'"type": "about:blank"' in body  # a peer's own, passed on
            self.send_header("content-type", "application/problem+json" if is_problem else "application/json")
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = _answer
