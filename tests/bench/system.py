"""Figures of the whole system behind daprd: the memory of every service under load, and how far the
way of an event through outbox and relay is from a bare daprd hop on the same broker."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import pathlib
import threading
import time
import uuid

import httpx
from websockets.exceptions import ConnectionClosed

from hop import Hop
from support.stack import SERVICES, Stack
from support.waiting import wait_for
from world import NEW_TASK, OWNERS

SETTINGS = {
    "backend:RATE_USER_PER_S": "0",
    "backend:RATE_ADDRESS_PER_S": "0",
    "backend:RATE_SIGN_IN_PER_MIN": "0",
    "LOG_LEVEL": "warn",
}
PASSWORD = "correct horse battery staple"
BROWSERS = 20
RELAYED = 20_000  # events of the throughput figure
BULK = 250
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

OUTBOX_SQL = f"""
INSERT INTO backend.outbox (id, topic, type, subject, owner_id, seq, occurred_at, traceparent, data)
SELECT gen_random_uuid(), 'bench-void', 'todo.bench.v1', 'bench',
       ('00000000-0000-7000-8000-' || 100000000000 + n %% {OWNERS})::uuid, n, now(), '{TRACE}', %s
FROM generate_series(1, {RELAYED}) n
"""


class Memory(threading.Thread):
    """The greatest VmRSS of each service while this runs."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        self.pids = {service: stack.pid(service) for service in SERVICES}
        self.most = dict.fromkeys(SERVICES, 0)
        self.is_over = threading.Event()
        self.start()

    def run(self) -> None:
        while not self.is_over.wait(0.1):
            for service, pid in self.pids.items():
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
                kib = int(status.split("VmRSS:")[1].split()[0])
                self.most[service] = max(self.most[service], kib)

    def close(self) -> dict[str, float]:
        self.is_over.set()
        self.join()
        return {service: kib / 1024 for service, kib in self.most.items()}


