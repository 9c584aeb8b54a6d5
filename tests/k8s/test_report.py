"""What all of it costs under a thousand users: a table for docs/SCALING.md. No thresholds, since k6 shares the machine."""

import collections
import os
import pathlib
import time

import yaml
from clusterlib import CONTROL_PLANE
from load import Load
from release import ROOT

USERS, SECONDS, PAUSE_S = 1000, 120, 20


def test_a_thousand_users_for_two_minutes(release, tell):
    used: dict[str, list[tuple[float, float]]] = collections.defaultdict(list)
    with Load(release, users=USERS, ramp_s=120, pause_s=PAUSE_S, warm=1, daily_every=2, may_fail=True) as load:
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            for part, cpu, memory in sample(release):
                used[part].append((cpu, memory))
            time.sleep(10)
        load.end()
    into = pathlib.Path(os.environ.get("BUILD_DIR", ROOT / "build")) / "e2e-k8s-report.md"
    into.parent.mkdir(parents=True, exist_ok=True)
    into.write_text(table(used, load.report))
    tell(f"{load}; the table is in {into}")
    load.check()


def sample(release):
    """What each kind of container uses by now: millicores and MiB, all pods together."""
    total = collections.Counter()
    for namespace in (release.namespace, CONTROL_PLANE):
        lines = release.kubectl("top", "pods", "--containers", "--no-headers", check=False, namespace=namespace).text.splitlines()
        for _, container, cpu, memory in (line.split() for line in lines if len(line.split()) == 4):
            part = "Dapr's control plane" if namespace == CONTROL_PLANE else "sidecars" if container == "daprd" else container
            total[part, 0] += int(cpu.removesuffix("m"))
            total[part, 1] += int(memory.removesuffix("Mi"))
    return [(part, total[part, 0], total[part, 1]) for part in {part for part, _ in total}]


def table(used: dict[str, list[tuple[float, float]]], report: dict) -> str:
    rows = ["| part | CPU on average | memory at most |", "|---|--:|--:|"]
    sums = [0.0, 0.0]
    for part, found in sorted(used.items(), key=lambda item: -sum(cpu for cpu, _ in item[1])):
        cpu, memory = sum(cpu for cpu, _ in found) / len(found), max(memory for _, memory in found)
        sums = [sums[0] + cpu, sums[1] + memory]
        rows.append(f"| {part} | {cpu:.0f}m | {memory:.0f} MiB |")
    quota = yaml.safe_load((ROOT / "helm/todo-app/values-oke-free.yaml").read_text())["resourceQuota"]["hard"]
    rows += [f"| **together** | **{sums[0]:.0f}m** | **{sums[1]:.0f} MiB** |"]
    rows += [f"| quota of values-oke-free, requests without the control plane | {quota['requests.cpu']} | {quota['requests.memory']} |"]
    latency = report["request_ms"]
    rows += ["", f"{report['users']} users, {report['requests']} requests in {report['seconds']:.0f} s, {report['failed']} failed; "]
    names = {"median": "med", "p95": "p(95)", "p99": "p(99)", "slowest": "max"}
    rows[-1] += ", ".join(f"{name} {latency[key]:.0f} ms" for name, key in names.items())
    rows[-1] += f"; a next occurrence after {report['occurrence_ms'].get('med', 0):.0f} ms (median)."
    return "\n".join(rows) + "\n"
