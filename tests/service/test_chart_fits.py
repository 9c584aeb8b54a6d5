"""values-oke-free.yaml fits what it is for: one node with 2 OCPU (of Arm: as many cores) and 12 GB, everything on it."""

from __future__ import annotations

import functools
import subprocess
from typing import Any

import pytest
import yaml
from test_chart_is_dapr import CHART, ROOT, helm

NODE = {"cpu": 2000, "memory": 12 * 1000**3}
# what the chart does not ask for: Dapr's five services (seven pods; its chart sets no requests, they use 0.1 core and 350 MiB when
# idle), and what each node has (kubelet's reserve, DNS, proxy, network, Traefik, cert-manager)
CONTROL_PLANE = {"cpu": 300, "memory": 768 * 1024**2}
SYSTEM = {"cpu": 500, "memory": 2 * 1024**3}
UNITS = {"m": 0.001, "Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "k": 1e3, "M": 1e6, "G": 1e9}


def amount(text: Any) -> float:
    for unit in sorted(UNITS, key=len, reverse=True):
        if str(text).endswith(unit):
            return float(str(text)[: -len(unit)]) * UNITS[unit]
    return float(text)


def requests(resources: dict[str, Any]) -> dict[str, float]:
    asked = resources.get("requests", {})
    return {"cpu": amount(asked.get("cpu", 0)) * 1000, "memory": amount(asked.get("memory", 0))}


def total(parts: list[dict[str, float]]) -> dict[str, float]:
    return {what: sum(part[what] for part in parts) for what in ("cpu", "memory")}


def of_pod(template: dict[str, Any]) -> dict[str, float]:
    """What a pod asks for, its sidecar included: init containers run before, and ask for less."""
    notes = template["metadata"].get("annotations", {})
    sidecar = {"cpu": notes.get("dapr.io/sidecar-cpu-request", 0), "memory": notes.get("dapr.io/sidecar-memory-request", 0)}
    return total([requests({"requests": sidecar}), *(requests(each.get("resources", {})) for each in template["spec"]["containers"])])


@functools.cache
def chart(values: str) -> tuple[dict[str, Any], ...]:
    argv = [*helm(), "template", "todo-app", str(CHART), "--kube-version", "1.34.0", "--values", str(CHART / values)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return tuple(each for each in yaml.safe_load_all(done.stdout) if each)


def pods_at_their_most(values: str) -> list[tuple[dict[str, Any], int]]:
    """Each workload of the services and its pods, with one more of each Deployment for an upgrade."""
    most = {
        each["spec"]["scaleTargetRef"]["name"]: each["spec"]["maxReplicas"]
        for each in chart(values)
        if each["kind"] == "HorizontalPodAutoscaler"
    }
    return [
        (each, (most.get(each["metadata"]["name"]) or each["spec"]["replicas"]) + (each["kind"] == "Deployment"))
        for each in chart(values)
        if each["kind"] in ("Deployment", "StatefulSet")
    ]


def services_at_their_most(values: str) -> tuple[dict[str, float], int]:
    """What all pods of the services ask for, and how many they are."""
    parts = [of_pod(each["spec"]["template"]) for each, n in pods_at_their_most(values) for _ in range(n)]
    return total(parts), len(parts)


def backing(*names: str) -> dict[str, float]:
    parts = []
    for name in names:
        text = (ROOT / "k8s" / "backing" / "single-node" / name / f"{name}.yaml").read_text()
        parts += [of_pod(each["spec"]["template"]) for each in yaml.safe_load_all(text) if each["kind"] == "StatefulSet"]
    assert len(parts) == len(names)
    return total(parts)


def test_the_free_node_holds_everything_at_its_most() -> None:
    services, _ = services_at_their_most("values-oke-free.yaml")
    asked = total([services, backing("postgres", "redis"), CONTROL_PLANE, SYSTEM])
    assert asked["cpu"] <= NODE["cpu"], asked
    assert asked["memory"] <= NODE["memory"], asked


@pytest.mark.parametrize(
    "values", ["values.yaml", "values-local.yaml", "values-staging.yaml", "values-production.yaml", "values-oke-free.yaml"]
)
def test_the_quota_lets_every_service_have_its_most(values: str) -> None:
    services, n_pods = services_at_their_most(values)
    (quota,) = [each["spec"]["hard"] for each in chart(values) if each["kind"] == "ResourceQuota"]
    asked = total([services, backing("postgres", "redis", "kafka", "mail")]) if "oke" not in values else total([services, backing("postgres", "redis")])
    assert asked["cpu"] <= amount(quota["requests.cpu"]) * 1000, asked
    assert asked["memory"] <= amount(quota["requests.memory"]), asked
    assert n_pods + 4 + 5 <= int(quota["pods"]), n_pods  # backing, jobs and tests


def connections_of(workload: dict[str, Any], values: str) -> int:
    """What a pod may have open: its pool and the relay's one; websocket's sidecar what its state store may."""
    name = workload["metadata"]["name"]
    if name == "websocket":
        (state,) = [each for each in chart(values) if each["kind"] == "Component" and each["metadata"]["name"] == "state"]
        return int(next(item["value"] for item in state["spec"]["metadata"] if item["name"] == "maxConns"))
    (settings,) = [each["data"] for each in chart(values) if each["kind"] == "ConfigMap" and each["metadata"]["name"] == name]
    return int(settings.get("DB_CONNECTIONS", 8)) + 1


@pytest.mark.parametrize("values", ["values-staging.yaml", "values-production.yaml"])
def test_the_database_beside_them_has_connections_for_all(values: str) -> None:
    cluster = yaml.safe_load((ROOT / "k8s" / "backing" / "cloudnative-pg" / "cluster.yaml").read_text())
    wanted = sum(connections_of(each, values) * n for each, n in pods_at_their_most(values))
    # some are the operator's, replication's, jobs' and an operator's own psql
    assert wanted + 20 <= int(cluster["spec"]["postgresql"]["parameters"]["max_connections"]), wanted
