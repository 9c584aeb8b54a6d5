"""What every service is (common/service): ports, readiness, tokens, secrets, dead letters, drain.
Tried on recurring-task, the smallest that has a database."""

from __future__ import annotations

import base64
import json
import signal
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.postgres import Database
from support.service import Service, run_binary
from support.waiting import wait_for

SERVICE = "recurring-task"
SCHEMA = "recurring_task"
NIL = "00000000-0000-0000-0000-000000000000"


def user_event(**changes: Any) -> dict[str, Any]:
    """user.registered of a new user."""
    user_id = str(uuid.uuid4())
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "/todo/backend",
        "type": "todo.user.registered.v1",
        "subject": user_id,
        "time": "2026-11-21T09:46:00.123Z",
        "datacontenttype": "application/json",
        "ownerid": user_id,
        "seq": "1",
        "data": {
            "id": user_id,
            "email": "ada@example.org",
            "name": "Ada",
            "time_zone": "Europe/Vienna",
            "version": 1,
            "created_at": "2026-11-21T09:46:00.123Z",
            "deleted_at": None,
        },
    } | changes


@pytest.fixture
def own_service(service_maker, database: Database) -> Iterator:
    """Make a service for one test, which may end it."""
    made: list[Service] = []

    def make(**options: Any) -> Service:
        made.append(service_maker(database, **options))
        return made[-1]

    yield make
    for service in made:
        if service.process is not None and service.process.poll() is None:
            service.stop()


def ready_detail(service: Service) -> str:
    reply = httpx.get(service.url + "/ready")
    return "" if reply.status_code == 200 else reply.json()["detail"]


# ---- ports


def test_health_answers_while_everything_else_is_missing_and_ready_names_it(own_service) -> None:
    service = own_service()
    service.sidecar.fail("GET", "/v1.0", 503)
    service.start(wait_ready=False)
    assert httpx.get(service.url + "/health").json() == {"status": "ok"}
    reply = httpx.get(service.url + "/ready")
    assert reply.status_code == 503
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["code"] == "not_ready"
    for lack in ("sidecar", f"secret {SERVICE}-database", "database"):
        assert lack in reply.json()["detail"]
    assert httpx.get(service.app_url + "/healthz").status_code == 503
    service.sidecar.clear_failures()
    service.wait_ready()
    assert httpx.get(service.app_url + "/healthz").status_code == 204


def test_ready_follows_the_sidecar(service: Service, sidecar) -> None:
    sidecar.is_ready = False
    try:
        wait_for("unready", lambda: ready_detail(service) == "waiting for sidecar")
    finally:
        sidecar.is_ready = True
    service.wait_ready()


def test_app_health_and_readiness_follow_the_database(own_service, database: Database) -> None:
    service = own_service().start()
    with database.cluster.connect("postgres") as db:
        db.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS false")
        db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database.name])
        try:
            wait_for("app health 503", lambda: httpx.get(service.app_url + "/healthz").status_code == 503)
            wait_for("unready", lambda: ready_detail(service) == "waiting for database")
            assert httpx.get(service.url + "/health").status_code == 200
        finally:
            db.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS true")
    wait_for("app health 204", lambda: httpx.get(service.app_url + "/healthz").status_code == 204)
    service.wait_ready()


def test_version_and_metrics_are_public(service: Service) -> None:
    version = httpx.get(service.url + "/version").json()
    assert version["service"] == SERVICE and version["version"]
    assert httpx.head(service.url + "/version").status_code == 200
    reply = httpx.get(service.url + "/metrics")
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    helps = [line.split()[2] for line in reply.text.splitlines() if line.startswith("# HELP")]
    assert len(helps) == len(set(helps))
    assert service.metric("service_is_ready") == 1
    assert service.metric("process_resident_memory_bytes") > 0


@pytest.mark.parametrize("path", ["/dapr/subscribe", "/dapr/config", "/events/task-events"])
def test_only_the_bearer_of_the_app_token_gets_in(service: Service, path: str) -> None:
    url, method = service.app_url + path, "POST" if path.startswith("/events") else "GET"
    right = service.sidecar.app_token
    assert httpx.request(method, url).status_code == 401
    for wrong in ("", "x", right[:-1], right + "x", right.upper() + "x"):
        assert httpx.request(method, url, headers={"dapr-api-token": wrong}).status_code in (401, 403)
    assert httpx.request(method, url, headers={"dapr-api-token": right}).status_code == 200


