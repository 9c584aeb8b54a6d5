"""notification: what push services, webhooks and the mail binding get, and what becomes of their answers."""

from __future__ import annotations

import datetime
import ipaddress
import json
import pathlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

pytest.register_assert_rewrite("support.push", "support.reminders", "support.webhook")

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.fake_sidecar import FakeSidecar
from support.postgres import Database
from support.push import Subscription, verify_sender
from support.reminders import Ledger, User, at, push_address, reminder, tell, webhook
from support.service import PUSH_KEY, Service
from support.web_sink import WebSink
from support.webhook import verify

SETTINGS = {
    "USER_ADDRESS_LOOPBACK": "true",
    "PUSH_LIMIT_MS": "3000",
    "WEBHOOK_LIMIT_MS": "3000",
    "MAIL_LIMIT_MS": "3000",
    "SEND_TRIES_MAX": "3",
    "SEND_RETRY_MS": "50",
    "SEND_RETRY_MAX_MS": "5000",
    "DUE_POLL_MS": "50",
}


@pytest.fixture
def sink() -> Iterator[WebSink]:
    with WebSink() as sink:
        yield sink


class Person:
    """A user with one channel beside the app, and one reminder that is due at once."""

    def __init__(self, service: Service, channel: str, address: dict[str, Any] | None = None, **task: Any) -> None:
        self.sidecar = service.sidecar
        self.channel = channel
        self.address = address
        off = {name: False for name in ("email", "push", "webhook", "app") if name != channel}
        self.user = User(**off)
        self.user.channels = [address] if address else []
        self.ledger = Ledger(service, self.user)
        self.task = self.user.task(reminder("PT0S"), due_at=at(0.2), **task)

    def remind(self) -> "Person":
        tell(self.sidecar, self.user.saved(), self.task.saved())
        return self

    def row(self, state: str) -> dict[str, Any]:
        (row,) = self.ledger.wait_for_states((self.channel, 1, state))
        return row

    def event(self, type_: str) -> dict[str, Any]:
        return self.ledger.wait_for_events(1, type_)[0]["data"]


def moment(value: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))


# ---- push


def test_a_browser_reads_what_it_is_pushed(service: Service, sidecar: FakeSidecar, sink: WebSink) -> None:
    browser = Subscription(f"{sink.url}/push/abc?x=1")
    sink.answer("/push", 201)
    person = Person(service, "push", push_address(sidecar, browser), title='Pay "rent" <now> 🌱').remind()
    row = person.row("sent")
    (request,) = sink.received("/push")
    assert request.path == "/push/abc?x=1"
    assert request.headers["content-encoding"] == "aes128gcm"
    assert request.headers["ttl"] == "86400"
    assert request.headers["urgency"] == "high"
    assert request.headers["topic"] == row["id"].replace("-", "")
    message = json.loads(browser.decrypt(request.body))
    assert message["title"] == 'Pay "rent" <now> 🌱'
    assert (message["id"], message["kind"]) == (row["id"], "reminder")
    assert (message["task_id"], message["reminder_id"]) == (person.task.id, row["reminder_id"])
    assert message["url"] == f"http://localhost:8080/tasks/{person.task.id}"
    assert message["body"].endswith("(Europe/Vienna)")
    claims = verify_sender(request.headers["authorization"], PUSH_KEY["public"], sink.url)
    assert claims["sub"] == "mailto:admin@localhost"
    assert time.time() < claims["exp"] <= time.time() + 86400


@pytest.mark.parametrize("status", [404, 410])
def test_a_subscription_that_is_gone_is_said_to_be(
    service: Service, sidecar: FakeSidecar, sink: WebSink, status: int
) -> None:
    sink.answer("/push", status)
    person = Person(service, "push", push_address(sidecar, Subscription(f"{sink.url}/push"))).remind()
    row = person.row("failed")
    assert row["reason"] == "The browser is no longer subscribed."
    failed = person.event("notification.failed")
    assert failed["is_gone"] is True and failed["channel_id"] == person.address["id"]
    assert len(sink.received("/push")) == 1


def test_a_push_service_that_asks_to_wait_is_given_the_time(
    service: Service, sidecar: FakeSidecar, sink: WebSink
) -> None:
    sink.answer("/push", 429, times=1, headers={"Retry-After": "1"})
    sink.answer("/push", 201)
    person = Person(service, "push", push_address(sidecar, Subscription(f"{sink.url}/push"))).remind()
    row = person.row("sent")
    first, second = sink.received("/push")
    assert 1 <= second.came_at - first.came_at < 20
    assert first.headers["topic"] == second.headers["topic"]
    assert [a["reason"] for a in row["attempts"]] == ["The push service refused it for now (429).", None]


