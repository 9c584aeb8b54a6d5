"""recurring-task: what it says to be due, and when. The events of backend come shuffled, repeated and
late, to several replicas at once; backend takes what is said as ARCHITECTURE.md promises."""

from __future__ import annotations

import concurrent.futures
import os
import random
import threading
import time
from collections.abc import Iterator

import httpx
import psycopg
import pytest

pytest.register_assert_rewrite("support.series_backend", "support.streams")

from support.fake_sidecar import Published
from support.postgres import Cluster, Database
from support.series_backend import DAY_MS, FUTURE_MS, Series, SeriesBackend, ms, now_ms, text
from support.service import Service
from support.streams import Event, tell
from support.waiting import wait_for

SCHEMA = "recurring_task"
SETTINGS = {"DUE_POLL_MS": "100", "DB_LIMIT_MS": "20000"}  # a busy machine is no outage
MINUTE_MS = 60 * 1000
HOUR_MS = 60 * MINUTE_MS
LEASE_S = 10  # of a claim, then another replica takes over
SEEDS = [1, 2, 3, int(os.environ.get("SEED", random.SystemRandom().randrange(10**9)))]


class World:
    """Some replicas on one database, the backend they know of, and the user of a test."""

    def __init__(self, database: Database, services: list[Service], seed: int | None = None) -> None:
        self.database = database
        self.services = services
        self.backend = SeriesBackend(seed if seed is not None else random.randrange(10**9))
        self.owner = self.backend.register()
        self.taken: set[str] = set()

    # ---- telling

    def tell(self, *events: Event) -> None:
        """These events, or all that are untold."""
        topics = {event["id"]: topic for topic, event in self.backend.all}
        for event in events or [event for _, event in self.backend.untold]:
            assert self.services[0].sidecar.deliver(topics[event["id"]], event) == (200, {"status": "SUCCESS"})
        self.backend.untold.clear()

    def fire_crons(self) -> None:
        """As Dapr does: on every replica at once."""

        def fire(service: Service) -> int:
            headers = {"dapr-api-token": service.sidecar.app_token}
            return httpx.post(service.app_url + "/recurrence-sweep", headers=headers).status_code

        with concurrent.futures.ThreadPoolExecutor(len(self.services)) as pool:
            assert set(pool.map(fire, self.services)) == {200}

    # ---- what was said

    def published(self) -> list[Published]:
        """By all replicas; an event that was published twice under one id is one."""
        ids = {owner.owner_id for owner in self.backend.series.values()} | {self.owner}
        events = {
            p.event["id"]: p
            for service in self.services
            for p in service.sidecar.events("recurrences")
            if p.event["ownerid"] in ids
        }
        return sorted(events.values(), key=lambda p: (p.event["ownerid"], int(p.event["seq"])))

    def said(self, series: Series) -> list[Event]:
        return [p.event for p in self.published() if p.data["series_id"] == series.id]

    def wait_said(self, series: Series, n: int) -> list[Event]:
        return wait_for(f"{n} events", lambda: len(s := self.said(series)) >= n and s)

    def is_settled(self) -> bool:
        n_open = "SELECT count(*) FROM series WHERE decide_at <= now() OR claimed_until IS NOT NULL"
        return (
            self.database.value(SCHEMA, n_open) == 0
            and self.database.value(SCHEMA, "SELECT count(*) FROM outbox") == 0
        )

    def settle(self) -> None:
        wait_for("everything to be decided and published", self.is_settled)

    def numbers(self, series: Series) -> list[int]:
        """All that was ever said to be due of it, once nothing is left to decide."""
        self.settle()
        return [event["data"]["occurrence"] for event in self.said(series)]

    def take(self) -> None:
        """Have backend take what it has not yet; each event twice, as a broker may."""
        for event in (p.event for p in self.published() if p.event["id"] not in self.taken):
            self.backend.take(event)
            assert self.backend.take(event) != "made"
            self.taken.add(event["id"])

    def run(self) -> None:
        """Tell and take until nobody has anything to say."""
        while True:
            self.tell()
            self.settle()
            self.take()
            if not self.backend.untold:
                return

    def check_seqs(self) -> None:
        by_owner: dict[str, list[int]] = {}
        for p in self.published():
            by_owner.setdefault(p.event["ownerid"], []).append(int(p.event["seq"]))
        for seqs in by_owner.values():
            assert seqs == list(range(1, len(seqs) + 1))

    def check_once(self) -> None:
        """But for one whose previous was open and in the trash meanwhile."""
        trashed = {e["subject"] for _, e in self.backend.all if e["data"].get("deleted_at") and e["data"].get("status") == "open"}
        keys = [
            (p.data["series_id"], p.data["series_version"], p.data["occurrence"])
            for p in self.published()
            if p.data["previous_id"] not in trashed
        ]
        assert len(keys) == len(set(keys))