class System:
    def __init__(self, broker: str, directory: pathlib.Path) -> None:
        self.directory = directory
        self.stack = Stack(broker, env=SETTINGS)
        self.tokens: list[str] = []
        self.owners: list[str] = []
        self.sockets: list = []

    def open(self) -> "System":
        self.stack.start()
        self.allow_publishing()
        self.base = f"http://127.0.0.1:{self.stack.port('backend', 'http')}"
        return self

    def allow_publishing(self) -> None:
        """The backend's sidecar lets it publish on the bench's topic as well, which nobody reads."""
        supervisor = self.stack.supervisor
        supervisor.call("stopProcessGroup", "sidecars", True)
        path = pathlib.Path(self.stack.dir) / "resources/pubsub.yaml"
        text = path.read_text()
        assert '"backend=' in text, text
        path.write_text(text.replace('"backend=', '"backend=bench-void,'))
        supervisor.call("startProcessGroup", "sidecars", True)
        for name in supervisor.processes():
            wait_for(f"{name} to be up", lambda n=name: self.stack.is_running(n), 60)

    def close(self) -> None:
        for socket in self.sockets:
            socket.close()
        self.stack.stop()

    def register(self) -> None:
        """Every owner through the API; the passwords' hashes are most of the work."""
        with httpx.Client(base_url=self.base, timeout=60) as client:

            def one(_number: int) -> tuple[str, str]:
                body = {"email": f"{uuid.uuid4().hex}@example.org", "password": PASSWORD}
                body |= {"name": "Bench", "time_zone": "Europe/Berlin"}
                answer = client.post("/api/v1/register", json=body)
                assert answer.status_code == 201, answer.text
                return answer.json()["access_token"], answer.json()["account"]["id"]

            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                made = list(pool.map(one, range(OWNERS)))
        self.tokens = [token for token, _ in made]
        self.owners = [owner for _, owner in made]

    def watch(self) -> None:
        """Open browsers of the first owners; what they get is read and dropped."""
        from websockets.sync.client import connect

        for token in self.tokens[:BROWSERS]:
            headers = {"Authorization": f"Bearer {token}"}
            ticket = httpx.post(f"{self.base}/api/v1/ws/ticket", headers=headers).json()["ticket"]
            url = self.stack.url.replace("http", "ws", 1) + f"/ws?ticket={ticket}"
            socket = connect(url, origin=self.stack.url)
            self.sockets.append(socket)
            threading.Thread(target=self._drop, args=(socket,), daemon=True).start()

    @staticmethod
    def _drop(socket) -> None:
        # one that has lost count is told to come again, which a browser does
        with contextlib.suppress(ConnectionClosed):
            for _frame in socket:
                pass

    def create_requests(self) -> pathlib.Path:
        """A task of each owner."""
        body = json.dumps(NEW_TASK)
        path = self.directory / "create.requests"
        with path.open("w") as file:
            for token in self.tokens:
                head = f"Host: localhost\r\nAuthorization: Bearer {token}\r\nUser-Agent: bench\r\n"
                request = (
                    f"POST /api/v1/tasks HTTP/1.1\r\n{head}Content-Type: application/json\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n{body}"
                )
                file.write(f"{len(request)}\n{request}")
        return path

    def wait_quiet(self) -> float:
        """Seconds until every outbox is empty and audit has all that was published."""
        began = time.monotonic()

        def is_quiet() -> bool:
            return self.stack.query("SELECT count(*) FROM backend.outbox")[0][0] == 0

        wait_for("the outbox to be empty", is_quiet, 300)
        return time.monotonic() - began

    # ------------------------------------------------------------------ delivery
    def relay_latency(self, hop: Hop, n_times: int) -> tuple[list[float], list[float]]:
        """Milliseconds to delivery: through the relay (from the reply that a task is created) and of
        the bare hop (from the answer to its publish backwards: from its start), in turns."""
        relayed, bare = [], []
        owner = self.owners[0]
        with httpx.Client(base_url=self.base, timeout=30) as client:
            client.headers["Authorization"] = f"Bearer {self.tokens[0]}"
            self.settle(client, hop)
            for number in range(n_times + 10):
                answer = client.post("/api/v1/tasks", json=NEW_TASK)
                replied = time.perf_counter()
                task = answer.json()
                came = hop.wait_for(task["id"])
                event = self.event(owner, number, task)
                began = time.perf_counter()
                hop.publish("bench-bare", event)
                bare_came = hop.wait_for(event["id"])
                if number >= 10:  # the first ones warm up
                    relayed.append(max(0.0, came - replied) * 1000)
                    bare.append((bare_came - began) * 1000)
        return relayed, bare

    def settle(self, client: httpx.Client, hop: Hop) -> None:
        """Until the bare sidecar's subscriptions deliver, which takes a broker a while to arrange."""
        waiting = {"a task's event", "a bare event"}
        until = time.monotonic() + 90
        while waiting:
            assert time.monotonic() < until, f"not delivered to the bench: {waiting}"
            task = client.post("/api/v1/tasks", json=NEW_TASK).json()
            event = self.event(self.owners[0], 0, task)
            hop.publish("bench-bare", event)
            if hop.has_seen(task["id"], 1):
                waiting.discard("a task's event")
            if hop.has_seen(event["id"], 1):
                waiting.discard("a bare event")

    @staticmethod
    def event(owner: str, number: int, data: dict) -> dict:
        return {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": "/todo/bench",
            "type": "todo.bench.v1",
            "subject": "bench",
            "time": "2026-11-21T09:46:00.123Z",
            "datacontenttype": "application/json",
            "traceparent": TRACE,
            "traceid": TRACE,
            "ownerid": owner,
            "seq": str(number),
            "data": data,
        }

    def bulk_requests(self, hop: Hop) -> pathlib.Path:
        """Bulks as the relay sends them, to a topic that nobody reads."""
        path = self.directory / "bulk.requests"
        with path.open("w") as file:
            for _ in range(8):
                entries = [
                    {
                        "entryId": str(i),
                        "event": self.event(self.owners[i], i, {"id": str(uuid.uuid4()), **NEW_TASK}),
                        "contentType": "application/cloudevents+json",
                        "metadata": {"partitionKey": self.owners[i]},
                    }
                    for i in range(BULK)
                ]
                body = json.dumps(entries, separators=(",", ":"))
                request = (
                    f"POST /v1.0/publish/bulk/pubsub/bench-void HTTP/1.1\r\nHost: localhost\r\n"
                    f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
                )
                file.write(f"{len(request)}\n{request}")
        return path

    def relay_rate(self) -> float:
        """Events per second that leave the outbox."""
        data = json.dumps({"id": str(uuid.uuid4()), **NEW_TASK})
        self.wait_quiet()
        self.stack.query(OUTBOX_SQL, data)
        left = [self.left()]
        times = [time.perf_counter()]
        while left[-1] > 0:
            assert time.perf_counter() - times[0] < 120, f"{left[-1]} events are still in the outbox"
            time.sleep(0.02)
            left.append(self.left())
            times.append(time.perf_counter())
        first = next(i for i, n in enumerate(left) if n < RELAYED)
        return left[first - 1 if first else 0] / (times[-1] - times[max(first - 1, 0)])

    def left(self) -> int:
        return self.stack.query("SELECT count(*) FROM backend.outbox")[0][0]

