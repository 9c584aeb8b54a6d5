"""recurring-task: POST /internal/preview, which backend asks through the sidecars."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from support.service import Service

# 2026-03-29 02:30 does not exist in Berlin, 2026-10-25 02:30 comes twice
BERLIN = "Europe/Berlin"


def ask(service: Service, caller: str | None = "backend", **body: Any) -> httpx.Response:
    headers = {"dapr-api-token": service.sidecar.app_token}
    if caller:
        headers["dapr-caller-app-id"] = caller
    return httpx.post(service.app_url + "/internal/preview", json=body, headers=headers)


def preview(service: Service, **body: Any) -> dict[str, Any]:
    answer = ask(service, **body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_it_tells_the_normal_form_the_words_and_the_instants(service: Service) -> None:
    answer = preview(service, rule="weekly", due_at="2026-11-20T08:00:00Z", time_zone=BERLIN, count=3)
    assert answer["rule"] == "FREQ=WEEKLY"
    assert "09:00" in answer["words"] and BERLIN in answer["words"]
    assert answer["instants"] == [
        {"at": "2026-11-20T08:00:00.000Z", "local": "2026-11-20T09:00:00", "moved": None},
        {"at": "2026-11-27T08:00:00.000Z", "local": "2026-11-27T09:00:00", "moved": None},
        {"at": "2026-12-04T08:00:00.000Z", "local": "2026-12-04T09:00:00", "moved": None},
    ]
    assert answer["ended"] is False


def test_ten_are_shown_unless_asked_otherwise(service: Service) -> None:
    question = {"rule": "daily", "due_at": "2026-11-20T08:00:00Z", "time_zone": "UTC"}
    assert len(preview(service, **question)["instants"]) == 10
    assert len(preview(service, **question, count=50)["instants"]) == 50
    assert len(preview(service, **question, count=1, anchor=None)["instants"]) == 1


def test_the_wall_clock_stays_across_a_change_of_the_clocks(service: Service) -> None:
    answer = preview(service, rule="FREQ=DAILY", due_at="2026-10-24T07:00:00Z", time_zone=BERLIN, count=2)
    assert [i["at"] for i in answer["instants"]] == ["2026-10-24T07:00:00.000Z", "2026-10-25T08:00:00.000Z"]
    assert {i["local"][11:] for i in answer["instants"]} == {"09:00:00"}


def test_a_time_that_does_not_exist_says_why_it_moved(service: Service) -> None:
    answer = preview(service, rule="daily", due_at="2026-03-28T01:30:00Z", time_zone=BERLIN, count=3)
    exact, moved, after = answer["instants"]
    assert exact["moved"] is None and after["moved"] is None
    assert moved["at"] == "2026-03-29T01:30:00.000Z"
    assert moved["local"] == "2026-03-29T03:30:00", "what the clock on the wall shows"
    assert "02:30" in moved["moved"] and "2026-03-29" in moved["moved"]


def test_a_month_that_is_too_short_says_why_it_moved(service: Service) -> None:
    answer = preview(service, rule="monthly", due_at="2026-01-31T12:00:00Z", time_zone="UTC", count=3)
    assert [i["local"][:10] for i in answer["instants"]] == ["2026-01-31", "2026-02-28", "2026-03-31"]
    assert [i["moved"] is None for i in answer["instants"]] == [True, False, True]


def test_a_rule_that_ends_says_so(service: Service) -> None:
    question = {"rule": "FREQ=DAILY;COUNT=3", "due_at": "2026-11-20T08:00:00Z", "time_zone": "UTC"}
    assert preview(service, **question, count=2)["ended"] is False
    assert preview(service, **question, count=3)["ended"] is True
    assert len(preview(service, **question, count=4)["instants"]) == 3


def test_counted_from_completion_it_shows_what_comes_if_each_is_done_when_due(service: Service) -> None:
    answer = preview(
        service, rule="FREQ=DAILY;INTERVAL=3;COUNT=3", anchor="completion", due_at="2026-11-20T08:00:00Z", time_zone="UTC"
    )
    assert [i["local"][:10] for i in answer["instants"]] == ["2026-11-20", "2026-11-23", "2026-11-26"]
    assert answer["ended"] is True
    assert {i["moved"] for i in answer["instants"]} == {None}


def test_counted_from_completion_it_says_why_one_moved_too(service: Service) -> None:
    """Each from the day before it: what was moved once does not stay moved."""
    question = {"anchor": "completion", "count": 3}
    answer = preview(service, rule="daily", due_at="2026-03-28T01:30:00Z", time_zone=BERLIN, **question)
    assert [i["local"][5:16] for i in answer["instants"]] == ["03-28T02:30", "03-29T03:30", "03-30T02:30"]
    assert [i["moved"] is None for i in answer["instants"]] == [True, False, True]
    assert "02:30 does not exist on 2026-03-29" in answer["instants"][1]["moved"]
    answer = preview(service, rule="monthly", due_at="2026-01-31T12:00:00Z", time_zone="UTC", **question)
    assert [i["local"][:10] for i in answer["instants"]] == ["2026-01-31", "2026-02-28", "2026-03-28"]
    assert [i["moved"] for i in answer["instants"]] == [
        None,
        "February 2026 has no 31st; its last day, the 28th, instead",
        None,
    ]


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"rule": "FREQ=SECONDLY"}, "recurrence", "FREQ"),
        ({"rule": "FREQ=DAILY;COUNT=0"}, "recurrence", "COUNT"),
        ({"rule": ""}, "recurrence", "characters long"),
        ({"rule": None}, "recurrence", "must not be null"),
        ({"rule": "x" * 301}, "recurrence", "at most 300"),
        ({"time_zone": "Europe/Atlantis"}, "time_zone", "Europe/Atlantis is not a time zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone", "time zone"),
        ({"time_zone": None}, "time_zone", "must not be null"),
        ({"due_at": "tomorrow"}, "due_at", "must be an instant"),
        ({"due_at": "2300-01-01T00:00:00Z"}, "due_at", "before the year 2300"),
        ({"count": 0}, "count", "from 1 to 50"),
        ({"count": 51}, "count", "from 1 to 50"),
        ({"anchor": "start"}, "anchor", "due, completion"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named_as_the_client_wrote_it(service: Service, change: dict, field: str, message: str) -> None:
    question = {"rule": "daily", "due_at": "2026-11-20T08:00:00Z", "time_zone": "UTC", **change}
    answer = ask(service, **question)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "invalid"
    assert [e["field"] for e in problem["errors"]] == [field]
    assert message in problem["errors"][0]["message"]


def test_all_mistakes_are_told_at_once(service: Service) -> None:
    problem = ask(service, rule="hourly", due_at="2026-11-20T08:00:00Z", time_zone="Mars/Base", count=3).json()
    assert {e["field"] for e in problem["errors"]} == {"recurrence", "time_zone"}
    problem = ask(service).json()
    assert {e["field"] for e in problem["errors"]} == {"recurrence", "due_at", "time_zone"}
    assert problem["detail"].startswith("recurrence:")


def test_only_backend_may_ask(service: Service) -> None:
    question = {"rule": "daily", "due_at": "2026-11-20T08:00:00Z", "time_zone": "UTC"}
    assert ask(service, caller=None, **question).status_code == 403
    assert ask(service, caller="websocket", **question).status_code == 403
    assert httpx.post(service.app_url + "/internal/preview", json=question).status_code == 401
    assert httpx.post(service.url + "/internal/preview", json=question).status_code == 404, "not on the public port"


def test_what_is_no_json_is_refused(service: Service) -> None:
    headers = {"dapr-api-token": service.sidecar.app_token, "dapr-caller-app-id": "backend"}
    for body in (b"", b"[]", b"{", b'{"rule": "daily", "rule": "weekly"}', b"\xff"):
        answer = httpx.post(service.app_url + "/internal/preview", content=body, headers=headers)
        assert answer.status_code == 400
