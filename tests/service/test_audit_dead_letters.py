"""Dead letters are kept, listed, shown and replayed: the original, unchanged, on its topic."""

from __future__ import annotations

import base64
import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.audit import check_chain, dead_letter, deliver, history, key_of, new_event, new_id, run, verify
from support.postgres import Database
from support.service import Service
from support.waiting import wait_for


def cli(service: Service, *argv: str, status: int = 0) -> str:
    done = run(service, "dead-letters", *argv)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout if status == 0 else done.stdout + done.stderr


def rows(service: Service, *argv: str) -> dict[str, str]:
    """The lines of `list` by their id."""
    header, *lines = cli(service, "list", *argv).splitlines()
    assert header.split() == ["ID", "RECEIVED", "STATE", "CONSUMER", "TOPIC", "TYPE", "REASON"]
    return {line.split()[0]: line for line in lines}


def keep(service: Service, consumer: str = "notification", topic: str = "task-events", **changes) -> tuple[dict, dict]:
    """A letter of `consumer` about a new event; both as events."""
    owner = new_id()
    original = new_event(owner, seq="4")
    letter = dead_letter(owner, consumer, topic, original, **changes)
    deliver(service, "dead-letters", letter)
    return letter, original


# ---- kept


def test_a_letter_is_kept_listed_and_shown(service: Service, database: Database) -> None:
    letter, original = keep(service)
    line = rows(service)[letter["id"]]
    assert line.split()[2:6] == ["open", "notification", "task-events", "todo.task.created.v1"]
    assert line.endswith("title: is 501 characters long; at most 500")
    shown = cli(service, "show", letter["id"])
    assert f"owner     {letter['ownerid']}" in shown and f"event id  {original['id']}" in shown
    assert json.loads(shown.rsplit("original:\n", 1)[1]) == original


def test_a_letter_is_an_entry_of_its_owners_chain(service: Service, database: Database) -> None:
    letter, _ = keep(service)
    deliver(service, "dead-letters", letter)
    (entry,) = check_chain(database, letter["ownerid"])
    key = key_of(database, letter["ownerid"])
    assert (entry.event_id, entry.topic, entry.type) == (letter["id"], "dead-letters", "todo.dead-letter.v1")
    assert key is not None and json.loads(entry.open(key)) == letter["data"]
    assert history(service, owner_id=letter["ownerid"]).json()["entries"] == []


def test_a_chain_that_lost_its_key_stops_nothing(service: Service, database: Database) -> None:
    """The event becomes a letter; that, which its owner's chain cannot take either, one of nobody's."""
    owner, nobody = new_id(), str(uuid.UUID(int=0))
    deliver(service, "task-events", new_event(owner, seq="1"))
    key = key_of(database, owner)
    database.execute("audit", "DELETE FROM payload_key WHERE owner_id = %s", owner)
    event = new_event(owner, seq="2")

    def letter_of(owner_id: str) -> dict:
        def find() -> dict | None:
            letters = [p.event for p in service.sidecar.events("dead-letters")]
            return next((letter for letter in letters if letter["ownerid"] == owner_id), None)

        return wait_for("the letter", find)

    deliver(service, "task-events", event)
    letter = letter_of(owner)
    assert letter["data"]["reason"] == f"payload_key: there is no key of {owner}, nor was it erased"
    deliver(service, "dead-letters", letter)
    last = letter_of(nobody)
    deliver(service, "dead-letters", last)
    original = json.loads(cli(service, "show", last["id"]).rsplit("original:\n", 1)[1])
    assert json.loads(original["data"]["event"]) == event
    database.execute("audit", "INSERT INTO payload_key (owner_id, key) VALUES (%s, %s)", owner, key)
    service.sidecar.published.clear()