@pytest.fixture
def world(service: Service, database: Database) -> World:
    service.sidecar.clear_failures()
    return World(database, [service])


def row(database: Database, series: Series, columns: str) -> tuple:
    return database.execute(SCHEMA, f"SELECT {columns} FROM series WHERE id = %s", series.id)[0]


# ---- completing makes the next one


def test_completing_says_that_the_next_one_is_due(world: World) -> None:
    series = world.backend.create(world.owner)
    world.tell()
    assert world.numbers(series) == []
    world.backend.complete(series)
    world.tell()
    event = world.wait_said(series, 1)[0]
    assert event["data"] == {
        "series_id": series.id,
        "series_version": 1,
        "occurrence": 2,
        "due_at": text(FUTURE_MS + DAY_MS),
        "previous_id": series.newest["id"],
        "skips_previous": False,
    }
    assert event["type"] == "todo.task.recurrence-due.v1"
    assert event["source"] == "/todo/recurring-task"
    assert event["subject"] == series.newest["id"]
    assert event["ownerid"] == world.owner
    assert event["seq"] == "1"
    assert event["traceparent"].split("-")[1] != "0" * 32


def test_skipping_does_too(world: World) -> None:
    series = world.backend.create(world.owner)
    world.backend.skip(series)
    world.tell()
    assert world.wait_said(series, 1)[0]["data"]["occurrence"] == 2


def test_the_same_event_again_says_nothing_more(world: World) -> None:
    series = world.backend.create(world.owner)
    completed = world.backend.complete(series)
    world.tell()
    for _ in range(3):
        world.tell(completed)
    assert world.numbers(series) == [2]


def test_a_series_goes_on_and_on(world: World) -> None:
    series = world.backend.create(world.owner)
    for _ in range(10):
        world.run()
        world.backend.complete(series)
    world.run()
    assert [ms(t["scheduled_at"]) for t in series.tasks] == [FUTURE_MS + DAY_MS * n for n in range(11)]
    world.check_seqs()


def test_a_rule_that_ends_ends_the_series(world: World) -> None:
    series = world.backend.create(world.owner, rule="FREQ=DAILY;COUNT=2")
    for _ in range(3):
        world.run()
        world.backend.complete(series)
    world.run()
    assert len(series.tasks) == 2


def test_a_plain_task_is_none_of_its_business(world: World) -> None:
    series = world.backend.create(world.owner)
    plain = {**world.backend.untold.pop()[1]}
    plain["data"] = {**plain["data"], "series_id": None, "recurrence": None, "occurrence": None}
    world.backend.all[-1] = ("task-events", plain)
    world.tell(plain)
    assert world.database.execute(SCHEMA, "SELECT id FROM series WHERE id = %s", series.id) == []


# ---- any order


def test_a_completion_that_overtakes_the_creation_counts(world: World) -> None:
    series = world.backend.create(world.owner)
    created = world.backend.all[-1][1]
    completed = world.backend.complete(series)
    world.tell(completed)
    world.wait_said(series, 1)
    world.tell(created)
    assert world.numbers(series) == [2]


def test_a_completion_is_a_fact_whatever_the_version(world: World) -> None:
    series = world.backend.create(world.owner)
    completed = world.backend.complete(series)
    reopened = world.backend.reopen(series.newest)
    world.tell(reopened)
    assert world.numbers(series) == []
    world.tell(completed)
    assert world.numbers(series) == [2]


def test_reopening_keeps_what_was_made(world: World) -> None:
    series = world.backend.create(world.owner)
    world.backend.complete(series)
    world.run()
    world.backend.reopen(series.tasks[0])
    world.run()
    world.backend._save(series.tasks[0], "completed", {"status": "completed", "completed_at": text(now_ms())})
    world.run()
    assert len(series.tasks) == 2
    assert world.numbers(series) == [2]


def test_a_late_event_of_an_older_occurrence_changes_nothing(world: World) -> None:
    series = world.backend.create(world.owner)
    world.backend.complete(series)
    world.run()
    late = world.backend.rename(series.tasks[0])
    world.backend.untold.clear()
    world.backend.complete(series)
    world.run()
    before = row(world.database, series, "occurrence, task_id, version, emitted_occurrence")
    world.tell(late)
    world.settle()
    assert row(world.database, series, "occurrence, task_id, version, emitted_occurrence") == before


