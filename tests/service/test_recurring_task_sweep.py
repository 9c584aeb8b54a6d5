"""recurring-task: what a step costs the database where a million series wait and a hundred are due. No
timing: the plans that PostgreSQL runs (auto_explain) go by the indexes, also once they are generic."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from support.postgres import Cluster, Database
from support.service import Service, migrate
from support.waiting import wait_for

SCHEMA = "recurring_task"
N_WAITING, N_DUE, N_OWNERS = 1_000_000, 100, 100_000
PLAN = re.compile(r"LOG:  duration: [\d.]+ ms  plan:\n((?:\t[^\n]*\n)+)")
SETTINGS = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_timing": "off",
}
FILL = [
    f"INSERT INTO app_user (id, version) SELECT ('00000000-0000-7000-8000-' || 100000000000 + n)::uuid, 1"
    f" FROM generate_series(0, {N_OWNERS}) n",
    f"INSERT INTO series (owner_id, id, version, told_by_occurrence, told_by_version, rule, anchor, missed, time_zone,"
    f" start, start_occurrence, occurrence, task_id, task_version, scheduled_at, is_trashed, decide_at)"
    f" SELECT ('00000000-0000-7000-8000-' || 100000000000 + n::bigint * {N_OWNERS} / {N_WAITING})::uuid,"
    f" ('00000000-0000-7000-8001-' || 100000000000 + n)::uuid, 1, 1, 1, 'FREQ=HOURLY', 0, 0, 'UTC',"
    f" '2026-01-01T09:00:00', 1, 1, ('00000000-0000-7000-8002-' || 100000000000 + n)::uuid, 1,"
    f" '2026-01-01T09:00:00Z', false, now() + interval '1 day' + n * interval '1 s'"
    f" FROM generate_series(1, {N_WAITING}) n",
    "INSERT INTO task (owner_id, id, version, status) SELECT owner_id, task_id, 1, 0 FROM series",
]


@pytest.fixture(scope="module")
def filled(cluster: Cluster) -> Iterator[Database]:
    database = cluster.new_database()
    assert migrate("recurring-task", database, "up").returncode == 0
    for statement in FILL:
        database.execute(SCHEMA, statement)
    database.execute(SCHEMA, "VACUUM ANALYZE series")
    database.execute(SCHEMA, "VACUUM ANALYZE task")
    database.execute(SCHEMA, "VACUUM ANALYZE app_user")
    for name, value in SETTINGS.items():
        database.execute("public", f"ALTER ROLE recurring_task_a SET {name} = '{value}'")
    yield database
    for name in SETTINGS:
        database.execute("public", f"ALTER ROLE recurring_task_a RESET {name}")
    database.drop()


@pytest.fixture(scope="module")
def plans(service_maker, filled: Database, cluster: Cluster) -> list[str]:
    """The plans of all statements that ran while a hundred were due, and again, and again."""
    service: Service = service_maker(filled, settings={"DUE_POLL_MS": "50", "DB_LIMIT_MS": "20000"}).start()
    for turn in range(1, 9):  # from the sixth on, a prepared statement's plan may be generic
        filled.execute(
            SCHEMA,
            "UPDATE series SET decide_at = now() - interval '1 hour' * random(), occurrence = %s,"
            " revision = revision + 1 WHERE id IN (SELECT id FROM series TABLESAMPLE SYSTEM (1) LIMIT %s)",
            turn,
            N_DUE,
        )
        wait_for(
            "all to be decided",
            lambda: filled.value(SCHEMA, "SELECT count(*) FROM series WHERE decide_at < now() OR claimed_until IS NOT NULL") == 0,
        )
    assert len(service.sidecar.wait_for_events("recurrences", 8 * N_DUE)) == 8 * N_DUE
    service.stop()
    return PLAN.findall(cluster.log.read_text())


def of(plans: list[str], mark: str) -> list[str]:
    found = [plan for plan in plans if mark in plan]
    assert found, f"no plan has {mark}"
    return found


def test_a_claim_goes_by_what_is_due(plans: list[str]) -> None:
    claims = of(plans, "due AS MATERIALIZED (")
    assert len(claims) >= 8
    for plan in claims:
        assert "Index Scan using series_decide_at" in plan, plan
        assert "Seq Scan" not in plan, plan
    # the rows that a claim of all hundred touched
    most = max(int(n) for plan in claims for n in re.findall(r"actual rows=(\d+)", plan))
    assert most <= N_DUE


def test_a_decision_goes_by_keys(plans: list[str]) -> None:
    for plan in of(plans, "numbered AS ("):
        assert not re.search(r"Seq Scan on (series|task|app_user)\b", plan), plan
        assert max(int(n) for n in re.findall(r"actual rows=(\d+)", plan)) <= N_DUE, plan
