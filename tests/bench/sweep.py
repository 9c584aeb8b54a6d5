"""The sweep's own statement, as the service runs it, over a million reminders that wait and a hundred
that are due. PostgreSQL itself says what it took and which way it went (auto_explain)."""

from __future__ import annotations

import pathlib
import re

from support import postgres
from support.postgres import Cluster, Database
from support.service import Service, migrate
from support.waiting import wait_for
from world import CONFIG

WAITING, DUE, OWNERS = 1_000_000, 100, 100_000
SETTINGS = {"RELAY_POLL_MS": "500", "SECRET_INTERVAL_MS": "20000", "LOG_LEVEL": "warn"}
EXPLAINED = re.compile(r"duration: (?P<ms>[\d.]+) ms  plan:\n(?P<plan>(?:\t[^\n]*\n)+)")
CLAIM = "SET state = 1, claimed_by"
NIL = "00000000-0000-0000-0000-000000000000"
# half of what waits by mail, half in the app; what is due is all in the app (of mail, one is claimed at a
# time) and lies anywhere in the table
FILL = [
    f"INSERT INTO app_user (id, version, email, name, time_zone) SELECT md5('u' || n)::uuid, 1,"
    f" n || '@example.org', '', 'UTC' FROM generate_series(1, {OWNERS}) n",
    f"INSERT INTO task (owner_id, id, version, status, title, reminders, scheduled_version)"
    f" SELECT md5('u' || n % {OWNERS} + 1)::uuid, md5('t' || n)::uuid, 1, 0, 'task ' || n,"
    f" jsonb_build_array(jsonb_build_object('id', md5('r' || n)::uuid, 'generation', 1)), 1"
    f" FROM generate_series(1, {WAITING // 2}) n",
    f"INSERT INTO delivery (id, owner_id, kind, task_id, reminder_id, generation, channel, channel_id, title,"
    f" state, remind_at, next_try_at) SELECT md5('d' || n)::uuid, md5('u' || t % {OWNERS} + 1)::uuid, 0,"
    f" md5('t' || t)::uuid, md5('r' || t)::uuid, 1, CASE n % 2 WHEN 0 THEN 0 ELSE 2 END, '{NIL}', 'task ' || t,"
    f" 0, i, i FROM (SELECT n, (n + 1) / 2 AS t, now() + interval '1 day' + interval '1 s' * n AS i"
    f" FROM generate_series(1, {WAITING}) n) x",
]
MAKE_DUE = (
    "UPDATE delivery SET state = 0, sent_at = NULL, attempts = 0, remind_at = now() - interval '1 s',"
    f" next_try_at = now() - interval '1 s' WHERE id IN (SELECT md5('d' || n)::uuid FROM generate_series(1, {WAITING}, {WAITING // DUE}) n)"
)
EXPLAIN = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
    "auto_explain.log_timing": "off",  # of the nodes: the whole is timed all the same
}


class Sweep:
    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        postgres.CONFIG = CONFIG
        self.cluster = Cluster()
        self.database: Database

    def open(self) -> "Sweep":
        self.cluster.start()
        self.database = self.cluster.new_database()
        done = migrate("notification", self.database, "up")
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr)
        self.fill()
        with self.cluster.connect("postgres") as db:
            for name, value in EXPLAIN.items():
                db.execute(f"ALTER ROLE notification_a SET {name} = '{value}'")
        return self

    def fill(self) -> None:
        find = (
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'notification'"
            " AND tablename IN ('task', 'delivery') AND indexname NOT LIKE '%%_pkey'"
        )
        with self.database.connect("notification") as db:
            indexes = db.execute(find).fetchall()
            for name, _ in indexes:  # made anew when the rows are in, which is much faster
                db.execute(f"DROP INDEX {name}")
            for statement in FILL:
                db.execute(statement)
            for _, definition in indexes:
                db.execute(definition)
            db.execute("VACUUM ANALYZE")

    def close(self) -> None:
        self.cluster.stop()

    def run(self, times: int) -> tuple[list[float], str]:
        """Milliseconds of each sweep that found a hundred, and the plan of the last one."""
        service = Service("notification", self.directory, self.database, SETTINGS)
        try:
            service.start()
            for number in range(times):
                self.database.execute("notification", "DELETE FROM attempt")
                self.database.execute("notification", MAKE_DUE)
                wait_for("the sweep", lambda n=number: len(self.found()) > n, 30)
                left = "SELECT count(*) FROM delivery WHERE state <> 3 AND next_try_at < now()"
                wait_for("all to be sent", lambda: self.database.value("notification", left) == 0, 30)
        finally:
            service.close()
        found = self.found()
        return [ms for ms, _ in found], found[-1][1]

    def found(self) -> list[tuple[float, str]]:
        """The sweeps so far whose claim was of a hundred."""
        found = [(float(m["ms"]), m["plan"]) for m in EXPLAINED.finditer(self.cluster.log.read_text())]
        return [(ms, plan) for ms, plan in found if CLAIM in plan and f"rows={DUE} " in plan]
