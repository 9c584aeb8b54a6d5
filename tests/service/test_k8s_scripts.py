"""The scripts for Kubernetes against a cluster that only remembers (support/fake_cluster.py); make e2e-k8s runs
them on a real one. Those that need minikube, kind or k3s are run dry."""

from __future__ import annotations

import base64
import json
import pathlib
import urllib.parse

import psycopg
import pytest
from support.fake_cluster import ROOT, FakeCluster

SCRIPTS = {
    "setup-minikube": [],
    "setup-kind": [],
    "install-k3s": [],
    "install-dapr": [],
    "install-strimzi": [],
    "create-secrets": [],
    "rotate-secrets": ["token-keys", "backend-database"],
    "deploy": ["--backing", "single-node"],
    "rollback": [],
    "smoke-tests": [],
    "check-health": [],
    "validate-deployment": [],
    "load-test": ["--url", "http://todo.localhost:8080"],
    "cleanup": ["--data"],
}
RINGS = ("token-keys", "ticket-keys", "link-keys", "channel-keys")


@pytest.fixture
def fake(tmp_path: pathlib.Path) -> FakeCluster:
    return FakeCluster(tmp_path)


@pytest.fixture
def filled(fake: FakeCluster) -> FakeCluster:
    """With every Secret, and a pod of PostgreSQL."""
    assert fake.run("create-secrets").returncode == 0
    labels = {"app.kubernetes.io/name": "postgres"}
    fake.add("pod", "postgres-0", metadata={"labels": labels}, status={"phase": "Running"})
    return fake