def test_the_public_port_has_none_of_daprs_paths(service: Service) -> None:
    headers = {"dapr-api-token": service.sidecar.app_token}
    for path in ("/dapr/subscribe", "/healthz", "/events/task-events"):
        assert httpx.get(service.url + path, headers=headers).status_code == 404


def test_subscriptions_are_declared_elsewhere(service: Service) -> None:
    headers = {"dapr-api-token": service.sidecar.app_token}
    assert httpx.get(service.app_url + "/dapr/subscribe", headers=headers).json() == []
    assert httpx.get(service.app_url + "/dapr/config", headers=headers).json() == {}


# ---- command line


def test_all_mistakes_of_the_settings_are_told_at_once() -> None:
    env = {"HTTP_PORT": "70000", "LOG_LEVEL": "loud", "APP_API_TOKEN": "short"}
    ended = run_binary(SERVICE, env=env)
    assert ended.returncode == 2
    for name in ("HTTP_PORT", "LOG_LEVEL", "APP_API_TOKEN", "DAPR_API_TOKEN"):
        assert name in ended.stderr
    assert "short" not in ended.stderr.replace("too short", "")


def test_help_lists_commands_and_settings() -> None:
    ended = run_binary(SERVICE, "--help")
    assert ended.returncode == 0
    for word in ("migrate", "--version", "--subscriptions", "HTTP_PORT", "DRAIN_MS", "MIGRATION_DATABASE_URL"):
        assert word in ended.stdout
    assert run_binary(SERVICE, "--version").stdout.startswith(SERVICE + " ")


@pytest.mark.parametrize("argv", [["serve"], ["--help", "me"], ["--versions"]])
def test_an_unknown_word_is_refused_by_name(argv: list[str]) -> None:
    ended = run_binary(SERVICE, *argv)
    assert ended.returncode == 2
    assert argv[-1] in ended.stderr


def test_a_taken_port_is_named(service: Service) -> None:
    env = service.env() | {"APP_PORT": "0"}
    ended = run_binary(SERVICE, env=env)
    assert ended.returncode == 1
    assert str(service.port) in ended.stderr


# ---- secrets


def test_a_rotated_login_is_used_for_new_connections_and_nothing_fails(service: Service, database: Database) -> None:
    def logins() -> set[str]:
        rows = database.execute("public", "SELECT usename FROM pg_stat_activity WHERE datname = current_database()")
        return {name for (name,) in rows if name.startswith(SCHEMA)}

    wait_for("the first login", lambda: logins() == {f"{SCHEMA}_a"})
    service.sidecar.secrets[f"{SERVICE}-database"] = {"url": database.url(f"{SCHEMA}_b")}
    wait_for("the second login alone", lambda: logins() == {f"{SCHEMA}_b"})
    assert service.sidecar.deliver("user-events", user_event()) == (200, {"status": "SUCCESS"})
    assert service.log_lines("secret_rotated")


def test_an_unusable_secret_is_refused_and_the_old_one_stays(service: Service) -> None:
    before = service.sidecar.secrets[f"{SERVICE}-database"]
    service.sidecar.secrets[f"{SERVICE}-database"] = {"uri": "postgresql://hidden"}
    try:
        wait_for("a refusal", lambda: service.log_lines("secret_not_usable"))
        assert service.sidecar.deliver("user-events", user_event()) == (200, {"status": "SUCCESS"})
    finally:
        service.sidecar.secrets[f"{SERVICE}-database"] = before


def test_no_secret_is_logged(service: Service, database: Database) -> None:
    for word in (database.cluster.password, service.sidecar.app_token, service.sidecar.dapr_token, "hidden"):
        assert word not in service.log()


# ---- dead letters


def letters(service: Service, owner_id: str, n: int) -> list[Any]:
    """Wait for the dead letters of one owner, at least `n`."""

    def enough() -> list[Any] | None:
        found = [p for p in service.sidecar.events("dead-letters") if p.event["ownerid"] == owner_id]
        return found if len(found) >= n else None

    return wait_for(f"{n} dead letters", enough)


