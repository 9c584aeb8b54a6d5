"""NetworkPolicies: a stray pod reaches nothing, and what must be reached is."""

import json
import re

from release import steps_of, wait_for
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
    assert said.code == 1 and f"FAILED  {FACT}" in said.text, said.text
    n_reached = said.text.count("it reached ") + int((re.search(r"and (\d+) more", said.text) or [0, 0])[1])
    assert n_reached >= 4 * 5, said.text
    tell(f"with a policy that opens all, the same probe reaches {n_reached}")


def test_each_allowed_flow_works(release, tell):
    """A user's way goes through each of them: ingress, sidecars, broker, database, mail, live updates."""
    tested = release.helm("test", "todo-app", "--logs", "--timeout", "5m")
    n_inside = steps_of(tested.text)
    said = release.script("smoke-tests", "--url", release.url, "--address", release.address).text
    n_outside = steps_of(said)
    reminders = Reminders(release, n=1, first_s=2)
    reminders.check()
    wait_for("its mail", lambda: len(release.mails_to(reminders.email)) == 1)
    tell(f"all {n_inside} steps inside by helm test, all {n_outside} over the ingress, and a mail")