def test_a_push_that_is_refused_for_good_is_not_tried_again(
    service: Service, sidecar: FakeSidecar, sink: WebSink
) -> None:
    sink.answer("/push", 413)
    person = Person(service, "push", push_address(sidecar, Subscription(f"{sink.url}/push"))).remind()
    assert person.row("failed")["reason"] == "The push service refused it (413)."
    assert person.event("notification.failed")["is_gone"] is False
    assert len(sink.received("/push")) == 1


# ---- webhook


def test_a_webhook_is_signed_and_keeps_its_id_when_it_is_tried_again(
    service: Service, sidecar: FakeSidecar, sink: WebSink
) -> None:
    address, secret = webhook(sidecar, f"{sink.url}/hook")
    sink.answer("/hook", 503, times=2)
    person = Person(service, "webhook", address).remind()
    row = person.row("sent")
    hooks = sink.received("/hook")
    assert [verify(hook, secret) for hook in hooks] == [row["id"]] * 3
    body = hooks[0].json
    assert body["type"] == "reminder" and body["timestamp"] == row["remind_at"]
    assert body["data"]["task_id"] == person.task.id
    assert body["data"]["title"] == person.task.data["title"]
    assert [a["outcome"] for a in row["attempts"]][-1] == "sent"


def test_a_webhook_that_wants_no_more_is_gone(service: Service, sidecar: FakeSidecar, sink: WebSink) -> None:
    address, _ = webhook(sidecar, f"{sink.url}/hook")
    sink.answer("/hook", 410)
    person = Person(service, "webhook", address).remind()
    person.row("failed")
    assert person.event("notification.failed")["is_gone"] is True
    assert len(sink.received("/hook")) == 1


def test_redirects_are_not_followed(service: Service, sidecar: FakeSidecar, sink: WebSink) -> None:
    address, _ = webhook(sidecar, f"{sink.url}/hook")
    with WebSink() as other:
        for status in (301, 302, 307):
            sink.answer("/hook", status, times=1, headers={"Location": f"{other.url}/inside"})
        person = Person(service, "webhook", address).remind()
        row = person.row("failed")
        assert other.received() == []
    assert "redirect (307)" in row["reason"]
    assert len(sink.received("/hook")) == 3


def test_an_endpoint_that_hangs_ends_at_the_limit(service: Service, sidecar: FakeSidecar, sink: WebSink) -> None:
    address, _ = webhook(sidecar, f"{sink.url}/hook")
    sink.answer("/hook", 204, times=1, delay_s=30)
    person = Person(service, "webhook", address).remind()
    first, second = person.row("sent")["attempts"]
    assert first["reason"] == "The webhook did not answer in time."
    took = moment(first["ended_at"]) - moment(first["began_at"])
    assert 2.9 < took.total_seconds() < 20
    assert second["outcome"] == "sent"


def test_an_endpoint_that_is_away_is_given_up_with_a_reason(service: Service, sidecar: FakeSidecar) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address, _ = webhook(sidecar, f"http://127.0.0.1:{port}/hook")
    row = Person(service, "webhook", address).remind().row("failed")
    assert row["reason"].endswith("The webhook could not be reached.")
    assert len(row["attempts"]) == 3
    assert "127.0.0.1" not in json.dumps(row)


def self_signed(directory: pathlib.Path) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    paths = directory / "cert.pem", directory / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return str(paths[0]), str(paths[1])


def test_a_certificate_that_nobody_trusts_is_not_talked_to(
    service: Service, sidecar: FakeSidecar, tmp_path: pathlib.Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*self_signed(tmp_path))
    outcomes: list[str] = []

    def accept(listener: socket.socket) -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(peer, server_side=True) as stream:
                    outcomes.append("talked" if stream.recv(1) else "closed")
            except (ssl.SSLError, OSError) as e:
                outcomes.append(type(e).__name__)

    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=accept, args=(listener,), daemon=True)
    thread.start()
    try:
        address, _ = webhook(sidecar, f"https://127.0.0.1:{listener.getsockname()[1]}/hook")
        row = Person(service, "webhook", address).remind().row("failed")
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
    assert row["reason"].endswith("The webhook could not be reached.")
    assert len(outcomes) == 3 and "talked" not in outcomes


# ---- mail

BINDING = "error invoking output binding mail: error from smtp binding, sending email failed: "
MAIL = BINDING + "gomail: could not send email 1: "


def answer_mail(person: Person, message: str) -> Person:
    """The first mail to him is answered as daprd says what went wrong behind the binding."""
    body = json.dumps({"errorCode": "ERR_INVOKE_OUTPUT_BINDING", "message": message})
    person.sidecar.fail("POST", "/v1.0/bindings/mail", 500, times=1, body=body, of=person.user.email)
    return person


