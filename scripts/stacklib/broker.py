"""The broker: Redis or one Kafka node (KRaft), its configuration, its topics."""

import base64
import contextlib
import socket
import struct
import uuid

from . import TOPICS, StackError
from .layout import Layout, find_kafka, find_program, run, write_private

PARTITIONS = 12
ALREADY_EXISTS = 36


class Redis:
    name = "redis"
    port_names = ("redis",)

    def __init__(self, layout: Layout, password: str):
        self.layout, self.password = layout, password
        self.program = find_program("redis-server", "/usr/bin/redis-server")
        self.config = layout.dir / "redis.conf"

    def make(self, ports: dict[str, int]) -> None:
        self.port = ports["redis"]
        self.layout.redis.mkdir(exist_ok=True, mode=0o700)
        # An acknowledged event survives a crash of the machine: written and synced at every command.
        write_private(
            self.config,
            "bind 127.0.0.1\n"
            f"port {self.port}\n"
            f'dir "{self.layout.redis}"\n'
            f"requirepass {self.password}\n"
            "appendonly yes\nappendfsync always\nsave \"\"\n"
            "maxmemory-policy noeviction\ndaemonize no\nset-proc-title no\nloglevel notice\n",
        )

    def command(self) -> list[str]:
        return [self.program, str(self.config)]

    def is_up(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 2) as sock:
                sock.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2:
                    chunk = sock.recv(200)
                    if not chunk:
                        return False
                    answer += chunk
                return answer == b"+OK\r\n+PONG\r\n"
        except OSError:
            return False

    def prepare(self) -> None:
        """Streams come into being with their first entry."""


class Kafka:
    name = "kafka"
    port_names = ("kafka", "kafka_controller")

    def __init__(self, layout: Layout, password: str):
        self.layout, self.password = layout, password
        self.java, self.classpath = find_kafka()
        self.config = layout.kafka / "server.properties"
        self.data = layout.kafka / "data"

    def make(self, ports: dict[str, int]) -> None:
        self.port, controller = ports["kafka"], ports["kafka_controller"]
        self.layout.kafka.mkdir(exist_ok=True, mode=0o700)
        user = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        lines = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"SASL_PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"SASL_PLAINTEXT://127.0.0.1:{self.port}",
            "listener.security.protocol.map": (
                "CONTROLLER:SASL_PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT"
            ),
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "SASL_PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            "sasl.mechanism.controller.protocol": "PLAIN",
            "log.dirs": str(self.data),
            "num.partitions": PARTITIONS,
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 8,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            # after kill -9 the node waits this long for its own former self
            "broker.session.timeout.ms": 3000,
            "broker.heartbeat.interval.ms": 500,
            "controller.quorum.election.timeout.ms": 300,
            "controller.quorum.election.backoff.max.ms": 300,
            "group.initial.rebalance.delay.ms": 0,
            "message.max.bytes": 2097152,
            "log.retention.hours": 168,
            "log.segment.bytes": 67108864,
            "log.index.size.max.bytes": 1048576,
        }
        for listener in ("sasl_plaintext", "controller"):
            lines[f"listener.name.{listener}.plain.sasl.jaas.config"] = (
                f'{user} username="todo" password="{self.password}" user_todo="{self.password}";'
            )
        text = "".join(f"{key}={value}\n" for key, value in lines.items())
        write_private(self.config, "# written by scripts/stack at every start\n" + text)
        if not (self.data / "meta.properties").exists():
            self._format()

    def _format(self) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        argv = [self.java, "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", self.classpath]
        argv += ["kafka.tools.StorageTool", "format", "--ignore-formatted"]
        run([*argv, "-t", cluster, "-c", str(self.config)], "formatting Kafka's storage")

    def command(self) -> list[str]:
        # compiled lightly and collected by one thread: it starts in half the time, and the load of
        # one machine does not need more
        options = ["-Xmx512m", "-Xms128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        options += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
        options += ["-Dorg.slf4j.simpleLogger.showDateTime=true"]
        return [self.java, *options, "-cp", self.classpath, "kafka.Kafka", str(self.config)]

    def is_up(self) -> bool:
        try:
            self.prepare()
            return True
        except (OSError, StackError, struct.error):
            return False

    def prepare(self) -> None:
        """Create the topics that are missing; fails while the node is not ready for it."""
        with contextlib.closing(socket.create_connection(("127.0.0.1", self.port), 30)) as sock:
            KafkaAdmin(sock).create_topics("todo", self.password)


class KafkaAdmin:
    """Three requests of Kafka's protocol (kafka.apache.org/protocol): a JVM for them takes seconds."""

    def __init__(self, sock: socket.socket):
        self.sock = sock
        self.sock.settimeout(30)
        self.correlation = 0

    def create_topics(self, user: str, password: str) -> None:
        answer = self._call(17, 1, text("PLAIN"))  # SaslHandshake
        check("SASL handshake", struct.unpack(">h", answer[:2])[0])
        secret = f"\0{user}\0{password}".encode()
        answer = self._call(36, 0, struct.pack(">i", len(secret)) + secret)  # SaslAuthenticate
        check("authentication", struct.unpack(">h", answer[:2])[0])
        topics = b"".join(self._topic(name) for name in TOPICS)
        body = struct.pack(">i", len(TOPICS)) + topics + struct.pack(">i?", 10000, False)
        answer = self._call(19, 4, body)  # CreateTopics
        at = 8  # throttle time, number of topics
        for _ in TOPICS:
            (length,) = struct.unpack_from(">h", answer, at)
            name = answer[at + 2 : at + 2 + length].decode()
            code, message = struct.unpack_from(">hh", answer, at + 2 + length)
            at += 2 + length + 4 + max(message, 0)
            check(f"creating topic {name}", 0 if code == ALREADY_EXISTS else code)

    @staticmethod
    def _topic(name: str) -> bytes:
        # live updates are of no use to who comes later
        configs = {"retention.ms": "600000"} if name == "task-updates" else {}
        pairs = b"".join(text(key) + text(value) for key, value in configs.items())
        head = struct.pack(">ihi", PARTITIONS, 1, 0)
        return text(name) + head + struct.pack(">i", len(configs)) + pairs

    def _call(self, key: int, version: int, body: bytes) -> bytes:
        self.correlation += 1
        head = struct.pack(">hhi", key, version, self.correlation) + text("stack")
        self.sock.sendall(struct.pack(">i", len(head + body)) + head + body)
        (length,) = struct.unpack(">i", self._read(4))
        return self._read(length)[4:]

    def _read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            chunk = self.sock.recv(length - len(data))
            if not chunk:
                raise OSError("Kafka closed the connection")
            data += chunk
        return data


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack(">h", len(data)) + data


def check(what: str, code: int) -> None:
    if code != 0:
        raise StackError(f"Kafka: {what} failed with error {code}")
