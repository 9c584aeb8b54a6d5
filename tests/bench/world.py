"""What the backend's figures are measured on: a durable PostgreSQL cluster, 1,000 owners with tasks,
access tokens for all of them, and files of requests.

Owners and tasks have ids that can be written down from a number, because pgbench draws numbers:
owner 7 is 00000000-0000-7000-8000-100000000007, and so is his task 7 of `TASKS` among the tasks."""

from __future__ import annotations

import base64
import json
import pathlib
import random
import time

import jwt

from support import postgres
from support.postgres import Cluster, Database
from support.service import Service, migrate

OWNERS = 1000
TASKS_EACH = 20
FIRST = 100_000_000_000  # twelve digits from the first on
ID_PREFIX = "00000000-0000-7000-8000-"
SESSION_PREFIX = "00000000-0000-7000-9000-"

# as scripts/stack has it: a commit is on the disk
CONFIG = """\
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
shared_buffers = '256MB'
fsync = on
synchronous_commit = on
wal_compression = on
max_wal_size = '1GB'
log_min_messages = warning
timezone = 'UTC'
"""

# no limits for the only address there is; the statements' limit as in earnest
SETTINGS = {
    "RATE_USER_PER_S": "0",
    "RATE_ADDRESS_PER_S": "0",
    "RELAY_POLL_MS": "500",
    "SECRET_INTERVAL_MS": "20000",
    "LOG_LEVEL": "warn",
}

NEW_TASK = {
    "title": "Water the plants on the balcony",
    "description": "The tomatoes want two litres, the herbs half of that, and nothing for the cactus.",
    "priority": "high",
    "tags": ["home", "garden"],
    "due_at": "2027-05-04T17:30:00Z",
    "time_zone": "Europe/Berlin",
}

OWNERS_SQL = f"""
INSERT INTO account (id, email, name, time_zone, password_hash, seq, version, credentials, created_at,
                     updated_at, task_count)
SELECT ('{ID_PREFIX}' || n)::uuid, 'owner' || n || '@example.org', 'Owner ' || n, 'Europe/Berlin', '-',
       {TASKS_EACH}, 1, 1, now(), now(), {TASKS_EACH}
FROM generate_series({FIRST}, {FIRST + OWNERS - 1}) n;
INSERT INTO session (id, account_id, credentials, user_agent, address, created_at, last_used_at,
                     expires_at)
SELECT ('{SESSION_PREFIX}' || n)::uuid, ('{ID_PREFIX}' || n)::uuid, 1, 'bench', '127.0.0.1', now(), now(),
       now() + interval '1 day'
FROM generate_series({FIRST}, {FIRST + OWNERS - 1}) n;
INSERT INTO task (owner_id, id, version, seq, created_at, updated_at, status, priority, due_at, title,
                  description, tags, time_zone, tag_keys)
SELECT ('{ID_PREFIX}' || {FIRST} + (n - {FIRST}) / {TASKS_EACH})::uuid, ('{ID_PREFIX}' || n)::uuid, 1,
       (n - {FIRST}) % {TASKS_EACH} + 1, now(), now(), 0, 2, '2027-05-04T17:30:00Z',
       '{NEW_TASK["title"]}', '{NEW_TASK["description"]}', '{{home,garden}}', 'Europe/Berlin',
       '{{home,garden}}'
FROM generate_series({FIRST}, {FIRST + OWNERS * TASKS_EACH - 1}) n;
ANALYZE;
"""


class World:
    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        postgres.CONFIG = CONFIG
        self.cluster = Cluster()
        self.database: Database
        self.service: Service

    def open(self) -> "World":
        self.cluster.start()
        self.database = self.cluster.new_database()
        done = migrate("backend", self.database, "up")
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr)
        self.database.execute("backend", OWNERS_SQL)
        self.start_service()
        return self

    def start_service(self) -> None:
        self.service = Service("backend", self.directory, self.database, SETTINGS)
        # what is created stays in the outbox, as it does with pgbench
        self.service.sidecar.fail("POST", "/v1.0/publish", 503, times=-1)
        self.service.start()

    def set_role(self, setting: str) -> None:
        """Of the role that the backend and pgbench sign in as."""
        self.database.execute("backend", f"ALTER ROLE backend_a SET {setting}")
        self.restart_service()

    def restart_service(self) -> None:
        self.service.close()
        self.start_service()

    def close(self) -> None:
        try:
            if hasattr(self, "service"):
                self.service.close()
        finally:
            self.cluster.stop()

    def token(self, owner: int) -> str:
        """An access token as the backend itself signs them."""
        keys = self.service.sidecar.secrets["token-keys"]
        kid = keys["active"]
        now = int(time.time())
        claims = {
            "iss": "todo",
            "aud": "api",
            "sub": f"{ID_PREFIX}{FIRST + owner}",
            "sid": f"{SESSION_PREFIX}{FIRST + owner}",
            "iat": now,
            "exp": now + 3600,
        }
        return jwt.encode(claims, base64.b64decode(keys[kid]), "HS256", {"kid": kid})

    def headers(self, owner: int) -> str:
        return (
            f"Host: 127.0.0.1:{self.service.port}\r\nAuthorization: Bearer {self.token(owner)}\r\n"
            "User-Agent: bench\r\nAccept: application/json\r\n"
        )

    def read_requests(self) -> pathlib.Path:
        """GET of every task, in no order."""
        heads = [self.headers(owner) for owner in range(OWNERS)]
        tasks = list(range(OWNERS * TASKS_EACH))
        random.Random(1).shuffle(tasks)
        return self._write(
            "read.requests",
            (
                f"GET /api/v1/tasks/{ID_PREFIX}{FIRST + task} HTTP/1.1\r\n{heads[task // TASKS_EACH]}\r\n"
                for task in tasks
            ),
        )

    def create_requests(self) -> pathlib.Path:
        """POST of a task for each owner, in no order."""
        owners = list(range(OWNERS))
        random.Random(2).shuffle(owners)
        body = json.dumps(NEW_TASK)
        return self._write(
            "create.requests",
            (
                f"POST /api/v1/tasks HTTP/1.1\r\n{self.headers(owner)}"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
                for owner in owners
            ),
        )

    def _write(self, name: str, requests) -> pathlib.Path:
        path = self.directory / name
        with path.open("w") as file:
            for request in requests:
                file.write(f"{len(request)}\n{request}")
        return path
