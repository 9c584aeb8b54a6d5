"""websocket: tickets, handshakes, frames both ways, updates, slow clients, drain."""

from __future__ import annotations

import base64
import contextlib
import datetime
import json
import os
import socket
import struct
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from support.fake_sidecar import key_ring, random_key
from support.live import LiveSidecar, claims, encode, sign
from support.service import Service
from support.waiting import LIMIT_S, wait_for

ORIGIN = "https://todo.example"
PING_MS = "2000"  # whoever is to answer in time has twice as long
# two probes that do not come back in time close every socket: a busy machine must not be late for them
SETTINGS = {
    "REPLICA_NAME": "ws-0",
    "ALLOWED_ORIGINS": f"https://other.example,{ORIGIN}",
    "PROBE_INTERVAL_MS": "600000",
    "PROBE_RETRY_MS": "1500",
    "WS_CLOSE_LIMIT_MS": "30000",
}


class World:
    """One running websocket and its sidecar."""

    def __init__(self, service: Service, sidecar: LiveSidecar) -> None:
        self.service = service
        self.sidecar = sidecar

    def ticket(self, user_id: str, seq: int = 0, **changes: Any) -> str:
        return sign(self.sidecar.secrets["ticket-keys"], claims(user_id, seq, **changes))

    def uri(self, ticket: str) -> str:
        return f"ws://127.0.0.1:{self.service.port}/ws?ticket={ticket}"

    def connect(self, user_id: str, seq: int = 0, **options: Any) -> ClientConnection:
        return self.connect_by(self.ticket(user_id, seq), **options)

    def connect_by(self, ticket: str, **options: Any) -> ClientConnection:
        options = {"origin": ORIGIN, "open_timeout": LIMIT_S, "ping_interval": None, "proxy": None} | options
        return connect(self.uri(ticket), **options)

    def update(self, user_id: str, seq: int | None, type: str = "task", **changes: Any) -> dict[str, Any]:
        """Deliver an update event; return its data."""
        event = update_event(user_id, seq, type, **changes)
        status, answer = self.sidecar.deliver("task-updates", event)
        assert (status, answer) == (200, {"status": "SUCCESS"})
        return event["data"]

    @contextlib.contextmanager
    def raw(self, user_id: str) -> Iterator[socket.socket]:
        """A socket behind the handshake and the hello, for frames of any kind."""
        with socket.create_connection(("127.0.0.1", self.service.port), timeout=LIMIT_S) as sock:
            sock.sendall(handshake(self.ticket(user_id)))
            read_until(sock, b"\r\n\r\n")
            assert read_frame(sock) == (1, b'{"type":"hello","seq":0}')
            yield sock


def update_event(user_id: str, seq: int | None, type: str = "task", **changes: Any) -> dict[str, Any]:
    task_id = str(uuid.uuid4())
    data = {"id": task_id} if type == "task-purged" else {"id": task_id, "owner_id": user_id, "title": f"Täsk {seq}"}
    event = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "/todo/backend",
        "type": f"todo.update.{type}.v1",
        "subject": task_id,
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "ownerid": user_id,
        "seq": None if seq is None else str(seq),
        "data": data,
    } | changes
    return {k: v for k, v in event.items() if v is not None}


