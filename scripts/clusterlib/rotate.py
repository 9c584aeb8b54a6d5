"""A new secret in the place of one that is in use, without a refused request.

Ring of keys: each replica reads it anew every 20 s, at a moment of its own. So the new key is laid beside
the active one first; it is made active once every replica has read it and accepts what it signs.
Database password: the login that is not in use gets a new one, then its URL is written. Sessions of the
old login go on until the pools have moved. Before all that the service must have left the other login: after a run
that was cut short it may still be on its way, and would be locked out."""

import base64
import hashlib
import hmac
import os
import secrets as random
import shlex
import time
import urllib.parse

from stacklib import WITH_DATABASE
from stacklib.secrets_file import RINGS, add_key, laid_beside, make_active, next_login, role

from . import Cluster, ClusterError, typed
from .secrets import decode, replace

ROTATING = (*RINGS, *(f"{service}-database" for service in WITH_DATABASE))
IN_USE_S = 60


def read(cluster: Cluster, name: str) -> dict[str, str]:
    if cluster.is_offline:  # what it would look like
        login = role(name.removesuffix("-database")) + "_a"
        return {"active": "0", "0": ""} if name in RINGS else {"url": f"postgresql://{login}:@postgres:5432/todo"}
    there = cluster.get("secret", name)
    if there is None:
        raise ClusterError(f"there is no Secret {name} in namespace {cluster.namespace}", "scripts/create-secrets")
    return decode(there)


def rotate_ring(cluster: Cluster, name: str, settle_s: float) -> str:
    ring = read(cluster, name)
    kid = laid_beside(ring)
    if kid is not None:
        print(f"{name}: goes on with key {kid}, which an earlier run laid beside {ring['active']}")
    else:
        ring, kid = add_key(name, ring)
        replace(cluster, name, ring)
    print(f"{name}: key {kid} lies beside {ring['active']}; waiting {settle_s:.0f} s, until every replica has read it")
    if not cluster.dry_run:
        time.sleep(settle_s)
    now = ring if cluster.dry_run else read(cluster, name)
    if kid not in now:
        raise ClusterError(f"{name}: someone else changed it meanwhile", f"scripts/rotate-secrets {name}")
    replace(cluster, name, make_active(name, now, kid))
    return f"{name}: key {kid} is active; the last one is accepted still"


class Psql:
    """psql as the database's admin: in the database's own pod, or as a command of the user's."""

    def __init__(self, cluster: Cluster, command: str, database: str, admin_secret: str):
        self.cluster, self.database, self.admin_secret = cluster, database, admin_secret
        self.argv, self.first_line = (["sh", "-c", f"{command} -X -q -At -v ON_ERROR_STOP=1"], "") if command else self.find()

    def find(self) -> tuple[list[str], str]:
        for label in ("app.kubernetes.io/name=postgres", "cnpg.io/instanceRole=primary"):
            for pod in self.cluster.items("pods", "-l", label):
                if pod["status"].get("phase") != "Running":
                    continue
                return self.within(pod["metadata"]["name"], cnpg=label.startswith("cnpg"))
        if self.cluster.dry_run:
            return self.within("postgres-0", cnpg=False)
        raise ClusterError(
            f"no pod in namespace {self.cluster.namespace} is a PostgreSQL server",
            f'scripts/rotate-secrets … --psql "psql postgresql://ADMIN@HOST/{self.database}"   (PGPASSWORD or ~/.pgpass as usual)',
        )

    def within(self, pod: str, cnpg: bool) -> tuple[list[str], str]:
        execute = self.cluster.kubectl("exec", "-i", pod, "-c", "postgres", "--")
        if cnpg:  # its own user may without a password
            return [*execute, "psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", self.database], ""
        admin = read(self.cluster, self.admin_secret)
        user, password = admin.get("username", "postgres"), admin.get("password", "")
        psql = "psql -X -q -At -v ON_ERROR_STOP=1 -h 127.0.0.1 " + shlex.join(["-d", self.database, "-U", user])
        # the password comes as the first line: in arguments it would be seen, and logged by the API server
        return [*execute, "sh", "-c", f"read -r PGPASSWORD && export PGPASSWORD && exec {psql}"], password + "\n"

    def query(self, sql: str) -> str:
        done = self.cluster.ask(self.argv, self.first_line + sql)
        if done.returncode != 0:
            raise ClusterError(f"PostgreSQL said: {done.stderr.strip()[-500:]}")
        return done.stdout.strip()

    def change(self, sql: str, shown: str) -> None:
        self.cluster.change(self.argv, self.first_line + sql, shown, secret=True)


