"""People at the backend's public API. Every answer is held against api/openapi.yaml.

    SETTINGS = api.SETTINGS            # in the test module: no rate limits, cookies over http
    ada = api.User(service)            # registered and signed in
    ada.get("/tasks")                  # paths are below /api/v1
"""

from __future__ import annotations

import uuid
from typing import Any

import httpx

from .fake_sidecar import FakeSidecar
from .openapi import contract
from .service import Service
from .waiting import LIMIT_S

PASSWORD = "correct horse battery staple"
PUBLIC_URL = "http://todo.test"
SETTINGS = {
    "RATE_USER_PER_S": "0",
    "RATE_ADDRESS_PER_S": "0",
    "RATE_SIGN_IN_PER_MIN": "0",
    "COOKIE_SECURE": "false",
    "PUBLIC_URL": PUBLIC_URL,
    "DB_LIMIT_MS": "20000",  # a busy machine is no outage
}


def check(answer: httpx.Response) -> None:
    answer.read()
    contract().check(answer)


def client(service: Service, token: str | None = None, **options: Any) -> httpx.Client:
    """A client of /api/v1 whose answers are checked."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(
        base_url=service.url + "/api/v1",
        headers={**headers, **options.pop("headers", {})},
        event_hooks={"response": [check]},
        timeout=LIMIT_S * 2,
        **options,
    )


def new_email() -> str:
    return f"test-{uuid.uuid4().hex}@example.org"


def refused(answer: httpx.Response, status: int, code: str | None = None, field: str | None = None) -> dict:
    """Hold a refusal against status, code and the field it must name; return the problem."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    problem = answer.json()
    if code is not None:
        assert problem["code"] == code, problem
    if field is not None:
        fields = [e["field"] for e in problem.get("errors", [])]
        assert field in fields, f"{field} is not among {fields}: {problem}"
    return problem


class User:
    """An account, registered and signed in. get, post, patch, delete and request go to /api/v1."""

    def __init__(self, service: Service, **fields: Any) -> None:
        self.service = service
        self.password = fields.pop("password", PASSWORD)
        self.email = fields.pop("email", None) or new_email()
        self.http = client(service)
        body = {"email": self.email, "password": self.password, **fields}
        self._take(self.http.post("/register", json=body), 201)
        self.get, self.post = self.http.get, self.http.post
        self.patch, self.delete, self.request = self.http.patch, self.http.delete, self.http.request

    def _take(self, answer: httpx.Response, status: int) -> None:
        assert answer.status_code == status, f"{answer.status_code} {answer.text}"
        self.token: str = answer.json()["access_token"]
        self.account: dict[str, Any] = answer.json()["account"]
        self.http.headers["Authorization"] = f"Bearer {self.token}"

    @property
    def id(self) -> str:
        return self.account["id"]

    def sign_in(self) -> "User":
        """The same person at another browser."""
        other = User.__new__(User)
        other.__dict__.update(self.__dict__)
        other.http = client(self.service)
        other._take(other.http.post("/session", json={"email": self.email, "password": self.password}), 200)
        other.get, other.post = other.http.get, other.http.post
        other.patch, other.delete, other.request = other.http.patch, other.http.delete, other.http.request
        return other

    def api_token(self, *scopes: str, **fields: Any) -> httpx.Client:
        """A client that uses a new personal API token with these scopes."""
        answer = self.http.post("/tokens", json={"name": "test", "scopes": list(scopes), **fields})
        assert answer.status_code == 201, answer.text
        return client(self.service, answer.json()["token"])


def signed_outs(sidecar: FakeSidecar, user: User) -> list[tuple[str, Any]]:
    """seq and data of each update that closes the user's sockets."""
    events = sidecar.events("task-updates", "todo.update.signed-out.v1")
    return [(e.event["seq"], e.data) for e in events if e.event["ownerid"] == user.id]
