"""The system as it is installed in a cluster: what the tests here look at, and change by the operators' own scripts."""

import dataclasses
import json
import pathlib
import re
import subprocess
import sys
import time
import types
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "helm/todo-app/files"), str(ROOT / "tests")]

import smoke  # noqa: E402
from clusterlib import Cluster, program  # noqa: E402
from clusterlib.forward import forward  # noqa: E402
from clusterlib.rotate import Psql  # noqa: E402
from clusterlib.secrets import decode  # noqa: E402
from stacklib import SERVICES  # noqa: E402
from support import waiting  # noqa: E402

STEM = "e2e"  # of the tags that scripts/image-variants gives
FIRST, SECOND, BAD, BROKEN = (f"{STEM}-{which}" for which in ("first", "second", "bad", "broken"))
BACKING = {"kafka": ("postgres", "kafka", "mail"), "redis": ("postgres", "redis", "mail")}
SCHEMAS = ("backend", "recurring_task", "notification", "audit")
OURS = "todo-app/e2e"  # the label of a namespace that these tests made
LIMIT_S = 900


class Failed(AssertionError):
    """A command of an operator did not do what it should."""


@dataclasses.dataclass
class Done:
    code: int
    text: str  # what it wrote, errors included
    seconds: float


def run(argv: list[str], text: str | None = None, check: bool = True) -> Done:
    began = time.monotonic()
    done = subprocess.run(
        argv, input=text, text=True, timeout=LIMIT_S, check=False, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL if text is None else None,
    )  # fmt: skip
    if check and done.returncode:
        raise Failed(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout[-6000:]}")
    return Done(done.returncode, done.stdout, time.monotonic() - began)


def wait_for(what: str, find, limit_s: float = 60, pause_s: float = 0.5):
    """Each look is a command in the cluster: not too often."""
    return waiting.wait_for(what, find, limit_s, pause_s)


