"""The backend's schema: up, down, up again comes to the same, and down leaves nothing."""

from __future__ import annotations

from support.postgres import Cluster, Database
from support.service import migrate

SERVICE = "backend"


def shape(database: Database) -> list[tuple]:
    """Every column, index and constraint of the schema."""
    return database.execute(
        "backend",
        """SELECT 'column', table_name, column_name, data_type || is_nullable || coalesce(column_default, '')
             FROM information_schema.columns WHERE table_schema = 'backend' AND table_name <> 'schema_migration'
           UNION ALL
           SELECT 'index', tablename, indexname, indexdef FROM pg_indexes
             WHERE schemaname = 'backend' AND tablename <> 'schema_migration'
           UNION ALL
           SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
             WHERE connamespace = 'backend'::regnamespace AND conrelid::regclass::text <> 'schema_migration'
           ORDER BY 1, 2, 3, 4""",
    )


def test_up_down_and_up_again_comes_to_the_same(cluster: Cluster) -> None:
    database = cluster.new_database()

    def run(*argv: str) -> None:
        done = migrate("backend", database, *argv)
        assert done.returncode == 0, done.stdout + done.stderr

    run("up")
    whole = shape(database)
    assert {row[1] for row in whole} >= {"account", "task", "task_tombstone", "idempotency", "outbox", "inbox"}
    run("down", "1")
    assert "task" not in {row[1] for row in shape(database)}
    run("up")
    assert shape(database) == whole
    run("down", "0")
    assert shape(database) == []
    run("up")
    assert shape(database) == whole
