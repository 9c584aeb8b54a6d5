"""scripts/deploy, rollback and cleanup against a cluster that only remembers; where it matters what the values come to, the
chart is rendered by the real helm."""

from __future__ import annotations

import pathlib
import re
import subprocess

import pytest
import yaml
from support.fake_cluster import ROOT, FakeCluster
from test_chart_is_dapr import CHART, helm


@pytest.fixture
def fake(tmp_path: pathlib.Path) -> FakeCluster:
    return FakeCluster(tmp_path)


@pytest.fixture
def with_chart(fake: FakeCluster) -> FakeCluster:
    """With Dapr, and the real chart."""
    fake.add("crd", "components.dapr.io")
    fake.change(helm=helm())
    return fake


def values_file(folder: pathlib.Path, text: str) -> str:
    path = folder / "values.yaml"
    path.write_text(text)
    return str(path)


# ------------------------------------------------------------------ deploy
def test_deploy_goes_in_order(fake: FakeCluster) -> None:
    fake.add("crd", "components.dapr.io")
    done = fake.run("deploy", "--no-smoke", "--tag", "v9", "--set", "logLevel=debug")
    assert done.returncode == 0, done.stdout + done.stderr
    changes = fake.changes()
    assert changes[0] == "kubectl create namespace todo"
    assert changes[1].endswith("--overwrite pod-security.kubernetes.io/enforce=restricted")
    assert changes[-1].startswith("helm upgrade --install todo-app ")
    for part in ("--atomic", "--wait", "image.tag=v9", "logLevel=debug"):
        assert part in changes[-1]
    assert len(fake.secrets()) == 28
    assert "@db.example.org:6432/tasks?sslmode=require" in fake.secret("backend-database")["url"]
    assert done.stdout.splitlines()[-1].startswith("next:  scripts/check-health")


def test_deploy_refuses_a_release_that_hangs(fake: FakeCluster) -> None:
    fake.change(release="pending-upgrade")
    done = fake.run("deploy")
    assert done.returncode == 1
    assert "pending-upgrade" in done.stderr
    assert "next:  scripts/rollback" in done.stderr
    assert fake.changes() == []


@pytest.mark.parametrize(
    ("left", "said", "following"),
    [
        ("", "helm took it back", "scripts/check-health"),
        ("deployed", "helm took it back", "scripts/check-health"),
        ("pending-rollback", "helm could not take it back: it is pending-rollback", "scripts/rollback"),
    ],
)
def test_deploy_says_what_is_left_of_a_failure(fake: FakeCluster, left: str, said: str, following: str) -> None:
    fake.add("crd", "components.dapr.io")
    fake.change(after_failure=left)
    done = fake.run("deploy", "--no-smoke", "--tag", "v9")
    assert done.returncode == 1
    assert said in done.stderr, done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"next:  {following}")


def test_deploy_needs_dapr(fake: FakeCluster) -> None:
    done = fake.run("deploy")
    assert done.returncode == 1
    assert "next:  scripts/install-dapr" in done.stderr
    assert fake.changes() == []


@pytest.mark.parametrize(
    ("values", "options", "wanted"),
    [
        ("", (), "of-the-checkout"),
        ("image: {tag: pinned}", (), "pinned"),
        ("image: {tag: 0.5.0}", (), "0.5.0"),
        ("image: {tag: pinned}", ("--tag", "0.5.0"), "0.5.0"),
        ("", ("--tag", "0.5.0"), "0.5.0"),
    ],
)
def test_deploy_chooses_a_tag_only_where_none_is_given(
    with_chart: FakeCluster, tmp_path: pathlib.Path, values: str, options: tuple[str, ...], wanted: str
) -> None:
    """0.5.0 is the chart's appVersion, which stands for no tag at all."""
    path = values_file(tmp_path, values)
    folder = ("--backing", "single-node/postgres")
    done = with_chart.run("deploy", "--no-smoke", "--values", path, *folder, *options, IMAGE_TAG="of-the-checkout")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"image: todo-app/NAME:{wanted}|" in done.stdout, "the backing services' images"
    installed = with_chart.changes()[-1]
    assert ("image.tag=of-the-checkout" in installed) == (wanted == "of-the-checkout")
    assert ("image.tag=0.5.0" in installed) == bool(options)


