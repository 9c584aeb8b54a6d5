"""What the Python scripts for Kubernetes share: common options, the dry run, the context they act on.

scripts/k8slib.sh is the same for those that are written in shell."""

import argparse
import json
import pathlib
import shlex
import shutil
import subprocess
import sys

from stacklib.layout import cache_dir

CONTROL_PLANE = "dapr-system"


def workload_kind(service: str) -> str:
    return "statefulset" if service == "websocket" else "deployment"


def is_over(pod: dict) -> bool:
    return pod["status"].get("phase") in ("Succeeded", "Failed")


def serving(service: str, pods: list[dict]) -> list[dict]:
    """Those of a service that are not of its jobs, and have not ended."""

    def is_one(pod):
        labels, owners = pod["metadata"].get("labels", {}), pod["metadata"].get("ownerReferences", [])
        return labels.get("app.kubernetes.io/name") == service and not any(owner["kind"] == "Job" for owner in owners)

    return [pod for pod in pods if is_one(pod) and not is_over(pod)]


class ClusterError(Exception):
    """A reason, and the next command to type."""

    def __init__(self, reason: str, next_command: str = ""):
        super().__init__(reason)
        self.next_command = next_command


class Parser(argparse.ArgumentParser):
    def error(self, message: str):
        print(f"error: {message}\nnext:  scripts/{self.prog} --help", file=sys.stderr)
        sys.exit(1)


def parser(text: str) -> argparse.ArgumentParser:
    """With the common options; a script adds its own."""
    made = Parser(prog=script(), description=text, formatter_class=argparse.RawTextHelpFormatter)
    made.add_argument("--namespace", default="todo", help="todo")
    made.add_argument("--release", default="todo-app", help="todo-app")
    made.add_argument("--context", default="", help="the current one of kubectl's configuration")
    made.add_argument("--values", action="append", default=[], metavar="FILE", help="for helm; last one wins")
    made.add_argument("--dry-run", action="store_true", help="print what would be changed; change nothing")
    made.add_argument("--yes", action="store_true", help="do not ask before something is deleted")
    return made


def script() -> str:
    return pathlib.Path(sys.argv[0]).name


def typed(argv: list[str]) -> str:
    """A command as one would type it."""
    return shlex.join(argv)


def finish(options, words: str, next_command: str = "") -> int:
    if options.dry_run:
        print(f"{script()}: dry run, nothing was changed")
        return 0
    print(f"{script()}: {words}")
    if next_command:
        print(f"next:  {next_command}")
    return 0


def main(work) -> int:
    """Run `work`; what the user can act on is said without a traceback."""
    try:
        return work()
    except ClusterError as problem:
        print(f"error: {problem}", file=sys.stderr)
        if problem.next_command:
            print(f"next:  {problem.next_command}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


class Cluster:
    """One context and namespace. Reads always happen; in a dry run changes are only printed."""

    def __init__(self, options):
        self.namespace, self.release = options.namespace, options.release
        self.dry_run = options.dry_run
        self.context = options.context
        self.server = ""
        self.is_offline = False  # a dry run without a cluster: as if it were empty

    def choose(self) -> None:
        """Say which cluster is acted on, and refuse one that does not answer."""
        if not shutil.which("kubectl"):
            if self.dry_run:
                print(f"context (no kubectl), namespace {self.namespace}, release {self.release}")
                self.is_offline = True
                return
            raise ClusterError("kubectl is not on this machine", "https://kubernetes.io/docs/tasks/tools/")
        if not self.context:
            self.context = self.ask(["kubectl", "config", "current-context"]).stdout.strip()
        view = ["config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}"]
        self.server = self.ask(self.kubectl(*view)).stdout.strip() if self.context else ""
        print(
            f"context {self.context or '(none)'} ({self.server or 'no server'}), "
            f"namespace {self.namespace}, release {self.release}",
            flush=True,
        )
        if self.dry_run and not self.answers():
            print("it does not answer; the dry run goes on as if nothing were there")
            self.is_offline = True
            return
        if not self.server:
            raise ClusterError(
                f"kubectl's configuration has no context '{self.context or '(none)'}'",
                f"kubectl config get-contexts, then scripts/{script()} --context NAME",
            )
        answer = self.version()
        if answer.returncode != 0:
            said = (answer.stderr.strip().splitlines() or ["no answer"])[-1]
            raise ClusterError(
                f"the cluster of context {self.context} does not answer: {said}",
                f"kubectl --context {self.context} get nodes",
            )

    def version(self) -> subprocess.CompletedProcess:
        return self.ask(self.kubectl("get", "--raw", "/version", "--request-timeout", "10s"))

    def answers(self) -> bool:
        return bool(self.server) and self.version().returncode == 0

    # ------------------------------------------------------------------ commands
    def kubectl(self, *words: str, namespace: str | None = None) -> list[str]:
        context = ["--context", self.context] if self.context else []
        return ["kubectl", *context, "-n", namespace or self.namespace, *words]

    @staticmethod
    def ask(argv: list[str], text: str | None = None, limit_s: float = 60) -> subprocess.CompletedProcess:
        """Run a command that changes nothing."""
        try:
            return subprocess.run(
                argv, input=text, capture_output=True, text=True, check=False, timeout=limit_s,
                stdin=None if text is not None else subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(argv, 124, "", f"no answer within {limit_s:.0f} s")

    def get(self, *words: str, namespace: str | None = None) -> dict | None:
        """An object or a list as kubectl gives it; None where there is no such object or kind."""
        if self.is_offline:
            return None
        done = self.ask(self.kubectl("get", *words, "-o", "json", namespace=namespace))
        if done.returncode != 0:
            missing = "(NotFound)" in done.stderr or "doesn't have a resource type" in done.stderr
            if missing:
                return None
            raise ClusterError(f"kubectl get {' '.join(words)}: {done.stderr.strip()[-500:]}")
        return json.loads(done.stdout)

    def items(self, *words: str, namespace: str | None = None) -> list[dict]:
        return (self.get(*words, namespace=namespace) or {}).get("items", [])

    def change(self, argv: list[str], text: str | None = None, shown: str = "", secret: bool = False) -> str:
        """Say a command and run it; `secret`: what stands on its standard input is not shown."""
        note = f"   # {shown}" if shown else ""
        print(f"+ {typed(argv)}{note}", flush=True)
        if text is not None and not secret:
            print("".join(f"  | {line}\n" for line in text.splitlines()), end="", flush=True)
        if self.dry_run:
            return ""
        done = self.ask(argv, text, limit_s=300)
        if done.returncode != 0:
            raise ClusterError(f"{typed(argv)}: {done.stderr.strip()[-800:]}")
        return done.stdout


def root() -> pathlib.Path:
    return pathlib.Path(__file__).resolve().parents[2]


def program(name: str) -> str | None:
    """On the PATH, or where `scripts/setup k8s` put it."""
    found = shutil.which(name)
    if found:
        return found
    tools = cache_dir() / "bin"
    there = sorted([*tools.glob(name), *tools.glob(f"{name}-v[0-9]*")])
    return str(there[-1]) if there else None
