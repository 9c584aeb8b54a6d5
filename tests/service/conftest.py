"""Fixtures of the service tests: one PostgreSQL a session, one database and one running service a
module. A module that tests another service than its name says sets SERVICE and SETTINGS:

    SERVICE = "audit"                 # the binary; default: from the file name, test_audit_….py
    SETTINGS = {"RATE_USER_PER_S": "0"}
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Iterator

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support.postgres import Cluster, Database
from support.service import Service, build_dir, migrate

SERVICES = ("backend", "recurring-task", "notification", "audit", "websocket")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A private PostgreSQL on a free port."""
    cluster = Cluster()
    try:
        yield cluster.start()
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Iterator[Database]:
    """A fresh database with every role and schema, no tables yet."""
    database = cluster.new_database()
    yield database
    database.drop()


@pytest.fixture(scope="module")
def service_name(request: pytest.FixtureRequest) -> str:
    named = getattr(request.module, "SERVICE", None)
    if named:
        return named
    stem = request.module.__name__.rsplit(".", 1)[-1].removeprefix("test_").replace("_", "-")
    for name in SERVICES:
        if stem == name or stem.startswith(name + "-"):
            return name
    raise RuntimeError(f"{request.module.__name__}: set SERVICE to one of {', '.join(SERVICES)}")


@pytest.fixture(scope="module")
def service_maker(
    request: pytest.FixtureRequest,
    service_name: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator:
    """Call it for a service of your own: `service_maker(database, settings={…}).start()`. Its schema
    is migrated; it is ended with the module."""
    made: list[Service] = []
    directory = tmp_path_factory.mktemp(service_name)
    migrated: set[str] = set()

    def make(database: Database | None, name: str = service_name, **options) -> Service:
        if not (build_dir() / name).exists():
            pytest.fail(f"{build_dir() / name} is not built")
        if database is not None and database.name + name not in migrated:
            done = migrate(name, database, "up")
            assert done.returncode == 0, done.stdout + done.stderr
            migrated.add(database.name + name)
        options.setdefault("settings", getattr(request.module, "SETTINGS", None))
        service = Service(name, directory, database, **options)
        made.append(service)
        return service

    make.made = made
    yield make
    errors = []
    for service in reversed(made):
        try:
            service.close()
        except AssertionError as e:
            errors.append(str(e))
    assert not errors, "\n".join(errors)


@pytest.fixture(scope="module")
def service(service_maker, request: pytest.FixtureRequest, service_name: str) -> Iterator[Service]:
    """The module's service, running and ready. It ends before its database, which it would look for until
    the limit of its drain."""
    database = None if service_name == "websocket" else request.getfixturevalue("database")
    service = service_maker(database).start()
    yield service
    if service.process.poll() is None:
        service.stop()


@pytest.fixture
def sidecar(service: Service):
    """The fake sidecar of the module's service, without failures left over."""
    service.sidecar.clear_failures()
    yield service.sidecar
    service.sidecar.clear_failures()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    """Add to a failed test's report what its services logged and asked of their sidecars in the end."""
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    fixtures = getattr(item, "funcargs", {})
    for service in getattr(fixtures.get("service_maker"), "made", []):
        if service.log_path.exists() and service.log_path.stat().st_mtime >= call.start:
            report.sections.append((f"log of {service.log_path.stem}", "\n".join(service.log().splitlines()[-40:])))
            calls = [c for c in service.sidecar.calls if "/secrets/" not in c.path and "/healthz" not in c.path]
            asked = "\n".join(f"{c.method} {c.path} {c.status}" for c in calls[-15:])
            report.sections.append((f"asked of its sidecar, {service.sidecar.app_id}", asked))
    cluster = fixtures.get("cluster")
    if isinstance(cluster, Cluster) and cluster.log.exists():
        report.sections.append(("log of PostgreSQL", cluster.log.read_text(errors="replace")[-2000:]))
