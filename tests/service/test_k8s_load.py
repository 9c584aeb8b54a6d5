"""scripts/load-test before a k6 that only remembers, and what k6 itself makes of tests/k8s/load.js."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
from typing import Any

import pytest
from support.fake_cluster import ROOT, FakeCluster

URL = ("--url", "http://todo.localhost:8080")


@pytest.fixture
def fake(tmp_path: pathlib.Path) -> FakeCluster:
    return FakeCluster(tmp_path)


def settings_of_k6(fake: FakeCluster) -> dict[str, str]:
    words = fake.calls()[-1]["words"]
    return dict(words[at + 1].split("=", 1) for at, word in enumerate(words) if word == "-e")


def test_load_test_hands_its_options_to_the_scenario(fake: FakeCluster) -> None:
    options = ("--users", "20", "--until", "http://127.0.0.1:9/busy", "--limit", "5m", "--errors", "1", "--p95", "0")
    done = fake.run("load-test", *URL, *options, "--new-connections")
    assert done.returncode == 0, done.stderr
    assert "as long as http://127.0.0.1:9/busy answers 204, at most 5m" in done.stdout
    given = settings_of_k6(fake)
    assert (given["USERS"], given["UNTIL"], given["LIMIT"]) == ("20", "http://127.0.0.1:9/busy", "5m")
    assert (given["ERRORS"], given["P95"], given["NEW_CONNECTIONS"]) == ("1", "0", "1")


def test_load_test_lasts_its_duration_where_nothing_is_asked(fake: FakeCluster) -> None:
    assert "for 90s, after 10s" in fake.run("load-test", *URL, "--duration", "90s").stdout
    given = settings_of_k6(fake)
    assert (given["DURATION"], given["UNTIL"], given["ERRORS"]) == ("90s", "", "0")


@pytest.mark.parametrize("options", [("--duration", "soon"), ("--ramp", "10"), ("--until", "later"), ("--users", "0")])
def test_load_test_refuses_what_it_cannot_read(fake: FakeCluster, options: tuple[str, str]) -> None:
    done = fake.run("load-test", *URL, *options)
    assert done.returncode == 1
    assert "next:  scripts/load-test --help" in done.stderr
    assert not fake.calls()


def test_load_test_says_where_to_look(fake: FakeCluster) -> None:
    said = fake.run("load-test", *URL, "--namespace", "other", "--context", "there").stdout
    assert said.splitlines()[-1] == "next:  kubectl --context there -n other get hpa"


def load_scenario(**settings: str) -> dict[str, Any]:
    """What k6 itself makes of tests/k8s/load.js."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "todo-app"
    k6 = shutil.which("k6") or pathlib.Path(os.environ.get("TODO_CACHE", cache)) / "bin/k6"
    if not pathlib.Path(k6).exists():
        pytest.skip("k6 is not there; scripts/setup k6 brings it")
    given = [word for name, value in settings.items() for word in ("-e", f"{name}={value}")]
    argv = [k6, "inspect", *given, ROOT / "tests/k8s/load.js"]
    return json.loads(subprocess.run(argv, capture_output=True, check=True, timeout=60).stdout)


def test_no_user_of_the_load_is_cut_off_and_all_must_have_counted() -> None:
    scenario = load_scenario(USERS="7", DURATION="1m30s", RAMP="10s")
    users = scenario["scenarios"]["users"]
    assert (users["executor"], users["vus"], users["iterations"]) == ("per-vu-iterations", 7, 1)
    assert users["maxDuration"] == "21m40s", "the time that is asked for, and 20 minutes for a last round"
    limits = scenario["thresholds"]
    assert limits["users_counted"] == ["count==7"]
    assert limits["tasks_lost"] == limits["tasks_doubled"] == ["count==0"]
    assert limits["requests_failed"] == ["rate<=0"]
    assert limits["request_ms"] == ["p(95)<1000"]


def test_load_whose_requests_may_fail_still_counts_tasks() -> None:
    limits = load_scenario(USERS="7", ERRORS="1", P95="0")["thresholds"]
    assert limits["requests_failed"] == ["rate<=1"]
    assert "request_ms" not in limits
    assert limits["tasks_lost"] == limits["tasks_doubled"] == ["count==0"]
    assert limits["users_counted"] == ["count==7"]