def test_an_edit_for_this_one_alone_does_not_change_the_rule(world: World) -> None:
    """Whether it comes before or after what the rule was made with."""
    for is_late in (False, True):
        series = world.backend.create(world.owner)
        made = world.backend.all[-1][1]
        moved = world.backend._save(
            series.newest, "updated", {"due_at": text(FUTURE_MS + HOUR_MS), "time_zone": "Asia/Tokyo"}
        )
        completed = world.backend.complete(series)
        if is_late:
            world.tell(moved, made, completed)
        else:
            world.tell(made, moved, completed)
        assert ms(world.wait_said(series, 1)[0]["data"]["due_at"]) == FUTURE_MS + DAY_MS
        assert row(world.database, series, "time_zone") == ("UTC",)


# ---- edits and stops racing with a completion


def test_an_edit_makes_it_compute_anew(world: World) -> None:
    """What was said by the old rule is stale where backend has the new one."""
    series = world.backend.create(world.owner)
    world.backend.complete(series)
    world.tell()
    world.wait_said(series, 1)
    world.backend.edit(series, FUTURE_MS + 2 * HOUR_MS)
    world.take()
    assert world.backend.verdicts == ["stale", "stale"]
    world.run()
    assert [e["data"]["series_version"] for e in world.said(series)] == [1, 2]
    assert [ms(t["scheduled_at"]) for t in series.tasks] == [FUTURE_MS + 2 * HOUR_MS, FUTURE_MS + 2 * HOUR_MS + DAY_MS]


def test_an_edit_that_overtakes_the_completion_counts_alone(world: World) -> None:
    series = world.backend.create(world.owner)
    created = world.backend.all[-1][1]
    completed = world.backend.complete(series)
    edited = world.backend.edit(series, FUTURE_MS + HOUR_MS)
    world.tell(edited, completed, created)
    world.run()
    assert [e["data"]["series_version"] for e in world.said(series)] == [2]
    assert ms(series.newest["scheduled_at"]) == FUTURE_MS + HOUR_MS + DAY_MS


def test_a_stop_before_the_completion_ends_it(world: World) -> None:
    for order in ((0, 1, 2), (1, 0, 2), (2, 1, 0), (1, 2, 0)):
        series = world.backend.create(world.owner)
        created = world.backend.all[-1][1]
        stopped = world.backend.stop(series)
        completed = world.backend.complete(series)
        events = [created, stopped, completed]
        world.tell(*[events[i] for i in order if i != 0 or order == (0, 1, 2)])
        assert world.numbers(series) == []
        world.tell(created)
        assert world.numbers(series) == []


def test_a_stop_after_what_was_said_makes_it_stale(world: World) -> None:
    series = world.backend.create(world.owner)
    world.backend.complete(series)
    world.tell()
    world.wait_said(series, 1)
    world.backend.stop(series)
    world.run()
    assert len(series.tasks) == 1
    assert set(world.backend.verdicts) == {"stale"}


def test_a_stopped_series_that_begins_again_goes_on(world: World) -> None:
    series = world.backend.create(world.owner)
    world.backend.complete(series)
    world.backend.stop(series)
    world.run()
    assert len(series.tasks) == 1
    world.backend.edit(series, FUTURE_MS)
    world.run()
    assert len(series.tasks) == 2


@pytest.mark.parametrize("is_late", [False, True])
def test_one_reopened_and_begun_anew_is_open(world: World, is_late: bool) -> None:
    """That it had ended is of the rule before: the completion may even come last."""
    series = world.backend.create(world.owner, rule="FREQ=DAILY;COUNT=1")
    world.tell()
    completed = world.backend.complete(series)
    if not is_late:
        world.tell()
    world.backend.untold.clear()
    world.backend.reopen(series.newest)
    world.backend.untold.clear()
    world.tell(world.backend.edit(series, FUTURE_MS))
    if is_late:
        world.tell(completed)
    world.settle()
    assert world.numbers(series) == []


def test_a_completion_racing_with_an_edit_leaves_the_edits_next(world: World) -> None:
    """Both are told at the same time, many times over."""
    for _ in range(30):
        series = world.backend.create(world.owner)
        world.tell()
        world.backend.complete(series)
        world.backend.edit(series, FUTURE_MS + HOUR_MS)
        tell(world.services[0].sidecar, world.backend.untold * 2, at_once=4)
        world.backend.untold.clear()
        world.run()
        assert len(series.tasks) == 2
        assert ms(series.newest["scheduled_at"]) == FUTURE_MS + HOUR_MS + DAY_MS
    world.check_once()


# ---- the trash


def test_an_open_occurrence_in_the_trash_produces_nothing_until_restored(world: World) -> None:
    series = world.backend.create(world.owner, due_at=now_ms() - 10 * HOUR_MS, missed="catch_up", rule="FREQ=HOURLY")
    deleted = world.backend.trash(series.newest)
    restored = world.backend.restore(series.newest)
    world.tell(deleted)
    assert world.numbers(series) == []
    world.tell(restored)
    assert world.numbers(series) == [2]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["in order", "restored first"])
