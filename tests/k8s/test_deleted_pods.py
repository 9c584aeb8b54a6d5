"""Each kind of pod is taken away once while a hundred users are at work: services, sidecars, Dapr, broker, database."""

import http.client
import time

from clusterlib import CONTROL_PLANE
from clusterlib.forward import forward
from load import Load
from release import SERVICES, is_ready, wait_for
from reminders import Reminders

READY_S = 60


def test_users_notice_no_pod_that_goes_but_the_database(release, tell):
    reminders = Reminders(release, n=180)
    took: dict[str, float] = {}
    with Load(release) as load:
        for service in SERVICES:
            took[service] = delete(release, release.ready(service)[0])
        for service in SERVICES:
            took[f"{service}'s sidecar"] = end_sidecar(release, release.ready(service)[0])
        for name, pod in one_of_each(release.json("pods", namespace=CONTROL_PLANE)["items"]).items():
            took[name] = delete(release, pod, CONTROL_PLANE)
        for name in (release.broker, "mail"):
            took[name] = delete(release, f"{name}-0")
        load.everyone_once_more()
        load.end()
    check(release, tell, took, load, reminders)


def test_nothing_is_lost_with_the_database(release, tell):
    reminders = Reminders(release, n=60, every_s=1)
    with Load(release, may_fail=True) as load:
        took = {"postgres": delete(release, "postgres-0")}
        load.everyone_once_more()
        load.end()
    check(release, tell, took, load, reminders)


def check(release, tell, took: dict[str, float], load: Load, reminders: Reminders) -> None:
    slowest = max(took, key=took.get)
    tell(f"{len(took)} taken away, {slowest} the slowest: gone and back after {took[slowest]:.0f} s; {load}")
    tell(", ".join(f"{name} {seconds:.0f} s" for name, seconds in took.items()))
    load.check()
    tell(reminders.check())
    wait_for("every outbox to be empty", release.outboxes_are_empty)
    tell(release.audit_is_whole())
    assert took[slowest] <= READY_S


def delete(release, pod: str, namespace: str | None = None) -> float:
    """Take it away; the seconds until it is gone, and all that its workload asks for ready again."""
    began = time.monotonic()
    release.kubectl("delete", "pod", pod, "--wait=true", namespace=namespace)
    release.wait_ready(3 * READY_S, namespace)
    return time.monotonic() - began


def one_of_each(pods: list[dict]) -> dict[str, str]:
    """One pod of each workload."""
    return {pod["metadata"]["labels"]["app"]: pod["metadata"]["name"] for pod in pods if is_ready(pod)}


def end_sidecar(release, pod: str) -> float:
    """By its own API, since its image has nothing that could kill it. Kubernetes starts the container again."""

    def sidecar() -> dict:
        return next(one for one in release.json("pod", pod)["status"]["containerStatuses"] if one["name"] == "daprd")

    began, before = time.monotonic(), sidecar()["restartCount"]
    service = release.json("pod", pod)["metadata"]["labels"]["app.kubernetes.io/name"]
    token = release.secret(f"{service}-dapr-token")["token"]
    with forward(release.cluster, f"pod/{pod}", 3500) as place:
        connection = http.client.HTTPConnection(place, timeout=10)
        connection.request("POST", "/v1.0/shutdown", headers={"dapr-api-token": token})
        assert connection.getresponse().status == 204
        connection.close()
    wait_for(f"{pod}'s sidecar to be started again", lambda: sidecar()["restartCount"] > before and sidecar()["ready"], 3 * READY_S)
    release.wait_ready(3 * READY_S)
    return time.monotonic() - began