def test_what_cannot_be_handled_is_published_with_its_reason_and_the_stream_goes_on(service: Service) -> None:
    event = user_event(type="todo.user.exploded.v1")
    assert service.sidecar.deliver("user-events", event) == (200, {"status": "SUCCESS"})
    assert service.sidecar.deliver("user-events", b"\xff not json") == (200, {"status": "SUCCESS"})
    assert service.sidecar.deliver("user-events", user_event()) == (200, {"status": "SUCCESS"})
    first = letters(service, event["ownerid"], 1)[0]
    assert first.event["source"] == f"/todo/{SERVICE}"
    assert first.metadata["partitionKey"] == event["ownerid"]
    assert first.data["consumer"] == SERVICE
    assert first.data["topic"] == "user-events"
    assert "todo.user.exploded.v1" in first.data["reason"]
    assert json.loads(first.data["event"]) == event
    garbled = base64.b64encode(b"\xff not json").decode()
    wait_for("the second letter", lambda: garbled in [p.data.get("event_b64") for p in letters(service, NIL, 1)])


def test_an_event_of_any_size_a_sidecar_delivers_is_taken(service: Service) -> None:
    event = user_event(data={"id": "x" * 3_900_000})
    assert service.sidecar.deliver("user-events", event) == (200, {"status": "SUCCESS"})
    letter = letters(service, event["ownerid"], 1)[0]
    assert "the first 262144 of" in letter.data["reason"]
    assert len(base64.b64decode(letter.data["event_b64"])) == 262144


def test_a_poison_event_that_comes_again_makes_the_same_letter(service: Service, sidecar, database: Database) -> None:
    poison = user_event(data={"id": 7})
    sidecar.fail("POST", "/v1.0/publish", 503)
    for _ in range(3):
        assert sidecar.deliver("user-events", poison) == (200, {"status": "SUCCESS"})
    rows = "SELECT count(*) FROM outbox WHERE owner_id = %s"
    assert database.value(SCHEMA, rows, poison["ownerid"]) == 1
    sidecar.clear_failures()
    letters(service, poison["ownerid"], 1)
    sidecar.deliver("user-events", poison)
    assert len({p.event["id"] for p in letters(service, poison["ownerid"], 2)}) == 1


def test_without_its_database_a_service_puts_events_off(own_service, database: Database) -> None:
    service = own_service(settings={"DB_LIMIT_MS": "1000"}).start()
    with database.cluster.connect("postgres") as db:
        db.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS false")
        db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database.name])
        try:
            wait_for("app health 503", lambda: httpx.get(service.app_url + "/healthz").status_code == 503)
            for event in (user_event(), b"not json"):
                assert service.sidecar.deliver("user-events", event) == (200, {"status": "RETRY"})
        finally:
            db.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS true")
    service.wait_ready()
    event = user_event()
    wait_for("an event to be taken", lambda: service.sidecar.deliver("user-events", event) == (200, {"status": "SUCCESS"}))


# ---- drain


# with a second connection the lock could catch its preparation instead of the delivery
ONE_CONNECTION = {"DB_CONNECTIONS": "1", "DB_LIMIT_MS": "20000"}


class Stuck:
    """A delivery that cannot end, because the inbox is locked."""

    def __init__(self, service: Service, database: Database) -> None:
        self.answer: Any = None
        self.service = service
        self.lock = database.connect(SCHEMA)
        self.lock.autocommit = False
        self.lock.execute("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE")
        self.thread = threading.Thread(target=self._deliver)
        self.thread.start()
        wait_for("the delivery to wait", lambda: database.value(
            "public", "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation IS NOT NULL"))

    def _deliver(self) -> None:
        try:
            self.answer = self.service.sidecar.deliver("user-events", user_event())
        except httpx.TransportError as e:
            self.answer = e

    def end(self) -> Any:
        self.lock.close()
        self.thread.join()
        return self.answer


def test_what_runs_at_sigterm_ends_well(own_service, database: Database) -> None:
    service = own_service(settings=ONE_CONNECTION | {"DRAIN_MS": "20000"}).start()
    stuck = Stuck(service, database)
    service.process.send_signal(signal.SIGTERM)
    wait_for("the drain", lambda: service.log_lines("service_drain_began"))
    assert service.process.poll() is None
    assert stuck.end() == (200, {"status": "SUCCESS"})
    assert service.process.wait() == 0
    assert service.log_lines("service_drained")


def test_a_drain_that_takes_too_long_is_cut_off(own_service, database: Database) -> None:
    service = own_service(settings=ONE_CONNECTION | {"DRAIN_MS": "100"}).start()
    stuck = Stuck(service, database)
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait() == 1
    assert service.log_lines("service_drain_cut_off")
    assert isinstance(stuck.end(), httpx.TransportError)


def test_an_idle_service_ends_at_once_and_well(own_service) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        service = own_service().start()
        service.process.send_signal(number)
        assert service.process.wait() == 0