@pytest.mark.parametrize(
    ("values", "options", "wanted"),
    [
        ("", ("--url", "http://todo.localhost:8080/"), "publicUrl=http://todo.localhost:8080 "),
        ("publicUrl: https://other.example.com", ("--url", "http://todo.localhost:8080"), ""),
        ("", (), ""),
    ],
)
def test_what_users_type_is_the_public_url_where_the_values_say_none(
    with_chart: FakeCluster, tmp_path: pathlib.Path, values: str, options: tuple[str, ...], wanted: str
) -> None:
    done = with_chart.run("deploy", "--no-smoke", "--values", values_file(tmp_path, values), *options)
    assert done.returncode == 0, done.stdout + done.stderr
    installed = with_chart.changes()[-1]
    assert wanted in installed
    assert ("publicUrl" in installed) == bool(wanted)
    assert ("publicUrl is https://other.example.com" in done.stdout) == bool(values), "it does not say that they differ"


@pytest.mark.parametrize(
    ("backing", "kind"),
    [("cloudnative-pg", "clusters.postgresql.cnpg.io"), ("strimzi", "kafkas.kafka.strimzi.io")],
)
def test_deploy_waits_until_an_operator_says_that_it_is_ready(fake: FakeCluster, backing: str, kind: str) -> None:
    fake.add("crd", "components.dapr.io")
    done = fake.run("deploy", "--no-smoke", "--backing", backing, "--timeout", "9m")
    assert done.returncode == 0, done.stdout + done.stderr
    apply, wait, install = fake.changes()[-3:]
    assert apply == "kubectl apply -f -"
    assert wait == f"kubectl wait {kind} -l app.kubernetes.io/part-of=todo-app-data --for=condition=Ready --timeout 9m"
    assert install.startswith("helm upgrade")
    assert fake.secret("postgres-admin")["username"] == ("todo_admin" if backing == "cloudnative-pg" else "postgres")


@pytest.mark.parametrize(
    ("store", "metadata"),
    [
        ("azure.keyvault", "{vaultName: todo}"),
        ("gcp.secretmanager", "{project_id: todo}"),
        ("hashicorp.vault", "{vaultAddr: https://vault.example.com}"),
    ],
)
def test_another_store_leaves_the_secrets_of_sidecars_and_jobs(
    with_chart: FakeCluster, tmp_path: pathlib.Path, store: str, metadata: str
) -> None:
    kept = f"secrets: {{create: false}}, secretStore: {{type: {store}, metadata: {metadata}}}"
    values = values_file(tmp_path, f"{{{kept}, database: {{name: tasks}}}}")
    with_chart.add("namespace", "todo")
    done = with_chart.run("deploy", "--no-smoke", "--values", values)
    assert done.returncode == 1
    assert f"yours to keep in {store}" in done.stdout
    assert "error: 20 Secrets are missing" in done.stderr
    (hint,) = [line for line in done.stderr.splitlines() if line.startswith("next:  ")]
    assert hint.endswith("--other-store --database 'postgres:5432/tasks?sslmode=prefer'")
    assert with_chart.run("create-secrets", *hint.replace("'", "").split()[2:]).returncode == 0
    assert "backend-app-token" in with_chart.secrets() and "token-keys" not in with_chart.secrets()
    assert set(jobs_and_sidecars_read(values)) <= set(with_chart.secrets())
    done = with_chart.run("deploy", "--no-smoke", "--values", values)
    assert done.returncode == 0, done.stderr


