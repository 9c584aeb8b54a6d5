"""The clock of a machine is stepped, forward and back, under the real binaries (libfaketime): nothing comes
early by its own clock, nothing twice, nothing is forgotten, and no replica takes what another is sending."""

from __future__ import annotations

import pathlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.fake_sidecar import FakeSidecar
from support.postgres import Cluster, Database
from support.reminders import User, at, mails_to, reminder, tell
from support.series_backend import SeriesBackend, now_ms
from support.service import Service, migrate
from support.waiting import wait_for

LIBRARIES = sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
HOUR_S = 3600
MAIL = "/v1.0/bindings/mail"
SETTINGS = {"DUE_POLL_MS": "100", "LEASE_MS": "5000", "SEND_RETRY_MS": "100", "USER_ADDRESS_LOOPBACK": "true"}

pytestmark = pytest.mark.skipif(not LIBRARIES, reason="no libfaketime: scripts/setup test installs it")


class Clock:
    """The wall clock of one process, so many seconds from the machine's; the monotonic one stays."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.file = directory / "clock"
        self.step(0)

    def step(self, seconds: float) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+.0f}\n")
        new.replace(self.file)

    @property
    def settings(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARIES[-1]),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster()
    try:
        yield cluster.start()
    finally:
        cluster.stop()


@pytest.fixture
def database(cluster: Cluster) -> Iterator[Database]:
    database = cluster.new_database()
    yield database
    database.drop()


@pytest.fixture
def start(database: Database, tmp_path: pathlib.Path) -> Iterator[Callable[[str], tuple[Service, Clock]]]:
    """Start a process with a clock of its own."""
    made: list[Service] = []

    def start(name: str) -> tuple[Service, Clock]:
        done = migrate(name, database, "up")
        assert done.returncode == 0, done.stdout + done.stderr
        directory = tmp_path / str(len(made))
        directory.mkdir()
        clock = Clock(directory)
        made.append(Service(name, directory, database, {**SETTINGS, **clock.settings}).start())
        return made[-1], clock

    yield start
    for service in made:
        service.close()


def ticks(service: Service, clock: Clock, seconds: float) -> None:
    """Step the clock; return when the service has looked for work by it several times."""
    clock.step(seconds)
    before = service.metric("due_work_steps_total")
    wait_for("steps by the new clock", lambda: service.metric("due_work_steps_total") >= before + 8)


def mail_calls(sidecar: FakeSidecar, user: User) -> list[Any]:
    return [call for call in sidecar.calls_of("POST", MAIL) if call.json["metadata"]["emailTo"] == user.email]


def test_reminders_go_by_the_clock_as_it_is_and_come_once(start):
    service, clock = start("notification")
    sidecar = service.sidecar
    user = User(app=False)
    soon, later = user.task(reminder(at=at(HOUR_S / 2))), user.task(reminder(at=at(2 * HOUR_S)))
    tell(sidecar, user.saved(), soon.saved(), later.saved())

    def titles() -> list[str]:
        subjects = " ".join(mail["metadata"]["subject"] for mail in mails_to(sidecar, user))
        return [name for name, task in (("soon", soon), ("later", later)) for _ in range(subjects.count(task.data["title"]))]

    ticks(service, clock, 0)
    assert titles() == []
    clock.step(HOUR_S)  # half an hour past the first
    wait_for("the first", lambda: titles() == ["soon"])
    ticks(service, clock, 0)  # back, before its instant
    assert titles() == ["soon"], "what was sent is not sent again when its instant comes again"
    ticks(service, clock, -3 * HOUR_S)
    assert titles() == ["soon"]
    ticks(service, clock, HOUR_S)
    assert titles() == ["soon"]
    clock.step(3 * HOUR_S)
    wait_for("the second", lambda: titles() == ["soon", "later"])
    clock.step(0)
    present = user.task(reminder(at=at(0.5)))
    tell(sidecar, present.saved())
    wait_for("one that is due now", lambda: len(mails_to(sidecar, user)) == 3)
    ticks(service, clock, 0)
    assert titles() == ["soon", "later"] and len(mails_to(sidecar, user)) == 3


def test_a_replica_whose_clock_runs_wild_takes_nothing_from_another(start):
    """The one holds an open attempt for longer than a lease; the other's clock jumps hours meanwhile."""
    sender, _ = start("notification")
    user = User(app=False)
    for_long = 8.0
    sender.sidecar.fail("POST", MAIL, 204, delay_s=for_long)
    tell(sender.sidecar, user.saved(), user.task(reminder(at=at(0))).saved())
    wait_for("an open attempt", lambda: mail_calls(sender.sidecar, user))
    other, clock = start("notification")
    until = time.monotonic() + for_long
    steps = threading.Event()
    while time.monotonic() < until:
        for hours in (1, -1, 24, -24, 0):
            clock.step(hours * HOUR_S)
            steps.wait(0.05)
    wait_for(
        "the end of the attempt",
        lambda: sender.database.execute("notification", "SELECT 1 FROM delivery WHERE state = 3"),
    )
    ticks(other, clock, 24 * HOUR_S)
    assert len(mail_calls(sender.sidecar, user)) == 1 and mail_calls(other.sidecar, user) == []


def test_what_passed_makes_the_next_occurrence_once(start):
    service, clock = start("recurring-task")
    backend = SeriesBackend(7)
    owner = backend.register()
    series = backend.create(owner, due_at=now_ms() + 1800 * 1000, rule="FREQ=HOURLY", missed="catch_up")

    def told() -> list[int]:
        """Tell what is new either way; return the numbers that recurring-task said to be due."""
        said = {p.event["id"]: p.event for p in service.sidecar.events("recurrences")}
        for event_id, event in said.items():
            if event_id not in taken:
                taken.add(event_id)
                backend.take(event)
        for topic, event in backend.untold:
            assert service.sidecar.deliver(topic, event) == (200, {"status": "SUCCESS"})
        backend.untold.clear()
        return sorted(event["data"]["occurrence"] for event in said.values())

    taken: set[str] = set()
    ticks(service, clock, 0)
    assert told() == []
    clock.step(2 * HOUR_S)  # 90 minutes past the first: the second's instant has come half an hour ago
    wait_for("the second", lambda: told() == [2])
    for seconds in (0, -5 * HOUR_S, 2 * HOUR_S):
        ticks(service, clock, seconds)
        assert told() == [2], f"at {seconds} s"
    clock.step(5 * HOUR_S)
    wait_for("those that passed meanwhile", lambda: told() == [2, 3, 4, 5])
    ticks(service, clock, 0)
    ticks(service, clock, 5 * HOUR_S)
    assert told() == [2, 3, 4, 5]
