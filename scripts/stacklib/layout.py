"""Where everything lies: the directory of one stack, the tools outside of it."""

import glob
import hashlib
import json
import os
import pathlib
import pwd
import shutil
import stat
import subprocess

from . import StackError

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
KAFKA_VERSION = "4.1.0"


def cache_dir() -> pathlib.Path:
    if os.environ.get("TODO_CACHE"):
        return pathlib.Path(os.environ["TODO_CACHE"])
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "todo-app"


def write_private(path: pathlib.Path, text: str) -> None:
    """Replace `path` in one step; only its owner may read it."""
    new = path.with_name(path.name + ".new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


def read_json(path: pathlib.Path) -> dict:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as problem:
        raise StackError(f"{path} is damaged ({problem}); remove it to start anew") from None


class Layout:
    """The paths below one stack's directory."""

    def __init__(self, directory: str):
        self.dir = pathlib.Path(os.path.realpath(directory))
        if any(char in str(self.dir) for char in "\"%;\n\r\\"):
            raise StackError(f'{self.dir}: supervisord cannot use a path with ", %, ; or \\')
        self.logs = self.dir / "logs"
        self.resources = self.dir / "resources"
        self.config = self.dir / "config"
        self.certs = self.dir / "certs"
        self.redis = self.dir / "redis"
        self.kafka = self.dir / "kafka"
        self.heads = self.dir / "heads"  # audit's signed heads
        self.nginx = self.dir / "nginx"
        self.mail = self.dir / "mail"  # what the catcher caught
        self.secrets = self.dir / "secrets.json"  # read by Dapr's secret store
        self.admin = self.dir / "admin.json"  # owners' and operators' passwords: not for Dapr
        self.stack = self.dir / "stack.json"
        self.lock = self.dir / "stack.lock"
        self.supervisor = self.dir / "supervisord.conf"

    def make(self) -> None:
        self.dir.mkdir(parents=True, exist_ok=True)
        # others may pass through to what was given to another user (PostgreSQL), not look around
        self.dir.chmod(0o711)
        for path in (self.logs, self.resources, self.config, self.certs, self.heads, self.nginx):
            path.mkdir(exist_ok=True)
        for path in (self.logs, self.certs, self.heads):
            path.chmod(0o700)

    def postgres(self) -> pathlib.Path:
        """PostgreSQL's data: below the directory, unless root runs us where its user cannot go."""
        inside = self.dir / "postgres"
        user = postgres_user()
        if user is None or inside.exists() or can_traverse(self.dir, user):
            return inside
        name = str(self.dir).strip("/").replace("/", "-").replace(" ", "_")
        return pathlib.Path("/var/lib/todo-app") / name / "postgres"


def postgres_user() -> str | None:
    """PostgreSQL refuses to run as root: then it gets a user of its own."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
            return name
        except KeyError:
            continue
    raise StackError("running as root, and there is neither a user postgres nor nobody")


def can_traverse(path: pathlib.Path, user: str) -> bool:
    entry = pwd.getpwnam(user)
    groups = set(os.getgrouplist(user, entry.pw_gid))
    for part in [path, *path.parents]:
        info = part.stat()
        if info.st_uid == entry.pw_uid:
            allowed = info.st_mode & stat.S_IXUSR
        elif info.st_gid in groups:
            allowed = info.st_mode & stat.S_IXGRP
        else:
            allowed = info.st_mode & stat.S_IXOTH
        if not allowed:
            return False
    return True


def missing(what: str, scope: str) -> StackError:
    return StackError(f"{what} is missing; install it with: scripts/setup {scope}")


def find_program(name: str, *places: str) -> str:
    found = shutil.which(name) or next((p for p in places if os.access(p, os.X_OK)), None)
    if not found:
        raise missing(name, "run")
    return found


def find_postgres(data: pathlib.Path) -> pathlib.Path:
    """The bin directory of the version that made `data`, or of the newest one installed."""
    versions = {}
    for place in glob.glob("/usr/lib/postgresql/*/bin") + glob.glob("/usr/pgsql-*/bin"):
        if os.access(f"{place}/initdb", os.X_OK):
            versions[place.split("/")[-2].replace("pgsql-", "")] = pathlib.Path(place)
    if not versions and shutil.which("initdb"):
        versions["any"] = pathlib.Path(os.path.realpath(shutil.which("initdb"))).parent
    if not versions:
        raise missing("PostgreSQL", "run")
    try:
        made_by = (data / "PG_VERSION").read_text().strip()
    except OSError:
        return versions[max(versions, key=lambda v: float(v) if v != "any" else 0)]
    if made_by not in versions and "any" not in versions:
        raise StackError(
            f"{data} was made by PostgreSQL {made_by}, and only {', '.join(versions)} is installed: "
            f"install postgresql-{made_by}, or remove the directory to start anew"
        )
    return versions.get(made_by) or versions["any"]


def find_dapr() -> tuple[str, str]:
    """daprd and sentry, as scripts/setup chose them."""
    chosen = read_json(cache_dir() / "dapr.json")
    for name in ("daprd", "sentry"):
        if not os.access(chosen.get(name, ""), os.X_OK):
            raise missing(name, "run")
    return chosen["daprd"], chosen["sentry"]


def find_maildev() -> str:
    """The mail catcher of this lock file, as scripts/setup installed it."""
    stamp = hashlib.sha256((ROOT / "tools/maildev/package-lock.json").read_bytes()).hexdigest()[:12]
    folder = cache_dir() / f"maildev-{stamp}"
    if not (folder / ".complete").exists():
        raise missing("the mail catcher", "run")
    return str(folder / "node_modules/maildev/bin/maildev")


def find_kafka() -> tuple[str, str]:
    """java and the class path of Kafka's jars."""
    jars = cache_dir() / f"kafka-{KAFKA_VERSION}"
    home = os.environ.get("JAVA_HOME")
    java = f"{home}/bin/java" if home and os.access(f"{home}/bin/java", os.X_OK) else None
    java = java or shutil.which("java")
    if not java or not (jars / ".complete").exists():
        raise missing("Kafka", "run kafka")
    return java, f"{jars}/*"


def run(argv: list[str], what: str, **options) -> str:
    """Run a short command; return its output, or say what it said."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}")[-2000:]
        raise StackError(f"{what} failed:\n{said}")
    return done.stdout
