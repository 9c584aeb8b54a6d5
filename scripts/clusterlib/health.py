"""What runs and what does not: the release, its pods with their sidecars, Dapr's control plane, the broker
and the database, as rows of a table."""

import base64
import datetime
import shutil

from stacklib import SERVICES

from . import CONTROL_PLANE, Cluster, serving, typed, workload_kind

CONTROL = ("dapr-operator", "dapr-sentry", "dapr-sidecar-injector", "dapr-placement-server", "dapr-scheduler-server")
DATABASES = ("app.kubernetes.io/name=postgres", "cnpg.io/podRole=instance")
BROKERS = ("app.kubernetes.io/name in (kafka, redis, redpanda)", "strimzi.io/kind=Kafka")
CERTIFICATE_DAYS = 30


class Table:
    """Rows of (part, name, is it well, detail); `bad` counts those that are not well, `next_command` is the first one's."""

    def __init__(self):
        self.rows: list[tuple[str, str, str, str]] = []
        self.bad = 0
        self.warnings = 0
        self.next_command = ""

    def add(self, part: str, name: str, is_well: bool | None, detail: str, next_command: str = "") -> None:
        """None: worth a look, but nothing is down. `next_command`: what to type when it is not well."""
        if is_well is False and not self.bad:
            self.next_command = next_command
        word = {True: "ok", False: "BAD", None: "look"}[is_well]
        self.bad += is_well is False
        self.warnings += is_well is None
        self.rows.append((part, name, word, detail))

    def show(self) -> None:
        widths = [max([len(row[at]) for row in self.rows] or [0]) for at in range(3)]
        for row in self.rows:
            print("  ".join(text.ljust(width) for text, width in zip(row, [*widths, 0], strict=True)).rstrip())


def look(cluster: Cluster) -> Table:
    table = Table()
    check_control_plane(cluster, table)
    pods = cluster.items("pods")
    check_backing(cluster, table, "database", DATABASES)
    check_backing(cluster, table, "broker", BROKERS)
    for service in SERVICES:
        check_service(cluster, table, service, pods)
    check_jobs(cluster, table)
    check_volumes(cluster, table)
    return table


# ------------------------------------------------------------------ Dapr
def check_control_plane(cluster: Cluster, table: Table) -> None:
    kinds = ("deployments", "statefulsets")
    there = {w["metadata"]["name"]: w for kind in kinds for w in cluster.items(kind, namespace=CONTROL_PLANE)}
    for name in CONTROL:
        if name not in there:
            table.add("dapr", name, False, f"not in namespace {CONTROL_PLANE}", script(cluster, "install-dapr"))
            continue
        wanted, ready = replicas(there[name])
        events = typed(cluster.kubectl("get", "pods,events", namespace=CONTROL_PLANE))
        table.add("dapr", name, ready > 0 and ready == wanted, f"{ready} of {wanted} ready", events)
    check_certificate(cluster, table)


def script(cluster: Cluster, name: str) -> str:
    """One of these scripts, for the same release."""
    own = ["--namespace", cluster.namespace, "--release", cluster.release] if name != "install-dapr" else []
    return typed([f"scripts/{name}", *own, *(["--context", cluster.context] if cluster.context else [])])


def describe(cluster: Cluster, what: str) -> str:
    return typed(cluster.kubectl("describe", what))


def replicas(workload: dict) -> tuple[int, int]:
    return workload["spec"].get("replicas", 1), workload.get("status", {}).get("readyReplicas", 0)


def check_certificate(cluster: Cluster, table: Table) -> None:
    """Sidecars stop to trust each other when sentry's certificate ends."""
    bundle = cluster.get("secret", "dapr-trust-bundle", namespace=CONTROL_PLANE)
    text = (bundle or {}).get("data", {}).get("issuer.crt")
    if not text or not shutil.which("openssl"):
        return
    argv = ["openssl", "x509", "-noout", "-enddate", "-dateopt", "iso_8601"]
    said = cluster.ask(argv, base64.b64decode(text).decode()).stdout.strip().removeprefix("notAfter=")
    try:
        ends = datetime.datetime.fromisoformat(said.replace(" ", "T"))
    except ValueError:
        return
    days = (ends - datetime.datetime.now(datetime.UTC)).days
    is_well = True if days > CERTIFICATE_DAYS else None if days >= 0 else False
    table.add("dapr", "issuer certificate", is_well, f"ends {ends.date()}, in {days} days", "docs/DAPR.md, Sentry's issuer certificate")


