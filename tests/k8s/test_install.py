"""From images that were built here to a system that serves."""

import re

from release import SERVICES, steps_of


def test_an_installation_serves(installed, release, tell):
    _, done = installed
    if done:
        tell(f"{done.seconds:.0f} s from an empty namespace to a user's way through it")
    tested = release.helm("test", "todo-app", "--logs", "--timeout", "5m")
    n_steps = steps_of(tested.text)
    assert "audit-verify" in tested.text
    health = release.script("check-health")
    assert re.search(r"all \d+ are well", health.text), health.text
    for service in SERVICES:
        assert len(release.ready(service)) >= 2
    tell(f"helm test: {n_steps} steps green in {tested.seconds:.0f} s; check-health: all well; {len(release.ready())} pods ready")
