"""The tests of common/ that need a real PostgreSQL are C programs (tests/service/common/): each runs
here, with a database of its own."""

from __future__ import annotations

import os
import subprocess

import pytest

from support.postgres import Cluster
from support.service import build_dir
from support.waiting import LIMIT_S

PROGRAMS = ("pg/test_pool", "pg/test_pool_loss", "pg/test_migrate", "pg/test_outbox", "dapr/test_relay")


@pytest.mark.parametrize("program", PROGRAMS)
def test_program_passes(cluster: Cluster, program: str) -> None:
    database = cluster.new_database()
    url = f"postgresql://postgres@127.0.0.1:{cluster.port}/{database.name}"
    try:
        done = subprocess.run(
            [build_dir() / "tests" / "service" / "common" / program],
            env={**os.environ, "TEST_DATABASE_URL": url},
            capture_output=True,
            text=True,
            timeout=LIMIT_S * 5,
        )
    finally:
        database.drop()
    assert done.returncode == 0, done.stdout + done.stderr
