"""A pod without any label of ours, which tries what it must not reach.

A policy of its own lets it send anything, so that what stops it is who it knocks at. That it can knock at all
is seen at one address that anybody may reach, the API server's."""

import json
import re
import time

from stacklib import SERVICES

from . import Cluster, ClusterError

NAME = "stray-probe"
LIMIT_S = 3  # of one try
TRIES = 4


def probe(cluster: Cluster, image: str):
    """Yield what the pod reached, or why it could not try."""
    image = image or known_image(cluster)
    targets = list(addresses(cluster))
    if not targets:
        yield "there is nothing to try"
        return
    remove(cluster)
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [policy(), pod(image)]})
    cluster.change(cluster.kubectl("create", "-f", "-"), text, f"Pod {NAME} of {image}, and its NetworkPolicy", secret=True)
    try:
        done = cluster.ask(cluster.kubectl("wait", "--for=condition=Ready", f"pod/{NAME}", "--timeout=60s"), limit_s=70)
        if done.returncode != 0:
            yield f"the pod {NAME} does not start: {done.stderr.strip()[-200:]}"
            return
        yield from tried(cluster, targets)
    finally:
        remove(cluster)
    print(f"          {len(targets)} addresses tried", flush=True)


def known_image(cluster: Cluster) -> str:
    """An image with bash that the cluster has already."""
    for item in [*cluster.items("statefulsets"), *cluster.items("jobs")]:
        if item["metadata"]["name"] in ("postgres", "database-setup"):
            return item["spec"]["template"]["spec"]["containers"][0]["image"]
    raise ClusterError("the probe needs an image with bash", "scripts/validate-deployment --probe --image IMAGE")


def addresses(cluster: Cluster):
    """Name, host and port: of the Services, and of each pod the ports that no Service opens."""
    for service in cluster.items("services"):
        address = service["spec"].get("clusterIP", "None")
        for port in service["spec"].get("ports", []) if address != "None" else []:
            yield f"Service {service['metadata']['name']}:{port['port']}", address, port["port"]
    for item in cluster.items("pods"):
        name = item["metadata"].get("labels", {}).get("app.kubernetes.io/name")
        if name in SERVICES and item["status"].get("podIP"):
            for port, what in ((8080, "http"), (9080, "app port"), (3500, "Dapr's API"), (50002, "Dapr's internal port")):
                yield f"{what} of {item['metadata']['name']}", item["status"]["podIP"], port


def tried(cluster: Cluster, targets):
    server = (cluster.get("service", "kubernetes", namespace="default") or {}).get("spec", {}).get("clusterIP")
    targets = [("the API server", server, 443), *targets]
    # all at once: a packet that is dropped, not refused, costs the whole limit
    lines = [f"(timeout {LIMIT_S} bash -c '</dev/tcp/{host}/{port}' 2>/dev/null && echo '{at}') &"
             for at, (_, host, port) in enumerate(targets)]  # fmt: skip
    script = "\n".join([*lines, "wait"])
    reached: set[str] = set()
    for _ in range(TRIES):  # a policy for a pod that is new takes a moment
        done = cluster.ask(cluster.kubectl("exec", "-i", NAME, "--", "bash"), script, limit_s=60)
        reached = set(re.findall(r"^\d+$", done.stdout, re.M))
        if reached == {"0"}:
            return
        time.sleep(2)
    if "0" not in reached:
        yield f"the pod {NAME} could not try: not even the API server answered it {done.stderr.strip()[-200:]}"
    for at in sorted(reached - {"0"}, key=int):
        name, host, port = targets[int(at)]
        yield f"it reached {name} ({host}:{port})"


def policy() -> dict:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": NAME},
        "spec": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": NAME}},
            "policyTypes": ["Egress"],
            "egress": [{}],
        },
    }


def pod(image: str) -> dict:
    security = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    small = {"cpu": "10m", "memory": "32Mi"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": NAME, "labels": {"app.kubernetes.io/name": NAME}},
        "spec": {
            "automountServiceAccountToken": False,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": NAME,
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sleep", "120"],
                    "securityContext": security,
                    "resources": {"requests": small, "limits": {"memory": "64Mi"}},
                }
            ],
        },
    }


def remove(cluster: Cluster) -> None:
    words = ("delete", f"pod/{NAME}", f"networkpolicy/{NAME}", "--ignore-not-found", "--wait", "--timeout=30s")
    cluster.change(cluster.kubectl(*words))
