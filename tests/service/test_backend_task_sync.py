"""GET /sync: a client that follows it holds exactly what the database holds, whatever happens
meanwhile. The seed is printed; TODO_SEED=… repeats a run."""

from __future__ import annotations

import concurrent.futures
import os
import random
import threading
from typing import Any

import pytest

from support import api
from support.api import User, refused
from support.service import Service
from support.waiting import wait_for

SETTINGS = {**api.SETTINGS, "PURGE_INTERVAL_S": "1"}
SEED = int(os.environ.get("TODO_SEED", random.SystemRandom().randrange(2**32)))


class Follower:
    """A browser's copy."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.seq = 0
        self.tasks: dict[str, dict[str, Any]] = {}
        self.n_resets = 0
        self.is_full = True  # the first copy is under way

    def ask(self, limit: int = 200) -> bool:
        """One call; return whether there is more."""
        params = {"since": self.seq, "limit": limit, **({"full": "true"} if self.is_full and self.seq else {})}
        answer = self.user.get("/sync", params=params)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        seqs = [c["seq"] for c in told["changes"]]
        assert len(seqs) <= limit
        assert seqs == sorted(set(seqs))
        assert all(self.seq < s <= told["seq"] for s in seqs)
        if told["reset"]:
            assert told["seq"] == 0 and told["more"] and not seqs
            self.tasks, self.n_resets, self.is_full = {}, self.n_resets + 1, True
        for change in told["changes"]:
            if change["type"] == "task":
                self.tasks[change["task"]["id"]] = change["task"]
            else:
                self.tasks.pop(change["id"], None)
        self.seq = told["seq"]
        self.is_full = self.is_full and told["more"]
        return told["more"]

    def catch_up(self, limit: int = 200) -> None:
        while self.ask(limit):
            pass


@pytest.fixture
def ada(service: Service) -> User:
    return User(service)


def add(user: User, title: str = "Buy milk") -> dict[str, Any]:
    answer = user.post("/tasks", json={"title": title})
    assert answer.status_code == 201, answer.text
    return answer.json()


def purge(user: User, task: dict[str, Any]) -> None:
    user.delete(f"/tasks/{task['id']}")
    assert user.delete(f"/tasks/{task['id']}?purge=true").status_code == 204


def everything(user: User) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for trash in ("false", "true"):
        cursor = None
        while True:
            params = {"trash": trash, "limit": 200, **({"cursor": cursor} if cursor else {})}
            page = user.get("/tasks", params=params).json()
            found.update({t["id"]: t for t in page["tasks"]})
            cursor = page["next_cursor"]
            if cursor is None:
                break
    return found


def seq_of(service: Service, user: User) -> int:
    return service.database.value("backend", "SELECT seq FROM account WHERE id = %s", user.id)


def test_nothing_is_known_at_first(service: Service, ada: User) -> None:
    told = ada.get("/sync?since=0").json()
    assert told == {"seq": seq_of(service, ada), "changes": [], "unread": 0, "more": False, "reset": False}


def test_the_newest_state_of_each_task_is_told_once(ada: User) -> None:
    one, two = add(ada, "one"), add(ada, "two")
    since = ada.get("/sync?since=0").json()["seq"]
    for _ in range(3):
        ada.patch(f"/tasks/{one['id']}", json={"title": f"one {_}"})
    ada.post(f"/tasks/{two['id']}/complete")
    ada.delete(f"/tasks/{two['id']}")
    told = ada.get("/sync", params={"since": since}).json()
    assert [(c["seq"], c["type"]) for c in told["changes"]] == [(since + 3, "task"), (since + 5, "task")]
    assert [c["task"] for c in told["changes"]] == [ada.get(f"/tasks/{t['id']}").json() for t in (one, two)]
    assert told["seq"] == since + 5 and not told["more"]
    assert ada.get("/sync", params={"since": told["seq"]}).json()["changes"] == []


def test_a_purged_task_is_told_of(ada: User) -> None:
    task = add(ada)
    since = ada.get("/sync?since=0").json()["seq"]
    purge(ada, task)
    told = ada.get("/sync", params={"since": since}).json()
    assert told["changes"] == [{"seq": since + 2, "type": "task_purged", "id": task["id"]}]


def test_a_first_copy_hears_nothing_of_what_was_purged(ada: User) -> None:
    purge(ada, add(ada))
    assert ada.get("/sync?since=0").json()["changes"] == []


@pytest.mark.parametrize("limit", [1, 3, 500])
def test_a_copy_in_small_steps_is_whole(ada: User, limit: int) -> None:
    for n in range(12):
        task = add(ada, f"{n}")
        if n % 4 == 0:
            purge(ada, task)
    follower = Follower(ada)
    follower.catch_up(limit)
    assert follower.tasks == everything(ada) and len(follower.tasks) == 9
    assert follower.n_resets == 0


def test_a_change_is_visible_as_soon_as_its_event_is_out(service: Service, ada: User) -> None:
    """No gap between a frame and sync."""
    stop = threading.Event()
    errors: list[str] = []

    def look() -> None:
        seen = 0
        while not stop.is_set():
            events = [p.event for p in service.sidecar.events("task-updates") if p.event["ownerid"] == ada.id]
            newest = max((int(e["seq"]) for e in events), default=0)
            if newest > seen:
                seen = newest
                told = ada.sign_in().get("/sync?since=0").json()
                if told["seq"] < newest:
                    errors.append(f"seq {newest} is out, sync tells of {told['seq']}")

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        looking = pool.submit(look)
        for n in range(40):
            add(ada, f"{n}")
        stop.set()
        looking.result()
    assert not errors


def random_change(rng: random.Random, user: User, tasks: list[dict[str, Any]]) -> None:
    kind = rng.random()
    if kind < 0.3 or not tasks:
        tasks.append(add(user, f"{rng.random()}"))
        return
    task = rng.choice(tasks)
    path = f"/tasks/{task['id']}"
    if kind < 0.6:
        user.patch(path, json={"title": f"{rng.random()}"})
    elif kind < 0.75:
        user.post(path + rng.choice(["/complete", "/reopen"]))
    elif kind < 0.9:
        user.delete(path)
    else:
        user.delete(path)
        user.delete(path + "?purge=true")
        tasks.remove(task)


def test_followers_hold_what_the_database_holds_under_concurrent_writes(service: Service, ada: User) -> None:
    """Several writers, several followers with pages of different sizes."""
    print(f"TODO_SEED={SEED}")
    done = threading.Event()

    def write(n: int) -> None:
        rng, tasks = random.Random(f"{SEED}-{n}"), []
        for _ in range(40):
            random_change(rng, ada, tasks)

    def follow(limit: int) -> Follower:
        follower = Follower(ada)
        while not done.is_set():
            follower.ask(limit)
        follower.catch_up(limit)
        return follower

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        following = [pool.submit(follow, limit) for limit in (2, 17, 200)]
        for writing in [pool.submit(write, n) for n in range(4)]:
            writing.result()
        done.set()
        followers = [f.result() for f in following]
    held = everything(ada)
    for follower in followers:
        assert follower.seq == seq_of(service, ada)
        assert follower.n_resets == 0
        assert follower.tasks == held, SEED


def test_one_users_sync_says_nothing_of_another(service: Service, ada: User) -> None:
    add(User(service))
    assert ada.get("/sync?since=0").json()["changes"] == []


def age_tombstones(service: Service, user: User) -> None:
    """A month later, by the database's clock."""
    service.database.execute(
        "backend",
        "UPDATE task_tombstone SET purged_at = purged_at - interval '31 days' WHERE owner_id = %s",
        user.id,
    )
    wait_for(
        "the tombstones to be forgotten",
        lambda: service.database.value("backend", "SELECT count(*) FROM task_tombstone WHERE owner_id = %s", user.id)
        == 0,
    )


