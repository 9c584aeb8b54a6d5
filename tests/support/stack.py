"""The whole system for end-to-end tests: scripts/stack in a directory of its own, on free ports.

    with Stack("kafka", binaries="build/asan") as stack:
        httpx.get(stack.url)
        stack.kill("audit")
        wait_for("audit to be up again", lambda: stack.is_running("audit"))

It ends when the test process ends, however that happens."""

from __future__ import annotations

import ctypes
import json
import os
import pathlib
import shutil
import re
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any

import httpx
import psycopg
from psycopg import sql

from .mail_sink import MailSink
from .waiting import accepts, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from stacklib import SERVICES  # noqa: E402
from stacklib.supervisor import Supervisor  # noqa: E402

PR_SET_PDEATHSIG = 1
START_LIMIT_S = float(os.environ.get("STACK_START_LIMIT_S", "400"))
SANITIZERS = {
    "ASAN_OPTIONS": "abort_on_error=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}


def _stop_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Stack:
    """`env` holds settings: {"DB_LIMIT_MS": "500", "backend:LOG_LEVEL": "debug"}; `replicas` is
    "websocket=2": the second one's name, wherever a process is named, is websocket-1. Mail goes to
    `mail`, a sink in this process, or with `catcher` to the catcher that `make run` has."""

    services = list(SERVICES)

    def __init__(
        self,
        broker: str = "redis",
        binaries: str | os.PathLike[str] | None = None,
        env: dict[str, str] | None = None,
        replicas: str | None = None,
        sweep_every: str = "1m",
        catcher: bool = False,
    ) -> None:
        self.broker = broker
        self.binaries = ROOT / (binaries or os.environ.get("BUILD_DIR", "build"))
        self.env = env or {}
        self.replicas = replicas
        self.sweep_every = sweep_every
        self.catcher = catcher
        self.mail = MailSink()
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"todo-{broker}-"))
        self.process: subprocess.Popen | None = None
        self._killed: dict[str, int] = {}

    # ------------------------------------------------------------------ life
    def __enter__(self) -> "Stack":
        return self.start()

    def __exit__(self, failed: Any, *_rest: Any) -> None:
        self.stop(keep_logs=failed is not None)

    def start(self) -> "Stack":
        argv = [str(ROOT / "scripts/stack"), "up", "--dir", str(self.dir), "--broker", self.broker]
        argv += ["--port", "0", "--binaries", str(self.binaries), "--sweep-every", self.sweep_every]
        if not self.catcher:
            argv += ["--mail", self.mail.address]
        if self.replicas:
            argv += ["--replicas", self.replicas]
        for name, value in self.env.items():
            argv += ["--env", f"{name}={value}"]
        output = self.dir / "stack.out"
        with output.open("wb") as out:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**SANITIZERS, **os.environ},
                preexec_fn=_stop_with_parent,
            )

        def is_up() -> bool:
            said = output.read_text()
            if self.process and self.process.poll() is not None:
                logs = self.save_logs()
                raise RuntimeError(f"scripts/stack ended (logs: {logs}):\n{said[-4000:]}")
            return "The system runs at" in said

        wait_for("the stack", is_up, START_LIMIT_S)
        self.known = json.loads((self.dir / "stack.json").read_text())
        self.admin = json.loads((self.dir / "admin.json").read_text())
        self.url = self.known["url"]
        self.supervisor = Supervisor(
            _Paths(self.dir), self.known["ports"]["supervisor"], self.admin["supervisor"]
        )
        return self

    def stop(self, keep_logs: bool = False) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(120)
            except subprocess.TimeoutExpired:
                self.process.kill()
                subprocess.run(
                    [str(ROOT / "scripts/stack"), "down", "--dir", str(self.dir)], check=False
                )
        if keep_logs:
            print(f"logs: {self.save_logs()}", file=sys.stderr)
        self.mail.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def save_logs(self) -> pathlib.Path:
        """Keep the logs of a failed run below build/logs; secrets stay behind."""
        target = ROOT / "build" / "logs" / self.dir.name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.dir / "logs", target, dirs_exist_ok=True)
        return target

    # ------------------------------------------------------------------ processes
    def pid(self, name: str) -> int:
        """Of a service, `daprd-SERVICE`, postgres, the broker, sentry or nginx; 0: not running."""
        info = self.supervisor.processes()[name]
        return info["pid"] if info["statename"] in ("RUNNING", "STARTING") else 0

    def kill(self, name: str, sign: int = signal.SIGKILL) -> int:
        """Send a signal, return to whom; supervisord starts it again, which `is_running` tells."""
        pid = wait_for(f"a process {name}", lambda: self.pid(name))
        self._killed[name] = pid
        os.kill(pid, sign)
        return pid

    def halt(self, name: str) -> None:
        """Stop it and keep it stopped until `resume`."""
        self.supervisor.call("stopProcess", self._full_name(name), True)

    def resume(self, name: str) -> None:
        self.supervisor.call("startProcess", self._full_name(name), False)

    def restart(self, name: str) -> None:
        """Stop in order, start, wait until it is ready."""
        self.halt(name)
        self.resume(name)
        wait_for(f"{name} to be up again", lambda: self.is_running(name))

    def wait_ready(self) -> None:
        """Until every replica of every service is: what they lost is found again by one after the other."""
        for name, info in self.supervisor.processes().items():
            if info["group"] == "services":
                wait_for(f"{name} to be ready", lambda n=name: self.is_running(n))

    def is_running(self, name: str) -> bool:
        """Whether it is up and answers, and is not the process that `kill` ended."""
        pid = self.pid(name)
        if not pid or pid == self._killed.get(name):
            return False
        if f"{name}.http" in self.known["ports"]:
            return self._answers(f"http://127.0.0.1:{self.port(name, 'http')}/ready")
        if name.startswith("daprd-"):
            service = name.removeprefix("daprd-")
            return self._answers(f"http://127.0.0.1:{self.port(service, 'dapr_http')}/v1.0/healthz/outbound")
        port = {"nginx": "ingress"}.get(name, name)
        return accepts(self.known["ports"][port])

    def _full_name(self, name: str) -> str:
        return f"{self.supervisor.processes()[name]['group']}:{name}"

    @staticmethod
    def _answers(url: str) -> bool:
        try:
            return httpx.get(url, timeout=10).is_success
        except httpx.HTTPError:
            return False

    def log(self, name: str) -> str:
        return (self.dir / "logs" / f"{name}.log").read_text(errors="replace")

    def troubles(self, since: float) -> str:
        """Which processes do not run, and what each has logged as a warning or an error since an instant: the
        last of each kind, with how many there were."""
        said = [f"{n} is {i['statename']}" for n, i in self.supervisor.processes().items() if i["statename"] != "RUNNING"]
        began = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(since))
        for path in sorted((self.dir / "logs").glob("*.log")):
            if path.stem == "nginx":
                continue
            kinds: dict[str, list[str]] = {}
            for line in path.read_text(errors="replace").splitlines()[-5000:]:
                if _is_trouble(line, began):
                    kinds.setdefault(re.sub(r"[0-9a-f-]{8,}|[0-9]+", "", line), []).append(line)
            said += [f"{path.stem}: {len(lines)} × {lines[-1][:300]}" for lines in list(kinds.values())[-5:]]
        return "\n".join(said)

    def run(self, service: str, *argv: str) -> subprocess.CompletedProcess:
        """Run a subcommand of a service with the settings it has here: run("audit", "verify")."""
        return subprocess.run(
            [str(self.binaries / service), *argv],
            env={"PATH": os.environ["PATH"], **SANITIZERS, **self.settings(service)},
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )

    def settings(self, service: str) -> dict[str, str]:
        settings = {
            "HTTP_PORT": "0",
            "APP_PORT": str(self.port(service, "app")),
            "DAPR_HTTP_PORT": str(self.port(service, "dapr_http")),
            "DAPR_API_TOKEN": self.dapr_token(service),
            "APP_API_TOKEN": self.admin["tokens"][service]["app"],
            "REPLICA_NAME": f"{service}-0",
        }
        if service.replace("-", "_") + "_owner" in self.admin["passwords"]:
            settings["MIGRATION_DATABASE_URL"] = self.database_url(f"{service.replace('-', '_')}_owner")
        return settings

    # ------------------------------------------------------------------ sidecars
    def port(self, service: str, kind: str) -> int:
        """kind: http, app, dapr_http, dapr_grpc, dapr_internal, dapr_metrics."""
        return self.known["ports"][f"{service}.{kind}"]

    def dapr_token(self, service: str) -> str:
        return self.admin["tokens"][service]["dapr"]

    def dapr(self, service: str, method: str, path: str, **options: Any) -> httpx.Response:
        """A request to a service's sidecar, as the service makes it."""
        headers = {"dapr-api-token": self.dapr_token(service), **options.pop("headers", {})}
        url = f"http://127.0.0.1:{self.port(service, 'dapr_http')}/v1.0/{path}"
        return httpx.request(method, url, headers=headers, **options)

    def publish(self, service: str, topic: str, event: dict, partition_key: str | None = None) -> None:
        """Publish a whole CloudEvent in a service's name."""
        component = "pubsub-live" if service == "websocket" else "pubsub"
        answer = self.dapr(
            service,
            "POST",
            f"publish/{component}/{topic}",
            params={"metadata.partitionKey": partition_key} if partition_key else {},
            headers={"content-type": "application/cloudevents+json"},
            content=json.dumps(event),
        )
        assert answer.status_code == 204, answer.text

    # ------------------------------------------------------------------ database
    def database_url(self, login: str = "postgres") -> str:
        password = self.admin["superuser"] if login == "postgres" else self.admin["passwords"][login]
        return f"postgresql://{login}:{password}@127.0.0.1:{self.admin['port']}/todo"

    def query(self, statement: Any, *values: Any) -> list[tuple]:
        """Rows of a statement that a superuser runs."""
        with psycopg.connect(self.database_url(), autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def count(self, schema: str, table: str, column: str, value: Any) -> int:
        return self.count_of(schema, table, column, [value])

    def count_of(self, schema: str, table: str, column: str, values: list[Any]) -> int:
        """The rows whose `column` is one of `values`, compared as text."""
        statement = sql.SQL("SELECT count(*) FROM {} WHERE {}::text = ANY(%s)").format(
            sql.Identifier(schema, table), sql.Identifier(column)
        )
        return self.query(statement, [str(value) for value in values])[0][0]


def _is_trouble(line: str, began: str) -> bool:
    """Whether a line is one of a service or a sidecar, a warning or worse, not before an instant; or any
    other that says so, as PostgreSQL's and a sanitizer's."""
    when = re.search(r'(?:"ts":"|time=")(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)', line)
    if when:
        return when[1] >= began and re.search(r'"level":"(?:warn|error)"|level=(?:warning|error|fatal)', line) is not None
    return re.search(r"ERROR|FATAL|PANIC|runtime error|Exception", line) is not None


class _Paths:
    """What Supervisor needs of a layout when it only asks."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.dir = directory
        self.logs = directory / "logs"
