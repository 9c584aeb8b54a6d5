"""POST /recurrence/preview: backend asks recurring-task through its sidecar."""

from __future__ import annotations

from typing import Any

import pytest

from support import api
from support.api import User, refused
from support.fake_sidecar import FakeSidecar
from support.service import Service

SETTINGS = api.SETTINGS
APP, PATH = "recurring-task", "/internal/preview"
ORDER = {"recurrence": "FREQ=MONTHLY;BYMONTHDAY=31", "due_at": "2027-01-31T08:00:00Z"}
ANSWER = {
    "rule": "FREQ=MONTHLY;BYMONTHDAY=31",
    "words": "every month on the 31st at 09:00, Europe/Berlin",
    "instants": [{"at": "2027-01-31T08:00:00.000Z", "local": "2027-01-31T09:00:00", "moved": None}],
    "ended": False,
}


@pytest.fixture
def ada(service: Service) -> User:
    service.sidecar.answer_invoke(APP, PATH, 200, ANSWER)
    return User(service, time_zone="Europe/Berlin")


def asked(sidecar: FakeSidecar) -> list[Any]:
    return [c.json for c in sidecar.calls_of("POST", f"/v1.0/invoke/{APP}/method{PATH}")]


def preview(user: User, **fields: Any) -> Any:
    return user.post("/recurrence/preview", json={**ORDER, **fields})


def test_it_is_what_recurring_task_says(ada: User, sidecar: FakeSidecar) -> None:
    answer = preview(ada)
    assert (answer.status_code, answer.json()) == (200, ANSWER)
    assert asked(sidecar)[-1] == {
        "rule": ORDER["recurrence"],
        "anchor": None,
        "due_at": "2027-01-31T08:00:00.000Z",
        "time_zone": "Europe/Berlin",
        "count": 10,
    }


def test_what_is_asked_goes_along(ada: User, sidecar: FakeSidecar) -> None:
    trace = "5" * 32
    ada.http.headers["traceparent"] = f"00-{trace}-{'6' * 16}-01"
    assert preview(ada, anchor="completion", time_zone="America/Lima", count=50).status_code == 200
    question = asked(sidecar)[-1]
    assert (question["anchor"], question["time_zone"], question["count"]) == ("completion", "America/Lima", 50)
    call = sidecar.calls_of("POST", f"/v1.0/invoke/{APP}")[-1]
    assert call.headers["traceparent"].split("-")[1] == trace
    assert call.headers["content-type"] == "application/json"


def test_reading_tasks_is_enough(ada: User) -> None:
    assert ada.api_token("tasks:read").post("/recurrence/preview", json=ORDER).status_code == 200
    refused(ada.api_token("account:read").post("/recurrence/preview", json=ORDER), 403, "missing_scope")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"recurrence": None}, "recurrence"),
        ({"recurrence": "FREQ=SECONDLY"}, "recurrence"),
        ({"due_at": "1999-01-01T00:00:00Z"}, "due_at"),
        ({"due_at": None}, "due_at"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"anchor": "start"}, "anchor"),
        ({"count": 0}, "count"),
        ({"count": 51}, "count"),
        ({"missed": "skip"}, "missed"),
    ],
)
def test_what_is_wrong_is_named_without_asking(
    ada: User, sidecar: FakeSidecar, fields: dict[str, Any], field: str
) -> None:
    before = len(asked(sidecar))
    refused(preview(ada, **fields), 400, "invalid", field)
    assert len(asked(sidecar)) == before


def test_what_recurring_task_finds_wrong_is_passed_on(ada: User, sidecar: FakeSidecar) -> None:
    problem = {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "recurrence: never comes",
        "code": "invalid",
        "errors": [{"field": "recurrence", "message": "never comes"}],
    }
    sidecar.answer_invoke(APP, PATH, 400, problem)
    answer = refused(preview(ada), 400, "invalid", "recurrence")
    assert answer["errors"] == problem["errors"]


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
def test_another_refusal_is_not_the_clients_fault(ada: User, sidecar: FakeSidecar, status: int) -> None:
    sidecar.answer_invoke(APP, PATH, status, {"errorCode": "ERR"})
    assert "recurring" not in refused(preview(ada), 503)["detail"]


@pytest.mark.parametrize("body", [None, [], {}, {**ANSWER, "instants": 1}, {**ANSWER, "words": 1}, "text"])
def test_an_answer_that_is_no_preview_is_our_mistake(ada: User, sidecar: FakeSidecar, body: Any) -> None:
    sidecar.answer_invoke(APP, PATH, 200, body)
    refused(preview(ada), 500)


def test_a_sidecar_that_is_away_is_a_503(ada: User, sidecar: FakeSidecar) -> None:
    sidecar.fail("POST", f"/v1.0/invoke/{APP}", 0)
    refused(preview(ada), 503)