def test_the_sidecars_backstop_is_kept_too(service: Service, database: Database) -> None:
    """The original itself, on dead-letters, with its own id, which audit has appended before."""
    owner = new_id()
    original = new_event(owner, seq="1", topic="task-events", pubsubname="pubsub")
    deliver(service, "task-events", original)
    deliver(service, "dead-letters", original)
    line = rows(service)[original["id"]]
    assert line.split()[2:6] == ["open", "unknown", "task-events", "todo.task.created.v1"]
    assert [entry.topic for entry in check_chain(database, owner)] == ["task-events", "dead-letters"]
    status, lines = verify(service)
    assert status == 0 and " 0 holes," in lines[-1], lines  # the copy's seq does not count
    assert json.loads(cli(service, "show", original["id"]).rsplit("original:\n", 1)[1]) == original


def test_what_is_no_event_is_kept_and_cannot_be_replayed(service: Service) -> None:
    owner = new_id()
    letter = dead_letter(owner, "backend", "recurrences", b"\x00\xff not json")
    deliver(service, "dead-letters", letter)
    assert rows(service)[letter["id"]].split()[2:6] == ["unreadable", "backend", "recurrences", "-"]
    assert "original, not JSON, in base64:\nAP8gbm90IGpzb24=\n" in cli(service, "show", letter["id"])
    before = len(service.sidecar.published)
    assert "cannot be replayed: the original is not JSON" in cli(service, "replay", letter["id"], status=1)
    assert letter["id"] not in cli(service, "replay", "--all", "--consumer", "backend")
    assert len(service.sidecar.published) == before
    assert letter["id"] in rows(service)


@pytest.mark.parametrize(
    ("original", "why"),
    [
        ({"specversion": "1.0", "id": "7"}, "the original is no event"),
        ({"anything": ["but", "an event"]}, "the original is no event"),
    ],
)
def test_what_no_consumer_could_read_cannot_be_replayed(service: Service, original: dict, why: str) -> None:
    letter = dead_letter(new_id(), "backend", "recurrences", original)
    deliver(service, "dead-letters", letter)
    assert why in cli(service, "replay", letter["id"], status=1)


def test_a_malformed_letter_is_kept_as_one_about_itself(service: Service) -> None:
    letter = new_event(new_id(), "todo.dead-letter.v1", data={"consumer": "backend"})
    deliver(service, "dead-letters", letter)
    assert "a malformed dead letter" in rows(service)[letter["id"]]
    assert "nothing is replayed to" in cli(service, "replay", letter["id"], status=1)
    assert service.sidecar.events("dead-letters") == []


def test_a_letter_cannot_write_lines_of_its_own(service: Service) -> None:
    letter, _ = keep(service, "back\nend", reason="one\n01900000-0000-7000-8000-000000000000  two")
    line = rows(service)[letter["id"]]
    assert "back end" in line and line.endswith("one 01900000-0000-7000-8000-000000000000  two")
    assert "consumer  back end\n" in cli(service, "show", letter["id"])


def test_letters_are_counted_by_consumer(service: Service) -> None:
    import httpx

    def count(consumer: str) -> float:
        text = httpx.get(service.url + "/metrics").text
        lines = [line for line in text.splitlines() if f'audit_dead_letters_total{{consumer="{consumer}"}}' in line]
        return float(lines[0].split()[-1]) if lines else 0

    before = count("websocket"), count("other")
    keep(service, "websocket")
    keep(service, "x" * 200)
    keep(service, 'evil"} 1\nx{')
    assert (count("websocket"), count("other")) == (before[0] + 1, before[1] + 2)


# ---- as daprd delivers this topic: any bytes, in base64, in an envelope of its own


def raw(payload: dict | bytes) -> dict:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return {
        "id": str(uuid.uuid4()),  # another one at every delivery
        "specversion": "1.0",
        "datacontenttype": "application/octet-stream",
        "source": "Dapr",
        "type": "com.dapr.event.sent",
        "topic": "dead-letters",
        "pubsubname": "pubsub",
        "data_base64": base64.b64encode(data).decode(),
    }


