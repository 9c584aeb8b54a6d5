"""Upgrades that go wrong, and the way back from one that went well: the old version serves all the time."""

import pytest

from load import Load
from release import BAD, BROKEN, FIRST, SECOND


@pytest.mark.parametrize(("tag", "why"), [(BAD, "an image that ends when it serves"), (BROKEN, "a migration that fails half-way")])
def test_what_goes_wrong_is_taken_back(release, tell, tag, why):
    before = release.schema()
    with Load(release, users=20) as load:
        done = release.deploy(tag, "--no-smoke", "--timeout", "90s", check=False)
        load.everyone_once_more()
        load.end()
    tell(f"{why}: taken back after {done.seconds:.0f} s; {load}")
    assert done.code != 0 and "helm took it back" in done.text, done.text
    assert release.state() == "deployed" and release.tag() == FIRST
    load.check()
    assert release.schema() == before


def test_a_rollback_brings_images_and_schema_back(release, tell):
    before = release.schema()
    user = release.user()
    release.deploy(SECOND, "--no-smoke")
    task = user.call("POST", "/tasks", 201, {"title": "Written by the second version"})
    with Load(release, users=20) as load:
        done = release.script("rollback", "--url", release.url, "--address", release.address)
        load.everyone_once_more()
        load.end()
    tell(f"scripts/rollback: {done.seconds:.0f} s; {load}")
    load.check()
    assert release.tag() == FIRST
    assert release.schema() == before
    assert user.call("GET", f"/tasks/{task['id']}", 200)["title"] == "Written by the second version"


def test_a_rollback_goes_back_once(release, tell):
    release.deploy(SECOND, "--no-smoke")
    newer = release.revision()
    release.script("rollback", "--no-smoke")
    back = release.revision()
    assert "already back" in release.script("rollback", "--no-smoke").text
    forward = release.script("rollback", "--revision", str(newer), check=False)
    assert forward.code == 1 and "came after what runs" in forward.text, forward.text
    assert release.revision() == back and release.tag() == FIRST
    tell("scripts/rollback again changes nothing; to a newer revision it does not go")
