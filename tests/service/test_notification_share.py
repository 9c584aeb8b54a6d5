"""notification: an endpoint that hangs takes no more than its owner's share of a channel."""

from __future__ import annotations

import threading

import pytest

pytest.register_assert_rewrite("support.push", "support.reminders")

from support.fake_sidecar import FakeSidecar
from support.push import Subscription
from support.reminders import Ledger, User, at, push_address, reminder, tell, webhook
from support.service import Service
from support.waiting import LIMIT_S, wait_for
from support.web_sink import Received, WebSink

SHARE = 2
SETTINGS = {"USER_ADDRESS_LOOPBACK": "true", "WEBHOOK_LIMIT_MS": "120000", "PUSH_LIMIT_MS": "120000", "SEND_PER_OWNER": str(SHARE)}


def most_at_once(requests: list[Received]) -> int:
    edges = sorted([(r.came_at, 1) for r in requests] + [(r.answered_at, -1) for r in requests])
    most = now = 0
    for _, step in edges:
        now += step
        most = max(most, now)
    return most


def test_who_hangs_holds_up_nobody_else_and_loses_nothing(service: Service, sidecar: FakeSidecar) -> None:
    """More than fill the channel fall due for one user, before anything of the others."""
    slow, hooked, pushed = User(app=False, email=False), User(app=False, email=False), User(app=False, email=False)
    n_slow = 24
    is_released = threading.Event()

    def hang(request: Received) -> tuple[int, float]:
        if request.path == "/slow":
            is_released.wait(LIMIT_S)
        return 204, 0.0

    with WebSink(hang) as sink:
        hook, _ = webhook(sidecar, sink.url + "/slow")
        tell(sidecar, slow.saved(channels=[hook]))
        tell(sidecar, *[slow.task(reminder(at=at(-30))).saved() for _ in range(n_slow)])
        wait_for("his share to hang", lambda: len(sink.received("/slow")) == SHARE)
        other, _ = webhook(sidecar, sink.url + "/fast")
        browser = push_address(sidecar, Subscription(sink.url + "/push"))
        tell(sidecar, hooked.saved(channels=[other]), *[hooked.task(reminder(at=at(-5))).saved() for _ in range(5)])
        tell(sidecar, pushed.saved(channels=[browser]), pushed.task(reminder(at=at(-5))).saved())
        Ledger(service, hooked).wait_for_states(*[("webhook", 1, "sent")] * 5)
        Ledger(service, pushed).wait_for_states(("push", 1, "sent"))
        assert all(r.answered_at == 0 for r in sink.received("/slow")), "they hang all the while"
        is_released.set()
        rows = Ledger(service, slow).wait_for_states(*[("webhook", 1, "sent")] * n_slow)
        assert [a["outcome"] for r in rows for a in r["attempts"]] == ["sent"] * n_slow
        got = sink.received("/slow")
        assert len({r.headers["webhook-id"] for r in got}) == len(got) == n_slow
        assert most_at_once(got) == SHARE