def test_what_was_dropped_since_one_was_in_the_trash_is_said_again(world: World, order: tuple[int, int]) -> None:
    """It was decided before the trash was heard of."""
    series = world.backend.create(world.owner, due_at=now_ms() - HOUR_MS - MINUTE_MS, missed="catch_up", rule="FREQ=HOURLY")
    world.tell()
    world.wait_said(series, 1)
    events = [world.backend.trash(series.newest)]
    world.take()
    assert set(world.backend.verdicts) == {"trashed"}
    events.append(world.backend.restore(series.newest))
    world.tell(*[events[i] for i in order])
    assert world.numbers(series) == [2, 2]
    world.run()
    assert [t["occurrence"] for t in series.tasks] == [1, 2]
    world.tell(*events)
    assert world.numbers(series) == [2, 2]


def test_a_completion_told_while_one_is_in_the_trash_counts_when_it_is_back(world: World) -> None:
    """It was reopened, then thrown away; that is told first."""
    series = world.backend.create(world.owner)
    completed = world.backend.complete(series)
    world.backend.reopen(series.newest)
    deleted = world.backend.trash(series.newest)
    world.tell(deleted, completed)
    world.wait_said(series, 1)
    world.take()
    assert set(world.backend.verdicts) == {"trashed"}
    world.backend.restore(series.newest)
    world.run()
    assert [t["occurrence"] for t in series.tasks] == [1, 2]


def test_what_was_completed_before_it_was_thrown_away_has_its_next(world: World) -> None:
    """In whatever order that is told."""
    for order in ((0, 1), (1, 0)):
        series = world.backend.create(world.owner)
        completed = world.backend.complete(series)
        deleted = world.backend.trash(series.newest)
        world.tell(*[[completed, deleted][i] for i in order])
        assert world.numbers(series) == [2]


@pytest.mark.parametrize("is_first", [True, False], ids=["purged first", "purged last"])
def test_an_open_occurrence_that_was_purged_ends_its_series(world: World, is_first: bool) -> None:
    series = world.backend.create(world.owner, missed="catch_up")
    created = world.backend.all[-1][1]
    purged = world.backend.purge(series, series.newest)
    world.tell(*([purged, created] if is_first else [created, purged]))
    world.settle()
    world.database.execute(  # as if its next instants had come
        SCHEMA,
        "UPDATE series SET scheduled_at = now() - interval '2 days', decide_at = now(), revision = revision + 1"
        " WHERE id = %s",
        series.id,
    )
    assert world.numbers(series) == []


# ---- owners


def test_what_comes_before_its_owner_is_said_with_his_seq(world: World) -> None:
    """A series has its own zone; it needs nothing of its owner but that his account is there."""
    registered = world.backend.all[0][1]
    series = world.backend.create(world.owner)
    completed = world.backend.complete(series)
    world.tell(completed)
    assert world.wait_said(series, 1)[0]["seq"] == "1"
    world.tell(registered)
    world.run()
    world.backend.complete(series)
    world.run()
    world.check_seqs()
    assert len(series.tasks) == 3


def test_a_deleted_account_has_no_series(world: World) -> None:
    series = world.backend.create(world.owner)
    other = world.backend.create(world.owner)
    completed = world.backend.complete(series)
    world.tell(completed)
    world.wait_said(series, 1)
    deleted = world.backend.delete_user(world.owner)
    late = world.backend.complete(other)
    world.tell(deleted)
    world.tell(late)
    assert world.numbers(other) == []
    assert world.database.execute(SCHEMA, "SELECT id FROM series WHERE owner_id = %s", world.owner) == []


def test_an_account_of_many_series_ends_step_by_step(world: World) -> None:
    world.tell()
    world.database.execute(
        SCHEMA,
        "INSERT INTO series (owner_id, id, version, told_by_occurrence, told_by_version, occurrence, task_id,"
        " task_version, is_trashed) SELECT %s, gen_random_uuid(), 1, 1, 1, 1, gen_random_uuid(), 1, false"
        " FROM generate_series(1, 3000)",
        world.owner,
    )
    world.backend.delete_user(world.owner)
    world.tell()
    assert world.database.execute(SCHEMA, "SELECT id FROM series WHERE owner_id = %s", world.owner) == []


# ---- instants that pass


def test_catch_up_makes_each_instant_in_its_turn(world: World) -> None:
    began_at = now_ms()
    began = began_at // HOUR_MS * HOUR_MS - 30 * HOUR_MS
    series = world.backend.create(world.owner, due_at=began, missed="catch_up", rule="FREQ=HOURLY")
    world.run()
    passed = [ms(t["scheduled_at"]) for t in series.tasks]
    assert passed == [began + HOUR_MS * n for n in range(len(passed))]
    assert began_at - HOUR_MS < passed[-1] <= now_ms()
    assert {t["status"] for t in series.tasks} == {"open"}