def test_a_raw_delivery_is_the_same_letter(service: Service, database: Database) -> None:
    owner = new_id()
    original = new_event(owner, topic="reminders")
    letter = dead_letter(owner, "backend", "recurrences", original)
    for event in (letter, original):
        for _ in range(2):
            deliver(service, "dead-letters", raw(event))
        deliver(service, "dead-letters", event)
    assert [entry.event_id for entry in check_chain(database, owner)] == [letter["id"], original["id"]]
    assert rows(service)[original["id"]].split()[3:5] == ["unknown", "reminders"]
    assert json.loads(cli(service, "show", original["id"]).rsplit("original:\n", 1)[1]) == original


@pytest.mark.parametrize("garbage", [b"", b"\x00\xff{", b"[]", b'"text"', b"{" * 2000])
def test_bytes_that_daprd_cannot_parse_are_kept_once(service: Service, garbage: bytes) -> None:
    before = len(service.sidecar.events("dead-letters"))
    deliver(service, "dead-letters", raw(garbage))
    letter = service.sidecar.wait_for_events("dead-letters", before + 1)[before].event
    for _ in range(2):
        deliver(service, "dead-letters", raw(letter))
    line = rows(service, "--consumer", "audit")[letter["id"]]
    assert line.split()[2:5] == ["unreadable", "audit", "dead-letters"]
    assert base64.b64encode(garbage).decode() in cli(service, "show", letter["id"])


# ---- listed


def test_a_list_is_by_consumer_and_in_order_of_arrival(service: Service) -> None:
    letters = [keep(service, "recurring-task")[0]["id"] for _ in range(5)]
    other = keep(service, "backend")[0]["id"]
    listed = list(rows(service, "--consumer", "recurring-task"))
    assert [id for id in listed if id in letters] == letters and other not in listed
    assert rows(service, "--consumer", "nobody") == {}


def test_a_list_goes_on_behind_its_first_page(service_maker, cluster) -> None:
    database = cluster.new_database()
    replica = service_maker(database)
    database.execute(
        "audit",
        """INSERT INTO dead_letter (id, owner_id, consumer, topic, type, reason)
           SELECT gen_random_uuid(), gen_random_uuid(), 'backend', 't', '', E'two\\nlines' FROM generate_series(1, 450)""",
    )
    assert len(rows(replica)) == 450
    database.drop()


# ---- replayed


def test_a_replay_publishes_the_original_unchanged(service: Service, database: Database) -> None:
    letter, original = keep(service)
    before = len(service.sidecar.events("task-events"))
    assert cli(service, "replay", letter["id"]).splitlines()[-1] == "1 replayed, 0 not, 0 not tried"
    (published,) = service.sidecar.events("task-events")[before:]
    assert published.pubsub == "pubsub" and published.metadata == {"metadata.partitionKey": letter["ownerid"]}
    assert {name: published.event[name] for name in original} == original
    assert letter["id"] not in rows(service)
    assert rows(service, "--all")[letter["id"]].split()[2] == "replayed"
    assert "(1 times)" in cli(service, "show", letter["id"]).split("replayed")[1]


def test_a_replay_is_itself_in_the_chain(service: Service, database: Database) -> None:
    letter, original = keep(service)
    cli(service, "replay", letter["id"])
    entry = check_chain(database, letter["ownerid"])[1]
    assert (entry.topic, entry.type, entry.subject) == (
        "dead-letters",
        "todo.dead-letter.replayed.v1",
        original["subject"],
    )
    key = key_of(database, letter["ownerid"])
    assert key is not None
    assert json.loads(entry.open(key)) == {
        "dead_letter_id": letter["id"],
        "consumer": "notification",
        "topic": "task-events",
        "event_id": original["id"],
    }
    assert verify(service)[0] == 0


