"""The chain of docs/AUDIT.md written down a second time, from the document and not from the C code:
what the service computed is held against it. Run it to print the vectors of the unit tests:

    scripts/venv python tests/support/audit_chain.py > tests/unit/services/audit/chain.txt
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

GENESIS = bytes(32)


@dataclasses.dataclass
class Entry:
    """A row of the table entry, column by column."""

    owner_id: str
    number: int
    event_id: str
    topic: str
    type: str
    source: str
    subject: str
    seq: int
    occurred_at: int
    recorded_at: int
    payload: bytes | None
    digest: bytes = b""
    hash: bytes = b""

    def identity(self) -> bytes:
        texts = ["todo/audit/entry/1", self.owner_id, self.event_id, self.topic, self.type, self.source, self.subject]
        fields = [text.encode() for text in texts]
        fields += [struct.pack(">q", number) for number in (self.seq, self.occurred_at, self.recorded_at)]
        return b"".join(struct.pack(">I", len(field)) + field for field in fields)

    def compute_digest(self) -> bytes:
        payload = b"\xff" * 4 if self.payload is None else struct.pack(">I", len(self.payload)) + self.payload
        return hashlib.sha256(self.identity() + payload).digest()

    def compute_hash(self, previous: bytes) -> bytes:
        return hashlib.sha256(b"todo/audit/link/1" + previous + struct.pack(">q", self.number) + self.digest).digest()

    def seal(self, key: bytes, nonce: bytes, text: bytes) -> None:
        self.payload = nonce + _xchacha(key, nonce).encrypt(bytes(4) + nonce[16:], text, self.identity())

    def open(self, key: bytes) -> bytes:
        assert self.payload is not None
        nonce, sealed = self.payload[:24], self.payload[24:]
        return _xchacha(key, nonce).decrypt(bytes(4) + nonce[16:], sealed, self.identity())


def head_bytes(at: int, owner_id: str, number: int, hash_: bytes) -> bytes:
    """What the signature of an exported head is over."""
    return b"todo/audit/head/1" + struct.pack(">q", at) + owner_id.encode() + struct.pack(">q", number) + hash_


def _xchacha(key: bytes, nonce: bytes) -> ChaCha20Poly1305:
    """XChaCha20 is ChaCha20 under a key made by HChaCha20 (draft-irtf-cfrg-xchacha-03 §2.2)."""
    state = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce[:16]))
    for _ in range(10):
        for a, b, c, d in (
            (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
            (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
        ):  # fmt: skip
            for x, y, z, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                state[x] = (state[x] + state[y]) & 0xFFFFFFFF
                mixed = state[z] ^ state[x]
                state[z] = ((mixed << bits) | (mixed >> (32 - bits))) & 0xFFFFFFFF
    return ChaCha20Poly1305(struct.pack("<8I", *state[:4], *state[12:]))


def _vectors() -> list[list[str]]:
    first, second = "0190a6d2-0000-7000-8000-000000000001", "0190a6d2-ffff-7fff-bfff-ffffffffffff"
    event = "0190a6d3-1111-7222-8333-{:012d}"
    key, nonce = bytes(range(32)), bytes(range(100, 124))
    task = "0190a6d4-1234-7abc-8def-0123456789ab"
    created = ("task-events", "todo.task.created.v1", "/todo/backend", task)
    rows = [
        (first, *created, 1, 1795254360000, 1795254360042, b'{"title":"milk"}'),
        (first, "user-events", "todo.user.updated.v1", "/todo/backend", first, 2, 1795254361000, 1795254361001, b"{}"),
        (first, "recurrences", "todo.späte.früchte.v9", "/todo/ünïcode", "☃", 0, 0, 1, b'{"x":"\xe2\x82\xac"}'),
        (first, "user-events", "todo.user.deleted.v1", "/todo/backend", first, 2**63 - 1, 253402300799999, 1, None),
        (first, *created, 3, 1795254360000, 1795254360042, None),
        # the same bytes, cut at other places: lengths keep them apart
        (second, "ab", "c", "d", "e", 0, 0, 0, b""),
        (second, "a", "bc", "d", "e", 0, 0, 0, b""),
        (second, "a", "b", "cd", "e", 0, 0, 0, None),
    ]
    lines, number, hash_, owner = [], 0, GENESIS, ""
    for i, (owner_id, *rest, text) in enumerate(rows):
        if owner_id != owner:
            owner, number, hash_ = owner_id, 0, GENESIS
        number += 1
        entry = Entry(owner_id, number, event.format(i), *rest, None)
        if text is not None:
            entry.seal(key, nonce, text)
        entry.digest = entry.compute_digest()
        entry.hash = hash_ = entry.compute_hash(hash_)
        payload = "-" if entry.payload is None else entry.payload.hex()
        shown = "-" if text is None else text.hex()
        fields = [*dataclasses.astuple(entry)[:10], payload, shown, entry.digest.hex(), entry.hash.hex()]
        lines.append([str(field) for field in fields])
    return lines


def _head_vector() -> list[str]:
    seed, owner = bytes(range(1, 33)), "0190a6d2-0000-7000-8000-000000000001"
    private = Ed25519PrivateKey.from_private_bytes(seed)
    at, number, hash_ = 1795254360123, 42, hashlib.sha256(b"head").digest()
    signature = private.sign(head_bytes(at, owner, number, hash_))
    public = private.public_key().public_bytes_raw()
    texts = (base64.b64encode(b).decode() for b in (seed, public, signature))
    return [str(at), owner, str(number), hash_.hex(), *texts]


if __name__ == "__main__":
    print("# Made by tests/support/audit_chain.py. Payload key: bytes 0 to 31; nonce: bytes 100 to 123.")
    print("# owner number event topic type source subject seq occurred recorded payload text digest hash")
    for line in _vectors():
        print("entry\t" + "\t".join(line))
    print("# at owner number hash seed public-key signature")
    print("head\t" + "\t".join(_head_vector()))