# ------------------------------------------------------------------ pods
def check_backing(cluster: Cluster, table: Table, part: str, selectors: tuple[str, ...]) -> None:
    pods = [pod for selector in selectors for pod in cluster.items("pods", "-l", selector)]
    for pod in pods:
        name = pod["metadata"]["name"]
        table.add(part, name, *state(pod), describe(cluster, f"pod/{name}"))
    if not pods:
        table.add(part, "-", True, "none in this namespace; the services' readiness says whether theirs answers")


def check_service(cluster: Cluster, table: Table, service: str, pods: list[dict]) -> None:
    kind = workload_kind(service)
    workload = cluster.get(kind, service)
    if workload is None:
        table.add(service, "-", False, "not installed", script(cluster, "deploy"))
        return
    wanted, ready = replicas(workload)
    own = serving(service, pods)
    for pod in own:
        is_well, detail = state(pod)
        pod_name = f"pod/{pod['metadata']['name']}"
        command = describe(cluster, pod_name)
        names = [c["name"] for c in [*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])]]
        if "daprd" not in names:
            is_well, detail = False, "it has no sidecar: delete the pod, it was made while Dapr's injector was away"
            command = typed(cluster.kubectl("delete", pod_name))
        table.add(service, pod["metadata"]["name"], is_well, detail, command)
    if ready < wanted or not own:
        table.add(service, f"{kind}/{service}", False, f"{ready} of {wanted} ready", describe(cluster, f"{kind}/{service}"))


def state(pod: dict) -> tuple[bool | None, str]:
    """Whether a pod serves, and each container's word: ready, or why not, and its restarts."""
    status = pod["status"]
    words, is_ready, restarts = [], True, 0
    statuses = [*status.get("containerStatuses", []), *[s for s in status.get("initContainerStatuses", []) if s.get("started")]]
    for container in statuses:
        restarts += container["restartCount"]
        if container["ready"]:
            words.append(f"{container['name']} ready")
            continue
        is_ready = False
        words.append(f"{container['name']} {why(container)}")
    if not statuses:
        is_ready = False
        words.append(status.get("reason") or status.get("phase", "unknown"))
        words += [c.get("message", "") for c in status.get("conditions", []) if c["status"] == "False"][:1]
    if pod["metadata"].get("deletionTimestamp"):
        return None, "is ending"
    if restarts:
        words.append(f"{restarts} restarts")
    return is_ready, ", ".join(word for word in words if word)


def why(container: dict) -> str:
    """Of a container that is not ready: what it waits for, or how it ended last."""
    state_now, last = container.get("state", {}), container.get("lastState", {}).get("terminated", {})
    if "waiting" in state_now:
        text = state_now["waiting"].get("reason", "waits")
    elif "terminated" in state_now:
        text = f"ended, code {state_now['terminated']['exitCode']}"
    else:
        text = "runs, is not ready"
    return f"{text} (ended before: {last.get('reason')}, code {last.get('exitCode')})" if last else text


# ------------------------------------------------------------------ the rest
def check_jobs(cluster: Cluster, table: Table) -> None:
    for job in cluster.items("jobs"):
        failed = [c for c in job.get("status", {}).get("conditions", []) if c["type"] == "Failed" and c["status"] == "True"]
        for condition in failed:
            name = job["metadata"]["name"]
            logs = typed(cluster.kubectl("logs", f"job/{name}", "--all-containers"))
            table.add("job", name, None, f"{condition.get('message', 'failed')}: {logs}")


def check_volumes(cluster: Cluster, table: Table) -> None:
    for claim in cluster.items("persistentvolumeclaims"):
        phase = claim["status"].get("phase")
        if phase != "Bound":
            name = claim["metadata"]["name"]
            table.add("volume", name, False, phase, describe(cluster, f"pvc/{name}"))
