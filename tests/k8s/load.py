"""Users at work over the ingress for as long as a test needs them, and what became of their requests and tasks."""

import http.server
import json
import os
import pathlib
import subprocess
import tempfile
import threading

from release import ROOT, Failed, Release, wait_for

LIMIT = "30m"
END_S = 180  # in which every user has ended his round, and looked for all he ever added, beside his pauses


class Load:
    """k6 by scripts/load-test. `end` lets the users finish, and gives the report."""

    def __init__(
        self, release: Release, users: int = 100, ramp_s: int = 20, pause_s: float = 1, warm: int = 2, daily_every: int = 5, may_fail: bool = False
    ):  # fmt: skip
        """`warm`: so many rounds a user has begun before the test goes on; `daily_every`: such a round adds a daily task."""
        self.users, self.pause_s, self.warm, self.may_fail, self.report = users, pause_s, warm, may_fail, {}
        self.folder = tempfile.TemporaryDirectory(prefix="todo-load-")
        self.log = pathlib.Path(self.folder.name) / "log"
        self.gate = Gate()
        options = {
            "url": release.url, "address": release.address, "users": users, "ramp": f"{ramp_s}s", "until": self.gate.url,
            "limit": LIMIT, "pause": pause_s, "p95": 0, "errors": 1 if may_fail else 0, "report": f"{self.folder.name}/report.json",
        }  # fmt: skip
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        with self.log.open("w") as log:
            self.child = subprocess.Popen(
                [str(ROOT / "scripts/load-test"), *words], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env={**os.environ, "DAILY_EVERY": str(daily_every)},
            )  # fmt: skip

    def __enter__(self) -> "Load":
        try:
            wait_for("all users to be at work", self.is_full, 600)
        except BaseException:
            self.stop()
            raise
        return self

    def is_full(self) -> bool:
        if self.child.poll() is not None:
            raise Failed(f"the load ended before it began:\n{self.said()}")
        return self.gate.n_rounds >= self.warm * self.users

    def __exit__(self, *_) -> None:
        self.stop()
        self.folder.cleanup()

    def stop(self) -> None:
        self.gate.close()
        if self.child.poll() is None:
            self.child.terminate()
            self.child.wait(30)
        self.gate.stop()

    def everyone_once_more(self, rounds: int = 1) -> None:
        """Until as many rounds as there are users, times `rounds`, have begun from now on."""
        wanted = self.gate.n_rounds + rounds * self.users
        wait_for("the users to go on", lambda: self.gate.n_rounds >= wanted or self.child.poll() is not None, 300)

    def end(self) -> None:
        """The users finish their rounds and count their tasks; `report` is what became of them."""
        if self.child.poll() is not None:
            raise Failed(f"the load ended before it was told to:\n{self.said()}")
        self.gate.close()
        self.child.wait(END_S + 10 * self.pause_s)
        report = pathlib.Path(self.folder.name) / "report.json"
        if not report.exists():
            raise Failed(f"the load left no report:\n{self.said()}")
        self.report = json.loads(report.read_text())

    def said(self) -> str:
        return self.log.read_text()[-4000:]

    def check(self) -> None:
        """Nothing lost, nothing doubled, and unless they may fail no failed request."""
        found = self.report
        if found["counted"] != self.users:
            raise Failed(f"{self.users - found['counted']} of {self.users} users could not count their tasks:\n{self.said()}")
        bad = [key for key in ("lost", "doubled", *(() if self.may_fail else ("failed",))) if found[key]]
        if bad or not found["added"]:
            raise Failed(f"{ {key: found[key] for key in ('added', *bad)} }:\n{self.said()}")

    def __str__(self) -> str:
        found = self.report
        failed = ", ".join(f"{n} {step}" for step, n in found["failed_steps"].items())
        return (
            f"{found['users']} users, {found['requests']} requests in {found['seconds']:.0f} s, {found['failed']} failed{failed and f' ({failed})'}; "
            f"{found['added']} tasks added, {found['completed']} completed, {found['occurrences']} next occurrences, "
            f"{found['lost']} lost, {found['doubled']} doubled"
        )


class Gate:
    """What users ask before each round whether to go on."""

    def __init__(self):
        self.is_open, self.n_rounds = True, 0
        gate = self

        class Answer(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):  # noqa: N802  # the name that the base class calls
                gate.n_rounds += 1
                self.send_response(204 if gate.is_open else 410)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/"

    def close(self) -> None:
        self.is_open = False

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
