"""Lists: filters, orders, search and cursors, held against a model in Python over random tasks. The
seed is printed; TODO_SEED=… repeats a run."""

from __future__ import annotations

import datetime
import functools
import os
import random
from typing import Any, Callable

import pytest

from support import api
from support.api import User, refused
from support.service import Service

SETTINGS = api.SETTINGS
SEED = int(os.environ.get("TODO_SEED", random.SystemRandom().randrange(2**32)))
N_TASKS = 300
WORDS = ["milk", "bread", "cheese", "tax", "call", "garden", "Ärger", "forest", "x2", "2027", "paint", "fence"]
TAGS = ["home", "Work", "büro", "a,b", "late"]
PRIORITIES = ["low", "normal", "high", "urgent"]

Task = dict[str, Any]


@functools.cache
def now() -> datetime.datetime:
    """When these tests began, which may be long after they were read."""
    return datetime.datetime.now(datetime.timezone.utc)


def write_instant(at: datetime.datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def random_words(rng: random.Random, at_least: int, at_most: int) -> str:
    words = [rng.choice(WORDS) for _ in range(rng.randint(at_least, at_most))]
    return " ".join(rng.choice((str.lower, str.upper, str.title, str))(w) for w in words)


def random_task(rng: random.Random) -> Task:
    task: Task = {
        "title": random_words(rng, 1, 3),
        "description": random_words(rng, 0, 6),
        "priority": rng.choice(PRIORITIES),
        "tags": rng.sample(TAGS, rng.randint(0, 3)),
    }
    if rng.random() < 0.7:
        # few distinct instants, none of them now: many tasks share a sort key
        task["due_at"] = write_instant(now() + datetime.timedelta(days=rng.randint(-15, 15), hours=12))
    return task


def run_batch(user: User, operations: list[dict]) -> list[Task]:
    found = []
    for at in range(0, len(operations), 100):
        answer = user.post("/tasks/batch", json={"operations": operations[at : at + 100]})
        assert answer.status_code == 200, answer.text
        found += answer.json()["results"]
    assert all(r["status"] < 300 for r in found), found
    return [r["task"] for r in found]


@pytest.fixture(scope="module")
def ada(service: Service) -> User:
    return User(service)


@pytest.fixture(scope="module")
def tasks(service: Service, ada: User) -> list[Task]:
    """Random tasks, some completed, some in the trash; and another user's, which must never show."""
    print(f"TODO_SEED={SEED}")
    rng = random.Random(SEED)
    tasks = run_batch(ada, [{"op": "create", "task": random_task(rng)} for _ in range(N_TASKS)])
    moves = [{"op": "complete", "id": t["id"]} for t in tasks if rng.random() < 0.3]
    moves += [{"op": "delete", "id": t["id"]} for t in tasks if rng.random() < 0.2]
    run_batch(ada, moves)
    run_batch(User(service), [{"op": "create", "task": random_task(rng)} for _ in range(100)])
    return [ada.get(f"/tasks/{t['id']}").json() for t in tasks]


def words_of(task: Task) -> list[str]:
    return (task["title"] + " " + task["description"]).lower().split()


def has_phrase(task: Task, phrase: str) -> bool:
    words, wanted = words_of(task), phrase.lower().split()
    return any(words[i : i + len(wanted)] == wanted for i in range(len(words)))


SEARCHES: list[tuple[str, Callable[[Task], bool]]] = [
    ("milk", lambda t: "milk" in words_of(t)),
    ("MILK bread", lambda t: {"milk", "bread"} <= set(words_of(t))),
    ("milk or bread", lambda t: bool({"milk", "bread"} & set(words_of(t)))),
    ("milk -bread", lambda t: "milk" in words_of(t) and "bread" not in words_of(t)),
    ("-milk", lambda t: "milk" not in words_of(t)),
    ('"call garden"', lambda t: has_phrase(t, "call garden")),
    ("ärger", lambda t: "ärger" in words_of(t)),
    ("2027", lambda t: "2027" in words_of(t)),
    ("mil", lambda t: False),
    ("!!!", lambda t: False),
    ("& | ! ( ) :* <->", lambda t: False),
    ("'; DROP TABLE task; --", lambda t: False),
    ("owner=" + "0" * 8, lambda t: False),
]


def is_overdue(task: Task) -> bool:
    return task["status"] == "open" and task["due_at"] is not None and task["due_at"] < write_instant(now())


def random_filters(rng: random.Random) -> tuple[dict[str, str], Callable[[Task], bool]]:
    """Parameters, and the same in Python."""
    params: dict[str, str] = {}
    checks: list[Callable[[Task], bool]] = []

    def maybe(name: str, value: str, check: Callable[[Task], bool]) -> None:
        if rng.random() < 0.25:
            params[name] = value
            checks.append(check)

    status, priority, tag = rng.choice(["open", "completed"]), rng.choice(PRIORITIES), rng.choice(TAGS)
    after = write_instant(now() + datetime.timedelta(days=rng.randint(-15, 15)))
    before = write_instant(now() + datetime.timedelta(days=rng.randint(-15, 15)))
    overdue, (text, finds) = rng.random() < 0.5, rng.choice(SEARCHES)
    is_trash = rng.random() < 0.2
    maybe("status", status, lambda t: t["status"] == status)
    maybe("priority", priority, lambda t: t["priority"] == priority)
    maybe("tag", rng.choice((str.upper, str.lower, str))(tag), lambda t: tag in t["tags"])
    maybe("due_after", after, lambda t: t["due_at"] is not None and t["due_at"] >= after)
    maybe("due_before", before, lambda t: t["due_at"] is not None and t["due_at"] < before)
    maybe("overdue", str(overdue).lower(), lambda t: is_overdue(t) == overdue)
    maybe("q", text, finds)
    if is_trash or rng.random() < 0.1:
        params["trash"] = str(is_trash).lower()
    checks.append(lambda t: (t["deleted_at"] is not None) == is_trash)
    return params, lambda t: all(check(t) for check in checks)


def sort_key(sort: str, is_down: bool) -> Callable[[Task], tuple]:
    """The order as ascending keys, but for what is not due: that is last in both."""
    if sort == "due":
        return lambda t: ((t["due_at"] is None) != is_down, t["due_at"] or "", t["id"])
    if sort == "priority":
        return lambda t: (PRIORITIES.index(t["priority"]), t["id"])
    if sort == "title":
        return lambda t: (title_key(t["title"]), t["id"])
    return lambda t: (t["id"],)


def title_key(title: str) -> tuple:
    """Unicode's root collation for the words here: letters first, then accents, then case."""
    return title.lower().replace("ä", "a"), [c in "äÄ" for c in title], title.swapcase()


def expected(tasks: list[Task], passes: Callable[[Task], bool], sort: str, order: str) -> list[str]:
    is_down = order == "desc"
    found = sorted(filter(passes, tasks), key=sort_key(sort, is_down), reverse=is_down)
    return [t["id"] for t in found]


USUAL = {"created": "desc", "due": "asc", "priority": "desc", "title": "asc"}


def walk(user: User, params: dict[str, Any]) -> list[Task]:
    found: list[Task] = []
    cursor = None
    while True:
        answer = user.get("/tasks", params={**params, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["tasks"]
        assert len(page["tasks"]) <= int(params.get("limit", 50))
        cursor = page["next_cursor"]
        if cursor is None:
            return found
        assert len(page["tasks"]) == int(params.get("limit", 50))


@pytest.mark.parametrize("sort", ["created", "due", "priority", "title"])
@pytest.mark.parametrize("order", ["asc", "desc", None])
@pytest.mark.parametrize("limit", [3, 200])
def test_every_order_gives_each_task_once(
    ada: User, tasks: list[Task], sort: str, order: str | None, limit: int
) -> None:
    params = {"sort": sort, "limit": limit, **({"order": order} if order else {})}
    found = [t["id"] for t in walk(ada, params)]
    assert found == expected(tasks, lambda t: t["deleted_at"] is None, sort, order or USUAL[sort])


def test_filters_and_orders_are_as_the_model_has_them(ada: User, tasks: list[Task]) -> None:
    rng = random.Random(SEED + 1)
    n_found = 0
    for _ in range(150):
        params, passes = random_filters(rng)
        sort, order = rng.choice(list(USUAL)), rng.choice(["asc", "desc"])
        found = walk(ada, {**params, "sort": sort, "order": order, "limit": rng.choice([3, 10, 200])})
        assert [t["id"] for t in found] == expected(tasks, passes, sort, order), (SEED, params, sort, order)
        n_found += len(found)
    assert n_found > 500, "the filters let too little through to mean anything"


@pytest.mark.parametrize(("text", "finds"), SEARCHES, ids=[s[0] for s in SEARCHES])
def test_a_search_finds_what_the_model_finds(
    ada: User, tasks: list[Task], text: str, finds: Callable[[Task], bool]
) -> None:
    def passes(task: Task) -> bool:
        return task["deleted_at"] is None and finds(task)

    for sort in USUAL:
        found = walk(ada, {"q": text, "sort": sort, "order": "asc", "limit": 20})
        assert [t["id"] for t in found] == expected(tasks, passes, sort, "asc")


def test_tasks_in_a_list_are_whole(ada: User, tasks: list[Task]) -> None:
    by_id = {t["id"]: t for t in tasks}
    for task in walk(ada, {"limit": 200}):
        assert task == by_id[task["id"]]


def test_an_empty_list_is_a_page(service: Service) -> None:
    assert User(service).get("/tasks").json() == {"tasks": [], "next_cursor": None}


def test_a_list_has_50_tasks_when_nothing_else_is_asked_for(ada: User, tasks: list[Task]) -> None:
    assert len(ada.get("/tasks").json()["tasks"]) == 50


@pytest.mark.parametrize("sort", ["created", "due", "priority", "title"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_lose_and_repeat_nothing_while_others_come_and_go(service: Service, sort: str, order: str) -> None:
    """What is not touched meanwhile is seen exactly once."""
    rng = random.Random(f"{SEED}{sort}{order}")
    user = User(service)
    steady = run_batch(user, [{"op": "create", "task": random_task(rng)} for _ in range(60)])
    passing = run_batch(user, [{"op": "create", "task": random_task(rng)} for _ in range(30)])
    params = {"sort": sort, "order": order, "limit": 7}
    seen: list[str] = []
    cursor = None
    while True:
        page = user.get("/tasks", params={**params, **({"cursor": cursor} if cursor else {})}).json()
        seen += [t["id"] for t in page["tasks"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        run_batch(user, [{"op": "create", "task": random_task(rng)} for _ in range(3)])
        if passing:
            run_batch(user, [{"op": "delete", "id": passing.pop()["id"]}])
        if passing:  # the page's last task may be the one that goes
            gone = next((t for t in passing if t["id"] == seen[-1]), None)
            if gone:
                passing.remove(gone)
                run_batch(user, [{"op": "delete", "id": gone["id"]}])
    assert len(seen) == len(set(seen)), (SEED, "a task came twice")
    assert {t["id"] for t in steady} <= set(seen), (SEED, "a task was left out")


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"status": "done"}, "status"),
        ({"priority": "0"}, "priority"),
        ({"tag": ""}, "tag"),
        ({"tag": "x" * 51}, "tag"),
        ({"due_after": "yesterday"}, "due_after"),
        ({"due_before": "2027-01-01"}, "due_before"),
        ({"overdue": "1"}, "overdue"),
        ({"trash": "yes"}, "trash"),
        ({"q": " "}, "q"),
        ({"q": "x" * 201}, "q"),
        ({"sort": "owner"}, "sort"),
        ({"order": "up"}, "order"),
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "e30"}, "cursor"),
        ({"cursor": "x" * 5000}, "cursor"),
        ({"page": "2"}, "page"),
    ],
)
def test_a_bad_parameter_is_named(ada: User, params: dict[str, str], field: str) -> None:
    refused(ada.get("/tasks", params=params), 400, "invalid", field)


@pytest.mark.parametrize("query", ["q=%00", "q=%ff", "q=%", "q=a&q=b", "tag=%c0%af", "sort=due&sort=due"])
def test_a_malformed_query_is_refused(ada: User, query: str) -> None:
    refused(ada.get("/tasks?" + query), 400)


def test_every_bad_parameter_has_an_entry_of_its_own(ada: User) -> None:
    problem = refused(ada.get("/tasks?status=x&limit=0&sort=x&page=2"), 400)
    assert {e["field"] for e in problem["errors"]} == {"status", "limit", "sort", "page"}


def test_a_cursor_belongs_to_its_filters(ada: User, tasks: list[Task]) -> None:
    cursor = ada.get("/tasks?limit=5").json()["next_cursor"]
    for other in ({"status": "open"}, {"sort": "due"}, {"order": "asc"}, {"q": "milk"}, {"trash": "true"}):
        refused(ada.get("/tasks", params={"cursor": cursor, **other}), 400, "invalid", "cursor")
    assert ada.get("/tasks", params={"cursor": cursor, "limit": 9}).status_code == 200


def test_anothers_cursor_shows_ones_own_tasks_alone(service: Service, ada: User, tasks: list[Task]) -> None:
    cursor = ada.get("/tasks?limit=5").json()["next_cursor"]
    other = User(service)
    assert other.get("/tasks", params={"cursor": cursor}).json()["tasks"] == []
