"""One connection to the backend's API, as cheap as Python makes it: it shares the machine with what is
measured."""

from __future__ import annotations

import http.client
import json
from typing import Any


class Client:
    def __init__(self, port: int, token: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def close(self) -> None:
        self.connection.close()

    def call(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        text = None if body is None else json.dumps(body)
        self.connection.request(method, f"/api/v1{path}", text, self.headers)
        answer = self.connection.getresponse()
        said = answer.read()
        if answer.status != status:
            raise RuntimeError(f"{method} {path}: {answer.status} {said.decode()}")
        return json.loads(said) if said else None
