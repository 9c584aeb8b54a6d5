"""The Secrets of a namespace: made where missing, read back, one by one replaced.

What they hold and how a ring turns is stacklib's; here is where a cluster keeps it."""

import base64
import json
import secrets
import urllib.parse

from stacklib import SERVICES, WITH_DATABASE
from stacklib.secrets_file import Secrets, role

from . import Cluster, ClusterError

LABELS = {"app.kubernetes.io/part-of": "todo-app", "app.kubernetes.io/managed-by": "create-secrets"}
# a Secret that Dapr's store hands out, and the keys that a service asks of it
STORED = {
    "token-keys": ("active",),
    "ticket-keys": ("active",),
    "link-keys": ("active",),
    "channel-keys": ("active",),
    "push-key": ("private",),
    "push-public-key": ("key",),
    "audit-keys": ("seed",),
    "broker": ("password",),
    "state-database": ("connectionString",),
    **{f"{service}-database": ("url",) for service in WITH_DATABASE},
}
# what a cluster keeps itself where the services' secrets are in another store: what sidecars start with, and what
# jobs read; a database's login is then in both, for the job that gives it its password
KEPT = tuple(
    [f"{service}-{kind}-token" for service in SERVICES for kind in ("dapr", "app")]
    + [f"{service}-database{end}" for service in WITH_DATABASE for end in ("", "-owner")]
    + ["state-database", "postgres-admin"]
)


class ClusterSecrets(Secrets):
    """What the namespace holds; `make` adds what is missing, `objects` says all of it as Secrets."""

    def __init__(self, there: dict[str, dict[str, str]], database: str, superuser: str = ""):
        self.database = database  # HOST:PORT/NAME?OPTIONS
        self.store = {name: there[name] for name in STORED if name in there}
        passwords = {}
        for service in WITH_DATABASE:
            for name in (f"{service}-database", f"{service}-database-owner"):
                if name in there:
                    passwords |= login_of(there[name]["url"])
        if "state-database" in there:
            passwords |= login_of(there["state-database"]["connectionString"])
        self.admin = {"passwords": passwords, "tokens": {}, "supervisor": ""}
        for service in SERVICES:
            kinds = {kind: there.get(f"{service}-{kind}-token", {}).get("token") for kind in ("dapr", "app")}
            self.admin["tokens"][service] = {kind: token or secrets.token_hex(24) for kind, token in kinds.items()}
        given = there.get("postgres-admin", {}).get("password") or superuser
        if given:
            self.admin["superuser"] = given

    def place(self) -> str:
        return self.database

    def objects(self, admin: str) -> dict[str, dict[str, str]]:
        """Name and content of every Secret."""
        made = {name: self.store[name] for name in STORED}
        for service in WITH_DATABASE:
            made[f"{service}-database-owner"] = {"url": self.url(f"{role(service)}_owner")}
        for service in SERVICES:
            for kind, token in self.admin["tokens"][service].items():
                made[f"{service}-{kind}-token"] = {"token": token}
        made["postgres-admin"] = {"username": admin, "password": self.admin["superuser"]}
        return made


def login_of(url: str) -> dict[str, str]:
    parts = urllib.parse.urlsplit(url)
    if not parts.username or not parts.password:
        return {}
    return {parts.username: urllib.parse.unquote(parts.password)}


def decode(secret: dict) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in (secret.get("data") or {}).items()}


def read_all(cluster: Cluster) -> dict[str, dict[str, str]]:
    """The system's own; others of the namespace need not hold text."""
    there = {item["metadata"]["name"]: item for item in cluster.items("secrets")}
    return {name: decode(item) for name, item in there.items() if name in {*STORED, *KEPT}}


def manifest(name: str, data: dict[str, str]) -> dict:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": LABELS},
        "type": "Opaque",
        "stringData": data,
    }


def replace(cluster: Cluster, name: str, data: dict[str, str]) -> None:
    """Write `data` into a Secret that is there, unless someone else changed it since it was read."""
    there = {"metadata": {}} if cluster.is_offline else cluster.get("secret", name)
    if there is None:
        raise ClusterError(f"there is no Secret {name} in namespace {cluster.namespace}", "scripts/create-secrets")
    there["data"] = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    there["metadata"].pop("managedFields", None)
    there["metadata"].get("annotations", {}).pop("kubectl.kubernetes.io/last-applied-configuration", None)
    cluster.change(
        cluster.kubectl("replace", "-f", "-"), json.dumps(there), f"Secret {name}: {', '.join(sorted(data))}", secret=True
    )