def test_audit_itself_handles_what_is_replayed_to_it_and_repeats_nothing(service: Service, database: Database) -> None:
    """Every consumer gets a replayed event; one that has its id in the inbox drops it."""
    letter, original = keep(service, "audit")
    cli(service, "replay", letter["id"])
    for _ in range(2):
        deliver(service, "task-events", service.sidecar.events("task-events")[-1].event)
    topics = [entry.topic for entry in check_chain(database, letter["ownerid"])]
    assert topics == ["dead-letters", "dead-letters", "task-events"]


def test_all_of_a_consumer_are_replayed(service: Service) -> None:
    mine = [keep(service, "recurring-task", topic="user-events") for _ in range(3)]
    other, _ = keep(service, "websocket")
    before = len(service.sidecar.published)
    out = cli(service, "replay", "--all", "--consumer", "recurring-task")
    published = {p.event["id"] for p in service.sidecar.published[before:]}
    assert {original["id"] for _, original in mine} <= published
    assert all(f"{letter['id']}  replayed" in out for letter, _ in mine)
    assert rows(service, "--consumer", "recurring-task") == {}
    assert other["id"] in rows(service)
    assert cli(service, "replay", "--all", "--consumer", "recurring-task") == ""


def test_a_letter_that_comes_back_is_open_again(service: Service) -> None:
    """Its id is made of consumer, topic and bytes: a second failure brings the same letter."""
    letter, _ = keep(service)
    cli(service, "replay", letter["id"])
    assert letter["id"] not in rows(service)
    deliver(service, "dead-letters", letter)
    assert letter["id"] in rows(service)
    assert "(2 times)" in cli(service, "show", letter["id"]).split("received")[1].splitlines()[0]
    cli(service, "replay", letter["id"])
    assert letter["id"] not in rows(service)


def test_a_letter_that_comes_back_before_its_replay_is_recorded_is_open(service: Service) -> None:
    """The consumer fails again while the sidecar has not yet answered that the original is published."""
    letter, original = keep(service)
    service.sidecar.hold("POST", "/v1.0/publish/pubsub/task-events", 2.0, times=1)

    def come_back() -> None:
        wait_for("the publication", lambda: [p for p in service.sidecar.events("task-events") if p.event["id"] == original["id"]])
        deliver(service, "dead-letters", letter)

    with ThreadPoolExecutor() as pool:
        back = pool.submit(come_back)
        cli(service, "replay", letter["id"])
        back.result()
    assert rows(service)[letter["id"]].split()[2] == "open"
    cli(service, "replay", letter["id"])
    assert letter["id"] not in rows(service)


def test_the_backstop_is_replayed_to_its_topic(service: Service) -> None:
    original = new_event(new_id(), topic="reminders")
    deliver(service, "dead-letters", original)
    cli(service, "replay", original["id"])
    assert service.sidecar.events("reminders")[-1].event["id"] == original["id"]


def test_updates_are_not_replayed(service: Service) -> None:
    letter, _ = keep(service, "websocket", topic="task-updates")
    assert 'nothing is replayed to "task-updates"' in cli(service, "replay", letter["id"], status=1)


def test_a_broker_that_is_away_leaves_the_letters_open(service: Service, database: Database) -> None:
    letters = [keep(service)[0] for _ in range(2)]
    service.sidecar.fail("POST", "/v1.0/publish", 503)
    try:
        out = cli(service, "replay", *(letter["id"] for letter in letters), status=1)
    finally:
        service.sidecar.clear_failures()
    assert "0 replayed, 1 not, 1 not tried" in out and "not replayed: " in out
    assert {letter["id"] for letter in letters} <= set(rows(service))
    assert len(check_chain(database, letters[0]["ownerid"])) == 1


def test_one_that_cannot_does_not_hold_back_the_others(service: Service) -> None:
    bad = dead_letter(new_id(), "backend", "recurrences", b"x")
    deliver(service, "dead-letters", bad)
    good, _ = keep(service)
    out = cli(service, "replay", bad["id"], good["id"], status=1)
    assert f"{good['id']}  replayed" in out and "1 replayed, 1 not" in out


