"""The autoscaler follows the load out and in; what is due is done once by however many replicas."""

import time

from load import Load
from release import wait_for
from reminders import Reminders

FOLLOW_S = 60
CALM_S = 420
REPLICAS = 4


def test_backend_scales_out_and_in(release, tell):
    """And no request fails on the way down: some users are there all the time."""
    settled = backend(release)["spec"]["minReplicas"]
    wait_for(f"backend to have {settled} replicas", lambda: len(release.ready("backend")) == settled, CALM_S)
    with Load(release, users=10) as few:
        began = time.monotonic()
        with Load(release, users=150, ramp_s=5, pause_s=0.5) as many:
            wait_for("more replicas of backend to be asked for", lambda: desired(release) > settled, 120)
            asked_s = time.monotonic() - began
            wait_for("more replicas of backend to serve", lambda: len(release.ready("backend")) > settled, 120)
            out_s = time.monotonic() - began
            many.everyone_once_more()
            many.end()
        most = len(release.ready("backend"))
        calm = time.monotonic()
        wait_for("backend to scale in", lambda: len(release.pods("backend")) == settled, CALM_S, pause_s=2)
        in_s = time.monotonic() - calm
        few.end()
    tell(f"out from {settled}: more were asked for after {asked_s:.0f} s, served after {out_s:.0f} s, {most} at the end; in after {in_s:.0f} s")
    tell(f"meanwhile: {many}")
    tell(f"and: {few}")
    many.check()
    few.check()
    assert asked_s <= FOLLOW_S


def test_many_replicas_do_what_is_due_once(release, tell):
    scaled = ("deployment/recurring-task", "deployment/notification")
    try:
        release.kubectl("scale", *scaled, f"--replicas={REPLICAS}")
        release.wait_ready(120)
        reminders = Reminders(release, n=60)
        with Load(release, users=20) as load:
            load.everyone_once_more(rounds=12)
            load.end()
        tell(f"{REPLICAS} replicas of recurring-task and notification, cron on each: {load}; {reminders.check()}")
        load.check()
        assert load.report["occurrences"] > 0
    finally:
        release.kubectl("scale", *scaled, "--replicas=2")


def backend(release) -> dict:
    return release.json("hpa", "backend")


def desired(release) -> int:
    return backend(release)["status"].get("desiredReplicas", 0)