def handshake(ticket: str, **headers: str | None) -> bytes:
    """The bytes of an opening handshake; a header of None is left out."""
    fields: dict[str, str | None] = {
        "Host": "todo.example",
        "Upgrade": "websocket",
        "Connection": "keep-alive, Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        "Origin": ORIGIN,
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([f"GET /ws?ticket={ticket} HTTP/1.1", *lines, "", ""]).encode()


def read_until(sock: socket.socket, end: bytes) -> bytes:
    read = b""
    while not read.endswith(end):
        byte = sock.recv(1)
        assert byte, f"closed after {read!r}"
        read += byte
    return read


def read_exactly(sock: socket.socket, n: int) -> bytes:
    read = b""
    while len(read) < n:
        piece = sock.recv(n - len(read))
        if not piece:
            raise EOFError
        read += piece
    return read


def read_frame(sock: socket.socket) -> tuple[int, bytes]:
    """Opcode and payload of the server's next frame, which must be whole and unmasked."""
    first, second = read_exactly(sock, 2)
    assert first & 0xF0 == 0x80 and second & 0x80 == 0
    n = second
    if n == 126:
        (n,) = struct.unpack(">H", read_exactly(sock, 2))
    elif n == 127:
        (n,) = struct.unpack(">Q", read_exactly(sock, 8))
    return first & 0x0F, read_exactly(sock, n)


def frame(opcode: int, payload: bytes = b"", first: int | None = None, length: bytes | None = None) -> bytes:
    """A client's frame, masked; `first` and `length` override what would be right."""
    if length is None:
        n = len(payload)
        length = bytes([n]) if n < 126 else b"\x7e" + struct.pack(">H", n) if n < 65536 else b"\x7f" + struct.pack(">Q", n)
    mask = os.urandom(4)
    masked = bytes(b ^ mask[i % 4] for i, b in enumerate(payload))
    return bytes([0x80 | opcode if first is None else first, length[0] | 0x80]) + length[1:] + mask + masked


def read_close(sock: socket.socket) -> tuple[int, str]:
    """Code and reason of the close frame that comes next; pongs before it are skipped."""
    while True:
        opcode, payload = read_frame(sock)
        if opcode == 8:
            return struct.unpack(">H", payload[:2])[0], payload[2:].decode()
        assert opcode == 10, (opcode, payload)


def answer(world: World, request: bytes) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Status, headers and problem of a refused request."""
    with socket.create_connection(("127.0.0.1", world.service.port), timeout=LIMIT_S) as sock:
        sock.sendall(request)
        head = read_until(sock, b"\r\n\r\n").decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = read_exactly(sock, int(headers.get("content-length", "0")))
    return int(head[0].split()[1]), headers, json.loads(body) if body else {}


def receive(client: ClientConnection) -> Any:
    return json.loads(client.recv(timeout=LIMIT_S))


def expect_close(client: ClientConnection) -> tuple[int, str]:
    """Read until the server closes; return code and reason."""
    try:
        while True:
            client.recv(timeout=LIMIT_S)
    except ConnectionClosed as closed:
        assert closed.rcvd is not None
        return closed.rcvd.code, closed.rcvd.reason


def new_user() -> str:
    return str(uuid.uuid4())


@pytest.fixture(scope="module")
def world_maker(service_maker) -> Iterator:
    """Call it for a websocket of your own, with settings that differ."""
    sidecars: list[LiveSidecar] = []

    def make(**settings: str) -> World:
        sidecar = LiveSidecar()
        sidecars.append(sidecar)
        return World(service_maker(None, sidecar=sidecar, settings=SETTINGS | settings), sidecar)

    yield make
    for sidecar in sidecars:
        sidecar.close()


@pytest.fixture(scope="module")
def service(world_maker) -> World:
    world = world_maker()
    world.service.start()
    return world


@pytest.fixture
def world(service: World) -> Iterator[World]:
    service.sidecar.clear_failures()
    yield service
    service.sidecar.clear_failures()


# ---- updates


def test_a_socket_begins_with_the_seq_of_its_ticket(world: World) -> None:
    with world.connect(new_user(), seq=12) as client:
        assert receive(client) == {"type": "hello", "seq": 12}


def test_every_browser_of_a_user_gets_an_update_and_nobody_else_does(world: World) -> None:
    ada, bob = new_user(), new_user()
    with world.connect(ada) as first, world.connect(ada) as second, world.connect(bob) as other:
        for client in (first, second, other):
            receive(client)
        task = world.update(ada, 1)
        expected = {"type": "task", "seq": 1, "task": task}
        assert receive(first) == expected
        assert receive(second) == expected
        world.update(bob, 7)
        assert receive(other)["seq"] == 7


def test_a_purged_task_is_named(world: World) -> None:
    user = new_user()
    with world.connect(user) as client:
        receive(client)
        data = world.update(user, 3, "task-purged")
        assert receive(client) == {"type": "task_purged", "seq": 3, "id": data["id"]}


def test_a_notification_comes_with_the_number_of_unread_ones(world: World) -> None:
    user = new_user()
    notification = {"id": str(uuid.uuid4()), "kind": "reminder", "title": "Tëa", "mood": {"is": ["new"]}}
    with world.connect(user) as client:
        receive(client)
        world.update(user, 4, "notification", data={"notification": notification, "unread": 3, "more": 1})
        assert receive(client) == {"type": "notification", "seq": 4, "notification": notification, "unread": 3}
        world.update(user, 5, "notification", data={"notification": None, "unread": 0})
        assert receive(client) == {"type": "notification", "seq": 5, "notification": None, "unread": 0}
        world.update(user, 6)
        assert receive(client)["type"] == "task"


def test_a_notification_without_its_number_becomes_a_dead_letter(world: World) -> None:
    before = len(world.sidecar.events("dead-letters"))
    world.update(new_user(), 1, "notification", data={"notification": {}})
    assert "data.unread" in world.sidecar.wait_for_events("dead-letters", before + 1)[-1].data["reason"]


def test_a_repeated_update_makes_one_frame_and_a_late_one_is_sent(world: World) -> None:
    user = new_user()
    with world.connect(user) as client:
        receive(client)
        event = update_event(user, 5)
        for _ in range(3):
            world.sidecar.deliver("task-updates", event)
        world.update(user, 3)
        world.update(user, 5)
        world.update(user, 4)
        world.update(user, 6)
        assert [receive(client)["seq"] for _ in range(4)] == [5, 3, 4, 6]


def test_the_hello_tells_of_updates_that_passed_before_the_socket_opened(world: World) -> None:
    user = new_user()
    ticket = world.ticket(user, seq=10)
    world.update(user, 11)
    with world.connect_by(ticket) as client:
        assert receive(client) == {"type": "hello", "seq": 11}
    with world.connect(user, seq=10) as client:
        assert receive(client) == {"type": "hello", "seq": 11}


def test_a_large_update_comes_in_one_frame(world: World) -> None:
    user = new_user()
    with world.raw(user) as sock:
        text = "ü" * 50000
        world.update(user, 1, data={"id": new_user(), "title": text})
        opcode, payload = read_frame(sock)
        assert opcode == 1
        assert json.loads(payload)["task"]["title"] == text


def test_a_deleted_account_loses_its_sockets(world: World) -> None:
    user = new_user()
    with world.connect(user) as client:
        receive(client)
        world.update(user, 2, "user-deleted")
        assert expect_close(client) == (1008, "the account has been deleted")


def test_who_signs_out_everywhere_loses_his_sockets_and_may_open_new_ones(world: World) -> None:
    user, other = new_user(), new_user()
    with world.connect(user, seq=7) as first, world.connect(user, seq=7) as second, world.connect(other) as third:
        for client in (first, second, third):
            receive(client)
        world.update(user, 7, "signed-out", data={"id": user})
        assert expect_close(first) == (1008, "signed out")
        assert expect_close(second) == (1008, "signed out")
        world.update(other, 1)
        assert receive(third)["seq"] == 1
    with world.connect(user, seq=7) as client:
        assert receive(client) == {"type": "hello", "seq": 7}


def test_pings_tell_of_an_update_from_before_the_start(world_maker) -> None:
    world = world_maker(WS_PING_MS=PING_MS)
    world.service.start()
    user = new_user()
    with world.connect(user, seq=4) as client:
        receive(client)
        world.update(user, 5, time="2026-01-01T00:00:00Z")
        wait_for("the ping to tell of it", lambda: receive(client) == {"type": "ping", "seq": 5})


def test_an_update_from_before_the_start_is_dropped(world: World) -> None:
    user = new_user()
    with world.connect(user) as client:
        receive(client)
        world.update(user, 1, time="2026-01-01T00:00:00Z")
        world.update(user, 2)
        assert receive(client)["seq"] == 2


def test_an_unknown_update_is_let_pass(world: World) -> None:
    world.update(new_user(), 1, "chat")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"seq": None}, "seq"), ({"ownerid": "nobody"}, "ownerid"), ({"data": {}}, "data.id")],
    ids=["no seq", "no owner", "no id"],
)
def test_an_update_that_cannot_be_sent_becomes_a_dead_letter(world: World, changes: dict, reason: str) -> None:
    before = len(world.sidecar.events("dead-letters"))
    event = {k: v for k, v in (update_event(new_user(), 1, "task-purged") | changes).items() if v is not None}
    assert world.sidecar.deliver("task-updates", event) == (200, {"status": "SUCCESS"})
    letters = world.sidecar.wait_for_events("dead-letters", before + 1)
    assert letters[-1].data["consumer"] == "websocket"
    assert reason in letters[-1].data["reason"]


# ---- tickets


def test_a_ticket_opens_one_socket(world: World) -> None:
    ticket = world.ticket(new_user())
    with world.connect_by(ticket) as client:
        receive(client)
        with pytest.raises(InvalidStatus) as refused:
            world.connect_by(ticket)
    assert refused.value.response.status_code == 401
    assert json.loads(refused.value.response.body)["code"] == "ticket_used"


def bad_tickets(keys: dict[str, str]) -> dict[str, str]:
    user, now = new_user(), int(time.time())
    good = sign(keys, claims(user))
    head, body, signature = good.split(".")
    unsigned = encode(json.dumps({"alg": "none", "typ": "JWT", "kid": keys["active"]}).encode())
    return {
        "none at all": "",
        "not a JWT": "ticket",
        "alg none": f"{unsigned}.{body}.",
        "alg none with the signature": f"{unsigned}.{body}.{signature}",
        "another algorithm": sign(keys, claims(user), alg="HS512"),
        "no kid": sign(keys, claims(user), kid=None),
        "an unknown kid": sign(keys, claims(user), kid="k9"),
        "another key": sign({"active": "k1", "k1": random_key()}, claims(user), kid=keys["active"]),
        "a changed body": f"{head}.{encode(json.dumps(claims(new_user())).encode())}.{signature}",
        "a cut signature": good[:-4],
        "no signature": f"{head}.{body}.",
        "expired": sign(keys, claims(user, iat=now - 60, exp=now - 1)),
        "no expiry": sign(keys, claims(user, exp=None)),
        "valid for an hour": sign(keys, claims(user, exp=now + 3600)),
        "for the API": sign(keys, claims(user, aud="api")),
        "for nobody": sign(keys, claims(user, aud=None)),
        "of another issuer": sign(keys, claims(user, iss="other")),
        "no user": sign(keys, claims(user, sub=None)),
        "a user that is no UUID": sign(keys, claims("ada")),
        "no id": sign(keys, claims(user, jti=None)),
        "an id that is no UUID": sign(keys, claims(user, jti="1")),
        "a negative seq": sign(keys, claims(user, seq=-1)),
        "over-long": sign(keys, claims(user, note="x" * 2000)),
    }


@pytest.mark.parametrize("name", bad_tickets(key_ring()))
def test_a_bad_ticket_is_refused(world: World, name: str) -> None:
    ticket = bad_tickets(world.sidecar.secrets["ticket-keys"])[name]
    status, headers, problem = answer(world, handshake(ticket))
    assert status == 401, problem
    assert headers["content-type"] == "application/problem+json"


def test_a_request_without_a_ticket_is_refused(world: World) -> None:
    request = handshake("").replace(b"?ticket=", b"")
    assert answer(world, request)[0] == 401


def test_another_query_parameter_is_named(world: World) -> None:
    status, _, problem = answer(world, handshake(world.ticket(new_user()) + "&tikcet=1"))
    assert status == 400
    assert problem["errors"][0]["field"] == "tikcet"


def test_a_rotated_key_opens_and_the_old_one_does_until_it_is_gone(world_maker) -> None:
    world = world_maker()
    world.service.start()
    old = world.sidecar.secrets["ticket-keys"]
    both = {"active": "k2", "k1": old["k1"], "k2": random_key()}

    def opens(keys: dict[str, str]) -> bool:
        try:
            with world.connect_by(sign(keys, claims(new_user()))):
                return True
        except InvalidStatus as refused:
            assert refused.response.status_code == 401
            return False

    world.sidecar.secrets["ticket-keys"] = both
    wait_for("the new key to be in use", lambda: opens(both))
    assert opens(old)
    world.sidecar.secrets["ticket-keys"] = {"active": "k2", "k2": both["k2"]}
    wait_for("the old key to be gone", lambda: not opens(old))
    assert opens(both)


def test_without_the_state_store_no_socket_opens(world: World) -> None:
    world.sidecar.fail("POST", "/v1.0/state", 503)
    status, _, problem = answer(world, handshake(world.ticket(new_user())))
    assert status == 503
    assert problem["code"] == "unavailable"


# ---- handshakes


def test_the_answer_to_a_handshake_is_that_of_the_standard(world: World) -> None:
    with socket.create_connection(("127.0.0.1", world.service.port), timeout=LIMIT_S) as sock:
        sock.sendall(handshake(world.ticket(new_user())))
        head = read_until(sock, b"\r\n\r\n").decode()
    assert head.startswith("HTTP/1.1 101 ")
    assert "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head  # RFC 6455 §1.3
    assert "Extensions" not in head and "Protocol:" not in head


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upgrade": None}, 426),
        ({"Upgrade": "h2c"}, 426),
        ({"Connection": "keep-alive"}, 426),
        ({"Connection": None}, 426),
        ({"Sec-WebSocket-Version": "8"}, 426),
        ({"Sec-WebSocket-Version": None}, 426),
        ({"Sec-WebSocket-Key": None}, 400),
        ({"Sec-WebSocket-Key": "short"}, 400),
        ({"Sec-WebSocket-Key": base64.b64encode(bytes(17)).decode()}, 400),
        ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZR=="}, 400),  # bits behind the 16th byte
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ORIGIN + ".evil.example"}, 403),
        ({"Origin": ORIGIN.upper()}, 403),
        ({"Origin": f"https://other.example,{ORIGIN}"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": None, "Cookie": "a=b"}, 403),
    ],
    ids=str,
)
def test_a_bad_handshake_is_refused(world: World, headers: dict[str, str | None], status: int) -> None:
    got, answered, problem = answer(world, handshake(world.ticket(new_user()), **headers))
    assert got == status, problem
    if status == 426:
        assert answered["upgrade"] == "websocket"
        assert answered["sec-websocket-version"] == "13"


def test_a_refused_handshake_leaves_the_ticket_unused(world: World) -> None:
    ticket = world.ticket(new_user())
    assert answer(world, handshake(ticket, Origin="https://evil.example"))[0] == 403
    with world.connect_by(ticket) as client:
        receive(client)


@pytest.mark.parametrize("origin", [ORIGIN, "https://other.example"])
def test_a_listed_origin_may_open(world: World, origin: str) -> None:
    with world.connect(new_user(), origin=origin, additional_headers={"Cookie": "a=b"}) as client:
        receive(client)


def test_a_client_that_is_no_browser_may_open(world: World) -> None:
    with world.connect(new_user(), origin=None) as client:
        receive(client)


def test_other_methods_are_refused(world: World) -> None:
    assert httpx.post(world.service.url + "/ws").status_code == 405


# ---- frames of a client

MALFORMED = {
    "unmasked": (b"\x81\x02hi", 1002),
    "a reserved bit": (frame(1, b"hi", first=0xC1), 1002),
    "all reserved bits": (frame(1, b"hi", first=0xF1), 1002),
    "a reserved opcode": (frame(3, b"hi"), 1002),
    "a reserved control opcode": (frame(11), 1002),
    "a fragmented ping": (frame(9, b"hi", first=0x09), 1002),
    "a ping of 126 bytes": (frame(9, b"x" * 126), 1002),
    "a continuation of nothing": (frame(0, b"hi"), 1002),
    "a text inside a text": (frame(1, b"a", first=0x01) + frame(1, b"b"), 1002),
    "a length of two bytes for one": (frame(1, b"hi", length=b"\x7e\x00\x02"), 1002),
    "a length of eight bytes for two": (frame(1, b"x" * 200, length=b"\x7f" + struct.pack(">Q", 200)), 1002),
    "a length with the highest bit": (frame(1, b"", length=b"\x7f" + struct.pack(">Q", 1 << 63)), 1002),
    "a close of one byte": (frame(8, b"\x03"), 1002),
    "a close with code 999": (frame(8, struct.pack(">H", 999)), 1002),
    "a close with code 1005": (frame(8, struct.pack(">H", 1005)), 1002),
    "a close whose reason is not UTF-8": (frame(8, struct.pack(">H", 1000) + b"\xff"), 1007),
    "a text that is not UTF-8": (frame(1, b"\xff\xfe"), 1007),
    "a text that ends in half a character": (frame(1, b"\xc3"), 1007),
    "a text that breaks UTF-8 over two frames": (frame(1, b"\xc3", first=0x01) + frame(0, b"x"), 1007),
    "a text of 4097 bytes": (frame(1, b"x" * 4097), 1009),
    "a text that says it has 2 GiB": (frame(1, b"x", length=b"\x7f" + struct.pack(">Q", 1 << 31)), 1009),
    "fragments of 4097 bytes together": (frame(1, b"x" * 4000, first=0x01) + frame(0, b"x" * 97), 1009),
    "a text": (frame(1, b'{"type":"ping"}'), 1008),
    "a text of 4096 bytes": (frame(1, b"x" * 4096), 1008),
    "a text in fragments with a ping between": (frame(1, b"a", first=0x01) + frame(9) + frame(0, b"b"), 1008),
    "an empty text": (frame(1), 1008),
    "a binary message": (frame(2, b"\x00\x01"), 1003),
}


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("piece", [1, 100000], ids=["byte by byte", "whole"])
def test_a_frame_that_is_not_allowed_closes_with_its_code(world: World, name: str, piece: int) -> None:
    bytes_, code = MALFORMED[name]
    with world.raw(new_user()) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for at in range(0, len(bytes_), piece):
                sock.sendall(bytes_[at : at + piece])
        closed, reason = read_close(sock)
        assert closed == code
        assert reason
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            sock.sendall(frame(8, struct.pack(">H", code)))
        with contextlib.suppress(ConnectionResetError):
            assert sock.recv(1) == b""


def test_who_goes_on_sending_after_a_bad_frame_still_gets_the_reason(world: World) -> None:
    with world.raw(new_user()) as sock:
        sock.sendall(b"\x81\x02hi" + bytes(1000000))
        assert read_close(sock)[0] == 1002
        assert sock.recv(1) == b""  # and not a reset


def test_a_ping_is_answered_with_its_payload(world: World) -> None:
    with world.raw(new_user()) as sock:
        for payload in (b"", b"hello", bytes(range(125))):
            sock.sendall(frame(9, payload))
            assert read_frame(sock) == (10, payload)
        sock.sendall(frame(10, b"a pong nobody asked for"))
        sock.sendall(frame(9, b"still there"))
        assert read_frame(sock) == (10, b"still there")


def test_a_flood_of_pings_is_closed(world: World) -> None:
    with world.raw(new_user()) as sock:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            sock.sendall(frame(9, b"x") * 1001)
        assert read_close(sock)[0] == 1008


@pytest.mark.parametrize(
    ("payload", "echo"),
    [(b"", b""), (struct.pack(">H", 1000), None), (struct.pack(">H", 1001) + b"bye", None), (struct.pack(">H", 4321), None)],
    ids=["no code", "1000", "1001 with a reason", "4321"],
)
def test_a_close_of_the_client_is_echoed_and_the_server_hangs_up_first(
    world: World, payload: bytes, echo: bytes | None
) -> None:
    with world.raw(new_user()) as sock:
        sock.sendall(frame(8, payload))
        assert read_frame(sock) == (8, payload if echo is None else echo)
        assert sock.recv(1) == b""


def test_frames_sent_with_the_handshake_are_read(world: World) -> None:
    with socket.create_connection(("127.0.0.1", world.service.port), timeout=LIMIT_S) as sock:
        sock.sendall(handshake(world.ticket(new_user())) + frame(9, b"early"))
        read_until(sock, b"\r\n\r\n")
        assert read_frame(sock)[0] == 1
        assert read_frame(sock) == (10, b"early")


def test_clients_that_vanish_leave_nothing_behind(world: World) -> None:
    user = new_user()
    for i in range(60):
        sock = socket.create_connection(("127.0.0.1", world.service.port), timeout=LIMIT_S)
        sock.sendall(handshake(world.ticket(new_user() if i % 2 else user)))
        if i % 3:
            read_until(sock, b"\r\n\r\n")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", i % 2, 0))
        sock.close()
        world.update(user, i + 1)
    wait_for("all sockets to be gone", lambda: world.service.metric("websocket_sockets") == 0)
    assert world.service.metric("websocket_users") == 0
    # the sidecar's and the one that asks
    wait_for("the connections to be gone", lambda: world.service.metric("http_connections") <= 2)


# ---- limits


def test_one_socket_too_many_of_a_user_is_closed_with_a_reason(world_maker) -> None:
    world = world_maker(WS_SOCKETS_PER_USER="2")
    world.service.start()
    user = new_user()
    with world.connect(user) as first, world.connect(user) as second, world.connect(user) as third:
        assert expect_close(third) == (1008, "too many sockets of one user")
        first.close()
        wait_for("the first to be gone", lambda: world.service.metric("websocket_sockets") == 1)
        with world.connect(user) as fourth:
            assert receive(fourth)["type"] == "hello"
        receive(second)


@pytest.mark.parametrize(
    "settings", [{"WS_QUEUE_FRAMES": "5"}, {"WS_QUEUE_FRAMES": "100000", "WS_QUEUE_BYTES": "65536"}], ids=["frames", "bytes"]
)
def test_a_client_that_does_not_read_is_closed_with_1013_and_others_are_not_held_up(
    world_maker, settings: dict[str, str]
) -> None:
    world = world_maker(**settings)
    world.service.start()
    user = new_user()
    with world.raw(user) as slow, world.connect(user, max_size=None) as quick:
        receive(quick)
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        data = {"id": user, "title": "x" * 30000}
        for seq in range(1, 101):  # 3 MB: more than kernel and queue hold
            world.update(user, seq, data=data)
            assert receive(quick)["seq"] == seq
        seen = []
        while (got := read_frame(slow))[0] == 1:
            seen.append(json.loads(got[1])["seq"])
        assert seen == list(range(1, len(seen) + 1))  # no hole before the close
        assert struct.unpack(">H", got[1][:2])[0] == 1013
        assert b"sync" in got[1]
        world.update(user, 101)
        assert receive(quick)["seq"] == 101


def test_who_answers_pings_stays_and_hears_the_newest_seq(world_maker) -> None:
    world = world_maker(WS_PING_MS=PING_MS)
    world.service.start()
    user = new_user()
    with world.connect(user, seq=4) as client:
        assert receive(client) == {"type": "hello", "seq": 4}
        for _ in range(3):  # one more than may stay unanswered
            assert receive(client) == {"type": "ping", "seq": 4}
        world.update(user, 9)
        wait_for("the ping to tell of it", lambda: receive(client) == {"type": "ping", "seq": 9})


def test_who_does_not_answer_pings_is_closed(world_maker) -> None:
    world = world_maker(WS_PING_MS="50")
    world.service.start()
    with world.raw(new_user()) as sock:
        opcodes = []
        while (got := read_frame(sock))[0] != 8:
            opcodes.append(got[0])
        assert opcodes == [9, 1, 9, 1]
        assert struct.unpack(">H", got[1][:2])[0] == 1008


def test_a_socket_ends_with_its_life_and_a_new_ticket_opens_another(world_maker) -> None:
    world = world_maker(WS_LIFE_S="1")
    world.service.start()
    user = new_user()
    began = time.monotonic()
    with world.connect(user) as client:
        assert expect_close(client) == (1013, "the ticket has expired: take a new one")
        assert 0.9 < time.monotonic() - began
    with world.connect(user) as client:
        assert receive(client)["type"] == "hello"


# ---- the life of the service


def test_it_is_ready_once_a_probe_came_back_and_while_they_do(world_maker) -> None:
    world = world_maker(PROBE_INTERVAL_MS="100", PROBE_RETRY_MS="200")
    world.sidecar.is_live = False
    world.service.start(wait_ready=False)
    wait_for("some probes", lambda: len(probes(world)) > 3)
    problem = httpx.get(world.service.url + "/ready")
    assert problem.status_code == 503
    assert "probe" in problem.json()["detail"]
    published = probes(world)
    assert {p.event["subject"] for p in published} == {"ws-0"}
    assert len({p.event["ownerid"] for p in published}) == len(published)
    status, headers, _ = answer(world, handshake(world.ticket(new_user())))
    assert status == 503  # nobody would bring this socket anything
    assert headers["retry-after"] == "1"
    world.sidecar.is_live = True
    world.service.wait_ready()
    world.sidecar.is_live = False
    wait_for("it to notice", lambda: httpx.get(world.service.url + "/ready").status_code == 503)
    world.sidecar.is_live = True
    world.service.wait_ready()


MISSING = (1013, "updates may be missing: come again, ask sync")


def test_sockets_that_outlived_a_lost_live_path_are_closed_once_it_is_back(world_maker) -> None:
    world = world_maker(PROBE_INTERVAL_MS="100")
    world.service.start()
    with world.connect(new_user()) as first, world.connect(new_user()) as second:
        receive(first)
        receive(second)
        world.sidecar.is_live = False
        wait_for("it to notice", lambda: world.service.log_lines("live_path_lost"))
        assert world.service.metric("websocket_sockets") == 2
        world.sidecar.is_live = True
        assert expect_close(first) == MISSING
        assert expect_close(second) == MISSING
    world.service.wait_ready()
    with world.connect(new_user()) as client:
        assert receive(client)["type"] == "hello"
        n_probes = len(probes(world))
        wait_for("more probes", lambda: len(probes(world)) > n_probes + 2)
        assert world.service.metric("websocket_sockets") == 1  # while probes come back nothing is closed


def test_a_new_sidecar_closes_the_sockets_once_a_probe_came_through_it(world_maker) -> None:
    world = world_maker()
    world.service.start()
    with world.connect(new_user()) as client:
        receive(client)
        headers = {"dapr-api-token": world.sidecar.app_token}
        assert httpx.get(world.service.app_url + "/dapr/subscribe", headers=headers).json() == []
        assert expect_close(client) == MISSING
    assert httpx.get(world.service.app_url + "/dapr/subscribe").status_code == 401
    world.service.wait_ready()
    with world.connect(new_user()) as client:
        assert receive(client)["type"] == "hello"


def probes(world: World) -> list:
    return world.sidecar.events("task-updates", "todo.update.probe.v1")


def test_a_probe_of_another_replica_or_an_earlier_life_makes_nothing_ready(world_maker) -> None:
    world = world_maker(PROBE_RETRY_MS="50")
    world.sidecar.is_live = False
    world.service.start(wait_ready=False)
    wait_for("a probe", lambda: probes(world))
    world.update(new_user(), None, "probe", subject="ws-1", data={})
    world.update(new_user(), None, "probe", subject="ws-0", data={})
    n_probes = len(probes(world))
    wait_for("more probes", lambda: len(probes(world)) > n_probes + 2)
    assert httpx.get(world.service.url + "/ready").status_code == 503


def test_at_sigterm_every_socket_is_closed_with_1001(world_maker) -> None:
    world = world_maker()
    world.service.start()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(world.connect(new_user())) for _ in range(30)]
        for client in clients:
            receive(client)
        world.service.process.terminate()
        for client in clients:
            assert expect_close(client)[0] == 1001
    assert world.service.process.wait(LIMIT_S) == 0


def test_at_sigterm_a_client_that_does_not_answer_holds_nothing_up(world_maker) -> None:
    world = world_maker(WS_CLOSE_LIMIT_MS="100")
    world.service.start()
    with world.raw(new_user()) as sock:
        world.service.process.terminate()
        assert read_close(sock)[0] == 1001
        assert world.service.process.wait(LIMIT_S) == 0


def test_sockets_count_toward_the_connections(world_maker) -> None:
    world = world_maker(HTTP_CONNECTIONS_MAX="4")
    world.service.start()
    with contextlib.ExitStack() as stack:

        def open_one() -> bool:
            try:
                receive(stack.enter_context(world.connect(new_user())))
            except InvalidStatus as refused:  # the connections that asked whether it is ready are still counted
                assert refused.response.status_code == 503
                return False
            return True

        for number in range(4):
            wait_for(f"socket {number}", open_one)
        assert answer(world, handshake(world.ticket(new_user())))[0] == 503
    wait_for("them to be gone", lambda: httpx.get(world.service.url + "/health").status_code == 200)