def test_who_was_away_for_too_long_begins_anew(service: Service, ada: User) -> None:
    tasks = [add(ada, f"{n}") for n in range(10)]
    early, late = Follower(ada), Follower(ada)
    early.catch_up()
    purge(ada, tasks[3])
    late.catch_up()
    age_tombstones(service, ada)
    add(ada, "new")
    for follower in (early, late):
        follower.catch_up(2)
        assert follower.tasks == everything(ada)
    assert (early.n_resets, late.n_resets) == (1, 0)


def test_a_first_copy_in_small_steps_is_not_thrown_back(service: Service, ada: User) -> None:
    """Its first pages end below what is forgotten."""
    tasks = [add(ada, f"{n}") for n in range(6)]
    purge(ada, tasks[-1])
    age_tombstones(service, ada)
    follower = Follower(ada)
    follower.catch_up(2)
    assert follower.n_resets == 0
    assert follower.tasks == everything(ada)


def test_who_knows_more_than_the_database_begins_anew(service: Service, ada: User) -> None:
    add(ada)
    told = ada.get("/sync", params={"since": seq_of(service, ada) + 1}).json()
    assert told == {"seq": 0, "changes": [], "unread": 0, "more": True, "reset": True}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "since"),
        ("since=", "since"),
        ("since=-1", "since"),
        ("since=abc", "since"),
        ("since=1.0", "since"),
        ("since=99999999999999999999", "since"),
        ("since=9007199254740993", "since"),
        ("since=0&limit=0", "limit"),
        ("since=0&limit=501", "limit"),
        ("since=0&full=1", "full"),
        ("since=0&cursor=x", "cursor"),
        ("since=0&since=1", "since"),
    ],
)
def test_a_bad_parameter_is_named(ada: User, query: str, field: str) -> None:
    refused(ada.get("/sync?" + query), 400, "invalid", field)
