"""A receiver's side of Standard Webhooks, written from its specification."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

from .web_sink import Received


def verify(hook: Received, secret: str, tolerance_s: float = 300) -> str:
    """Hold a webhook against its secret, "whsec_…"; return its stable id."""
    message_id, at = hook.headers["webhook-id"], hook.headers["webhook-timestamp"]
    assert abs(time.time() - int(at)) < tolerance_s
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{at}.".encode() + hook.body
    expected = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    signatures = hook.headers["webhook-signature"].split(" ")
    assert any(hmac.compare_digest(expected, each) for each in signatures), (expected, signatures)
    return message_id