# ---- deletion of an account


def delete_account(service: Service, owner: str) -> dict:
    event = new_event(owner, "todo.user.deleted.v1", subject=owner, data={"id": owner, "version": 3})
    deliver(service, "user-events", event)
    return event


def test_deletion_erases_what_letters_say(service: Service, database: Database) -> None:
    letter, original = keep(service)
    other, _ = keep(service)
    delete_account(service, letter["ownerid"])
    row = database.value("audit", "SELECT dead_letter::text FROM dead_letter WHERE id = %s", letter["id"])
    assert original["data"]["title"] not in row and "501" not in row
    assert rows(service)[letter["id"]].split()[2] == "erased"
    assert "erased with its owner's account" in cli(service, "show", letter["id"])
    assert "the account was deleted" in cli(service, "replay", letter["id"], status=1)
    assert "original:\n" in cli(service, "show", other["id"])


def test_a_late_letter_of_a_deleted_account_brings_no_content(service: Service, database: Database) -> None:
    owner = new_id()
    delete_account(service, owner)
    original = new_event(owner)
    letter = dead_letter(owner, "notification", "task-events", original)
    deliver(service, "dead-letters", letter)
    deliver(service, "dead-letters", new_event(owner, topic="task-events", data=original["data"]))
    texts = database.execute("audit", "SELECT dead_letter::text FROM dead_letter WHERE owner_id = %s", owner)
    assert len(texts) == 2 and all(original["data"]["title"] not in text for (text,) in texts)
    assert all(entry.payload is None for entry in check_chain(database, owner))


def test_a_deletion_that_a_consumer_could_not_handle_can_still_be_replayed(service: Service, database: Database) -> None:
    """It has no content, and without it that consumer would keep the user's data for ever."""
    owner = new_id()
    early = dead_letter(owner, "recurring-task", "user-events", new_event(owner, "todo.user.deleted.v1", subject=owner))
    deliver(service, "dead-letters", early)
    deletion = delete_account(service, owner)
    late = dead_letter(owner, "notification", "user-events", deletion)
    deliver(service, "dead-letters", late)
    cli(service, "replay", early["id"], late["id"])
    assert service.sidecar.events("user-events")[-1].event["id"] == deletion["id"]
    assert key_of(database, owner) is None
    assert [entry.payload is None for entry in check_chain(database, owner)] == [False, True, True, True, True]
    assert verify(service)[0] == 0


# ---- the command line


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["lost"],
        ["list", "x"],
        ["show"],
        ["show", "not-a-uuid"],
        ["show", "--all"],
        ["replay"],
        ["replay", "--all", "01900000-0000-7000-8000-000000000000"],
        ["replay", "--everything"],
    ],
)
def test_a_wrong_command_line_is_refused(service: Service, argv: list[str]) -> None:
    done = run(service, "dead-letters", *argv)
    assert done.returncode == 2 and "Usage: audit dead-letters" in done.stderr and done.stdout == ""


def test_an_unknown_letter_is_named(service: Service) -> None:
    unknown = "01900000-0000-7000-8000-000000000000"
    assert "there is no dead letter of this id" in cli(service, "show", unknown, status=1)
    assert "there is no dead letter of this id" in cli(service, "replay", unknown, status=1)


def test_a_letter_of_audit_itself_goes_round_once(service: Service) -> None:
    """What audit cannot read it writes to dead-letters itself, and keeps when that arrives."""
    before = len(service.sidecar.events("dead-letters"))
    deliver(service, "chat-events", json.dumps({"no": "event", "n": new_id()}).encode())
    letter = service.sidecar.wait_for_events("dead-letters", before + 1)[before].event
    deliver(service, "dead-letters", letter)
    line = wait_for("the letter", lambda: rows(service, "--consumer", "audit").get(letter["id"]))
    assert line.split()[3:5] == ["audit", "chat-events"]
    assert len(service.sidecar.events("dead-letters")) == before + 1
