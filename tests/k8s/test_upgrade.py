"""To a second image and a second version of the schema, while a hundred users are at work."""

from load import Load
from release import SECOND


def test_an_upgrade_under_load_fails_no_request(release, tell):
    before = release.schema()
    with Load(release) as load:
        done = release.deploy(SECOND, "--no-smoke")
        load.everyone_once_more()
        load.end()
    tell(f"{done.seconds:.0f} s; {load}")
    load.check()
    assert release.tag() == SECOND
    added = release.schema() - before
    assert "column backend.task.e2e_second text" in added, added
    assert release.script("smoke-tests", "--url", release.url, "--address", release.address).code == 0
    tell(release.audit_is_whole())
