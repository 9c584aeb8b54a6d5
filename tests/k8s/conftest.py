"""Options and fixtures of the tests in a cluster: one release for the session, in a namespace of its own.

`scripts/run-e2e-k8s` calls them. Each test leaves the release serving by the images e2e-first, or says by the
fixture it takes what it needs; none rests on another one's having run."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import release as release_module  # noqa: E402
from release import FIRST, Release  # noqa: E402

COUNTS = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--namespace", default="todo-e2e", help="made for the tests, and deleted with all that is in it")
    parser.addoption("--broker", default="kafka", choices=sorted(release_module.BACKING))
    parser.addoption("--address", default="127.0.0.1:80", help="host:port where the ingress controller answers from here")
    parser.addoption("--image-prefix", default="todo-app", help="what comes before /NAME:TAG of the images")
    parser.addoption("--keep", action="store_true", help="leave the release for a look, and take the one that is there")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[COUNTS] = []


@pytest.fixture(scope="session")
def installed(request: pytest.FixtureRequest):
    """The release, and what its installation was (None: it was there)."""
    option = request.config.getoption
    release = Release(option("--namespace"), option("--broker"), option("--address"), option("--image-prefix"))
    done = None
    if not (option("--keep") and release.state() == "deployed"):
        release.claim()
    try:
        if release.state() != "deployed":
            done = release.install()
        yield release, done
    finally:
        if not option("--keep"):
            release.remove()


@pytest.fixture
def release(installed) -> Release:
    """The release as it was first installed, all of it ready."""
    found, _ = installed
    found.bring_back(FIRST)
    found.wait_ready(180)
    return found


@pytest.fixture
def tell(request: pytest.FixtureRequest):
    """Say what was counted: printed at once, and once more at the end."""

    def say(text: str) -> None:
        line = f"{request.node.path.stem.removeprefix('test_')}: {text}"
        request.config.stash[COUNTS].append(line)
        reporter = request.config.pluginmanager.get_plugin("terminalreporter")
        with request.config.pluginmanager.get_plugin("capturemanager").global_and_fixture_disabled():
            reporter.write_line(f"\n  {line}")

    return say


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    if config.stash[COUNTS]:
        terminalreporter.section("counts")
        for line in config.stash[COUNTS]:
            terminalreporter.write_line(line)
