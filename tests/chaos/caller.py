"""A person whose calls outlast an outage, who may be refused, and who stays signed in however long it takes."""

from __future__ import annotations

import threading
import time
from typing import Any

import httpx
from client import Person

RETRY_S = 150  # longer than the longest outage of a run
SIGN_IN_EVERY_S = 600  # a token lives for 900 s


class Caller(Person):
    def __init__(self, url: str) -> None:
        self.signed_in_at = time.monotonic()
        super().__init__(url, retry_s=RETRY_S)

    def call(self, method: str, path: str, status: int | tuple[int, ...], body: Any = None, key: str | None = None) -> Any:
        self.stay_signed_in()
        return super().call(method, path, status, body, key)

    def stay_signed_in(self) -> None:
        pause = threading.Event()
        while time.monotonic() - self.signed_in_at > SIGN_IN_EVERY_S:
            try:
                self.sign_in()
                self.signed_in_at = time.monotonic()
            except (httpx.TransportError, AssertionError):
                if time.monotonic() - self.signed_in_at > SIGN_IN_EVERY_S + RETRY_S:
                    raise
                pause.wait(0.2)

    @staticmethod
    def expect(status: int | tuple[int, ...], answer: httpx.Response) -> Any:
        """What was answered; a problem that is expected too has a `code`."""
        allowed = (status,) if isinstance(status, int) else status
        said = f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
        assert answer.status_code in allowed, said
        return answer.json() if answer.content else None


def is_refused(answer: dict[str, Any]) -> bool:
    return "code" in answer