# ------------------------------------------------------------------ what all of them keep to
@pytest.mark.parametrize("script", SCRIPTS)
def test_help_says_the_common_options(fake: FakeCluster, script: str) -> None:
    done = fake.run(script, "--help")
    assert done.returncode == 0, done.stderr
    for option in ("--namespace", "--release", "--context", "--values", "--dry-run"):
        assert option in done.stdout
    assert not fake.calls()


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_unknown_option_is_named_with_the_next_command(fake: FakeCluster, script: str) -> None:
    done = fake.run(script, *SCRIPTS[script], "--no-such-thing")
    assert done.returncode == 1
    assert "--no-such-thing" in done.stderr
    assert f"next:  scripts/{script} --help" in done.stderr
    assert not fake.calls()


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_dry_run_changes_nothing(fake: FakeCluster, script: str) -> None:
    fake.add("namespace", "todo")
    if script == "rotate-secrets":
        assert fake.run("create-secrets").returncode == 0
        fake.log.write_text("")
    options = SCRIPTS[script] if script != "deploy" or (ROOT / "k8s/backing/single-node").exists() else []
    done = fake.run(script, *options, "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == f"{script}: dry run, nothing was changed"
    assert fake.changes() == []
    if script not in ("check-health", "validate-deployment"):
        assert "+ " in done.stdout, "it does not say what it would do"


@pytest.mark.parametrize("script", [s for s in SCRIPTS if s not in ("load-test",)])
def test_a_dry_run_needs_no_cluster(fake: FakeCluster, script: str) -> None:
    fake.change(server="")
    options = [] if script == "deploy" else SCRIPTS[script]
    done = fake.run(script, *options, "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert fake.changes() == []


ON_A_CLUSTER = [s for s in SCRIPTS if s not in ("setup-minikube", "setup-kind", "install-k3s", "load-test")]


@pytest.mark.parametrize("script", ON_A_CLUSTER)
def test_a_cluster_that_is_not_there_is_refused_by_name(fake: FakeCluster, script: str) -> None:
    fake.change(server="")
    done = fake.run(script, *SCRIPTS[script], "--context", "nowhere")
    assert done.returncode == 1
    assert done.stdout.startswith("context nowhere (no server), namespace ")
    assert "nowhere" in done.stderr
    assert "next:  " in done.stderr
    assert fake.changes() == []


@pytest.mark.parametrize("script", ["setup-kind", "setup-minikube"])
def test_a_local_cluster_says_how_users_reach_it(fake: FakeCluster, script: str) -> None:
    """With the port: a browser's Origin has it."""
    done = fake.run(script, "--port", "9999")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith(" --url http://todo.localhost:9999")


@pytest.mark.parametrize(("version", "is_enough"), [("0.26.0", False), ("0.27.0", True), ("0.30.0", True), ("1.0.0", True)])
def test_kind_must_be_able_to_load_into_its_nodes(fake: FakeCluster, version: str, is_enough: bool) -> None:
    (fake.bin / "kind").write_text(f'#!/bin/sh\n[ "$1" != version ] || echo "kind v{version} go1.23.4 linux/amd64"\n')
    done = fake.run("setup-kind")
    assert (done.returncode == 0) == is_enough, done.stderr
    assert (f"kind is {version}" in done.stderr) != is_enough
    assert bool(fake.changes()) == is_enough


# ------------------------------------------------------------------ create-secrets
def test_create_secrets_makes_what_the_services_read(fake: FakeCluster) -> None:
    done = fake.run("create-secrets", "--database", "db.example.org:6432/tasks?sslmode=require")
    assert done.returncode == 0, done.stderr
    assert len(fake.secrets()) == 28
    for name in RINGS:
        ring = fake.secret(name)
        assert set(ring) == {"active", ring["active"]}
        assert len(base64.b64decode(ring[ring["active"]])) == 32
    url = urllib.parse.urlsplit(fake.secret("recurring-task-database")["url"])
    assert (url.username, url.hostname, url.port, url.path) == ("recurring_task_a", "db.example.org", 6432, "/tasks")
    assert url.query == "sslmode=require"
    assert "recurring_task_owner:" in fake.secret("recurring-task-database-owner")["url"]
    assert "//dapr_state:" in fake.secret("state-database")["connectionString"]
    assert fake.secret("push-key")["public"] == fake.secret("push-public-key")["key"]
    assert fake.secret("postgres-admin")["username"] == "postgres"
    tokens = {fake.secret(f"{s}-{k}-token")["token"] for s in ("backend", "audit", "websocket") for k in ("dapr", "app")}
    assert len(tokens) == 6


def test_create_secrets_twice_changes_nothing(filled: FakeCluster) -> None:
    before, made = filled.read()["objects"], len(filled.changes())
    done = filled.run("create-secrets")
    assert "28 are there, 0 are made now" in done.stdout
    assert filled.read()["objects"] == before
    assert len(filled.changes()) == made


def test_create_secrets_adds_only_what_is_missing(filled: FakeCluster) -> None:
    state = filled.read()
    kept = filled.secret("backend-database")
    del state["objects"]["secret/backend-database-owner"]
    filled.write(state)
    done = filled.run("create-secrets")
    assert "27 are there, 1 are made now" in done.stdout
    assert filled.secret("backend-database") == kept
    assert "//backend_owner:" in filled.secret("backend-database-owner")["url"]


def test_create_secrets_never_prints_a_value(fake: FakeCluster) -> None:
    done = fake.run("create-secrets")
    values = [v for name in fake.secrets() for k, v in fake.secret(name).items() if k not in ("active", "username")]
    assert len(values) > 20
    for value in values:
        assert value not in done.stdout + done.stderr
    typed = json.dumps([call["words"] for call in fake.calls()])
    assert not [value for value in values if value in typed], "a secret stands in the arguments of a process"


def test_create_secrets_takes_given_passwords(fake: FakeCluster, tmp_path: pathlib.Path) -> None:
    (tmp_path / "admin").write_text("given-admin\n")
    (tmp_path / "broker").write_text("given-broker\n")
    options = ["--admin-password-file", str(tmp_path / "admin"), "--broker-password-file", str(tmp_path / "broker")]
    assert fake.run("create-secrets", "--admin", "master", *options).returncode == 0
    assert fake.secret("postgres-admin") == {"username": "master", "password": "given-admin"}
    assert fake.secret("broker") == {"password": "given-broker"}


def test_create_secrets_leaves_the_secrets_of_others_alone(filled: FakeCluster) -> None:
    """Such as the key store of Strimzi's authority."""
    filled.add("secret", "todo-cluster-ca-cert", data={"ca.p12": base64.b64encode(b"\x30\x82\xff").decode()})
    done = filled.run("create-secrets")
    assert done.returncode == 0, done.stderr
    assert "28 are there, 0 are made now" in done.stdout


def test_create_secrets_names_a_secret_of_another_shape(filled: FakeCluster) -> None:
    filled.add("secret", "audit-keys", data={"key": "eA=="})
    done = filled.run("create-secrets")
    assert done.returncode == 1
    assert "audit-keys has no key 'seed'" in done.stderr


def test_create_secrets_refuses_half_a_pair(filled: FakeCluster) -> None:
    state = filled.read()
    del state["objects"]["secret/push-public-key"]
    filled.write(state)
    done = filled.run("create-secrets")
    assert done.returncode == 1
    assert "only push-key is there" in done.stderr


# ------------------------------------------------------------------ rotate-secrets
def rings_written(fake: FakeCluster, name: str) -> list[dict[str, str]]:
    """Every state that the Secret was given."""
    objects = [json.loads(c["text"]) for c in fake.calls() if c["words"][:1] == ["replace"]]
    found = [o["data"] for o in objects if o["metadata"]["name"] == name]
    return [{key: base64.b64decode(value).decode() for key, value in data.items()} for data in found]


def test_a_new_key_is_known_to_all_before_it_signs(filled: FakeCluster) -> None:
    old = filled.secret("token-keys")
    done = filled.run("rotate-secrets", "token-keys", "--settle", "0")
    assert done.returncode == 0, done.stderr
    beside, active = rings_written(filled, "token-keys")
    assert beside["active"] == old["active"]
    assert len(beside) == 3
    assert active["active"] not in old
    assert active[old["active"]] == old[old["active"]]
    assert filled.secret("token-keys") == active


def test_a_ring_that_signs_forgets_the_last_key_but_one(filled: FakeCluster) -> None:
    first = filled.secret("ticket-keys")["active"]
    kids = []
    for _ in range(2):
        assert filled.run("rotate-secrets", "ticket-keys", "--settle", "0").returncode == 0
        kids.append(filled.secret("ticket-keys")["active"])
    assert set(filled.secret("ticket-keys")) == {"active", *kids}
    assert first not in filled.secret("ticket-keys")


def put_ring(fake: FakeCluster, name: str, ring: dict[str, str]) -> None:
    fake.add("secret", name, data={key: base64.b64encode(value.encode()).decode() for key, value in ring.items()})


def test_what_sealed_is_kept(filled: FakeCluster) -> None:
    keys = {f"2020010100000{at}abcd": base64.b64encode(b"k" * 32).decode() for at in range(7)}
    put_ring(filled, "channel-keys", keys | {"active": max(keys)})
    assert filled.run("rotate-secrets", "channel-keys", "--settle", "0").returncode == 0
    assert set(filled.secret("channel-keys")) > set(keys)
    done = filled.run("rotate-secrets", "channel-keys", "--settle", "0")
    assert done.returncode == 1
    assert "channel-keys holds 8 keys" in done.stderr


def test_a_rotation_that_was_cut_short_goes_on(filled: FakeCluster) -> None:
    ring = filled.secret("token-keys") | {"99990101000000abcd": base64.b64encode(b"k" * 32).decode()}
    put_ring(filled, "token-keys", ring)
    assert filled.run("rotate-secrets", "token-keys", "--settle", "0").returncode == 0
    assert filled.secret("token-keys")["active"] == "99990101000000abcd"
    assert len(filled.secret("token-keys")) == 3


def test_a_database_password_is_set_before_it_is_told(filled: FakeCluster) -> None:
    old = filled.secret("audit-database")["url"]
    done = filled.run("rotate-secrets", "audit-database")
    assert done.returncode == 0, done.stderr
    assert "audit uses audit_b" in done.stdout
    url = urllib.parse.urlsplit(filled.secret("audit-database")["url"])
    assert url.username == "audit_b"
    assert url.password not in old
    verbs = [c["verb"] for c in filled.calls() if c["verb"] in ("exec", "replace")]
    assert verbs[:3] == ["exec", "exec", "replace"]
    assert filled.read()["locked_out"] == []
    _, statement = [c["text"] for c in filled.calls() if c["verb"] == "exec"][:2]
    assert "ALTER ROLE audit_b PASSWORD 'SCRAM-SHA-256$4096:" in statement
    assert url.password not in statement


def test_a_run_after_one_that_was_cut_short_waits_for_the_replicas(filled: FakeCluster) -> None:
    """The Secret names audit_a, but replicas that have not read it yet sign in as audit_b."""
    filled.change(held={"audit": "audit_b"}, lag=3)
    done = filled.run("rotate-secrets", "audit-database")
    assert done.returncode == 0, done.stderr
    assert "waiting until audit has left audit_b for audit_a, which the Secret names already" in done.stdout
    assert filled.read()["locked_out"] == []
    assert "audit uses audit_b" in done.stdout


def test_the_old_login_is_retired_when_nothing_uses_it(filled: FakeCluster) -> None:
    assert filled.run("rotate-secrets", "audit-database", "--retire").returncode == 0
    assert "ALTER ROLE audit_a PASSWORD NULL;" in [c["text"] for c in filled.calls() if c["verb"] == "exec"][-1]


def test_the_database_is_that_of_the_secret_and_its_admin_is_named(fake: FakeCluster) -> None:
    """database.name and database.setup.adminSecret are values."""
    assert fake.run("create-secrets", "--database", "postgres:5432/tasks", "--admin", "chief").returncode == 0
    state = fake.read()
    state["objects"]["secret/of-the-admin"] = state["objects"].pop("secret/postgres-admin")
    fake.write(state)
    fake.add("pod", "postgres-0", metadata={"labels": {"app.kubernetes.io/name": "postgres"}}, status={"phase": "Running"})
    done = fake.run("rotate-secrets", "audit-database", "--admin-secret", "of-the-admin")
    assert done.returncode == 0, done.stderr
    (command,) = {call["words"][-1] for call in fake.calls() if call["verb"] == "exec"}
    assert command.endswith(" -d tasks -U chief")


def test_a_database_elsewhere_is_reached_by_a_command(filled: FakeCluster, tmp_path: pathlib.Path) -> None:
    psql = tmp_path / "psql"
    psql.write_text(
        f'#!/bin/sh\nread -r sql; echo "$sql" >>{tmp_path}/said\n'
        f'case $sql in *count*audit_b*) grep -c ALTER {tmp_path}/said || true;; *count*) echo 0;; esac\n'
    )
    psql.chmod(0o755)
    assert filled.run("rotate-secrets", "audit-database", "--psql", str(psql)).returncode == 0
    assert "ALTER ROLE audit_b" in (tmp_path / "said").read_text()
    assert "exec" not in [call["verb"] for call in filled.calls()]


def test_what_cannot_be_rotated_is_named(fake: FakeCluster) -> None:
    done = fake.run("rotate-secrets", "audit-keys")
    assert done.returncode == 1
    assert "audit-keys" in done.stderr and "token-keys" in done.stderr


def test_postgresql_takes_the_verifier(database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from clusterlib.rotate import scram

    with psycopg.connect(database.url("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE ROLE rotated LOGIN PASSWORD '{scram('a-new-one')}'")
        try:
            url = database.url("rotated")
            right = url.replace(urllib.parse.urlsplit(url).password, "a-new-one")
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                psycopg.connect(url)
            admin.execute(f"GRANT CONNECT ON DATABASE {database.name} TO rotated")
            psycopg.connect(right).close()
        finally:
            admin.execute(f"REVOKE ALL ON DATABASE {database.name} FROM rotated")
            admin.execute("DROP ROLE rotated")


# ------------------------------------------------------------------ health and facts
def container_status(name: str, ready: bool, **state: object) -> dict:
    return {"name": name, "ready": ready, "restartCount": 0, "state": state}


def add_pod(fake: FakeCluster, service: str, ready: bool = True, sidecar: bool = True, **state: object) -> None:
    names = [service, *(["daprd"] if sidecar else [])]
    statuses = [container_status(service, ready, **state), *[container_status(n, True) for n in names[1:]]]
    fake.add(
        "pod", f"{service}-0", metadata={"labels": {"app.kubernetes.io/name": service}},
        spec={"containers": [{"name": name} for name in names]},
        status={"phase": "Running", "containerStatuses": statuses},
    )  # fmt: skip
    kind = "statefulset" if service == "websocket" else "deployment"
    fake.add(kind, service, spec={"replicas": 1}, status={"readyReplicas": int(ready)})


@pytest.fixture
def running(fake: FakeCluster) -> FakeCluster:
    """Every part is well."""
    for service in ("backend", "recurring-task", "notification", "audit", "websocket"):
        add_pod(fake, service)
    for name in ("dapr-operator", "dapr-sentry", "dapr-sidecar-injector"):
        fake.add("deployment", name, spec={"replicas": 1}, status={"readyReplicas": 1})
    for name in ("dapr-placement-server", "dapr-scheduler-server"):
        fake.add("statefulset", name, spec={"replicas": 3}, status={"readyReplicas": 3})
    return fake


def test_check_health_is_content(running: FakeCluster) -> None:
    done = running.run("check-health")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "BAD" not in done.stdout


def test_check_health_says_what_is_down_and_why(running: FakeCluster) -> None:
    add_pod(running, "audit", ready=False, waiting={"reason": "ImagePullBackOff"})
    done = running.run("check-health")
    assert done.returncode == 1
    assert "audit ImagePullBackOff" in done.stdout
    assert "next:  kubectl --context test -n todo describe pod/audit-0; docs/TROUBLESHOOTING.md" in done.stderr


def test_check_health_says_what_to_type_for_each_kind_of_row(running: FakeCluster) -> None:
    """From the last row to the first, since the command is that of the first row which is not well."""

    def next_command() -> str:
        return running.run("check-health").stderr.splitlines()[-1]

    running.add("persistentvolumeclaim", "data", status={"phase": "Pending"})
    assert "next:  kubectl --context test -n todo describe pvc/data;" in next_command()
    running.add("statefulset", "websocket", spec={"replicas": 2}, status={"readyReplicas": 1})
    assert "next:  kubectl --context test -n todo describe statefulset/websocket;" in next_command()
    state = running.read()
    del state["objects"]["deployment/notification"]
    running.write(state)
    assert "next:  scripts/deploy --namespace todo --release todo-app --context test;" in next_command()
    add_pod(running, "recurring-task", sidecar=False)
    assert "next:  kubectl --context test -n todo delete pod/recurring-task-0;" in next_command()
    running.add("statefulset", "dapr-scheduler-server", spec={"replicas": 3}, status={"readyReplicas": 2})
    assert "next:  kubectl --context test -n dapr-system get pods,events;" in next_command()


def test_check_health_misses_a_sidecar(running: FakeCluster) -> None:
    add_pod(running, "backend", sidecar=False)
    done = running.run("check-health")
    assert done.returncode == 1
    assert "it has no sidecar" in done.stdout


def test_check_health_misses_a_part_of_dapr(running: FakeCluster) -> None:
    running.add("statefulset", "dapr-scheduler-server", spec={"replicas": 3}, status={"readyReplicas": 2})
    done = running.run("check-health")
    assert done.returncode == 1
    assert "2 of 3 ready" in done.stdout


def test_validate_names_the_container_that_breaks_a_fact(running: FakeCluster) -> None:
    done = running.run("validate-deployment")
    assert done.returncode == 1
    assert "FAILED  no container runs as root" in done.stdout
    assert "backend-0/backend: runAsNonRoot is not set" in done.stdout
    assert "ok      each service may read its own secrets alone" in done.stdout


def test_validate_asks_for_a_budget_where_one_pod_may_go(running: FakeCluster) -> None:
    """values-oke-free has one replica of most services, on purpose."""
    fact = "a drain takes one pod of a service at a time"
    assert f"ok      {fact}" in running.run("validate-deployment").stdout
    running.add("deployment", "backend", spec={"replicas": 2}, status={"readyReplicas": 2})
    said = running.run("validate-deployment").stdout
    assert f"FAILED  {fact}\n            backend: no PodDisruptionBudget that knows its pods\n  F" in said
    running.add("poddisruptionbudget", "backend", status={"expectedPods": 2, "disruptionsAllowed": 1})
    assert f"ok      {fact}" in running.run("validate-deployment").stdout


def test_neither_a_job_nor_what_ended_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from clusterlib import serving

    def pod(owner: str, phase: str, name: str = "audit") -> dict:
        metadata = {"labels": {"app.kubernetes.io/name": name}, "ownerReferences": [{"kind": owner}]}
        return {"metadata": metadata, "status": {"phase": phase}}

    own = [pod("ReplicaSet", phase) for phase in ("Running", "Pending")]
    others = [pod("Job", "Running"), pod("ReplicaSet", "Failed"), pod("ReplicaSet", "Running", "backend")]
    assert serving("audit", [*others, *own]) == own


SECURE = {
    "runAsNonRoot": True,
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.mark.parametrize(
    ("rule", "breaks"),
    [
        ("not_root", {"runAsUser": 0}),
        ("not_root", {"runAsNonRoot": False}),
        ("read_only", {"readOnlyRootFilesystem": False}),
        ("no_capability", {"capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]}}),
        ("no_capability", {"allowPrivilegeEscalation": True}),
        ("seccomp", {"seccompProfile": {"type": "Unconfined"}}),
    ],
)
def test_a_rule_holds_until_it_is_broken(monkeypatch: pytest.MonkeyPatch, rule: str, breaks: dict) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from clusterlib import facts

    check = getattr(facts, rule)
    assert check({}, {"securityContext": SECURE}) == ""
    assert check({}, {"securityContext": SECURE | breaks}) != ""
