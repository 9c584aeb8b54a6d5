"""A browser's side of Web Push, written from the RFCs and not from the C code: a subscription whose
messages it decrypts (RFC 8291, RFC 8188), and whose sender it verifies (RFC 8292)."""

from __future__ import annotations

import base64
import os
import struct
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def derive(salt: bytes, key: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(key)


class Subscription:
    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.public = self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.auth = os.urandom(16)

    def json(self) -> dict[str, Any]:
        """What PushSubscription.toJSON() has of it."""
        return {"endpoint": self.endpoint, "keys": {"p256dh": encode(self.public), "auth": encode(self.auth)}}

    def decrypt(self, body: bytes) -> bytes:
        """The text of a message of one record."""
        salt, size, id_length = body[:16], struct.unpack(">I", body[16:20])[0], body[20]
        sender, record = body[21 : 21 + id_length], body[21 + id_length :]
        assert id_length == 65 and 18 <= len(record) <= size <= 4096
        shared = self.private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
        key = derive(self.auth, shared, b"WebPush: info\0" + self.public + sender, 32)
        content_key = derive(salt, key, b"Content-Encoding: aes128gcm\0", 16)
        nonce = derive(salt, key, b"Content-Encoding: nonce\0", 12)
        text = AESGCM(content_key).decrypt(nonce, record, None).rstrip(b"\0")
        assert text.endswith(b"\2"), "the last record ends in 2"
        return text[:-1]


def verify_sender(authorization: str, public_key: str, audience: str) -> dict[str, Any]:
    """The claims of `vapid t=…, k=…`, whose key must be `public_key`."""
    scheme, _, parameters = authorization.partition(" ")
    assert scheme.lower() == "vapid", authorization
    values = dict(part.strip().split("=", 1) for part in parameters.split(","))
    assert values["k"] == public_key
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decode(public_key))
    return jwt.decode(values["t"], key, algorithms=["ES256"], audience=audience)
