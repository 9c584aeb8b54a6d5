"""NetworkPolicies: a stray pod reaches nothing, and what must be reached is."""

import json
import re

from release import wait_for
from reminders import Reminders

OPEN = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "e2e-open"},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]},
}
FACT = "a stray pod reaches no service, no sidecar, no broker, no database"


def test_a_stray_pod_reaches_nothing(release, tell):
    said = release.script("validate-deployment", "--probe").text
    assert re.search(rf"^  ok +{FACT}", said, re.M), said
    tried = int(re.search(r"(\d+) addresses tried", said)[1])
    tell(f"{tried} addresses of services, sidecars, broker and database tried from a stray pod, none reached")
    assert tried >= 4 * 10


def test_the_probe_sees_what_is_open(release, tell):
    try:
        release.kubectl("create", "-f", "-", text=json.dumps(OPEN))
        said = release.script("validate-deployment", "--probe", check=False)
    finally:
        release.kubectl("delete", "networkpolicy", "e2e-open")
    reached = re.findall(r"it reached (\S.*) \(", said.text)
    assert said.code == 1 and f"FAILED  {FACT}" in said.text, said.text
    for port in (":9092" if release.broker == "kafka" else ":6379", ":5432"):
        assert port in said.text, said.text
    tell(f"with a policy that opens all, the same probe reaches {len(reached)} and more")


def test_each_allowed_flow_works(release, tell):
    """A user's way goes through each of them: ingress, sidecars, broker, database, mail, live updates."""
    tested = release.helm("test", "todo-app", "--logs", "--timeout", "5m")
    assert tested.text.count("ok ") >= 8
    said = release.script("smoke-tests", "--url", release.url, "--address", release.address).text
    assert "ok 8/8" in said, said
    reminders = Reminders(release, n=1, first_s=2)
    reminders.check()
    wait_for("its mail", lambda: len(release.mails_to(reminders.email)) == 1)
    tell("inside by helm test 8 of 8 steps, over the ingress 8 of 8, and one mail")
