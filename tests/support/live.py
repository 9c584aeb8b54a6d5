"""What websocket lives on: a sidecar that delivers what is published on `pubsub-live`, and tickets as
backend signs them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import queue
import threading
import time
import uuid
from typing import Any

from .fake_sidecar import FakeSidecar, key_ring


class LiveSidecar(FakeSidecar):
    """Delivers to its own service what that publishes on `pubsub-live`, as a broker would. While
    `is_live` is false it only takes it."""

    def __init__(self, app_id: str = "websocket") -> None:
        super().__init__(app_id)
        self.secrets["ticket-keys"] = key_ring()
        self.is_live = True
        self._live: queue.Queue[tuple[str, Any] | None] = queue.Queue()
        self._live_thread = threading.Thread(target=self._deliver_live, daemon=True)
        self._live_thread.start()

    def _take(self, pubsub: str, topic: str, event: Any, metadata: dict[str, str]) -> None:
        super()._take(pubsub, topic, event, metadata)
        if pubsub == "pubsub-live" and self.is_live:
            self._live.put((topic, event))

    def _deliver_live(self) -> None:
        while entry := self._live.get():
            try:
                self.deliver(*entry)
            except Exception:  # a service that is ending
                continue

    def close(self) -> None:
        self._live.put(None)
        self._live_thread.join()
        super().close()


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(keys: dict[str, str], claims: dict[str, Any], **header: Any) -> str:
    """A JWT of `claims`; header fields of None are left out."""
    kid = keys["active"]
    fields = {"alg": "HS256", "typ": "JWT", "kid": kid} | header
    head = encode(json.dumps({k: v for k, v in fields.items() if v is not None}).encode())
    body = encode(json.dumps({k: v for k, v in claims.items() if v is not None}).encode())
    key = base64.b64decode(keys[kid])
    return f"{head}.{body}." + encode(hmac.digest(key, f"{head}.{body}".encode(), hashlib.sha256))


def claims(user_id: str, seq: int = 0, **changes: Any) -> dict[str, Any]:
    """Those of a ticket as backend issues it."""
    now = int(time.time())
    return {
        "iss": "todo",
        "aud": "ws",
        "sub": user_id,
        "jti": str(uuid.uuid4()),
        "seq": seq,
        "iat": now,
        "exp": now + 30,
    } | changes
