"""One stack on this machine: start it in order, keep watch, stop it, tell about it."""

import contextlib
import fcntl
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request

from . import WITH_DATABASE, StackError, instances, leftovers
from .broker import Kafka, Redis
from .dapr import SENTRY_PORTS, SIDECAR_PORTS, Dapr, reload_secret_store, replica_name
from .database import Database
from .ingress import Ingress
from .layout import Layout, read_json, run, write_private
from .mail import Catcher
from .ports import Ports, hold, holder
from .secrets_file import RINGS, Secrets, role
from .supervisor import Program, Supervisor

BROKERS = {"redis": Redis, "kafka": Kafka}
PASSED_ON = ("LOG_LEVEL", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")


def say(text: str) -> None:
    tell(f"  {text}")


def tell(text: str) -> None:
    try:
        print(text, flush=True)
    except OSError:  # whoever read along has gone, or the terminal; the work goes on
        sys.stdout = open(os.devnull, "w")


class Machine:
    def __init__(self, directory: str):
        self.layout = Layout(directory)
        self.known = read_json(self.layout.stack)

    # ------------------------------------------------------------------ what runs
    def running(self) -> Supervisor | None:
        """The supervisord of an earlier `up`, if it answers with our password."""
        password = read_json(self.layout.admin).get("supervisor")
        port = self.known.get("ports", {}).get("supervisor")
        if not password or not port:
            return None
        supervisor = Supervisor(self.layout, port, password)
        return supervisor if supervisor.is_up() else None

    # ------------------------------------------------------------------ up
    def up(self, options) -> int:
        self.layout.make()
        with self.locked() as is_ours:
            supervisor = self.running()
            if not is_ours or (supervisor and supervisor.is_whole()):
                return self.tell_running(options)
            if supervisor:
                say("ending what an interrupted start left behind")
                supervisor.shutdown(say)
            return self.start(options)

    @contextlib.contextmanager
    def locked(self):
        """Hold the directory while starting or in the foreground; yield whether that worked."""
        with open(self.layout.lock, "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def tell_running(self, options) -> int:
        url, broker = self.known.get("url"), self.known.get("broker")
        if not url:
            print(f"another process is starting the system in {self.layout.dir}")
            return 1
        print(f"the system runs already: {url} (broker {broker}, in {self.layout.dir})")
        print("stop it with: make stop")
        same_port = options.port in (0, self.known["ports"]["ingress"])
        if broker == options.broker and same_port:
            return 0
        print(f"it was asked for with broker {options.broker} and port {options.port}: stop it first")
        return 1

    def start(self, options) -> int:
        binaries = self.find_binaries(options)
        ended = leftovers.end(self.layout, self.layout.postgres())
        if ended:
            say(f"ended {ended} processes that an earlier run left behind")
        self.secrets = Secrets(self.layout)
        self.secrets.make()
        self.broker = BROKERS[options.broker](self.layout, self.secrets.store["broker"]["password"])
        self.database = Database(self.layout, self.secrets)
        self.catcher = None if options.mail else Catcher(self.layout)
        self.set_orphan_aside()
        self.choose_ports(options)
        self.write_files(options, binaries)
        self.ports.release("supervisor")
        process = self.supervisor.launch()
        try:
            self.start_in_order(options, binaries)
            self.print_address(options)
            return 0 if options.detach else self.watch(process)
        except KeyboardInterrupt:
            tell("")
            return self.stop_all()
        except StackError as problem:
            print(f"error: {problem}", file=sys.stderr, flush=True)
            self.stop_all()
            return 1
        except BaseException:
            self.stop_all()
            raise

    def set_orphan_aside(self) -> None:
        """Root's cluster may lie outside the directory: when that was removed and made anew, the
        passwords of what it left behind are gone."""
        data = self.database.data
        if data.is_relative_to(self.layout.dir) or self.known.get("postgres") == str(data):
            return
        if data.exists():
            old = data.with_name(time.strftime("postgres.%Y%m%d%H%M%S"))
            data.rename(old)
            say(f"the database of an earlier {self.layout.dir} is now {old}")

    def find_binaries(self, options) -> dict[str, str]:
        folder = pathlib.Path(options.binaries).resolve()
        found = {s: str(folder / s) for s in options.services}
        lacking = [s for s, path in found.items() if not os.access(path, os.X_OK)]
        if lacking:
            raise StackError(f"{folder} has no {', '.join(lacking)}; build them with: make build")
        return found

    def choose_ports(self, options) -> None:
        self.ports = ports = Ports(self.known.get("ports", {}))
        wanted = options.port
        if 0 < wanted < 1024 and os.geteuid() != 0:
            raise StackError(f"port {wanted} may be used by root alone; choose one from 1024 on")
        if wanted and not (held := hold(wanted)):
            raise StackError(
                f"port {wanted} is taken by {holder(wanted)}; "
                f"end that, or choose another port: make run PORT={wanted + 1}"
            )
        if wanted:
            held.close()
            ports.by_name["ingress"] = wanted
        else:
            ports.choose("ingress")
        for name in ("supervisor", "postgres", *self.helpers_ports()):
            ports.choose(name)
        for service in options.services:
            for instance in instances(options.replicas, service):
                for key in ("http", "app", *SIDECAR_PORTS):
                    ports.choose(f"{instance}.{key}")

    def helpers_ports(self) -> tuple[str, ...]:
        return (*self.broker.port_names, *SENTRY_PORTS, *(self.catcher.port_names if self.catcher else ()))

    # ------------------------------------------------------------------ files
    def write_files(self, options, binaries: dict[str, str]) -> None:
        ports = self.ports.by_name
        if not (self.database.data / "PG_VERSION").exists():
            say("creating the database cluster")
        self.database.make(ports["postgres"])
        self.secrets.set_port(ports["postgres"])
        self.broker.make(ports)
        if self.catcher:
            self.catcher.make(ports)
        self.dapr = Dapr(self.layout, options.broker, ports, self.component_environment(options))
        self.dapr.lay_out(options.services)
        self.ingress = None
        if {"backend", "websocket"} <= set(options.services):
            upstreams = {
                service: [ports[f"{instance}.http"] for instance in instances(options.replicas, service)]
                for service in ("backend", "websocket")
            }
            self.ingress = Ingress(self.layout, ports["ingress"], upstreams, self.catcher and self.catcher.web)
            self.ingress.make()
        self.supervisor = Supervisor(self.layout, ports["supervisor"], self.secrets.admin["supervisor"])
        self.supervisor.configure(list(self.programs(options, binaries)))
        self.write_stack(options, binaries)

    def programs(self, options, binaries: dict[str, str]):
        database = {"stopsignal": "INT", "stopwaitsecs": 60, "directory": self.database.data}
        if self.database.user:
            database["user"] = self.database.user
        yield Program("database", "postgres", self.database.command(), {}, **database)
        yield Program("broker", self.broker.name, self.broker.command(), {}, stopwaitsecs=60)
        if self.catcher:
            yield Program("mail", "mail", self.catcher.command(), {})
        yield Program("sentry", "sentry", self.dapr.sentry_command(), {"NAMESPACE": "default"})
        for service, binary in binaries.items():
            for instance in instances(options.replicas, service):
                yield from self.service_programs(options, service, instance, binary)
        if self.ingress:
            yield Program("ingress", "nginx", self.ingress.command(), {}, stopsignal="QUIT")

    def service_programs(self, options, service: str, instance: str, binary: str):
        tokens = self.secrets.admin["tokens"][service]
        environment = self.dapr.sidecar_environment(instance, tokens)
        command = self.dapr.sidecar_command(service, instance)
        yield Program("sidecars", f"daprd-{instance}", command, environment, stopwaitsecs=20)
        environment = self.service_environment(options, service, instance)
        yield Program("services", instance, [binary], environment, stopwaitsecs=20)

    def component_environment(self, options) -> dict[str, str]:
        """What dapr/components/ takes from the sidecar's environment."""
        host, _, port = (options.mail or f"127.0.0.1:{self.ports.by_name['mail']}").rpartition(":")
        return {
            "BROKER_ADDRESS": f"127.0.0.1:{self.broker.port}",
            "MAIL_HOST": host,
            "MAIL_PORT": port,
            "RECURRENCE_SWEEP_SCHEDULE": f"@every {options.sweep_every}",
            "REMINDER_CHECK_SCHEDULE": f"@every {options.sweep_every}",
        }

    def service_environment(self, options, service: str, instance: str) -> dict[str, str]:
        ports, tokens = self.ports.by_name, self.secrets.admin["tokens"][service]
        environment = {key: os.environ[key] for key in PASSED_ON if key in os.environ}
        environment.update(
            HTTP_ADDRESS="127.0.0.1",
            HTTP_PORT=str(ports[f"{instance}.http"]),
            APP_PORT=str(ports[f"{instance}.app"]),
            DAPR_HTTP_PORT=str(ports[f"{instance}.dapr_http"]),
            DAPR_API_TOKEN=tokens["dapr"],
            APP_API_TOKEN=tokens["app"],
            REPLICA_NAME=replica_name(instance),
            **self.own_settings(service),
        )
        for setting in options.env:
            name, _, value = setting.partition("=")
            only, _, name = name.rpartition(":")
            if only in ("", service):
                environment[name] = value
        return environment

    def own_settings(self, service: str) -> dict[str, str]:
        """What one service alone needs to know of this machine."""
        port = self.ports.by_name["ingress"]
        if service == "backend":
            # plain http: a cookie for https alone would never come back
            return {"PUBLIC_URL": f"http://localhost:{port}", "COOKIE_SECURE": "false"}
        if service == "notification":  # the links in its mail
            return {"PUBLIC_URL": f"http://localhost:{port}"}
        if service == "websocket":
            return {"ALLOWED_ORIGINS": f"http://localhost:{port},http://127.0.0.1:{port}"}
        if service == "audit":
            return {"HEADS_DIR": str(self.layout.heads)}
        return {}

    def write_stack(self, options, binaries: dict[str, str]) -> None:
        ports = self.ports.by_name
        self.known = {
            "url": f"http://localhost:{ports['ingress']}",
            "mail": options.mail or f"http://localhost:{ports['ingress'] if self.ingress else ports['mail_web']}/mail/",
            "broker": options.broker,
            "dir": str(self.layout.dir),
            "logs": str(self.layout.logs),
            "admin": str(self.layout.admin),
            "secrets": str(self.layout.secrets),
            "resources": str(self.layout.resources),
            "postgres": str(self.database.data),
            "binaries": binaries,
            # those of the other broker stay known, so that switching back keeps them
            "ports": {**self.known.get("ports", {}), **ports},
        }
        write_private(self.layout.stack, json.dumps(self.known, indent=2) + "\n")

    # ------------------------------------------------------------------ order
    def start_in_order(self, options, binaries: dict[str, str]) -> None:
        self.ports.release("postgres", *self.helpers_ports())
        for group in ("database", "broker", "sentry", *(["mail"] if self.catcher else [])):
            self.supervisor.start_group(group)
        self.wait("PostgreSQL", self.database.is_up, 150, "postgres")
        self.database.prepare()
        for service in binaries:
            if service in WITH_DATABASE:
                self.migrate(options, service, binaries[service])
        self.wait("sentry", lambda: self.answers(self.ports.by_name["sentry_health"], "/healthz"), 90, "sentry")
        self.wait(self.broker.name, self.broker.is_up, 180, self.broker.name)
        self.broker.prepare()
        if self.catcher:
            self.wait("the mail catcher", lambda: self.answers(self.catcher.web, "/mail/healthz"), 90, "mail")
        self.ports.release_all()
        self.supervisor.start_group("sidecars")
        self.supervisor.start_group("services")
        for instance in (name for service in binaries for name in instances(options.replicas, service)):
            port = self.ports.by_name[f"{instance}.http"]
            self.wait(instance, lambda p=port: self.answers(p, "/ready"), 150, instance, f"daprd-{instance}")
        if self.ingress:
            self.supervisor.start_group("ingress")
            port = self.ports.by_name["ingress"]
            self.wait("nginx", lambda: self.answers(port, "/api/docs", 500), 60, "nginx")

    def migrate(self, options, service: str, binary: str) -> None:
        url = self.secrets.url(f"{role(service)}_owner")
        environment = {**self.service_environment(options, service, service), "MIGRATION_DATABASE_URL": url}
        environment["PATH"] = os.environ.get("PATH", "")
        run([binary, "migrate", "up"], f"{service} migrate up", env=environment, cwd=self.layout.dir)
        say(f"{service}: schema is up to date")

    def wait(self, what: str, check, limit_s: float, *processes: str) -> None:
        """Wait until `check` is true; say so; every few seconds, say that it still takes."""
        began = time.monotonic()
        told = began
        while not check():
            now = time.monotonic()
            given_up = [name for name in self.supervisor.failed() if name in processes]
            if given_up or now - began > limit_s:
                why = "keeps failing" if given_up else f"is not ready after {limit_s:.0f} s"
                raise StackError(f"{what} {why}\n{self.last_lines(given_up or processes)}")
            if now - told > 5:
                say(f"waiting for {what} ({now - began:.0f} s)")
                told = now
            time.sleep(0.05)
        say(f"{what} is ready ({time.monotonic() - began:.1f} s)")

    def last_lines(self, names) -> str:
        text = ""
        for name in names:
            path = self.layout.logs / f"{name}.log"
            lines = path.read_text(errors="replace").splitlines()[-15:] if path.exists() else []
            text += f"last lines of {path}:\n" + "".join(f"    {line}\n" for line in lines)
        return text

    @staticmethod
    def answers(port: int, path: str, below: int = 300) -> bool:
        """Whether GET answers with a status below `below`."""
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=10) as answer:
                return answer.status < below
        except urllib.error.HTTPError as answer:
            return answer.code < below
        except (OSError, ValueError):
            return False

    # ------------------------------------------------------------------ foreground
    def print_address(self, options) -> None:
        print(f"\nThe system runs at {self.known['url']} (broker {options.broker})")
        print(f"  API: {self.known['url']}/api/docs")
        print(f"  mail: {self.known['mail']}")
        print(f"  logs: {self.layout.logs}")
        if not options.detach:
            print("  Ctrl-C stops it")
        sys.stdout.flush()

    def watch(self, process: subprocess.Popen) -> int:
        told: set[str] = set()
        while process.poll() is None:
            try:
                process.wait(2)
            except subprocess.TimeoutExpired:
                pass
            try:
                given_up = set(self.supervisor.failed())
            except StackError:
                continue
            for name in given_up - told:
                say(f"{name} keeps failing; see {self.layout.logs / name}.log")
            told = given_up
        if process.returncode == 0:
            print("stopped")
            return 0
        print(f"supervisord ended ({process.returncode}); stopping what it left", file=sys.stderr)
        leftovers.end(self.layout, self.database.data)
        return 1

    # ------------------------------------------------------------------ down, status, rotate
    def stop_all(self) -> int:
        supervisor = self.running()
        if supervisor:
            supervisor.shutdown(say)
        leftovers.end(self.layout, self.layout.postgres())
        tell("stopped")
        return 0

    def down(self) -> int:
        if not self.layout.dir.exists():
            print(f"nothing runs in {self.layout.dir}")
            return 0
        if not self.running() and not leftovers.find(self.layout, self.layout.postgres()):
            print(f"nothing runs in {self.layout.dir}")
            return 0
        return self.stop_all()

    def status(self) -> int:
        supervisor = self.running()
        if not supervisor:
            print(f"nothing runs in {self.layout.dir}")
            return 3
        print(f"{self.known['url']} (broker {self.known['broker']}, in {self.layout.dir})")
        ports = self.known["ports"]
        for name, info in sorted(supervisor.processes().items()):
            port = self.port_of(name, ports)
            place = f"127.0.0.1:{port}" if port else ""
            state = info["statename"].lower()
            detail = info["description"] if state == "running" else info["description"] or ""
            print(f"  {name:24} {state:9} {place:16} {detail}")
        return 0

    @staticmethod
    def port_of(name: str, ports: dict[str, int]) -> int | None:
        if name.startswith("daprd-"):
            return ports.get(f"{name.removeprefix('daprd-')}.dapr_http")
        return ports.get(f"{name}.http", ports.get("ingress" if name == "nginx" else name))

    def rotate(self, name: str, settle_s: float) -> int:
        """Give the services a new secret: the old one stays valid until they have read it."""
        if not self.running():
            raise StackError(f"nothing runs in {self.layout.dir}")
        secrets = Secrets(self.layout)
        if name in RINGS:
            self.lay_beside(secrets, name, settle_s)
        else:
            Database(self.layout, secrets).set_password(secrets.change_login(name))
        self.publish(secrets)
        print(f"{name} is new; the services use it within a minute")
        return 0

    def lay_beside(self, secrets: Secrets, name: str, settle_s: float) -> None:
        """No replica may sign or seal with a key that another one does not know yet."""
        kid = secrets.lay_beside(name)
        self.publish(secrets)
        print(f"{name}: key {kid} lies beside the active one; waiting {settle_s:.0f} s, until every replica has read it", flush=True)
        time.sleep(settle_s)
        secrets.activate(name, kid)

    def publish(self, secrets: Secrets) -> None:
        secrets.save()
        reload_secret_store(self.layout)