def remind(world: World, series: Series, *offsets: str) -> Event:
    """Give its newest occurrence these reminders and no others."""
    own = [{"id": series.newest["id"], "generation": 1, "offset": offset} for offset in offsets]
    return world.backend._save(series.newest, "updated", {"reminders": own})


def test_an_occurrence_that_is_caught_up_is_there_before_its_first_reminder(world: World) -> None:
    """A minute before, and one ahead of its time at most."""
    made_at = now_ms() // 1000 * 1000 + 2000
    due_at = made_at + 31 * MINUTE_MS
    series = world.backend.create(world.owner, due_at=due_at - HOUR_MS, missed="catch_up", rule="FREQ=HOURLY")
    remind(world, series, "-PT10M", "-PT30M", "PT0S")
    world.tell()
    event = world.wait_said(series, 1)[0]
    assert ms(event["data"]["due_at"]) == due_at
    assert made_at <= ms(event["time"]) < due_at
    world.take()
    remind(world, series, "-P1D")
    world.run()
    assert len(series.tasks) == 2
    assert ms(row(world.database, series, "decide_at")[0].isoformat()) == due_at


def test_the_reminders_of_the_newest_occurrence_say_when_the_next_is_made(world: World) -> None:
    """Whatever the order in which they are told."""
    series = world.backend.create(world.owner, due_at=FUTURE_MS, missed="catch_up")
    created = world.backend.all[-1][1]
    first, last = remind(world, series, "-PT2H"), remind(world, series, "-PT1H", "PT3H")
    for event, expected in [(first, 121), (last, 61), (created, 61), (first, 61)]:
        world.tell(event)
        world.settle()
        decide_at = ms(row(world.database, series, "decide_at")[0].isoformat())
        assert decide_at == FUTURE_MS + DAY_MS - expected * MINUTE_MS
    world.tell(remind(world, series))
    world.settle()
    assert ms(row(world.database, series, "decide_at")[0].isoformat()) == FUTURE_MS + DAY_MS


def test_one_that_takes_the_place_of_another_comes_when_it_is_due(world: World) -> None:
    series = world.backend.create(world.owner, due_at=FUTURE_MS, missed="skip")
    remind(world, series, "-PT2H")
    world.tell()
    world.settle()
    assert ms(row(world.database, series, "decide_at")[0].isoformat()) == FUTURE_MS + DAY_MS


def test_skip_makes_the_latest_in_place_of_the_open_one(world: World) -> None:
    began_at = now_ms()
    began = began_at // HOUR_MS * HOUR_MS - 30 * HOUR_MS
    series = world.backend.create(world.owner, due_at=began, missed="skip", rule="FREQ=HOURLY")
    world.run()
    assert [t["status"] for t in series.tasks[-2:]] == ["skipped", "open"]
    assert began_at - HOUR_MS < ms(series.newest["scheduled_at"]) <= now_ms()
    assert world.said(series)[0]["data"]["skips_previous"] is True


def test_collapse_waits_for_the_open_one_whatever_passes(world: World) -> None:
    began = now_ms() // HOUR_MS * HOUR_MS - 30 * HOUR_MS
    series = world.backend.create(world.owner, due_at=began, missed="collapse", rule="FREQ=HOURLY")
    world.tell()
    assert world.numbers(series) == []
    ended_at = now_ms()
    world.backend.complete(series, ended_at)
    world.run()
    assert len(series.tasks) == 2
    assert ended_at < ms(series.newest["scheduled_at"]) <= ended_at + HOUR_MS


def test_after_completion_it_is_counted_from_the_day_of_that(world: World) -> None:
    series = world.backend.create(
        world.owner, due_at=FUTURE_MS, anchor="completion", rule="FREQ=DAILY;INTERVAL=3", missed="collapse"
    )
    world.backend.complete(series, FUTURE_MS + 5 * DAY_MS + HOUR_MS)
    world.run()
    assert ms(series.newest["scheduled_at"]) == FUTURE_MS + 8 * DAY_MS


@pytest.fixture(scope="module")
def quiet(service_maker, cluster: Cluster) -> Iterator[Service]:
    """A service that is alone on its database, and polls once a minute."""
    database = cluster.new_database()
    yield service_maker(database, settings={**SETTINGS, "DUE_POLL_MS": "60000"}).start()
    database.drop()


