"""A sidecar publishes the topics of its own service and no others, so that no service can speak for another."""

from __future__ import annotations

import pytest

EVERY_TOPIC = {
    "task-events", "user-events", "task-updates", "recurrences", "reminders", "notifications", "chat-events",
    "dead-letters",
}  # fmt: skip
OWN = {
    "backend": {"task-events", "user-events", "notifications", "task-updates", "dead-letters"},
    "recurring-task": {"recurrences", "dead-letters"},
    "notification": {"reminders", "notifications", "dead-letters"},
    "audit": EVERY_TOPIC - {"task-updates"},
    "websocket": {"dead-letters"},
}


def refuses(stack, service: str, pubsub: str, topic: str) -> bool:
    answer = stack.dapr(service, "POST", f"publish/{pubsub}/{topic}", json={})
    assert answer.status_code == 403, f"{service} on {topic}: {answer.status_code} {answer.text}"
    return answer.json()["errorCode"] == "ERR_PUBSUB_FORBIDDEN"


@pytest.mark.parametrize("service", OWN)
def test_a_sidecar_refuses_to_publish_what_is_not_its_services(stack, service):
    assert all(refuses(stack, service, "pubsub", topic) for topic in EVERY_TOPIC - OWN[service] | {"unheard-of"})


def test_websocket_publishes_nothing_but_its_probe_to_the_live_path(stack):
    assert refuses(stack, "websocket", "pubsub-live", "user-events")
