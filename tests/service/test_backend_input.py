"""Bodies that are no JSON, or too much of it; and the description that every answer is held to."""

from __future__ import annotations

import html.parser
import json
import re
import socket

import httpx
import pytest
import yaml

from support import api
from support.api import PASSWORD, User, client, new_email, refused
from support.openapi import FILE, contract, routes_table
from support.waiting import LIMIT_S

SERVICE = "backend"
SETTINGS = api.SETTINGS


def post(service, body: bytes, kind: str = "application/json") -> httpx.Response:
    return client(service).post("/register", content=body, headers={"Content-Type": kind})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"7",
        b"{}{}",
        b'{"email":}',
        b"{'email':'x'}",
        b'{"email":"a@example.org",}',
        b'{"email":"a@example.org","email":"b@example.org","password":"correct horse"}',
        b'{"email":"a\xff@example.org","password":"correct horse"}',
        b'{"email":"a@example.org","password":"\xed\xa0\x80correct horse"}',
        b'{"email":"a@example.org","password":"correct\x00horse"}',
        b'{"email":"a@example.org","password":"correct\\u0000horse"}',
        b'{"email":"a@example.org","password":"correct\\ud800horse"}',
        b'{"email":"a@example.org","password":"correct\nhorse"}',
        b'{"a":' + b"[" * 1000 + b"]" * 1000 + b"}",
        b'{"a":' * 1000 + b"1" + b"}" * 1000,
        b"[" * 100000,
        b'{"email":"a@example.org","password":1e999}',
        b"\xef\xbb\xbf{}",
        b"\x00",
    ],
)
def test_what_is_no_json_object_is_refused(service, body):
    refused(post(service, body), 400, "invalid")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""])
def test_another_media_type_is_refused(service, kind):
    refused(post(service, b"{}", kind), 415)


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json;x=y"])
def test_json_with_parameters_is_json(service, kind):
    body = json.dumps({"email": new_email(), "password": PASSWORD}).encode()
    assert post(service, body, kind).status_code == 201


def test_a_large_body_is_refused(service, database):
    n_before = database.value("backend", "SELECT count(*) FROM account")
    body = b'{"email":"a@example.org","password":"' + b"x" * (10 * 2**20) + b'"}'
    try:
        refused(post(service, body), 413)
    except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
        pass  # the server may close while we still send
    assert database.value("backend", "SELECT count(*) FROM account") == n_before
    assert client(service).get("/openapi.json").status_code == 200


def test_a_large_body_is_answered_before_it_is_sent(service):
    """Content-Length alone is enough to refuse."""
    head = "POST /api/v1/register HTTP/1.1\r\nHost: todo\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=LIMIT_S) as sock:
        sock.sendall(f"{head}Content-Length: {10 * 2**20}\r\n\r\n{{".encode())
        assert sock.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_an_unknown_path_is_a_problem(service):
    for path in ("/nothing", "/session/", "/sessions/a/b", "/..", "/account/%2e%2e"):
        refused(client(service).get(path), 404)


def test_another_method_is_a_problem(service):
    answer = client(service).put("/account", json={})
    refused(answer, 405)
    assert "GET" in answer.headers["allow"] and "PATCH" in answer.headers["allow"]


def test_an_escape_in_the_query_is_checked(service):
    user = User(service)
    for query in ("cursor=%zz", "cursor=%00", "cursor=%ff", "cursor=1&cursor=2", "other=1"):
        refused(user.get("/account/export?" + query), 400)


def test_the_database_away_is_a_503(service_maker, cluster):
    database = cluster.new_database()
    service = service_maker(database, settings=SETTINGS).start()
    user = User(service)
    with cluster.connect("postgres") as db:
        db.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS false")
        db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database.name])
    answer = user.get("/account")
    problem = refused(answer, 503)
    assert int(answer.headers["retry-after"]) >= 1
    assert "postgres" not in json.dumps(problem).lower() and database.name not in json.dumps(problem)
    refused(client(service).post("/session", json={"email": user.email, "password": PASSWORD}), 503)
    with cluster.connect("postgres") as db:
        db.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS true")
    service.wait_ready()
    assert user.get("/account").status_code == 200
    service.stop()
    database.drop()


# ---------------------------------------------------------------- the description


def test_every_route_is_described_and_every_description_is_routed():
    assert set(contract().operations()) == routes_table()


def test_the_description_is_served(service):
    text = client(service).get("/openapi.yaml").text
    assert yaml.safe_load(text) == yaml.safe_load(FILE.read_text())
    assert client(service).get("/openapi.json").json() == yaml.safe_load(text)


def test_the_description_resolves():
    def walk(node):
        if isinstance(node, dict):
            if "$ref" in node:
                contract().follow(node, "")
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(contract().document)
    ids = [contract().document["paths"][p][m]["operationId"] for m, p in contract().operations()]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("path", ["/", "/tasks/0190a6d2-0000-7000-8000-000000000001"])
def test_a_browser_is_led_to_the_page(service, path):
    answer = httpx.get(service.url + path)
    assert (answer.status_code, answer.headers["location"]) == (302, "/api/docs")


def test_the_page_runs_no_script_and_keeps_its_policy(service):
    answer = client(service).get(service.url + "/api/docs")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "<script" not in answer.text and "http://" not in answer.text and " style=" not in answer.text
    for method, path in contract().operations():
        assert contract().document["paths"][path][method]["operationId"] in answer.text

    class Balance(html.parser.HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []

        def handle_starttag(self, tag, attrs):
            if tag not in ("meta", "br"):
                self.open.append(tag)

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

    page = Balance()
    page.feed(answer.text)
    assert page.open == []
    anchors = set(re.findall(r'href="#([^"]+)"', answer.text))
    assert anchors == set(re.findall(r'<details id="([^"]+)"', answer.text))
