"""One real binary of BUILD_DIR, with settings for a test: free ports, its fake sidecar, its part of
a database."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
from typing import Any

import httpx

from . import process
from .fake_sidecar import FakeSidecar, key_ring, random_key
from .postgres import Database
from .waiting import LIMIT_S, free_port, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
# a number of starts: another process may take a free port before the service binds it
STARTS_MAX = 5
# RFC 8292 §2.4
PUSH_PUBLIC_KEY = "BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs"

# RFC 8291 Appendix A, the application server's
PUSH_KEY = {
    "private": "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw",
    "public": "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8",
}


def build_dir() -> pathlib.Path:
    """BUILD_DIR: build (the default) or build/asan, relative to the tree or absolute."""
    return ROOT / os.environ.get("BUILD_DIR", "build")


def sanitizer_env() -> dict[str, str]:
    return {
        "ASAN_OPTIONS": "abort_on_error=1:detect_stack_use_after_return=1:allocator_may_return_null=0",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    }


def run_binary(name: str, *argv: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess:
    """Run a subcommand to its end: `run_binary("audit", "verify", env={…})`."""
    return subprocess.run(
        [str(build_dir() / name), *argv],
        env={"PATH": os.environ["PATH"], **sanitizer_env(), **(env or {})},
        capture_output=True,
        text=True,
        timeout=LIMIT_S * 3,
        check=False,
    )


def migrate(name: str, database: Database, *argv: str) -> subprocess.CompletedProcess:
    """`SERVICE migrate …` as the schema's owner."""
    owner = f"{name.replace('-', '_')}_owner"
    return run_binary(name, "migrate", *argv, env={"MIGRATION_DATABASE_URL": database.url(owner)})


class Service:
    """A service behind a fake sidecar. Give `settings` to differ from the defaults."""

    def __init__(
        self,
        name: str,
        directory: pathlib.Path,
        database: Database | None = None,
        settings: dict[str, str] | None = None,
        sidecar: FakeSidecar | None = None,
    ) -> None:
        self.name = name
        self.directory = directory
        self.database = database
        self.settings = settings or {}
        self.owns_sidecar = sidecar is None
        self.sidecar = sidecar or FakeSidecar(name)
        self.log_path = directory / f"{name}-{id(self):x}.log"
        self.process: subprocess.Popen | None = None
        self.port = self.app_port = 0
        if sidecar is None:
            self._add_secrets()

    def _add_secrets(self) -> None:
        if self.database:
            login = f"{self.name.replace('-', '_')}_a"
            self.sidecar.secrets[f"{self.name}-database"] = {"url": self.database.url(login)}
        self.sidecar.secrets["token-keys"] = key_ring()
        self.sidecar.secrets["ticket-keys"] = key_ring()
        self.sidecar.secrets["link-keys"] = key_ring()
        self.sidecar.secrets["channel-keys"] = key_ring()
        self.sidecar.secrets["push-public-key"] = {"key": PUSH_PUBLIC_KEY}
        self.sidecar.secrets["push-key"] = PUSH_KEY
        self.sidecar.secrets["audit-keys"] = {"seed": random_key()}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def app_url(self) -> str:
        return f"http://127.0.0.1:{self.app_port}"

    def env(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            **sanitizer_env(),
            "HTTP_PORT": str(self.port),
            "APP_PORT": str(self.app_port),
            "DAPR_HTTP_PORT": str(self.sidecar.port),
            "DAPR_API_TOKEN": self.sidecar.dapr_token,
            "APP_API_TOKEN": self.sidecar.app_token,
            # quick reactions; what a test waits for is a condition all the same
            "SECRET_INTERVAL_MS": "200",
            "RELAY_POLL_MS": "50",
            # limits that a busy machine does not reach; a test of one of them sets its own
            "DRAIN_MS": "20000",
            "DB_LIMIT_MS": "10000",
            **self.settings,
        }

    def start(self, wait_ready: bool = True) -> "Service":
        for _ in range(STARTS_MAX):
            self.port, self.app_port = free_port(), free_port()
            self.sidecar.app_port = self.app_port
            self.process = process.spawn([str(build_dir() / self.name)], self.log_path, self.env())
            if wait_for(f"{self.name} to listen or end", self._settled) == "listens":
                break
            if "in use" not in self.log():
                raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.log()[-4000:]}")
        if wait_ready:
            self.wait_ready()
        return self

    def _settled(self) -> str | None:
        assert self.process is not None
        if self.process.poll() is not None:
            return "ended"
        try:
            return "listens" if httpx.get(self.url + "/health").status_code in (200, 204) else None
        except httpx.TransportError:
            return None

    def wait_ready(self, limit_s: float = LIMIT_S) -> None:
        def is_ready() -> bool:
            assert self.process is not None
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.log()[-4000:]}")
            try:
                return httpx.get(self.url + "/ready").status_code < 300
            except httpx.TransportError:
                return False

        try:
            wait_for(f"{self.name} to be ready", is_ready, limit_s)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.log()[-4000:]}") from None

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_lines(self, event: str | None = None) -> list[dict[str, Any]]:
        """The log's JSON lines, all or those of one event."""
        lines = []
        for line in self.log().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if event is None or entry.get("event") == event:
                lines.append(entry)
        return lines

    def metric(self, name: str) -> float:
        """The sum of a metric's series; 0 when there is none."""
        total = 0.0
        for line in httpx.get(self.url + "/metrics").text.splitlines():
            if line.split("{")[0].split(" ")[0] == name:
                total += float(line.rsplit(" ", 1)[1])
        return total

    def resident_bytes(self) -> int:
        assert self.process is not None
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def mapped_files(self) -> str:
        """What it has loaded: "asan" is in it when it was built with the sanitizer."""
        assert self.process is not None
        return pathlib.Path(f"/proc/{self.process.pid}/maps").read_text()

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self, limit_s: float = LIMIT_S) -> int:
        """SIGTERM; return the exit status."""
        assert self.process is not None
        return process.stop(self.process, signal.SIGTERM, limit_s)

    def close(self) -> None:
        """End it whatever its state; fail when a sanitizer had something to say."""
        try:
            if self.process is not None and self.process.poll() is None:
                self.stop()
        finally:
            if self.owns_sidecar:
                self.sidecar.close()
        for mark in ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:"):
            if mark in self.log():
                raise AssertionError(f"{self.name}: {mark}\n{self.log()[-8000:]}")
