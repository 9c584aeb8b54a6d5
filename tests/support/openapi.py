"""Holds the backend's answers against api/openapi.yaml: a status, a header, a media type or a field
that is not described fails the test that got it."""

from __future__ import annotations

import functools
import pathlib
import re
from typing import Any

import httpx
import jsonschema
import referencing
import yaml

FILE = pathlib.Path(__file__).resolve().parents[2] / "api" / "openapi.yaml"
METHODS = ("get", "post", "put", "patch", "delete")
DOCUMENT = "urn:openapi"
PROBLEM = f"{DOCUMENT}#/components/schemas/Problem"


def escape(part: str) -> str:
    """One part of a JSON pointer in a URI fragment."""
    return part.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")


class Contract:
    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        resource = referencing.Resource.from_contents(
            document, default_specification=referencing.jsonschema.DRAFT202012
        )
        self.registry = referencing.Registry().with_resource(DOCUMENT, resource)
        self.patterns = [
            (re.compile(re.sub(r"\\{[^/]+?\\}", "[^/]+", re.escape(path)) + "$"), path)
            for path in document["paths"]
        ]
        # (method, path) → statuses that were seen
        self.seen: dict[tuple[str, str], set[int]] = {}

    def operations(self) -> list[tuple[str, str]]:
        return [(m, path) for path, item in self.document["paths"].items() for m in METHODS if m in item]

    def find_path(self, url_path: str) -> str | None:
        """The described path of a request's; an exact one before one with parameters."""
        if url_path in self.document["paths"]:
            return url_path
        return next((path for pattern, path in self.patterns if pattern.match(url_path)), None)

    def follow(self, node: dict[str, Any], pointer: str) -> tuple[dict[str, Any], str]:
        while "$ref" in node:
            pointer = node["$ref"].removeprefix("#")
            target: Any = self.document
            for part in pointer.strip("/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            node = target
        return node, pointer

    @functools.lru_cache(maxsize=None)
    def validator(self, ref: str) -> jsonschema.Draft202012Validator:
        return jsonschema.Draft202012Validator(
            {"$ref": ref}, registry=self.registry, format_checker=jsonschema.FormatChecker()
        )

    def validate(self, ref: str, value: Any, where: str) -> None:
        errors = [f"{e.json_path}: {e.message}" for e in self.validator(ref).iter_errors(value)]
        assert not errors, f"{where} is not as described: {'; '.join(errors[:5])}"

    def check(self, answer: httpx.Response) -> None:
        """Fail when `answer` is not one that is described."""
        method = answer.request.method.lower()
        path = self.find_path(answer.request.url.path)
        where = f"{method.upper()} {answer.request.url.path} → {answer.status_code}"
        if method == "head":
            return
        if path is None or method not in self.document["paths"][path]:
            assert answer.status_code in (400, 404, 405, 429, 501), f"{where}: not described, yet answered"
            self.check_problem(answer, where)
            return
        operation = self.document["paths"][path][method]
        self.seen.setdefault((method, path), set()).add(answer.status_code)
        status = str(answer.status_code)
        assert status in operation["responses"], f"{where}: this status is not described"
        pointer = f"/paths/{escape(path)}/{method}/responses/{status}"
        described, pointer = self.follow(operation["responses"][status], pointer)
        self.check_headers(answer, described, where)
        self.check_body(answer, described, pointer, where)
        if answer.status_code >= 400:
            self.check_problem(answer, where)

    def check_headers(self, answer: httpx.Response, described: dict[str, Any], where: str) -> None:
        for name, node in described.get("headers", {}).items():
            header, _ = self.follow(node, "")
            value = answer.headers.get(name)
            if value is None:
                assert not header.get("required", True), f"{where}: the header {name} is missing"
                continue
            schema = header.get("schema", {})
            typed: Any = int(value) if schema.get("type") == "integer" else value
            jsonschema.validate(typed, schema)

    def check_body(
        self, answer: httpx.Response, described: dict[str, Any], pointer: str, where: str
    ) -> None:
        if "content" not in described:
            assert not answer.content, f"{where}: has a body, which is not described"
            return
        kind = answer.headers.get("content-type", "").split(";")[0]
        assert kind in described["content"], f"{where}: {kind or 'no content type'} is not described"
        if kind.endswith("json") and "schema" in described["content"][kind]:
            ref = f"{DOCUMENT}#{pointer}/content/{escape(kind)}/schema"
            self.validate(ref, answer.json(), where)

    def check_problem(self, answer: httpx.Response, where: str) -> None:
        assert answer.headers["content-type"] == "application/problem+json", where
        problem = answer.json()
        self.validate(PROBLEM, problem, where)
        assert problem["status"] == answer.status_code, where
        if answer.status_code == 401:
            assert "www-authenticate" in answer.headers, where


@functools.lru_cache(maxsize=None)
def contract() -> Contract:
    return Contract(yaml.safe_load(FILE.read_text()))


def routes_table() -> set[tuple[str, str]]:
    """The rows of services/backend/routes.c that belong to the API."""
    text = (FILE.parents[1] / "services" / "backend" / "routes.c").read_text()
    rows = re.findall(r'\{HTTP_([A-Z]+), "(/api/[^"]+)", \w+\}', text)
    assert rows, "routes.c has no row that this pattern finds"
    return {(method.lower(), path) for method, path in rows}