def test_an_instant_is_met_by_the_timer_and_never_early(quiet: Service) -> None:
    """The last step has named it: neither poll nor cron comes. How soon after it, the bench measures."""
    assert quiet.database is not None
    world = World(quiet.database, [quiet])
    instant = now_ms() // 1000 * 1000 + 2000
    series = world.backend.create(world.owner, due_at=instant - HOUR_MS, missed="catch_up", rule="FREQ=HOURLY")
    world.tell()
    event = world.wait_said(series, 1)[0]
    assert instant <= ms(event["time"]) < instant + 30_000
    assert quiet.metric("due_work_steps_total") < 60


def test_it_is_not_early_however_often_it_looks(world: World) -> None:
    instant = now_ms() // 1000 * 1000 + 2000
    series = world.backend.create(world.owner, due_at=instant - HOUR_MS, missed="catch_up", rule="FREQ=HOURLY")
    world.tell()
    while now_ms() < instant - 20:
        world.fire_crons()
        assert world.said(series) == [] or now_ms() >= instant
    event = world.wait_said(series, 1)[0]
    assert now_ms() >= instant
    assert ms(event["time"]) >= instant


def test_the_cron_finds_what_nobody_told_of(quiet: Service) -> None:
    """As if another replica had saved it and died."""
    assert quiet.database is not None
    world = World(quiet.database, [quiet])
    series = world.backend.create(world.owner)
    world.tell()
    world.settle()
    quiet.database.execute(
        SCHEMA, "UPDATE series SET ended_at = now(), decide_at = '-infinity', revision = revision + 1 WHERE id = %s", series.id
    )
    world.fire_crons()
    world.wait_said(series, 1)


# ---- replicas


@pytest.fixture(scope="module")
def three(service_maker, cluster: Cluster) -> Iterator[list[Service]]:
    """Three replicas on one database."""
    database = cluster.new_database()
    yield [service_maker(database, settings={**SETTINGS, "DUE_POLL_MS": "50"}).start() for _ in range(3)]
    database.drop()


