"""What schemathesis makes of api/openapi.yaml, asked of the real binary: no answer that is not
described, no server error, nothing wrong accepted, nothing right refused."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

from support import api
from support.api import User
from support.openapi import FILE

SERVICE = "backend"
SETTINGS = {**api.SETTINGS, "SIGN_IN_ADDRESS_FAILURES_FREE": "100000", "LOG_LEVEL": "warn"}
CONFIG = pathlib.Path(__file__).with_name("schemathesis.toml")
LIMIT_S = 600

# they end the session that all others need
ENDING = ("signOut", "signOutEverywhere", "deleteAccount")


def run(service, token: str, directory: pathlib.Path, *options: str) -> None:
    done = subprocess.run(
        [
            str(pathlib.Path(sys.executable).with_name("schemathesis")),
            f"--config-file={CONFIG}",
            "--no-color",
            "run",
            str(FILE),
            f"--url={service.url}",
            "--header",
            f"Authorization: Bearer {token}",
            *options,
        ],
        cwd=directory,  # it keeps notes there
        env={**os.environ, "HOME": str(directory), "COLUMNS": "120"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-12000:] + done.stderr[-2000:]
    assert not service.log_lines("request_failed"), service.log_lines("request_failed")[:5]


@pytest.mark.timeout(LIMIT_S * 2)
def test_every_operation_answers_as_described(service, tmp_path):
    """All but those that end the session."""
    history = {"entries": [], "next_cursor": None}
    service.sidecar.answer_invoke("audit", "/internal/history", 200, history)
    deliveries = {"reminders": [], "next_cursor": None}
    service.sidecar.answer_invoke("notification", "/internal/reminders", 200, deliveries)
    preview = {"rule": "FREQ=DAILY", "words": "every day", "instants": [], "ended": False}
    service.sidecar.answer_invoke("recurring-task", "/internal/preview", 200, preview)
    options = [f"--exclude-operation-id={name}" for name in ENDING]
    run(service, User(service).token, tmp_path, *options)


@pytest.mark.timeout(LIMIT_S * 2)
@pytest.mark.parametrize("name", ENDING)
def test_operations_that_end_the_session_answer_as_described(service, tmp_path, name):
    run(service, User(service).token, tmp_path, f"--include-operation-id={name}")
