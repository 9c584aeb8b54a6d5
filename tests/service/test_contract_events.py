"""The contract of events: schemas, examples, AsyncAPI, C constants, subscriptions and the services'
handler tables say the same."""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any

import jsonschema
import pytest
import referencing
import yaml

from support.service import ROOT, run_binary

SERVICES = ("backend", "recurring-task", "notification", "audit", "websocket")
EVENTS = ROOT / "api" / "events"
EXAMPLES = sorted((EVENTS / "examples").glob("*.json"))
HEADER = (ROOT / "common" / "events" / "event_types.h").read_text()
TYPES = set(re.findall(r'#define EVENT_\w+ "(.+?)"', HEADER))
TOPICS = set(re.findall(r'#define TOPIC_\w+ "(.+?)"', HEADER))


def read_json(path: pathlib.Path) -> Any:
    return json.loads(path.read_text())


def validator(type: str) -> jsonschema.Draft7Validator:
    """Of the schema of one event type; its references are files beside it."""
    registry = referencing.Registry(
        retrieve=lambda uri: referencing.Resource.from_contents(read_json(EVENTS / uri))
    )
    return jsonschema.Draft7Validator(
        read_json(EVENTS / f"{type}.json"),
        registry=registry,
        format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER,
    )


def asyncapi() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "api" / "asyncapi.yaml").read_text())


def resolve(document: dict[str, Any], reference: str) -> Any:
    """Follow `#/a/b`, and a reference found there once more."""
    found: Any = document
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return resolve(document, found["$ref"]) if "$ref" in found else found


def subscriptions(service: str) -> list[dict[str, Any]]:
    path = ROOT / "dapr" / "subscriptions" / f"{service}.yaml"
    return [d for d in yaml.safe_load_all(path.read_text()) if d]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_an_example_fits_its_schema(path: pathlib.Path) -> None:
    event = read_json(path)
    assert path.name.startswith(event["type"] + ".")
    validator(event["type"]).validate(event)


def test_every_schema_refuses_an_event_of_another_type() -> None:
    for type in TYPES:
        other = read_json(EVENTS / "examples" / f"{type}.json") | {"type": "todo.other.thing.v1"}
        assert not validator(type).is_valid(other), type


def test_every_type_has_a_schema_and_an_example() -> None:
    assert {p.name.removesuffix(".json") for p in EVENTS.glob("todo.*.json")} == TYPES
    assert {read_json(p)["type"] for p in EXAMPLES} == TYPES


def test_asyncapi_lists_every_type_on_one_topic_with_its_examples() -> None:
    document = asyncapi()
    listed: list[str] = []
    for channel in document["channels"].values():
        assert channel["address"] in TOPICS
        for message in channel["messages"].values():
            found = resolve(document, message["$ref"])
            listed.append(found["name"])
            assert found["payload"]["schema"]["$ref"] == f"events/{found['name']}.json"
            examples = {e["payload"]["$ref"] for e in found["examples"]}
            files = (EVENTS / "examples").glob(found["name"] + ".*")
            assert examples == {f"events/examples/{f.name}" for f in files if f.suffix == ".json"}
    assert sorted(listed) == sorted(TYPES)


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_service_receives_by_asyncapi_it_handles(service: str) -> None:
    document = asyncapi()
    handled = dict.fromkeys(line.split()[0] for line in run_binary(service, "--subscriptions").stdout.splitlines())
    camel = re.sub(r"-(.)", lambda m: m[1].upper(), service)
    received = {
        resolve(document, operation["channel"]["$ref"])["address"]
        for name, operation in document["operations"].items()
        if name.startswith(camel + "Receives")
    }
    with_types = {c["address"] for c in document["channels"].values()}
    assert received == set(handled) & with_types


@pytest.mark.parametrize("service", SERVICES)
def test_the_subscriptions_are_the_topics_of_the_handler_table(service: str) -> None:
    printed = run_binary(service, "--subscriptions")
    assert printed.returncode == 0, printed.stderr
    rows = [tuple(line.split()) for line in printed.stdout.splitlines()]
    assert len(rows) == len(set(rows)), "a row stands twice"
    assert {type for _, type in rows} <= TYPES | {"*"}
    declared = [s["spec"]["topic"] for s in subscriptions(service)]
    assert len(declared) == len(set(declared)), "a topic stands twice"
    handled = {topic for topic, _ in rows}
    assert handled <= set(declared)
    # a topic that has no event type yet needs no handler: what comes there is a dead letter
    with_types = {c["address"] for c in asyncapi()["channels"].values()}
    assert (set(declared) - handled) & with_types == set()


@pytest.mark.parametrize("service", SERVICES)
def test_a_subscription_says_what_the_service_expects(service: str) -> None:
    for subscription in subscriptions(service):
        spec = subscription["spec"]
        topic = spec["topic"]
        assert topic in TOPICS
        assert subscription["apiVersion"] == "dapr.io/v2alpha1"
        assert subscription["scopes"] == [service]
        assert spec["routes"] == {"default": f"/events/{topic}"}
        assert spec["pubsubname"] == ("pubsub-live" if topic == "task-updates" else "pubsub")
        # the backstop, which must not feed itself; what is live is worth nothing later
        has_backstop = topic not in ("dead-letters", "task-updates")
        assert spec.get("deadLetterTopic") == ("dead-letters" if has_backstop else None)
        assert "bulkSubscribe" not in spec, "it crashes daprd together with dead letters"
