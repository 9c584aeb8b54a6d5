"""A kubectl and a helm that remember: what the scripts for Kubernetes say to a cluster, without one.

They keep objects in a file, and write down every call with what stood on its standard input."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import re
import subprocess
import sys
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = '''#!{python} -SE
import json, os, pathlib, re, sys
sys.path.insert(0, {tests!r})
from support.fake_cluster import answer
sys.exit(answer(pathlib.Path({state!r}), {name!r}, sys.argv[1:]))
'''
# words that only look
READS = ("config", "get", "auth", "kustomize", "status", "template", "history", "version", "--version")


class FakeCluster:
    """`objects` is what the cluster holds, by "kind/name"; `run` runs a script against it."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.state, self.bin = folder / "state.json", folder / "bin"
        self.log = folder / "calls"
        self.bin.mkdir()
        self.log.touch()
        self.write({"objects": {}, "release": "", "history": [], "server": "https://127.0.0.1:6443"})
        self.change(replicas=4, lag=2, counted=0, held={}, locked_out=[])
        for name in ("kubectl", "helm", "kind", "minikube", "k6", "k3s"):
            program = self.bin / name
            text = PROGRAM.format(python=sys.executable, tests=str(ROOT / "tests"), state=str(self.state), name=name)
            program.write_text(text)
            program.chmod(0o755)

    def read(self) -> dict[str, Any]:
        return json.loads(self.state.read_text())

    def write(self, state: dict[str, Any]) -> None:
        self.state.write_text(json.dumps(state))

    def change(self, **fields: Any) -> None:
        self.write(self.read() | fields)

    def add(self, kind: str, name: str, **fields: Any) -> None:
        state = self.read()
        state["objects"][f"{kind}/{name}"] = {"kind": kind, "metadata": {"name": name} | fields.pop("metadata", {})} | fields
        self.write(state)

    def secret(self, name: str) -> dict[str, str]:
        data = self.read()["objects"][f"secret/{name}"]["data"]
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def secrets(self) -> list[str]:
        return sorted(key.split("/")[1] for key in self.read()["objects"] if key.startswith("secret/"))

    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def changes(self) -> list[str]:
        """The calls that would change something, as typed, less --context and -n."""
        changing = [call for call in self.calls() if call["verb"] not in READS]
        return [" ".join([call["name"], *call["words"]]) for call in changing]

    def run(self, script: str, *options: str, text: str = "", **environment: str) -> subprocess.CompletedProcess:
        env = {**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}", "KUBECONFIG": "/nonexistent", **environment}
        argv = [str(ROOT / "scripts" / script), *options]
        return subprocess.run(argv, env=env, input=text, capture_output=True, text=True, check=False, timeout=300)


# ------------------------------------------------------------------ the other side
def answer(path: pathlib.Path, name: str, argv: list[str]) -> int:
    state, before = (json.loads(path.read_text()) for _ in range(2))
    words, options = without_common(argv)
    is_read = "-f" in words and words[-1] == "-" or "exec" in words or (name == "helm" and "-" in words)
    text = sys.stdin.read() if is_read else ""
    verb = words[0] if words else ""
    with open(path.with_name("calls"), "a", encoding="utf-8") as log:
        log.write(json.dumps({"name": name, "verb": verb, "words": words, "options": options, "text": text}) + "\n")
    code = {"kubectl": kubectl, "helm": helm}.get(name, lambda *_: 0)(state, words, text)
    if state != before:  # two ends of a pipe run at once
        path.with_suffix(f".{os.getpid()}").write_text(json.dumps(state))
        path.with_suffix(f".{os.getpid()}").rename(path)
    return code


def without_common(argv: list[str]) -> tuple[list[str], list[str]]:
    words, options, at = [], [], 0
    while at < len(argv):
        if argv[at] in ("--context", "--kube-context", "-n"):
            options += argv[at : at + 2]
            at += 2
        else:
            words.append(argv[at])
            at += 1
    return words, options


