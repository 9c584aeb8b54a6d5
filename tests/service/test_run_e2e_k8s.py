"""scripts/run-e2e-k8s without a cluster: what it would do, and what it refuses."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(folder: pathlib.Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "KUBECONFIG": str(folder / "none"), "BUILD": str(folder / "build"), "IMAGE_PREFIX": "here/todo"}
    return subprocess.run(
        [ROOT / "scripts/run-e2e-k8s", *words], env=env, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_dry_run_says_what_it_would_do_and_does_nothing(tmp_path: pathlib.Path) -> None:
    done = run(tmp_path, "--dry-run", "--broker", "redis", "--address", "127.0.0.1:8080", "--keep", "-k", "install")
    assert done.returncode == 0, done.stderr
    commands = [line for line in done.stdout.splitlines() if line.startswith("+ ")]
    assert "IMAGE_TAG=e2e-first" in commands[0] and commands[0].endswith("build services postgres redis mail smoke")
    assert "image-variants e2e" in commands[1]
    for tag in ("e2e-first", "e2e-second", "e2e-bad", "e2e-broken"):
        assert [c for c in commands if f"IMAGE_TAG={tag}" in c and " load services" in c], tag
    assert "--broker redis --namespace todo-e2e --image-prefix here/todo" in commands[-1]
    assert commands[-1].endswith("--address 127.0.0.1:8080 --keep -k install")
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_tests_instead_of_all(tmp_path: pathlib.Path) -> None:
    done = run(tmp_path, "--dry-run", "--no-images", "tests/k8s/test_1_install.py")
    assert done.returncode == 0, done.stderr
    (command,) = [line for line in done.stdout.splitlines() if line.startswith("+ ")]
    assert "pytest -q" in command and command.endswith(" tests/k8s/test_1_install.py")


def test_it_refuses_with_the_next_command(tmp_path: pathlib.Path) -> None:
    for words in ([], ["--broker", "nats"], ["--address"]):
        done = run(tmp_path, *words)
        assert done.returncode == 1
        assert done.stderr.startswith("error: ") and "\nnext:  " in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_its_help(tmp_path: pathlib.Path) -> None:
    done = run(tmp_path, "--help")
    assert done.returncode == 0
    for word in ("--broker", "--namespace", "--address", "--keep", "--no-images", "IMAGE_LOAD"):
        assert word in done.stdout
