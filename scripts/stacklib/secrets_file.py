"""Secrets: made once, kept in two files that only their owner may read.

secrets.json is Dapr's secret store: what the sidecars hand to their services.
admin.json is for whoever operates the stack: schema owners, supervisord, the API tokens.
"""

import base64
import datetime
import json
import os
import secrets
import subprocess
import urllib.parse

from . import SERVICES, WITH_DATABASE, StackError
from .layout import Layout, read_json, write_private


def random_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


def key_ring() -> dict[str, str]:
    kid = new_kid()
    return {"active": kid, kid: random_key()}


def new_kid(last: str = "") -> str:
    """Names sort as their keys were made: who goes on with a ring tells a younger key from an older by it. `last`
    is the youngest that is there, of a clock that may have been ahead."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d%H%M%S%f")
    return now if now > last else last + "0"


def push_pair() -> tuple[str, str]:
    """A P-256 pair for web push (RFC 8292), raw, in base64url: the private one, the public one."""
    argv = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-outform", "DER"]
    der = subprocess.run(argv, capture_output=True, check=True).stdout
    # RFC 5915: SEQUENCE { version 1, OCTET STRING of 32 bytes, [0] curve, [1] BIT STRING of the point }
    if len(der) != 121 or der[5:7] != b"\x04\x20" or der[56:57] != b"\x04":
        raise StackError("openssl made a key of an unknown form")
    private, public = (base64.urlsafe_b64encode(raw).decode().rstrip("=") for raw in (der[7:39], der[56:]))
    return private, public


def role(service: str) -> str:
    return service.replace("-", "_")


def logins() -> list[str]:
    names = [f"{role(s)}_{end}" for s in WITH_DATABASE for end in ("owner", "a", "b")]
    return [*names, "dapr_state"]


# of a ring that signs, the last key but one is forgotten; what another sealed is kept for years
SIGNING = ("token-keys", "ticket-keys", "link-keys")
RINGS = (*SIGNING, "channel-keys")
KEYS_MAX = 8  # as many as common/jwt/jwt_keys.h reads


def add_key(name: str, ring: dict[str, str]) -> tuple[dict[str, str], str]:
    """The ring with a key more, which is not active yet, and that key's kid."""
    if len(ring) > KEYS_MAX:  # "active" is no key
        raise StackError(f"{name} holds {KEYS_MAX} keys, and what each sealed is still in use")
    kid = new_kid(max(kid for kid in ring if kid != "active"))
    return {**ring, kid: random_key()}, kid


def laid_beside(ring: dict[str, str]) -> str | None:
    """The youngest key that is not active yet: an earlier rotation, which was cut short, has left it."""
    return max((kid for kid in ring if kid != "active" and kid > ring["active"]), default=None)


def make_active(name: str, ring: dict[str, str], kid: str) -> dict[str, str]:
    """The ring with `kid` active, less the keys that nothing uses then."""
    last = ring["active"]
    kept = {last: ring[last], kid: ring[kid]} if name in SIGNING else ring
    return {**kept, "active": kid}


def next_login(service: str, url: str) -> str:
    """The login role of a service whose turn it is after the one in `url`."""
    now = urllib.parse.urlsplit(url).username or ""
    return f"{role(service)}_{'b' if now.endswith('_a') else 'a'}"


class Secrets:
    """Both files; `save` writes what was made or changed."""

    def __init__(self, layout: Layout):
        self.layout = layout
        self.store = read_json(layout.secrets)
        self.admin = read_json(layout.admin)

    def make(self) -> None:
        """Add what is missing."""
        for name in RINGS:
            self.store.setdefault(name, key_ring())
        if "push-key" not in self.store:
            private, public = push_pair()
            self.store["push-key"] = {"private": private, "public": public}
            self.store["push-public-key"] = {"key": public}
        self.store.setdefault("audit-keys", {"seed": random_key()})
        self.store.setdefault("broker", {"password": secrets.token_hex(24)})
        self.admin.setdefault("superuser", secrets.token_hex(24))
        self.admin.setdefault("supervisor", secrets.token_hex(24))
        passwords = self.admin.setdefault("passwords", {})
        for name in logins():
            passwords.setdefault(name, secrets.token_hex(24))
        tokens = self.admin.setdefault("tokens", {})
        for service in SERVICES:
            tokens.setdefault(service, {"dapr": secrets.token_hex(24), "app": secrets.token_hex(24)})

    def set_port(self, port: int) -> None:
        """Write the database's address into the URLs."""
        self.admin["port"] = port
        self.set_urls()
        self.save()

    def set_urls(self) -> None:
        for service in WITH_DATABASE:
            key = f"{service}-database"
            login = urllib.parse.urlsplit(self.store.get(key, {}).get("url", "")).username
            self.store[key] = {"url": self.url(login or f"{role(service)}_a")}
        self.store["state-database"] = {"connectionString": self.url("dapr_state")}

    def url(self, login: str) -> str:
        password = self.admin["passwords"][login]
        return f"postgresql://{login}:{password}@{self.place()}"

    def place(self) -> str:
        return f"127.0.0.1:{self.admin['port']}/todo"

    def superuser_url(self) -> str:
        return f"postgresql://postgres:{self.admin['superuser']}@{self.place()}"

    def lay_beside(self, name: str) -> str:
        """Put a new key into the ring, not active yet; return its kid."""
        kid = laid_beside(self.store[name])
        if kid is None:
            self.store[name], kid = add_key(name, self.store[name])
        return kid

    def activate(self, name: str, kid: str) -> None:
        self.store[name] = make_active(name, self.store[name], kid)

    def change_login(self, name: str) -> str:
        """Let the service use its other login, with a new password; return that login."""
        service = name.removesuffix("-database")
        if not name.endswith("-database") or service not in WITH_DATABASE:
            names = [*RINGS, *(f"{s}-database" for s in WITH_DATABASE)]
            raise StackError(f"{name}: what can be rotated is {', '.join(names)}")
        login = next_login(service, self.store[name]["url"])
        self.admin["passwords"][login] = secrets.token_hex(24)
        self.store[name] = {"url": self.url(login)}
        return login

    def save(self) -> None:
        write_private(self.layout.secrets, json.dumps(self.store, indent=2) + "\n")
        write_private(self.layout.admin, json.dumps(self.admin, indent=2) + "\n")
