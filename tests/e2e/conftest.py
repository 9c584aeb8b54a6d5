"""The whole system behind daprd, once per broker."""

from __future__ import annotations

import os
import pathlib
import sys
from collections.abc import Iterator

import pytest

# Redis hands out again what was not acknowledged after 15 to 20 s, and the ninth try of a mail comes after minutes
os.environ.setdefault("TEST_LIMIT_S", "180")
sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[1])]

from support.stack import Stack  # noqa: E402

BROKERS = ("redis", "kafka")
# no rate limits: one address plays many people; secrets are read again often, so that tests need not wait;
# a statement is not given up because the machine is busy
SETTINGS = {
    "DB_LIMIT_MS": "10000",
    "backend:RATE_USER_PER_S": "0",
    "backend:RATE_ADDRESS_PER_S": "0",
    "backend:RATE_SIGN_IN_PER_MIN": "0",
    "SECRET_INTERVAL_MS": "2000",
    "USER_ADDRESS_LOOPBACK": "true",  # where webhooks and push messages of tests end
}
REPLICAS = "backend=2,recurring-task=2,notification=2,audit=2,websocket=2"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--broker", choices=BROKERS, help="only this one; both otherwise")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    # `broker`: a test that starts a system of its own
    for name in {"stack", "broker"} & set(metafunc.fixturenames):
        only = metafunc.config.getoption("--broker")
        asked = [mark.args for mark in metafunc.definition.iter_markers("brokers")]
        able = asked[0] if asked else BROKERS
        chosen = [broker for broker in BROKERS if broker in able and only in (None, broker)]
        metafunc.parametrize(name, chosen, indirect=name == "stack", scope="session")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "brokers(name, ...): the brokers that promise what the test asks for")


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest):
    with Stack(request.param, env=SETTINGS, replicas=REPLICAS, sweep_every="5s") as stack:
        yield stack
        verified = stack.run("audit", "verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    """Add to a failed test's report what went wrong in its system meanwhile; keep all logs in build/logs."""
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    for name in ("stack", "system"):
        stack = getattr(item, "funcargs", {}).get(name)
        if isinstance(stack, Stack):
            report.sections.append((f"troubles (all logs: {stack.save_logs()})", stack.troubles(call.start)))