def jobs_and_sidecars_read(values: str) -> set[str]:
    """Names of the Secrets of Kubernetes that the chart's pods refer to."""
    argv = [*helm(), "template", "todo-app", str(CHART), "--values", values]
    objects = list(yaml.safe_load_all(subprocess.run(argv, capture_output=True, text=True, check=True).stdout))
    pods = [one["spec"]["template"] for one in objects if one and one["kind"] in ("Job", "Deployment", "StatefulSet")]
    named = re.findall(r"'secretKeyRef': {[^}]*'name': '([^']*)'", str(pods))
    return {*named, *re.findall(r"'dapr.io/[a-z]*-token-secret': '([^']*)'", str(pods))}


def test_a_vault_that_external_secrets_reads_is_left_to_it(with_chart: FakeCluster, tmp_path: pathlib.Path) -> None:
    oci = "{type: oci.vault, oci: {vault: ocid1.vault.x, region: eu-frankfurt-1}}"
    values = values_file(tmp_path, f"{{secrets: {{create: false}}, secretStore: {oci}}}")
    done = with_chart.run("deploy", "--no-smoke", "--values", values)
    assert done.returncode == 0, done.stderr
    assert "External Secrets brings them" in done.stdout
    assert with_chart.secrets() == []


# ------------------------------------------------------------------ rollback, cleanup
def with_history(fake: FakeCluster, *revisions: str) -> None:
    """Each is its status and, after a colon, what helm says of it."""
    parts = [one.partition(":") for one in revisions]
    history = [{"revision": at, "status": one[0], "description": one[2] or "Upgrade complete"} for at, one in enumerate(parts, 1)]
    fake.change(release=parts[-1][0], history=history)


