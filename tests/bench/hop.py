"""A bare daprd hop on the broker of a running stack: one more sidecar that publishes to itself, and an
application of a few lines behind it that notes when an event comes."""

from __future__ import annotations

import http.server
import json
import os
import pathlib
import re
import socket
import subprocess
import threading
import time

import httpx

from stacklib import broker
from stacklib.layout import find_dapr
from support import process
from support.stack import Stack
from support.waiting import free_port, wait_for

SUBSCRIPTION = """\
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata:
  name: {name}
spec:
  pubsubname: pubsub
  topic: {topic}
  routes:
    default: /events
"""


class _Application(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # noqa: N802
        self._answer(b"[]" if self.path == "/dapr/subscribe" else b"{}")

    def do_POST(self) -> None:  # noqa: N802
        now = time.perf_counter()
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.hop.note(event["id"], event.get("subject"), now)
        self._answer(b"")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    hop: "Hop"


def create_topics(stack: Stack, topics: list[str]) -> None:
    """Kafka makes none by itself; Redis makes them all."""
    if stack.broker != "kafka":
        return
    password = json.loads((pathlib.Path(stack.dir) / "secrets.json").read_text())["broker"]["password"]
    broker.TOPICS = topics
    with socket.create_connection(("127.0.0.1", stack.known["ports"]["kafka"]), 5) as sock:
        broker.KafkaAdmin(sock).create_topics("todo", password)


class Hop:
    """`topics` are delivered here, under a group of its own."""

    def __init__(self, stack: Stack, topics: list[str]) -> None:
        self.directory = pathlib.Path(stack.dir) / "bench"
        self.seen: dict[str, float] = {}  # id and subject of an event → when it came
        self.server = _Server(("127.0.0.1", 0), _Application)
        self.server.hop = self
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.port = free_port()
        self._write_resources(stack, topics)
        environment = {**os.environ, "NAMESPACE": "default", "DAPR_HOST_IP": "127.0.0.1"}
        self.process = process.spawn(self._command(), self.directory / "daprd.log", environment)
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}/v1.0", trust_env=False)
        wait_for("the bare sidecar", self._is_up, 60)

    def _write_resources(self, stack: Stack, topics: list[str]) -> None:
        """The stack's own pub/sub component, the broker's address and password written in."""
        self.directory.mkdir()
        text = (pathlib.Path(stack.dir) / "resources/pubsub.yaml").read_text()
        text = text.replace("envRef: BROKER_ADDRESS", f'value: "127.0.0.1:{stack.known["ports"][stack.broker]}"')
        password = json.loads((pathlib.Path(stack.dir) / "secrets.json").read_text())["broker"]["password"]
        text = re.sub(r"secretKeyRef:\n +name: broker\n +key: password", f'value: "{password}"', text)
        # what came before is not ours
        text = re.sub(r"(name: initialOffset\n +value: )\S+", r"\1newest", text)
        text = re.sub(r"\nauth:\n +secretStore: secrets", "", text)
        text = re.sub(r"\nscopes:\n( +- .*\n?)+", "\n", text)
        (self.directory / "pubsub.yaml").write_text(text)
        for topic in topics:
            name = f"bench-{topic}"
            (self.directory / f"{name}.yaml").write_text(SUBSCRIPTION.format(name=name, topic=topic))

    def _command(self) -> list[str]:
        argv = [str(find_dapr()[0]), "--app-id", "bench", "--app-protocol", "http"]
        argv += ["--app-port", str(self.server.server_address[1]), "--app-channel-address", "127.0.0.1"]
        argv += ["--dapr-listen-addresses", "127.0.0.1", "--dapr-http-port", str(self.port)]
        argv += ["--dapr-grpc-port", str(free_port()), "--dapr-internal-grpc-port", str(free_port())]
        argv += ["--dapr-internal-grpc-listen-address", "127.0.0.1"]
        argv += ["--metrics-port", str(free_port()), "--metrics-listen-address", "127.0.0.1"]
        argv += ["--resources-path", str(self.directory), "--log-level", "warn"]
        return argv

    def _is_up(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError((self.directory / "daprd.log").read_text()[-3000:])
        try:
            return self.client.get("/healthz").status_code < 300
        except httpx.TransportError:
            return False

    def close(self) -> None:
        process.stop(self.process)
        self.client.close()
        self.server.shutdown()

    def note(self, *names_and_time) -> None:
        *names, now = names_and_time
        for name in names:
            if name:
                self.seen.setdefault(name, now)

    def has_seen(self, name: str, within_s: float) -> bool:
        """Whether an event came, or comes within that time."""
        until = time.monotonic() + within_s
        while name not in self.seen and time.monotonic() < until:
            time.sleep(0.01)
        return name in self.seen

    def wait_for(self, name: str) -> float:
        wait_for(f"event {name}", lambda: name in self.seen, 30)
        return self.seen[name]

    def publish(self, topic: str, event: dict) -> None:
        """One event, whole, as the services publish it."""
        answer = self.client.post(
            f"/publish/pubsub/{topic}?metadata.partitionKey={event['ownerid']}",
            content=json.dumps(event),
            headers={"Content-Type": "application/cloudevents+json"},
        )
        answer.raise_for_status()