def test_a_mailbox_that_does_not_exist_ends_it(service: Service, sidecar: FakeSidecar) -> None:
    message = MAIL + '550 "5.1.1 <nobody@example.org>: Recipient address rejected"'
    row = answer_mail(Person(service, "email"), message).remind().row("failed")
    assert row["reason"] == "The mail server refused it (550): there is no such mailbox."
    assert len(row["attempts"]) == 1
    assert "example.org" not in json.dumps(row)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (MAIL + '451 "4.7.1 greylisted"', "The mail server refused it for now (451)."),
        ("error invoking output binding mail: context deadline exceeded", "The mail server did not answer in time."),
        (MAIL + "EOF", "The mail server did not take it to the end."),
        (BINDING + "dial tcp 127.0.0.1:25: connect: connection refused", "The mail server could not be reached."),
        (BINDING + '554 "no service"', "The mail server could not be reached."),
    ],
)
def test_what_a_mail_server_puts_off_is_tried_again(
    service: Service, sidecar: FakeSidecar, message: str, reason: str
) -> None:
    row = answer_mail(Person(service, "email"), message).remind().row("sent")
    assert [a["reason"] for a in row["attempts"]] == [reason, None]


def test_mails_go_through_all_bindings_each_with_every_field(service: Service, sidecar: FakeSidecar) -> None:
    sidecar.hold("POST", "/v1.0/bindings/mail", 0.02)
    people = [Person(service, "email") for _ in range(16)]
    bindings = set()
    for person in people:
        person.remind()
    for person in people:
        person.row("sent")
        (mail,) = person.ledger.mails()
        assert mail["operation"] == "create"
        bindings.add(mail["name"])
        assert mail["metadata"] == {
            "emailFrom": "todo-app <reminders@localhost>",
            "emailTo": person.user.email,
            "subject": f"Reminder: {person.task.data['title']}",
            "priority": "3",
        }
        assert person.task.data["title"] in mail["data"]
    attempts = [a for person in people for row in person.ledger.rows() for a in row["attempts"]]
    assert len(attempts) == 16
    assert bindings == {"mail", "mail-2", "mail-3", "mail-4"}


def test_a_sidecar_that_leaves_a_mail_unanswered_is_asked_before_the_next(
    service: Service, sidecar: FakeSidecar
) -> None:
    person = Person(service, "email")
    n_calls = len(sidecar.calls)
    sidecar.hold("POST", "/v1.0/bindings/mail", 8, times=1, of=person.user.email)
    first = person.remind().row("sent")["attempts"][0]
    assert first["reason"] == "What sends our mail did not answer in time."
    paths = [c.path for c in sidecar.calls[n_calls:] if "bindings" in c.path or "outbound" in c.path]
    mails = [i for i, path in enumerate(paths) if "bindings" in path]
    assert "/v1.0/healthz/outbound" in paths[mails[0] : mails[1]]


# ---- addresses inside


@pytest.fixture(scope="module")
def strict(service_maker, database: Database, service: Service) -> Iterator[Service]:
    """One that knows no loopback, beside the module's: the same database, so that one is stopped."""
    service.stop()
    strict = service_maker(database, settings={**SETTINGS, "USER_ADDRESS_LOOPBACK": "false"}).start()
    yield strict
    strict.stop()


def loopback_names() -> list[str]:
    """Names of this machine, other than localhost, that lead inside."""
    found = []
    for name in {socket.gethostname(), "ip6-localhost", "ip6-loopback"}:
        try:
            addresses = {ipaddress.ip_address(a[4][0]) for a in socket.getaddrinfo(name, 443)}
        except OSError:
            continue
        if addresses and not any(a.is_global for a in addresses):
            found.append(name)
    return found


INSIDE = [
    "https://127.0.0.1/",
    "https://localhost/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://10.0.0.1/",
    "https://example.com:8443/",
    "http://example.com/",
    "https://a:b@example.com/",
]


def test_addresses_that_lead_inside_are_refused_when_they_are_used(strict: Service) -> None:
    sidecar = strict.sidecar
    people = [Person(strict, "webhook", webhook(sidecar, url)[0]).remind() for url in INSIDE]
    people += [
        Person(strict, "push", push_address(sidecar, Subscription("https://127.0.0.1/push"))).remind(),
    ]
    for person in people:
        row = person.row("failed")
        assert row["reason"].startswith("The address: ")
        assert len(row["attempts"]) == 1


def test_a_name_that_leads_inside_is_refused_when_it_is_used(strict: Service) -> None:
    names = loopback_names()
    if not names:
        pytest.skip("no name of this machine leads inside")
    people = [Person(strict, "webhook", webhook(strict.sidecar, f"https://{n}/")[0]).remind() for n in names]
    for person in people:
        row = person.row("failed")
        assert row["reason"] == "Its address is not one of the public internet."
        assert len(row["attempts"]) == 1