def kubectl(state: dict[str, Any], words: list[str], text: str) -> int:
    verb = words[0]
    if verb == "config":
        print("test" if words[1] == "current-context" else state["server"])
    elif words[:2] == ["get", "--raw"]:
        return 0 if state["server"] else refuse("connection refused")
    elif verb == "get":
        return get(state["objects"], words[1:])
    elif verb in ("create", "replace") and text:
        made = json.loads(text)
        for one in made["items"] if made["kind"] == "List" else [made]:
            put(state["objects"], one)
    elif words[:2] == ["create", "namespace"]:
        state["objects"][f"namespace/{words[2]}"] = {"metadata": {"name": words[2]}}
    elif verb == "exec":
        sql(state, text)
    elif verb == "auth":
        print("no")
    return 0


def refuse(said: str) -> int:
    print(said, file=sys.stderr)
    return 1


def get(objects: dict[str, Any], words: list[str]) -> int:
    kind = words[0].split(".")[0].rstrip("s")
    if len(words) > 1 and not words[1].startswith("-"):
        found = objects.get(f"{kind}/{words[1]}")
        if found is None:
            return refuse(f'Error from server (NotFound): {kind} "{words[1]}" not found')
        print(json.dumps(found))
        return 0
    selector = words[words.index("-l") + 1] if "-l" in words else ""
    wanted = {"of-a-form": "it does not know"} if selector else {}
    if re.fullmatch(r"[^=!,]+=[^=!,]+", selector):
        wanted = dict([selector.split("=")])
    items = [o for key, o in objects.items() if key.startswith(kind + "/")]
    items = [o for o in items if all(o["metadata"].get("labels", {}).get(k) == v for k, v in wanted.items())]
    if "json" in words:
        print(json.dumps({"items": items}))
    return 0


def put(objects: dict[str, Any], made: dict[str, Any]) -> None:
    for key, value in made.pop("stringData", {}).items():
        made.setdefault("data", {})[key] = base64.b64encode(value.encode()).decode()
    objects[f"{made['kind'].lower()}/{made['metadata']['name']}"] = made


def sql(state: dict[str, Any], text: str) -> None:
    """Count sessions by login. Of `replicas` (by the stem of a login, audit: audit_a) all hold the login that they read
    last, and read the Secret again when they were counted `lag` times since it changed."""
    if "pg_stat_activity" in text:
        login = text.split("'")[1]
        stem = login.rpartition("_")[0]
        told = login_of_secret(state, stem)
        held = state["held"].setdefault(stem, told)
        if held != told:
            state["counted"] += 1
            if state["counted"] > state["lag"]:
                state["counted"], state["held"][stem] = 0, told
        print(state["replicas"] * (login == state["held"][stem]))
    elif "ALTER ROLE" in text and (login := text.split("ALTER ROLE ")[1].split()[0]) in state["held"].values():
        state["locked_out"] += [login]


def login_of_secret(state: dict[str, Any], stem: str) -> str:
    data = state["objects"][f"secret/{stem.replace('_', '-')}-database"]["data"]
    return base64.b64decode(data["url"]).decode().split("://")[1].split(":")[0]


def helm(state: dict[str, Any], words: list[str], text: str) -> int:
    verb = words[0]
    if verb == "template" and state.get("helm"):  # the real one
        return subprocess.run([*state["helm"], *words], input=text, text=True, check=False).returncode
    if verb == "status":
        if not state["release"]:
            return refuse("Error: release: not found")
        print(json.dumps({"info": {"status": state["release"]}}, separators=(",", ":")))
    elif verb == "template":
        print("  url: postgresql://backend_a:random@db.example.org:6432/tasks?sslmode=require")
        print("  image: registry.example.org/todo/backend:v9")
    elif verb == "history":
        print(json.dumps(state["history"]) if "json" in words else "REVISION STATUS")
    elif verb == "upgrade" and "after_failure" in state:  # what is left of a release that could not be installed
        state["release"] = state["after_failure"]
        return refuse("Error: UPGRADE FAILED: pods are not ready")
    return 0
