"""A private PostgreSQL cluster for the tests of one session: in a temporary directory, on a free
port of loopback, run as another user where we are root. Each test module gets a database of its
own, with the roles and schemas that the services expect."""

from __future__ import annotations

import os
import pathlib
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from typing import Any

import psycopg

from . import process
from .waiting import free_port, wait_for

# role and schema names of the services that have a database
SCHEMAS = ("backend", "recurring_task", "notification", "audit")

# a lost machine loses no more than a test run
CONFIG = """\
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
shared_buffers = '64MB'
fsync = off
synchronous_commit = off
full_page_writes = off
log_min_messages = warning
log_line_prefix = '%m [%p] %u@%d '
timezone = 'UTC'
"""


# another process may take a free port before the server binds it
STARTS_MAX = 5


class PortTaken(RuntimeError):
    pass


def find_binaries() -> pathlib.Path:
    """The newest installed PostgreSQL's directory of binaries."""
    if "PG_BIN" in os.environ:
        return pathlib.Path(os.environ["PG_BIN"])
    found = sorted(
        (p for p in pathlib.Path("/usr/lib/postgresql").glob("*/bin") if (p / "initdb").exists()),
        key=lambda p: int(p.parent.name),
    )
    if found:
        return found[-1]
    postgres = shutil.which("postgres")
    if postgres is None:
        raise RuntimeError("no PostgreSQL server found; set PG_BIN to the directory of its binaries")
    return pathlib.Path(postgres).parent


class Cluster:
    def __init__(self) -> None:
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="todo-test-pg-"))
        self.data = self.directory / "data"
        self.log = self.directory / "log"
        self.user = process.unprivileged_user()
        self.binaries = find_binaries()
        self.password = secrets.token_hex(16)
        self.port = 0
        self.n_databases = 0
        self.server: subprocess.Popen | None = None

    def start(self) -> "Cluster":
        self._initialise()
        for n_left in reversed(range(STARTS_MAX)):
            try:
                self._launch(free_port())
                break
            except PortTaken:
                if n_left == 0:
                    raise
        with self.connect("postgres") as db:
            for statement in self._roles():
                db.execute(statement)
        return self

    def _initialise(self) -> None:
        if self.user:
            os.chown(self.directory, pwd.getpwnam(self.user).pw_uid, -1)
        argv = [str(self.binaries / "initdb"), "-D", str(self.data), "-U", "postgres", "-E", "UTF8"]
        argv += ["--locale=C.UTF-8", "--auth=trust", "--no-sync"]
        if process.spawn(argv, self.log, user=self.user).wait() != 0:
            raise RuntimeError(f"initdb failed:\n{self.log.read_text()}")

    def _launch(self, port: int) -> None:
        self.port = port
        (self.data / "postgresql.auto.conf").write_text(f"{CONFIG}port = {port}\n")
        # the services sign in as they do in earnest; the tests themselves are trusted
        (self.data / "pg_hba.conf").write_text(
            "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        )
        argv = [str(self.binaries / "postgres"), "-D", str(self.data)]
        self.server = process.spawn(argv, self.log, user=self.user)
        wait_for("PostgreSQL to answer", self._answers)

    def _answers(self) -> bool:
        if self.server is None or self.server.poll() is not None:
            said = self.log.read_text()[-2000:]
            raise (PortTaken if "Address already in use" in said else RuntimeError)(f"PostgreSQL ended:\n{said}")
        try:
            with self.connect("postgres") as db:
                (directory,) = db.execute("SHOW data_directory").fetchone()
                return directory == str(self.data)  # and not another one, which has the port
        except psycopg.OperationalError:
            return False

    def _roles(self) -> list[str]:
        statements = []
        for name in SCHEMAS:
            statements.append(f"CREATE ROLE {name} NOLOGIN")
            statements.append(f"CREATE ROLE {name}_owner LOGIN PASSWORD '{self.password}'")
            statements.append(f"ALTER ROLE {name}_owner SET search_path = {name}")
            for login in (f"{name}_a", f"{name}_b"):
                statements.append(f"CREATE ROLE {login} LOGIN PASSWORD '{self.password}' IN ROLE {name}")
                statements.append(f"ALTER ROLE {login} SET search_path = {name}")
        statements.append(f"CREATE ROLE dapr_state LOGIN PASSWORD '{self.password}'")
        statements.append("ALTER ROLE dapr_state SET search_path = dapr_state")
        return statements

    def connect(self, database: str, **options: Any) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", dbname=database, autocommit=True, **options
        )

    def new_database(self) -> "Database":
        self.n_databases += 1
        name = f"todo_{self.n_databases}"
        with self.connect("postgres") as db:
            db.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        with self.connect(name) as db:
            for statement in self._grants(name):
                db.execute(statement)
        return Database(self, name)

    def _grants(self, database: str) -> list[str]:
        statements = [f"REVOKE ALL ON DATABASE {database} FROM PUBLIC", "REVOKE ALL ON SCHEMA public FROM PUBLIC"]
        for name in SCHEMAS:
            defaults = f"ALTER DEFAULT PRIVILEGES FOR ROLE {name}_owner IN SCHEMA {name} GRANT"
            statements += [
                f"GRANT CONNECT ON DATABASE {database} TO {name}, {name}_owner",
                f"CREATE SCHEMA {name} AUTHORIZATION {name}_owner",
                f"GRANT USAGE ON SCHEMA {name} TO {name}",
                f"{defaults} SELECT, INSERT, UPDATE, DELETE ON TABLES TO {name}",
                f"{defaults} USAGE, SELECT ON SEQUENCES TO {name}",
            ]
        statements += [
            f"GRANT CONNECT ON DATABASE {database} TO dapr_state",
            "CREATE SCHEMA dapr_state AUTHORIZATION dapr_state",
        ]
        return statements

    def kill(self) -> None:
        """As a crash would: every process of it at once."""
        assert self.server is not None
        process.stop(self.server, signal.SIGQUIT)

    def restart(self) -> None:
        """After `kill`, on the same port."""
        self._launch(self.port)

    def stop(self) -> None:
        if self.server is not None:
            process.stop(self.server, signal.SIGQUIT)
        shutil.rmtree(self.directory, ignore_errors=True)


class Database:
    """One database of the cluster. `execute` runs as superuser, in a schema of your choice."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name

    def url(self, login: str) -> str:
        """For "backend_a", "backend_owner", "dapr_state" …"""
        c = self.cluster
        return f"postgresql://{login}:{c.password}@127.0.0.1:{c.port}/{self.name}"

    def connect(self, schema: str) -> psycopg.Connection:
        return self.cluster.connect(self.name, options=f"-csearch_path={schema}")

    def execute(self, schema: str, statement: str, *params: Any) -> list[tuple]:
        with self.connect(schema) as db:
            cursor = db.execute(statement, params or None)
            return cursor.fetchall() if cursor.description else []

    def value(self, schema: str, statement: str, *params: Any) -> Any:
        """The first column of the only row."""
        rows = self.execute(schema, statement, *params)
        assert len(rows) == 1, f"{len(rows)} rows of {statement}"
        return rows[0][0]

    def waiting(self, pattern: str) -> int:
        """How many statements whose text is LIKE `pattern` wait for a lock."""
        statement = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            " AND query LIKE %s"
        )
        return self.value("public", statement, pattern)

    def drop(self) -> None:
        with self.cluster.connect("postgres") as db:
            db.execute(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")
