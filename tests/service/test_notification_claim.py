"""notification: what a claim costs among a million deliveries that wait. What is counted is what the
database reads, not how long it takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from support.postgres import Cluster, Database
from support.service import ROOT, migrate
from support.waiting import wait_for

N_WAITING, N_DUE, N_OWNERS = 1_000_000, 100, 100_000
NOW = "2026-11-21T12:00:00Z"
NIL = "00000000-0000-0000-0000-000000000000"
NOBODY = '{"{}","{}"}'  # is busy, by either channel
INSTANCE = "01a1fe66-a062-7cac-9fd7-6c09a4c92a12"

FILL = [
    f"INSERT INTO app_user (id, version, email, name, time_zone) SELECT md5('u' || n)::uuid, 1, n || '@example.org', '', 'UTC'"
    f" FROM generate_series(1, {N_OWNERS}) n",
    "INSERT INTO task (owner_id, id, version, status, title, reminders, scheduled_version)"
    f" SELECT md5('u' || n % {N_OWNERS} + 1)::uuid, md5('t' || n)::uuid, 1, 0, 'task ' || n,"
    " jsonb_build_array(jsonb_build_object('id', md5('r' || n)::uuid, 'generation', 1)), 1"
    f" FROM generate_series(1, {N_WAITING // 2}) n",
    # half by mail, half in the app; the first of each task is due, the rest later
    "INSERT INTO delivery (id, owner_id, kind, task_id, reminder_id, generation, channel, channel_id, title, state,"
    f" remind_at, next_try_at) SELECT md5('d' || n)::uuid, md5('u' || t % {N_OWNERS} + 1)::uuid, 0, md5('t' || t)::uuid,"
    f" md5('r' || t)::uuid, 1, CASE n % 2 WHEN 0 THEN 0 ELSE 2 END, '{NIL}', 'task ' || t, 0, i, i"
    f" FROM (SELECT n, (n + 1) / 2 AS t, timestamptz '{NOW}'"
    f" + CASE WHEN n <= {N_DUE} THEN -interval '1 s' * (n % 7 + 1) ELSE interval '1 s' * n END AS i"
    f" FROM generate_series(1, {N_WAITING}) n) x",
]


STORE = ROOT / "services" / "notification" / "store"
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')


def macros() -> dict[str, str]:
    """The names that stand for parts of statements."""
    found = {}
    for path in sorted(STORE.glob("*.[ch]")):
        for name, body in re.findall(r"^#define (\w+)\s(.*?[^\\])\n", path.read_text(), re.DOTALL | re.MULTILINE):
            found[name] = "".join(LITERAL.findall(body))
    return found


def statement(name: str) -> str:
    """The SQL of a statement, as the C source has it."""
    known = macros()
    for path in STORE.glob("*.c"):
        found = re.search(rf'\n    "{name}",\n(.*?),\n}};', path.read_text(), re.DOTALL)
        if found:
            parts = re.findall(r'"(?:[^"\\]|\\.)*"|\b[A-Z_]+\b', found[1])
            return "".join(p[1:-1] if p[0] == '"' else known[p] for p in parts).replace('\\"', '"')
    raise AssertionError(f"no statement {name}")


@pytest.fixture(scope="module")
def filled(cluster: Cluster) -> Iterator[psycopg.Connection]:
    """A connection to a database with a million that wait, as the service's login has it."""
    database = cluster.new_database()
    done = migrate("notification", database, "up")
    assert done.returncode == 0, done.stderr
    with database.connect("notification") as db:
        indexes = db.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'notification'"
            " AND tablename IN ('task', 'delivery') AND indexname NOT LIKE '%_pkey'"
        ).fetchall()
        for name, _ in indexes:  # made anew when the rows are in: that is much faster
            db.execute(f"DROP INDEX {name}")
        for sql in FILL:
            db.execute(sql)
        for _, definition in indexes:
            db.execute(definition)
        db.execute("ANALYZE")
        db.execute("SET jit = off")
        db.execute("SET plan_cache_mode = force_generic_plan")
        yield db
    database.drop()


def explain(db: psycopg.Connection, name: str, types: str, values: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Prepare and run as the service does, and undo; every node of the plan, and the top one."""
    db.execute(f"PREPARE probe{types} AS {statement(name)}")
    try:
        db.execute("BEGIN")
        (plan,) = db.execute(f"EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT json) EXECUTE probe{values and f'({values})'}").fetchone()
        db.execute("ROLLBACK")
    finally:
        db.execute("DEALLOCATE probe")
    nodes: list[dict[str, Any]] = []

    def walk(node: dict[str, Any]) -> None:
        nodes.append(node)
        for part in node.get("Plans", []):
            walk(part)

    walk(plan[0]["Plan"])
    return nodes, plan[0]["Plan"]


def buffers(node: dict[str, Any]) -> int:
    return node["Shared Hit Blocks"] + node["Shared Read Blocks"]


def test_a_claim_among_a_million_touches_what_is_due(filled: psycopg.Connection) -> None:
    values = f"'{{0,2}}', '{{256,256}}', '{NOW}', '{INSTANCE}', '{NOBODY}'"
    nodes, top = explain(filled, "sending_claim", "(smallint[], int[], timestamptz, uuid, text[])", values)
    for node in nodes:
        assert node["Node Type"] != "Seq Scan", json.dumps(top, indent=1)
        if node.get("Relation Name") == "delivery" and node["Node Type"].startswith("Index") and "Index Name" in node:
            rows = node["Actual Rows"] * node["Actual Loops"]
            assert rows <= N_DUE + 4 and node.get("Rows Removed by Filter", 0) == 0, node
        assert node["Node Type"] not in ("Sort", "Incremental Sort"), "what is due comes sorted from its index"
    scans = [n["Index Name"] for n in nodes if n["Node Type"].startswith("Index") and n.get("Relation Name") == "delivery"]
    assert "delivery_waiting" in scans
    assert top["Actual Rows"] == N_DUE
    # some ten pages for each that is claimed: its row, its task, its owner, its attempt, the indexes
    assert buffers(top) < 60 * N_DUE, f"{buffers(top)} buffers"


def test_a_claim_of_nothing_touches_next_to_nothing(filled: psycopg.Connection) -> None:
    values = f"'{{0,2}}', '{{256,256}}', '2026-11-20T12:00:00Z', '{INSTANCE}', '{NOBODY}'"
    _, top = explain(filled, "sending_claim", "(smallint[], int[], timestamptz, uuid, text[])", values)
    assert buffers(top) < 60


def test_looking_for_changed_tasks_and_users_touches_no_others(filled: psycopg.Connection) -> None:
    for name, types, values in (
        ("schedule_read", "", ""),
        ("user_list_changed", "(int)", "20"),
        ("digest_list_due", "(timestamptz, int)", f"'{NOW}', 50"),
    ):
        nodes, top = explain(filled, name, types, values)
        assert buffers(top) < 20, (name, buffers(top))
        assert not [n for n in nodes if n["Node Type"] == "Seq Scan" and n["Actual Rows"] > 0], name


def test_taking_over_reads_the_dead_ones_claims_alone(filled: psycopg.Connection) -> None:
    filled.execute("INSERT INTO instance VALUES (%s, 7, now())", (INSTANCE,))
    values = f"'{INSTANCE}', 7, '{NOW}', 'why'"
    _, top = explain(filled, "lease_take_over", "(uuid, bigint, timestamptz, text)", values)
    assert buffers(top) < 60