@pytest.mark.parametrize("seed", SEEDS, ids="seed={}".format)
def test_shuffled_repeated_and_on_three_replicas_the_right_one_comes_next(three: list[Service], seed: int) -> None:
    """A random life of some series, every event told one to three times in any order to any replica,
    while the crons of all fire: each that ended has one next occurrence, at the rule's instant."""
    assert three[0].database is not None
    world = World(three[0].database, three, seed)
    backend, rng = world.backend, world.backend.rng
    lives = [
        backend.create(backend.register(), missed=rng.choice(["collapse", "skip", "catch_up"])) for _ in range(12)
    ]
    bag: list[tuple[str, Event]] = []
    told: list[tuple[str, Event]] = []
    for _ in range(25):
        for series in rng.sample(lives, 6):
            change_some(backend, series)
        bag += [e for e in backend.untold for _ in range(rng.randint(1, 3))]
        backend.untold.clear()
        rng.shuffle(bag)
        now, bag = bag[: len(bag) // 2], bag[len(bag) // 2 :]
        told += now
        tell_any(world, now + rng.sample(told, min(len(told), 5)))
        world.fire_crons()
        world.take()
    gone = lives.pop()
    backend.delete_user(gone.owner_id)
    while bag or backend.untold:
        bag += backend.untold
        backend.untold.clear()
        tell_any(world, bag)
        bag = []
        world.settle()
        world.take()
    check_lives(world, lives)
    assert world.database.execute(SCHEMA, "SELECT id FROM series WHERE owner_id = %s", gone.owner_id) == []
    say_all_again(world)


def change_some(backend: SeriesBackend, series: Series) -> None:
    """Something a user may do with it now."""
    newest = series.newest
    kinds = ["rename"]
    if newest["id"] in series.purged:
        return
    if newest["deleted_at"]:
        kinds = ["restore", "restore", "purge"]
    elif newest["status"] == "open":
        kinds += ["complete", "complete", "skip", "edit", "trash"] + ["stop"] * (backend.rng.random() < 0.1)
    else:
        kinds += ["reopen", "edit", "trash"]
    kind = backend.rng.choice(kinds)
    if kind == "rename":
        backend.rename(backend.rng.choice(series.tasks))
    elif kind == "purge":
        backend.purge(series, newest)
    elif kind in ("restore", "reopen", "trash"):
        getattr(backend, kind)(newest)
    elif kind == "edit":
        backend.edit(series, ms(newest["due_at"]) + backend.rng.randrange(-5, 5) * HOUR_MS)
    else:
        getattr(backend, kind)(series)


def tell_any(world: World, told: list[tuple[str, Event]]) -> None:
    parts: dict[int, list[tuple[str, Event]]] = {}
    for topic_event in told:
        parts.setdefault(world.backend.rng.randrange(len(world.services)), []).append(topic_event)
    with concurrent.futures.ThreadPoolExecutor(len(world.services)) as pool:
        list(pool.map(lambda i: tell(world.services[i].sidecar, parts[i], at_once=4), parts))


def check_lives(world: World, lives: list[Series]) -> None:
    world.check_once()
    world.check_seqs()
    for series in lives:
        newest = series.newest
        waits = newest["deleted_at"] and newest["status"] == "open"
        assert series.rule is None or waits or has_never_ended(world, newest), f"{series.id} has no next one"
        for task, following in zip(series.tasks, series.tasks[1:]):
            assert not has_never_ended(world, task)
            if following["series_from"] != following["occurrence"]:  # else it was edited: the rule begins there
                assert ms(following["scheduled_at"]) == ms(scheduled(world, task, following)) + DAY_MS


def has_never_ended(world: World, task: dict) -> bool:
    return not any(
        event["data"]["status"] != "open" for topic, event in world.backend.all if event["subject"] == task["id"] and "status" in event["data"]
    )


def scheduled(world: World, task: dict, following: dict) -> str:
    """When the task was due by the rule that made the following one."""
    versions = [event["data"] for _, event in world.backend.all if event["subject"] == task["id"] and "series_version" in event["data"]]
    made_by = next(e["data"] for _, e in world.backend.all if e["subject"] == following["id"])
    return next(d for d in reversed(versions) if d["series_version"] <= made_by["series_version"])["scheduled_at"]


def say_all_again(world: World) -> None:
    """A replay of the topic from its start, after the inbox was purged."""
    before = {p.event["id"] for p in world.published()}
    world.database.execute(SCHEMA, "DELETE FROM inbox")
    tell_any(world, list(world.backend.all))
    world.settle()
    assert {p.event["id"] for p in world.published()} == before


def test_two_replicas_that_decide_at_once_say_it_once(three: list[Service]) -> None:
    assert three[0].database is not None
    world = World(three[0].database, three)
    for _ in range(5):
        lives = [world.backend.create(world.owner) for _ in range(20)]
        for series in lives:
            world.backend.complete(series)
        untold, world.backend.untold = world.backend.untold, []
        tell_any(world, untold)
        world.fire_crons()
        world.settle()
        assert sorted(p.data["series_id"] for p in world.published()[-20:]) == sorted(s.id for s in lives)
    world.check_seqs()


def test_what_one_replica_works_on_the_others_leave_alone(three: list[Service]) -> None:
    assert three[0].database is not None
    database = three[0].database
    world = World(database, three)

    def n_settled() -> float:
        name = 'pg_call_duration_seconds_count{statement="series_settle"} '
        texts = [httpx.get(service.url + "/metrics").text for service in three]
        return sum(float(x.removeprefix(name)) for t in texts for x in t.splitlines() if x.startswith(name))

    series = world.backend.create(world.owner)
    world.tell()
    world.settle()
    world.backend.complete(series)
    began = time.monotonic()
    before, steps = n_settled(), [service.metric("due_work_steps_total") for service in three]
    with database.connect(SCHEMA) as db:
        db.autocommit = False
        db.execute("LOCK TABLE outbox IN SHARE MODE")
        world.tell()
        world.fire_crons()
        wait_for(
            "two to have looked for more",
            lambda: sum(s.metric("due_work_steps_total") >= n + 3 for s, n in zip(three, steps)) >= 2,
        )
        db.rollback()
    held_s = time.monotonic() - began
    assert world.numbers(series) == [2]
    assert n_settled() == before + 1 or held_s > LEASE_S


# ---- failing well


def test_a_kill_between_save_and_decision_loses_nothing(service_maker, cluster: Cluster) -> None:
    database = cluster.new_database()
    service = service_maker(database).start()
    world = World(database, [service])
    series = [world.backend.create(world.owner) for _ in range(5)]
    for one in series:
        world.backend.complete(one)
    with database.connect(SCHEMA) as db:
        db.autocommit = False
        db.execute("LOCK TABLE outbox IN SHARE MODE")  # decisions wait, events are saved
        world.tell()
        wait_for("a claim", lambda: database.value(SCHEMA, "SELECT count(*) FROM series WHERE claimed_until IS NOT NULL"))
        service.kill()
        db.rollback()
    assert world.published() == []
    # its claim ends after ten seconds; here the clock is helped along
    database.execute(SCHEMA, "UPDATE series SET claimed_until = now() - interval '1 s' WHERE claimed_until IS NOT NULL")
    service.start()
    for one in series:
        assert world.wait_said(one, 1)[0]["data"]["occurrence"] == 2
    world.settle()
    world.check_once()
    world.check_seqs()
    service.stop()
    database.drop()


def test_a_claim_from_before_the_clock_was_set_back_holds_nothing_up(world: World) -> None:
    series = world.backend.create(world.owner)
    world.tell()
    world.settle()
    world.database.execute(
        SCHEMA,
        "UPDATE series SET ended_at = now(), decide_at = '-infinity', revision = revision + 1,"
        " claimed_until = now() + interval '1 hour' WHERE id = %s",
        series.id,
    )
    world.wait_said(series, 1)


def test_what_changes_while_it_is_decided_is_decided_again(world: World) -> None:
    """The decision that was under way is dropped: it was made of what is no more."""
    series = world.backend.create(world.owner)
    world.tell()
    world.settle()
    completed = world.backend.complete(series)
    edited = world.backend.edit(series, FUTURE_MS + HOUR_MS)
    with world.database.connect(SCHEMA) as db:
        db.autocommit = False
        db.execute("LOCK TABLE outbox IN SHARE MODE")
        world.tell(completed)
        claimed = "SELECT count(*) FROM series WHERE id = %s AND claimed_until IS NOT NULL"
        wait_for("a claim", lambda: world.database.value(SCHEMA, claimed, series.id))
        # what the edit's event would do, were it not waiting for its owner's row
        db.execute("UPDATE series SET revision = revision + 1 WHERE id = %s", (series.id,))
        threading.Thread(target=world.tell, args=(edited,)).start()
        db.commit()
    wait_for("the edit's", lambda: [e["data"]["series_version"] for e in world.said(series)][-1:] == [2])
    world.run()
    assert ms(series.newest["scheduled_at"]) == FUTURE_MS + HOUR_MS + DAY_MS


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"recurrence": "FREQ=SECONDLY"}, "recurrence: "),
        ({"recurrence": "nonsense"}, "recurrence: "),
        ({"time_zone": "Europe/Atlantis"}, "Europe/Atlantis is not a time zone"),
        ({"time_zone": None}, "no time_zone"),
        ({"series_start": "tomorrow"}, 'series_start: "tomorrow" is no wall clock time'),
        ({"anchor": None}, "a rule comes with anchor"),
    ],
    ids=str,
)
def test_what_cannot_be_decided_is_told_and_asked_no_more(world: World, service: Service, change: dict, reason: str) -> None:
    series = world.backend.create(world.owner)
    series.newest.update(change)
    world.backend.complete(series)
    world.backend.all.pop(-2)
    world.backend.untold.pop(-2)
    before = service.metric("series_faults_total")
    world.tell()
    fault = wait_for("the fault", lambda: row(world.database, series, "fault")[0])
    assert reason in fault
    world.settle()
    steps = service.metric("due_work_steps_total")
    wait_for("some more steps", lambda: service.metric("due_work_steps_total") >= steps + 3)
    assert service.metric("series_faults_total") == before + 1
    assert service.metric("series_faulty") >= 1
    assert [x["err"] for x in service.log_lines("series_not_decided") if x["series_id"] == series.id] == [fault]
    # a change that makes it readable heals it
    series.newest.update(time_zone="UTC")
    series.anchor = "due"
    world.backend.edit(series, FUTURE_MS)
    world.run()
    assert row(world.database, series, "fault") == (None,)
    assert len(series.tasks) == 2


