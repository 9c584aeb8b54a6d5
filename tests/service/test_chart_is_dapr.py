"""The chart and `dapr/` are one truth: what a cluster gets is what one machine runs, but for what must differ.

Each rendered object is held against the file it is made of, with the differences written down here."""

from __future__ import annotations

import copy
import functools
import pathlib
import shutil
import subprocess
from typing import Any

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CHART = ROOT / "helm" / "todo-app"
SERVICES = ("backend", "recurring-task", "notification", "audit", "websocket")
NAMESPACE = "todo-somewhere"
# what only one machine has
LOCAL_FILES = {"config/sentry.yaml"}


@functools.cache
def helm() -> list[str]:
    """helm as `scripts/setup k8s` brought it, or the system's."""
    tool = [str(ROOT / "scripts" / "k8s-tools"), "helm"]
    if subprocess.run([*tool, "version"], capture_output=True, check=False).returncode == 0:
        return tool
    found = shutil.which("helm")
    if not found:
        pytest.skip("helm is not there; scripts/setup k8s brings it")
    return [found]


@functools.cache
def rendered(*settings: str) -> tuple[dict[str, Any], ...]:
    argv = [*helm(), "template", "todo-app", str(CHART), "--namespace", NAMESPACE, "--kube-version", "1.34.0"]
    for setting in settings:
        argv += ["--set", setting]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return tuple(each for each in yaml.safe_load_all(done.stdout) if each)


def objects(kind: str, *settings: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: copy.deepcopy(each) for each in rendered(*settings) if each["kind"] == kind}


def plain(thing: dict[str, Any]) -> dict[str, Any]:
    """Without the labels, which the chart adds everywhere."""
    thing["metadata"].pop("labels", None)
    return thing


def source(*patterns: str) -> dict[str, dict[str, Any]]:
    files = [path for pattern in patterns for path in (ROOT / "dapr").glob(pattern)]
    found = [each for path in files for each in yaml.safe_load_all(path.read_text()) if each]
    return {each["metadata"]["name"]: each for each in found}


def metadata(component: dict[str, Any]) -> dict[str, Any]:
    """Each item of metadata, by its name."""
    items = component["spec"]["metadata"]
    names = [item["name"] for item in items]
    assert len(names) == len(set(names)), f"{component['metadata']['name']} has an item twice: {names}"
    return {item["name"]: {key: value for key, value in item.items() if key != "name"} for item in items}


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {
        key: (ours.get(key), theirs.get(key)) for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)
    }


def test_every_file_of_dapr_has_its_place() -> None:
    used = set(LOCAL_FILES) | {"resiliency.yaml"}
    used |= {f"config/{service}.yaml" for service in SERVICES}
    for pattern in ("components/*.yaml", "components/redis/*.yaml", "components/kafka/*.yaml", "subscriptions/*.yaml"):
        used |= {str(path.relative_to(ROOT / "dapr")) for path in (ROOT / "dapr").glob(pattern)}
    assert {str(path.relative_to(ROOT / "dapr")) for path in (ROOT / "dapr").rglob("*.yaml")} == used


def test_subscriptions_are_those_of_one_machine() -> None:
    theirs = source("subscriptions/*.yaml")
    assert {name: plain(each) for name, each in objects("Subscription").items()} == theirs


def test_resiliency_is_that_of_one_machine() -> None:
    assert {name: plain(each) for name, each in objects("Resiliency").items()} == source("resiliency.yaml")


@pytest.mark.parametrize("service", SERVICES)
def test_a_configuration_differs_by_its_namespace_alone(service: str) -> None:
    theirs = source(f"config/{service}.yaml")[service]
    assert theirs["spec"].pop("nameResolution")["component"] == "sqlite", "a cluster has DNS instead"
    assert theirs["spec"].pop("mtls") == {"enabled": True}, "in a cluster that is the control plane's setting"
    for policy in theirs["spec"]["accessControl"].get("policies", []):
        assert policy["namespace"] == "default"
        policy["namespace"] = NAMESPACE
    assert plain(objects("Configuration")[service]) == theirs


def test_no_other_configuration_is_there() -> None:
    assert set(objects("Configuration")) == set(SERVICES)