class Release:
    """A namespace with one release in it, and the way of its users to it."""

    def __init__(self, namespace: str, broker: str, address: str, prefix: str):
        self.namespace, self.broker, self.address, self.prefix = namespace, broker, address, prefix
        port = address.rpartition(":")[2]
        self.host = f"{namespace}.localhost"
        self.url = f"http://{self.host}" + ("" if port == "80" else f":{port}")
        self.cluster = Cluster(types.SimpleNamespace(namespace=namespace, release="todo-app", context="", dry_run=False))
        self.cluster.choose()

    # ------------------------------------------------------------------ commands
    def kubectl(self, *words: str, text: str | None = None, check: bool = True, namespace: str | None = None) -> Done:
        return run(self.cluster.kubectl(*words, namespace=namespace), text, check)

    def json(self, *words: str, namespace: str | None = None) -> dict:
        return json.loads(self.kubectl("get", *words, "-o", "json", namespace=namespace).text)

    def helm(self, *words: str, check: bool = True) -> Done:
        return run([program("helm"), "-n", self.namespace, *words], check=check)

    def script(self, name: str, *words: str, check: bool = True) -> Done:
        """One of scripts/, as an operator would call it."""
        return run([str(ROOT / "scripts" / name), "--namespace", self.namespace, *words], check=check)

    def sql(self, query: str) -> list[list[str]]:
        """Rows of a query to the system's database, as its superuser."""
        return [line.split("|") for line in Psql(self.cluster, "", "todo", "postgres-admin").query(query).splitlines()]

    # ------------------------------------------------------------------ the release
    def settings(self) -> list[str]:
        """What all deployments here have in common: no rates, since all users come from one address; busy crons."""
        sets = [
            f"broker.type={self.broker}", f"image.prefix={self.prefix}", f"ingress.host={self.host}", f"publicUrl={self.url}",
            f"database.setup.image={self.prefix}/postgres:{FIRST}", f"test.image={self.prefix}/smoke:{FIRST}",
        ]  # fmt: skip
        sets += [f"dapr.{cron}=@every 5s" for cron in ("recurrenceSweep", "reminderCheck")]
        sets += [f"services.backend.env.{key}=0" for key in ("RATE_ADDRESS_PER_S", "RATE_USER_PER_S", "RATE_SIGN_IN_PER_MIN")]
        values = str(ROOT / "helm/todo-app/values-local.yaml")
        return ["--values", values, *[word for one in sets for word in ("--set", one)]]

    def deploy(self, tag: str, *more: str, check: bool = True) -> Done:
        where = ["--url", self.url, "--address", self.address]
        return self.script("deploy", "--tag", tag, *self.settings(), *where, *more, check=check)

    def claim(self) -> None:
        """An empty namespace that bears our label; one that does not is somebody's, and is left alone."""
        there = self.kubectl("get", "namespace", self.namespace, "-o", "json", check=False)
        if there.code == 0 and OURS not in json.loads(there.text)["metadata"].get("labels", {}):
            raise Failed(f"the namespace {self.namespace} was not made by these tests, which would delete it; give another --namespace")
        if there.code == 0:
            self.remove()
        self.kubectl("create", "namespace", self.namespace)
        self.kubectl("label", "namespace", self.namespace, f"{OURS}=true")

    def install(self) -> Done:
        """Backing services, chart, and a user's way through it."""
        backing = [word for name in BACKING[self.broker] for word in ("--backing", f"single-node/{name}")]
        return self.deploy(FIRST, *backing)

    def remove(self) -> None:
        self.script("cleanup", "--data", "--yes")

    def tag(self) -> str:
        """Of the images that serve: what every pod of the services runs."""
        containers = [c for pod in self.pods() for c in pod["spec"]["containers"] if c["name"] in SERVICES]
        return " and ".join(sorted({c["image"].rpartition(":")[2] for c in containers}))

    def state(self) -> str:
        said = self.helm("status", "todo-app", "-o", "json", check=False)
        return json.loads(said.text)["info"]["status"] if said.code == 0 else ""

    def revision(self) -> int:
        return json.loads(self.helm("status", "todo-app", "-o", "json").text)["version"]

    def schema(self) -> set[str]:
        """Every migration, column, index and constraint of the services, a line each."""
        migrations = [f"SELECT 'migration {schema} ' || number || ' ' || name FROM {schema}.schema_migration" for schema in SCHEMAS]
        return {
            "|".join(row)
            for row in self.sql(f"""
                SELECT 'column ' || table_schema || '.' || table_name || '.' || column_name || ' ' || data_type
                FROM information_schema.columns WHERE table_schema IN {SCHEMAS}
                UNION SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname IN {SCHEMAS}
                UNION SELECT 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
                FROM pg_constraint WHERE connamespace::regnamespace::text IN {SCHEMAS}
                UNION {" UNION ".join(migrations)}""")
        }

    def secret(self, name: str) -> dict[str, str]:
        return decode(self.json("secret", name))

    def bring_back(self, tag: str) -> None:
        """To the last revision that ran by these images, if others do now."""
        if self.state() == "deployed" and self.tag() == tag:
            return
        for one in reversed(json.loads(self.helm("history", "todo-app", "-o", "json").text)[:-1]):
            values = json.loads(self.helm("get", "values", "todo-app", "-o", "json", "--revision", str(one["revision"])).text)
            if one["status"] in ("superseded", "deployed") and values["image"]["tag"] == tag:
                self.script("rollback", "--revision", str(one["revision"]), "--no-smoke")
                return
        raise Failed(f"no revision of the release ran by {tag}")

    # ------------------------------------------------------------------ pods
    def pods(self, name: str | None = None, namespace: str | None = None) -> list[dict]:
        """Those that shall run: no pods of jobs, none that goes."""
        selector = ["-l", f"app.kubernetes.io/name={name}"] if name else []
        found = self.json("pods", *selector, namespace=namespace)["items"]
        return [pod for pod in found if is_lasting(pod) and "deletionTimestamp" not in pod["metadata"]]

    def ready(self, name: str | None = None) -> list[str]:
        return [pod["metadata"]["name"] for pod in self.pods(name) if is_ready(pod)]

    def wait_ready(self, limit_s: float = 60, namespace: str | None = None) -> float:
        """Until all that the workloads ask for is ready; return the seconds it took."""
        began = time.monotonic()
        wait_for("every pod to be ready", lambda: self.is_ready(namespace), limit_s)
        return time.monotonic() - began

    def is_ready(self, namespace: str | None = None) -> bool:
        """By the pods themselves: what a workload says of them may be of a moment ago."""
        workloads = self.json("deployments,statefulsets", namespace=namespace)["items"]
        told = all(
            item["status"].get("observedGeneration") == item["metadata"]["generation"]
            and item["status"].get("updatedReplicas", 0) == item["spec"]["replicas"]
            for item in workloads
        )
        pods = self.pods(namespace=namespace)
        return told and all(map(is_ready, pods)) and len(pods) == sum(item["spec"]["replicas"] for item in workloads)

    # ------------------------------------------------------------------ users
    def api(self) -> smoke.Api:
        """A client that comes by the ingress."""
        return smoke.Api(smoke.Address(f"http://{self.address}", urllib.parse.urlsplit(self.url).netloc, False))

    def user(self, email: str = "") -> smoke.Api:
        """A new account, signed in."""
        api, email = self.api(), email or f"e2e-{time.time_ns()}@example.org"
        api.call("POST", "/register", 201, {"email": email, "password": "correct horse battery staple", "time_zone": "Europe/Berlin"})
        api.token = api.call("POST", "/session", 200, {"email": email, "password": "correct horse battery staple"})["access_token"]
        return api

    def mails_to(self, email: str) -> list[dict]:
        """What the mail server of the cluster took for this address."""
        with forward(self.cluster, "service/mail", 1080) as place, urllib.request.urlopen(f"http://{place}/email") as answer:
            return [mail for mail in json.load(answer) if email in (to["address"] for to in mail["to"])]

    def audit_is_whole(self) -> str:
        """What `audit verify` says of every chain."""
        return self.kubectl("exec", "deploy/audit", "-c", "audit", "--", "/usr/bin/audit", "verify").text.strip()

    def outboxes_are_empty(self) -> bool:
        return all(self.sql(f"SELECT count(*) FROM {schema}.outbox")[0] == ["0"] for schema in SCHEMAS)


def is_lasting(pod: dict) -> bool:
    owners = [owner["kind"] for owner in pod["metadata"].get("ownerReferences", [])]
    return bool(owners) and "Job" not in owners


def is_ready(pod: dict) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))


def steps_of(text: str) -> int:
    """How many steps a user's way had; each of them must have gone well."""
    steps = re.findall(r"^ok (\d+)/(\d+)", text, re.M)
    if not steps or len(steps) != int(steps[0][1]):
        raise Failed(f"not every step went well:\n{text}")
    return len(steps)
