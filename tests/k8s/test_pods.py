"""What each container may do, by what the cluster runs and by what it refuses."""

import json

from release import SERVICES

TOO_MUCH = (
    {"runAsUser": 0},
    {"privileged": True, "allowPrivilegeEscalation": True},
    {"capabilities": {"add": ["NET_ADMIN"]}},
    {"allowPrivilegeEscalation": True},
)


def test_every_fact_of_a_safe_deployment_holds(release, tell):
    said = release.script("validate-deployment").text
    assert ", 0 failed" in said, said
    n_containers = sum(len(pod["spec"]["containers"]) for pod in release.pods())
    tell(f"{said.count('  ok  ')} facts hold for {n_containers} containers of {len(release.pods())} pods")


def test_the_namespace_refuses_what_is_not_restricted(release, tell):
    for change in TOO_MUCH:
        said = release.kubectl("create", "--dry-run=server", "-f", "-", text=json.dumps(pod_with(change)), check=False)
        assert said.code != 0 and 'violates PodSecurity "restricted' in said.text, (change, said.text)
    said = release.kubectl("create", "--dry-run=server", "-f", "-", text=json.dumps(pod_with({})))
    assert said.code == 0
    tell(f"{len(TOO_MUCH)} of {len(TOO_MUCH)} pods that ask for more are refused, the one that asks for nothing is not")


def test_containers_are_what_they_say(release, tell):
    """From inside, where an image has a shell at all."""
    for pod in ("postgres-0", f"{release.broker}-0"):
        who = release.kubectl("exec", pod, "--", "id", "-u").text.strip()
        assert who.isdigit() and who != "0"
        caps = release.kubectl("exec", pod, "--", "grep", "CapEff", "/proc/1/status").text
        assert int(caps.split()[1], 16) == 0, caps
        assert "Read-only file system" in release.kubectl("exec", pod, "--", "sh", "-c", "echo >/e2e", check=False).text
    for service in SERVICES:
        name = release.ready(service)[0]
        assert "no such file" in release.kubectl("exec", name, "-c", service, "--", "/bin/sh", "-c", "true", check=False).text
    tell(f"no shell in {len(SERVICES)} services; postgres and {release.broker}: not root, no capability, nothing written")


def pod_with(change: dict) -> dict:
    security = {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    security.update({"runAsNonRoot": False} if change.get("runAsUser") == 0 else {})
    container = {
        "name": "e2e",
        "image": "todo-app/none",
        "securityContext": {**security, **change},
        "resources": {"requests": {"cpu": "1m", "memory": "8Mi"}, "limits": {"memory": "8Mi"}},
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "e2e"}, "spec": {"containers": [container]}}