def scram(password: str) -> str:
    """What PostgreSQL keeps of a password (RFC 5803): given this way, its logs never hold the password."""
    salt, rounds = os.urandom(16), 4096
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    text = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${rounds}:{text[0]}${text[1]}:{text[2]}"


def with_login(url: str, login: str, password: str) -> str:
    parts = urllib.parse.urlsplit(url)
    return parts._replace(netloc=f"{login}:{password}@{parts.netloc.rpartition('@')[2]}").geturl()


def rotate_database(cluster: Cluster, name: str, command: str, admin_secret: str, retire: bool) -> str:
    service = name.removesuffix("-database")
    url = read(cluster, name)["url"]
    parts = urllib.parse.urlsplit(url)
    old, new, password = parts.username, next_login(service, url), random.token_hex(24)
    psql = Psql(cluster, command, urllib.parse.unquote(parts.path.removeprefix("/")) or str(old), admin_secret)
    if not cluster.dry_run:
        wait_until_unused(psql, service, str(old), new)
    psql.change(f"ALTER ROLE {new} PASSWORD '{scram(password)}';", f"ALTER ROLE {new} PASSWORD …")
    replace(cluster, name, {"url": with_login(url, new, password)})
    if cluster.dry_run:
        return ""
    seconds = wait_for_sessions(psql, service, str(old), new)
    if retire:
        psql.change(f"ALTER ROLE {old} PASSWORD NULL;", f"ALTER ROLE {old} PASSWORD NULL")
    return f"{name}: {service} uses {new} since {seconds:.0f} s after the change" + (
        f"; {old} can sign in no more" if retire else f"; {old} still could (--retire ends that)"
    )


def sessions(psql: Psql, login: str) -> int:
    return int(psql.query(f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{login}'"))


def wait_until_unused(psql: Psql, service: str, now: str, other: str) -> None:
    """Until no session is of the login that is to get a new password."""
    began, is_said = time.monotonic(), False
    while n_sessions := sessions(psql, other):
        if not is_said:
            print(f"waiting until {service} has left {other} for {now}, which the Secret names already", flush=True)
            is_said = True
        if time.monotonic() - began > IN_USE_S + 30:
            raise ClusterError(
                f"{other} is still in use ({n_sessions} sessions), though the Secret names {now}; nothing was changed",
                typed(psql.cluster.kubectl("logs", f"deploy/{service}", "-c", service)) + f"; or end what else uses {other}",
            )
        time.sleep(1)


def wait_for_sessions(psql: Psql, service: str, old: str, new: str) -> float:
    """Until every session is the new login's; return how long that took."""
    began = time.monotonic()
    print(f"waiting until {service} has left {old} for {new}", flush=True)
    while True:
        olds, news = sessions(psql, old), sessions(psql, new)
        took = time.monotonic() - began
        if news and not olds:
            return took
        if took > IN_USE_S + 30:
            raise ClusterError(
                f"after {took:.0f} s there are {olds} sessions as {old} and {news} as {new}; both passwords are valid",
                "scripts/check-health; " + typed(psql.cluster.kubectl("logs", f"deploy/{service}", "-c", service)),
            )
        time.sleep(1)