ENVIRONMENT = {
    "MAIL_HOST": "mail",
    "MAIL_PORT": "1025",
    "RECURRENCE_SWEEP_SCHEDULE": "@every 1m",
    "REMINDER_CHECK_SCHEDULE": "@every 1m",
}


@pytest.mark.parametrize(("broker", "folder"), [("redis", "redis"), ("kafka", "kafka"), ("redpanda", "kafka")])
def test_components_are_those_of_one_machine(broker: str, folder: str) -> None:
    environment = {**ENVIRONMENT, "BROKER_ADDRESS": {"redis": "redis:6379"}.get(broker, f"{broker}:9092")}
    theirs = source("components/*.yaml", f"components/{folder}/*.yaml")
    ours = objects("Component", f"broker.type={broker}")
    assert set(ours) == set(theirs)
    for name, component in theirs.items():
        if name == "secrets":  # the store itself: a file there, Kubernetes here
            assert ours[name]["spec"] == {"type": "secretstores.kubernetes", "version": "v1", "metadata": []}
            continue
        for item in component["spec"]["metadata"]:
            if "envRef" in item:
                item["value"] = environment[item.pop("envRef")]
        assert plain(ours[name]) == component


def test_kafka_by_scram_and_tls_differs_by_that_alone() -> None:
    settings = ("broker.type=kafka", "broker.mechanism=SCRAM-SHA-512", "broker.tls.enabled=true", "broker.tls.caSecret=ca")
    before, after = objects("Component", "broker.type=kafka"), objects("Component", *settings)
    for name in ("pubsub", "pubsub-live"):
        assert differences(metadata(before[name]), metadata(after[name])) == {
            "saslMechanism": ({"value": "PLAIN"}, {"value": "SHA-512"}),
            "disableTls": ({"value": "true"}, {"value": "false"}),
            "caCert": (None, {"secretKeyRef": {"name": "ca", "key": "ca.crt"}}),
        }


def test_redis_as_state_store_is_asked_for_the_same() -> None:
    before, after = objects("Component")["state"], objects("Component", "state.type=redis")["state"]
    assert after["spec"]["type"] == "state.redis"
    assert metadata(after)["redisPassword"] == {"secretKeyRef": {"name": "broker", "key": "password"}}
    assert (before["scopes"], before["auth"]) == (after["scopes"], after["auth"])


@pytest.mark.parametrize(
    ("store", "setting", "keeps_one_text"),
    [
        ("azure.keyvault", "vaultName=v", True),
        ("gcp.secretmanager", "project_id=p", True),
        ("hashicorp.vault", "vaultAddr=https://vault:8200", False),
    ],
)
def test_another_secret_store_holds_the_same_names(store: str, setting: str, keeps_one_text: bool) -> None:
    settings = (f"secretStore.type={store}", f"secretStore.metadata.{setting}", "secrets.create=false")
    ours = objects("Component", *settings)
    assert ours["secrets"]["spec"]["type"] == f"secretstores.{store}"
    assert metadata(ours["secrets"]) == {setting.split("=")[0]: {"value": setting.split("=", 1)[1]}}
    key = "broker" if keeps_one_text else "password"
    assert metadata(ours["pubsub"])["redisPassword"] == {"secretKeyRef": {"name": "broker", "key": key}}


@pytest.mark.parametrize("broker", ["redis", "kafka"])
def test_a_service_may_read_the_secrets_of_its_own_sidecar_alone(broker: str) -> None:
    components = source("components/*.yaml", f"components/{broker}/*.yaml")
    roles = objects("Role", f"broker.type={broker}")
    for service in SERVICES:
        wanted = set(source(f"config/{service}.yaml")[service]["spec"]["secrets"]["scopes"][0]["allowedSecrets"])
        for component in components.values():
            if service in component.get("scopes", [service]):
                wanted |= {item["secretKeyRef"]["name"] for item in component["spec"]["metadata"] if "secretKeyRef" in item}
        (rule,) = roles[service]["rules"]
        assert (rule["verbs"], rule["resources"]) == (["get"], ["secrets"])
        assert set(rule["resourceNames"]) == wanted


def test_setup_of_the_database_is_that_of_one_machine() -> None:
    data = objects("ConfigMap")["database-setup"]["data"]
    assert data == {path.name: path.read_text() for path in (ROOT / "database").iterdir()}
