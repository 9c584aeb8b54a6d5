"""A web server on loopback that takes what webhooks and push messages bring, and answers as told.

    with WebSink() as sink:
        sink.answer("/hooks/ada", 503, times=2, headers={"Retry-After": "1"})
        …                                          # the third one is accepted
        hook = wait_for("the hook", lambda: sink.received("/hooks/ada"))[0]
        hook.headers["webhook-id"], hook.json

What no answer is programmed for is accepted with 204."""

from __future__ import annotations

import dataclasses
import http.server
import json
import threading
import time
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass
class Received:
    """One request. It was `accepted` when its answer, 2xx, was about to be written; whether the
    sender has read it nobody knows."""

    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    came_at: float  # seconds since 1970
    status: int = 0  # the answer; 0: the connection was closed without one
    answered_at: float = 0.0

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclasses.dataclass
class Answer:
    prefix: str
    status: int  # 0: close the connection
    times: int  # -1: until cleared
    headers: dict[str, str]
    body: bytes
    delay_s: float


class WebSink:
    """`choose` gives status and delay of a request that no programmed answer is for."""

    def __init__(self, choose: Callable[[Received], tuple[int, float]] = lambda _request: (204, 0.0)) -> None:
        self.choose = choose
        self.requests: list[Received] = []
        self._answers: list[Answer] = []
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.sink = self
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def __enter__(self) -> "WebSink":
        return self

    def __exit__(self, *_rest: Any) -> None:
        self.close()

    def close(self) -> None:
        self._is_over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(
        self,
        prefix: str,
        status: int,
        times: int = -1,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        delay_s: float = 0.0,
    ) -> None:
        """Answer the next `times` requests whose path begins so; the first that fits is taken."""
        with self._lock:
            self._answers.append(Answer(prefix, status, times, headers or {}, body, delay_s))

    def clear_answers(self) -> None:
        with self._lock:
            self._answers.clear()

    def received(self, prefix: str = "/") -> list[Received]:
        with self._lock:
            return [request for request in self.requests if request.path.startswith(prefix)]

    def take(self, request: Received) -> Answer:
        """Note a request; return its answer, once its delay is over."""
        with self._lock:
            self.requests.append(request)
            answer = next((a for a in self._answers if a.times and request.path.startswith(a.prefix)), None)
            if answer:
                answer.times -= 1 if answer.times > 0 else 0
        if not answer:
            status, delay_s = self.choose(request)
            answer = Answer("", status, 0, {}, b"", delay_s)
        if answer.delay_s:
            self._is_over.wait(answer.delay_s)
        request.status, request.answered_at = answer.status, time.time()
        return answer


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a handler may be in the middle of a long delay
    request_queue_size = 128
    sink: WebSink

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that goes away in mid-answer is what some tests are about."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """The requests are recorded instead."""

    def _take(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.sink.take(Received(self.command, self.path, headers, body, time.time()))
        if answer.status == 0:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if answer.status != 204:
            self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_DELETE = _take
