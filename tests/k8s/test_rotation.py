"""Secrets that change while a hundred users are at work: in use within a minute, no restart, no failed request."""

import base64
import json
import re
import time

from load import Load

IN_USE_S = 60


def test_rotated_secrets_are_in_use_and_fail_no_request(release, tell):
    before = containers(release)
    with Load(release) as load:
        old = signed_by(release)
        began = time.monotonic()
        release.script("rotate-secrets", "token-keys")
        key_s = last_use(release, old) - began
        rotated = release.script("rotate-secrets", "backend-database", "--retire")
        load.everyone_once_more()
        load.end()
    login, password_s = re.search(r"backend uses (\w+) since (\d+) s after the change", rotated.text).groups()
    tell(f"token key in use after {key_s:.0f} s, database password ({login}) after {password_s} s; {load}")
    load.check()
    after = containers(release)
    stayed = before.keys() & after.keys()
    assert any("/backend" in name for name in stayed), "the autoscaler has left none of backend's pods"
    assert {name: after[name] for name in stayed} == {name: before[name] for name in stayed}, "a container was started again"
    assert int(password_s) <= IN_USE_S
    assert key_s <= IN_USE_S


def last_use(release, old: str) -> float:
    """When the last token was signed by a key this old: no replica does it any more."""
    last = time.monotonic()
    n_new = 0
    while n_new < 10:
        if signed_by(release) > old:
            n_new += 1
        else:
            last, n_new = time.monotonic(), 0
        assert time.monotonic() - last < 2 * IN_USE_S
    return last


def signed_by(release) -> str:
    """The key id in the head of a new user's token."""
    head = release.user().token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]


def containers(release) -> dict[str, int]:
    """How often each container was started again; which pods of backend there are is up to the autoscaler."""
    return {
        f"{pod['metadata']['name']}/{status['name']}": status["restartCount"]
        for pod in release.pods()
        for status in pod["status"]["containerStatuses"]
    }