@pytest.mark.parametrize(
    ("history", "wanted"),
    [
        (["superseded", "superseded", "deployed"], "2"),
        (["superseded", "deployed", "failed"], "2"),
        (["superseded", "deployed", "pending-upgrade"], "2"),
        (["superseded", "failed", "deployed"], "1"),
        (["superseded", "superseded", "superseded", "superseded:Rollback to 2", "deployed"], "4"),
        (["superseded", "superseded", "deployed:Rollback to 1", "failed"], "3"),
        (["superseded", "deployed", "pending-rollback:Rollback to 1"], "1"),
    ],
)
def test_rollback_goes_to_what_ran_before(fake: FakeCluster, history: list[str], wanted: str) -> None:
    with_history(fake, *history)
    done = fake.run("rollback", "--no-smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    assert fake.changes() == [f"helm rollback todo-app {wanted} --wait --timeout 10m"]


@pytest.mark.parametrize(
    ("history", "at"),
    [
        (["superseded", "superseded", "deployed:Rollback to 1"], "1"),
        (["superseded", "superseded", "superseded", "deployed:Rollback to 2"], "2"),
        (["superseded", "deployed", "failed", "deployed:Rollback to 2"], "2"),
    ],
)
def test_a_second_rollback_does_not_go_forward(fake: FakeCluster, history: list[str], at: str) -> None:
    with_history(fake, *history)
    done = fake.run("rollback")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"the release is already back at what revision {at} was" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("--revision N, to go further back")
    assert fake.changes() == []


@pytest.mark.parametrize(
    ("history", "wanted", "refused"),
    [
        (["superseded", "superseded", "deployed:Rollback to 1"], "2", True),
        (["superseded", "superseded", "superseded:Rollback to 1", "deployed:Rollback to 3"], "2", True),
        (["superseded", "deployed", "failed"], "3", True),
        (["superseded", "superseded", "superseded:Rollback to 1", "deployed"], "2", False),
        (["superseded", "superseded", "superseded:Rollback to 1", "deployed"], "3", False),
        (["superseded", "superseded", "superseded", "deployed:Rollback to 2"], "1", False),
    ],
)
def test_rollback_goes_back_alone(fake: FakeCluster, history: list[str], wanted: str, refused: bool) -> None:
    """The schemas of a newer revision were migrated by its upgrade, and no rollback does that."""
    with_history(fake, *history)
    done = fake.run("rollback", "--no-smoke", "--revision", wanted)
    assert done.returncode == refused, done.stdout + done.stderr
    assert fake.changes() == ([] if refused else [f"helm rollback todo-app {wanted} --wait --timeout 10m"])
    if refused:
        assert f"revision {wanted} came after what runs" in done.stderr and "scripts/deploy" in done.stderr


def test_a_revision_is_a_number(fake: FakeCluster) -> None:
    with_history(fake, "superseded", "deployed")
    done = fake.run("rollback", "--revision", "last")
    assert done.returncode == 1 and "--revision last is no number" in done.stderr


def test_rollback_of_the_first_release_says_so(fake: FakeCluster) -> None:
    fake.change(release="failed", history=[{"revision": 1, "status": "failed"}])
    done = fake.run("rollback")
    assert done.returncode == 1
    assert "no earlier revision" in done.stderr
    assert fake.changes() == []


def test_cleanup_asks_first(fake: FakeCluster) -> None:
    fake.add("namespace", "todo")
    fake.change(release="deployed")
    for more in ([], ["--data"]):
        done = fake.run("cleanup", *more)
        assert done.returncode == 1
        assert "context test" in done.stdout and "namespace todo" in done.stdout
        assert "--yes" in done.stderr
    assert fake.changes() == []


def test_cleanup_keeps_the_data_unless_told(fake: FakeCluster) -> None:
    fake.add("namespace", "todo")
    fake.change(release="deployed")
    assert fake.run("cleanup", "--yes").returncode == 0
    kept = " ".join(fake.changes())
    assert "helm uninstall" in kept
    assert "secret" not in kept and "persistentvolume" not in kept and "delete namespace" not in kept
    assert fake.run("cleanup", "--yes", "--data").returncode == 0
    assert "kubectl delete namespace todo --timeout 5m" in fake.changes()


@pytest.mark.parametrize("has_dapr", [False, True])
def test_cleanup_takes_what_was_applied_without_helm(fake: FakeCluster, has_dapr: bool) -> None:
    """Each kind that k8s/base has, of those that the cluster knows."""
    fake.add("namespace", "todo")
    if has_dapr:
        for kind in ("components", "configurations", "resiliencies", "subscriptions"):
            fake.add("crd", f"{kind}.dapr.io")
    done = fake.run("cleanup", "--yes")
    assert done.returncode == 0, done.stderr
    assert "with the --values and --backing of before" in done.stdout.splitlines()[-1]
    (words,) = [call["words"] for call in fake.calls() if call["verb"] == "delete"]
    deleted = {kind.split(".")[0] for kind in words[1].split(",")}
    applied = {one["kind"].lower() for file in (ROOT / "k8s/base").glob("*.yaml") for one in yaml.safe_load_all(file.read_text())}
    daprs = {"component", "configuration", "resiliency", "subscription"}
    wanted = applied - {"kustomization", "namespace"} - (set() if has_dapr else daprs)
    missing = [kind for kind in wanted if not {f"{kind}s", f"{kind}es", kind[:-1] + "ies"} & deleted]
    assert missing == []
    assert has_dapr or not {"components", "httproutes"} & deleted


@pytest.mark.parametrize("backing", ["cloudnative-pg", "strimzi"])
def test_cleanup_leaves_what_the_pods_of_operators_may_reach(fake: FakeCluster, backing: str) -> None:
    """The pods stay, and the next deploy denies them all that no policy allows."""
    fake.add("namespace", "todo")
    assert fake.run("cleanup", "--yes").returncode == 0
    (deleted,) = [change for change in fake.changes() if "networkpolicies" in change]
    kustomization = yaml.safe_load((ROOT / "k8s/backing" / backing / "kustomization.yaml").read_text())
    (label,) = [f"{key}={value}" for one in kustomization["labels"] for key, value in one["pairs"].items() if "part-of" in key]
    assert label not in deleted.split()


def test_cleanup_never_deletes_a_namespace_of_the_cluster(fake: FakeCluster) -> None:
    fake.add("namespace", "kube-system")
    done = fake.run("cleanup", "--yes", "--data", "--namespace", "kube-system")
    assert done.returncode == 1
    assert fake.changes() == []