def test_the_drain_ends_the_step_that_is_under_way(service_maker, cluster: Cluster) -> None:
    database = cluster.new_database()
    service = service_maker(database).start()
    world = World(database, [service])
    series = world.backend.create(world.owner)
    world.backend.complete(series)
    with database.connect(SCHEMA) as db:
        db.autocommit = False
        db.execute("LOCK TABLE outbox IN SHARE MODE")
        world.tell()
        wait_for("a claim", lambda: database.value(SCHEMA, "SELECT count(*) FROM series WHERE claimed_until IS NOT NULL"))
        ended = threading.Thread(target=service.stop)
        ended.start()
        wait_for("the drain", lambda: service.log_lines("service_drain_began"))
        ended.join(0.5)
        assert ended.is_alive(), "it waits for the step"
        db.rollback()
    ended.join()
    assert service.log_lines("service_drained")
    n_left = database.value(SCHEMA, "SELECT count(*) FROM outbox")
    assert len(world.said(series)) + n_left == 1, "said, or left for the next replica's relay"
    assert database.value(SCHEMA, "SELECT count(*) FROM series WHERE claimed_until IS NOT NULL") == 0
    database.drop()


def test_the_cron_needs_the_token_and_is_answered_at_once(service: Service) -> None:
    assert httpx.post(service.app_url + "/recurrence-sweep").status_code == 401
    headers = {"dapr-api-token": service.sidecar.app_token}
    assert httpx.post(service.app_url + "/recurrence-sweep", headers=headers).status_code == 200
    assert httpx.options(service.app_url + "/recurrence-sweep", headers=headers).status_code in (204, 405)
