"""`audit verify` finds whatever somebody with all rights on the database did to a chain, and says where;
the heads are exported, signed, and find what the database alone does not show."""

from __future__ import annotations

import base64
import contextlib
import json
import pathlib
import re
from collections.abc import Iterator

import psycopg
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from support.audit import ENTRY_COLUMNS, append_chain, check_chain, deliver, new_event, new_id, read_chain, run, verify
from support.audit_chain import GENESIS, head_bytes
from support.postgres import Database
from support.service import Service, run_binary
from support.waiting import LIMIT_S, wait_for

N = 6  # entries of a chain that is tampered with


@pytest.fixture
def owner(service: Service, database: Database) -> Iterator[str]:
    """The owner of a chain of N entries, which is gone after the test, with what was done to it."""
    owner = new_id()
    append_chain(service, owner, N)
    check_chain(database, owner)
    yield owner
    with tampering(database) as db:
        for table in ("entry", "chain_head", "payload_key"):
            db.execute(f"DELETE FROM {table} WHERE owner_id = %s", [owner])


@contextlib.contextmanager
def tampering(database: Database) -> Iterator[psycopg.Connection]:
    """As superuser, without the trigger."""
    with database.connect("audit") as db:
        db.execute("ALTER TABLE entry DISABLE TRIGGER USER")
        yield db
        for trigger in ("entry_append_only", "entry_append_only_truncate"):
            db.execute(f"ALTER TABLE entry ENABLE ALWAYS TRIGGER {trigger}")


def places(lines: list[str], owner: str) -> list[int]:
    """The entries of `owner` at which a fault was told; 0 is the whole chain."""
    found = [re.match(rf"fault: owner {owner}(?: entry (-?\d+))?: ", line) for line in lines]
    return [int(match[1] or 0) for match in found if match]


def check_found(service: Service, owner: str, *expected: int) -> list[str]:
    """Verification fails, names this owner's places and nobody else's."""
    status, lines = verify(service)
    assert status == 1, lines
    assert places(lines, owner) == list(expected), lines
    assert sum(line.startswith("fault:") for line in lines) == len(expected), lines
    return lines


# ---- nothing was done


def test_what_was_appended_is_whole(service: Service, owner: str) -> None:
    status, lines = verify(service)
    assert status == 0
    (summary,) = lines
    assert re.fullmatch(
        r"\d+ entries of \d+ chains, 0 exported heads: 0 faults, 0 holes, 0 warnings; 0 numbers in flight", summary
    )


def test_an_empty_database_is_whole(service_maker, cluster) -> None:
    database = cluster.new_database()
    replica = service_maker(database)
    status, lines = verify(replica)
    assert status == 0 and lines[0].startswith("0 entries of 0 chains")
    database.drop()


def test_many_chains_of_all_lengths_are_walked_to_the_end(service: Service, owner: str, database: Database) -> None:
    """More than a page of entries, of heads and of numbers; chains that end where a page does."""
    with tampering(database) as db:
        db.execute(
            """INSERT INTO entry SELECT md5(o::text)::uuid, n, gen_random_uuid(), 't', 't', '/todo/backend', 's',
               n, 0, 0, NULL, '\\x00', '\\x00' FROM generate_series(1, 2600) o, generate_series(1, 1 + o % 3) n"""
        )
        n_rows = db.execute("SELECT count(*) FROM entry").fetchone()[0]
    status, lines = verify(service)
    assert status == 1
    assert f"{n_rows} entries of " in lines[-1]
    # each made-up entry is malformed, and each of those chains lacks a head
    n_made = 2600 + sum(1 + o % 3 for o in range(1, 2601))
    assert f" {n_made} faults," in lines[-1]
    with tampering(database) as db:
        db.execute("DELETE FROM entry WHERE topic = 't'")
    assert verify(service)[0] == 0


def test_large_entries_are_walked_in_small_pages(service: Service, database: Database) -> None:
    owner = new_id()
    for _ in range(12):
        deliver(service, "task-events", new_event(owner, data={"text": "x" * 900_000}))
    assert verify(service)[0] == 0


def test_a_chain_that_grows_meanwhile_has_no_fault(service: Service, database: Database) -> None:
    import threading

    stop, owners = threading.Event(), [new_id() for _ in range(4)]

    def append() -> None:
        while not stop.is_set():
            for grown in owners:
                deliver(service, "task-events", new_event(grown))

    writer = threading.Thread(target=append)
    writer.start()
    try:
        for _ in range(5):
            assert verify(service)[0] == 0
    finally:
        stop.set()
        writer.join()


# ---- edits


@pytest.mark.parametrize(
    "change",
    [
        "event_id = gen_random_uuid()",
        "topic = topic || ' '",
        "type = 'todo.task.deleted.v1'",
        "source = '/todo/other'",
        "subject = upper(subject)",
        "seq = seq + 1000000",
        "seq = 0",
        "occurred_at = occurred_at + 1",
        "recorded_at = recorded_at - 1",
        "payload = payload || '\\x00'::bytea",
        "payload = set_byte(payload, 30, 255 - get_byte(payload, 30))",
        "payload = NULL",
        "payload = ''",
    ],
)
def test_an_edited_field_is_found(service: Service, owner: str, database: Database, change: str) -> None:
    with tampering(database) as db:
        db.execute(f"UPDATE entry SET {change} WHERE owner_id = %s AND number = 3", [owner])
    status, lines = verify(service)
    assert status == 1
    assert set(places(lines, owner)) == {3}, lines
    assert any("a field was changed" in line for line in lines)


@pytest.mark.parametrize("change", ["topic = NULL", "subject = NULL", "seq = NULL", "digest = NULL", "hash = NULL"])
def test_a_field_that_was_taken_away_is_found(service: Service, owner: str, database: Database, change: str) -> None:
    column = change.split()[0]
    with tampering(database) as db:
        kept = db.execute(f"SELECT {column} FROM entry WHERE owner_id = %s AND number = 2", [owner]).fetchone()[0]
        db.execute(f"ALTER TABLE entry ALTER {column} DROP NOT NULL")
        db.execute(f"UPDATE entry SET {change} WHERE owner_id = %s AND number = 2", [owner])
    status, lines = verify(service)
    assert status == 1 and 2 in places(lines, owner), lines
    with tampering(database) as db:
        db.execute(f"UPDATE entry SET {column} = %s WHERE owner_id = %s AND number = 2", [kept, owner])
        db.execute(f"ALTER TABLE entry ALTER {column} SET NOT NULL")
    assert verify(service)[0] == 0


def test_an_edited_digest_is_found(service: Service, owner: str, database: Database) -> None:
    with tampering(database) as db:
        db.execute("UPDATE entry SET digest = sha256('x') WHERE owner_id = %s AND number = 3", [owner])
    check_found(service, owner, 3, 3)


def test_an_edited_hash_is_found(service: Service, owner: str, database: Database) -> None:
    with tampering(database) as db:
        db.execute("UPDATE entry SET hash = sha256('x') WHERE owner_id = %s AND number = 3", [owner])
    check_found(service, owner, 3, 4)


@pytest.mark.parametrize("n_bytes", [0, 31, 33])
def test_a_hash_of_another_size_is_found(service: Service, owner: str, database: Database, n_bytes: int) -> None:
    with tampering(database) as db:
        db.execute("UPDATE entry SET hash = %s WHERE owner_id = %s AND number = 3", [bytes(n_bytes), owner])
    status, lines = verify(service)
    assert status == 1 and 3 in places(lines, owner), lines


def test_an_edit_with_its_own_digest_and_hash_is_found(service: Service, owner: str, database: Database) -> None:
    entries = read_chain(database, owner)
    forged = entries[2]
    forged.subject = new_id()
    forged.digest = forged.compute_digest()
    forged.hash = forged.compute_hash(entries[1].hash)
    with tampering(database) as db:
        db.execute(
            "UPDATE entry SET subject = %s, digest = %s, hash = %s WHERE owner_id = %s AND number = 3",
            [forged.subject, forged.digest, forged.hash, owner],
        )
    # the payload belongs to the entry as it was, and the next one follows from its old hash
    check_found(service, owner, 3, 4)


def test_an_entry_given_to_another_owner_is_found(service: Service, owner: str, database: Database) -> None:
    other = new_id()
    with tampering(database) as db:
        db.execute("UPDATE entry SET owner_id = %s WHERE owner_id = %s AND number = 1", [other, owner])
    status, lines = verify(service)
    assert status == 1
    assert places(lines, owner) == [1] and 1 in places(lines, other) and 0 in places(lines, other), lines
    with tampering(database) as db:
        db.execute("DELETE FROM entry WHERE owner_id = %s", [other])


@pytest.mark.parametrize("number", [-5, 0, 100])
def test_a_renumbered_entry_is_found(service: Service, owner: str, database: Database, number: int) -> None:
    with tampering(database) as db:
        db.execute("UPDATE entry SET number = %s WHERE owner_id = %s AND number = 3", [number, owner])
    status, lines = verify(service)
    assert status == 1 and {3, number} - {100} <= set(places(lines, owner)), lines


# ---- deletions, swaps, insertions


@pytest.mark.parametrize("number", [1, 3])
def test_a_deleted_entry_is_found(service: Service, owner: str, database: Database, number: int) -> None:
    with tampering(database) as db:
        db.execute("DELETE FROM entry WHERE owner_id = %s AND number = %s", [owner, number])
    assert any("is missing" in line for line in check_found(service, owner, number))


def test_a_deleted_entry_with_the_rest_moved_up_is_found(service: Service, owner: str, database: Database) -> None:
    with tampering(database) as db:
        db.execute("DELETE FROM entry WHERE owner_id = %s AND number = 3", [owner])
        for number in range(4, N + 1):
            db.execute("UPDATE entry SET number = number - 1 WHERE owner_id = %s AND number = %s", [owner, number])
        db.execute("UPDATE chain_head SET number = number - 1 WHERE owner_id = %s", [owner])
    check_found(service, owner, 3, 4, 5)


def test_two_swapped_entries_are_found(service: Service, owner: str, database: Database) -> None:
    with tampering(database) as db:
        for old, new in ((2, 1000), (3, 2), (1000, 3)):
            db.execute("UPDATE entry SET number = %s WHERE owner_id = %s AND number = %s", [new, owner, old])
    check_found(service, owner, 2, 3, 4)


def test_a_forged_entry_in_the_middle_is_found(service: Service, owner: str, database: Database) -> None:
    """Inserted with a fitting digest and hash, the later ones moved down, the head too."""
    entries = read_chain(database, owner)
    forged = entries[2]
    forged.event_id, forged.payload = new_id(), None
    forged.digest = forged.compute_digest()
    forged.hash = forged.compute_hash(entries[1].hash)
    with tampering(database) as db:
        for number in range(N, 2, -1):
            db.execute("UPDATE entry SET number = number + 1 WHERE owner_id = %s AND number = %s", [owner, number])
        insert(db, forged)
        db.execute("UPDATE chain_head SET number = number + 1 WHERE owner_id = %s", [owner])
    check_found(service, owner, 4, 5, 6, 7)


def insert(db: psycopg.Connection, entry) -> None:
    values = [getattr(entry, name) for name in ENTRY_COLUMNS.split(", ")]
    db.execute(f"INSERT INTO entry ({ENTRY_COLUMNS}) VALUES ({', '.join(['%s'] * len(values))})", values)


def test_a_forged_entry_at_the_end_is_found(service: Service, owner: str, database: Database) -> None:
    """The service's own role may insert: without the head it is beyond it."""
    forged = read_chain(database, owner)[-1]
    previous, forged.number, forged.event_id, forged.payload = forged.hash, N + 1, new_id(), None
    forged.digest = forged.compute_digest()
    forged.hash = forged.compute_hash(previous)
    with psycopg.connect(database.url("audit_a"), autocommit=True) as db:
        insert(db, forged)
    check_found(service, owner, N + 1)


def test_a_cut_tail_is_found(service: Service, owner: str, database: Database) -> None:
    with tampering(database) as db:
        db.execute("DELETE FROM entry WHERE owner_id = %s AND number > 4", [owner])
    check_found(service, owner, 5)


def test_a_whole_chain_that_was_deleted_is_found_by_its_head(service: Service, owner: str, database: Database) -> None:
    with tampering(database) as db:
        db.execute("DELETE FROM entry WHERE owner_id = %s", [owner])
    check_found(service, owner, 1)


# ---- heads and keys


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ("number = number + 1", N + 1),
        ("number = number - 1", N),
        ("hash = sha256('x')", N),
        ("hash = ''", N),
        ("erased_at = now()", 0),
    ],
)
def test_an_edited_head_is_found(service: Service, owner: str, database: Database, change: str, place: int) -> None:
    database.execute("audit", f"UPDATE chain_head SET {change} WHERE owner_id = %s", owner)
    check_found(service, owner, place)


def test_a_deleted_head_is_found(service: Service, owner: str, database: Database) -> None:
    database.execute("audit", "DELETE FROM chain_head WHERE owner_id = %s", owner)
    check_found(service, owner, 0)


def test_a_deleted_key_is_found(service: Service, owner: str, database: Database) -> None:
    database.execute("audit", "DELETE FROM payload_key WHERE owner_id = %s", owner)
    check_found(service, owner, 0)


def test_another_key_is_found(service: Service, owner: str, database: Database) -> None:
    database.execute("audit", "UPDATE payload_key SET key = sha256('x') WHERE owner_id = %s", owner)
    check_found(service, owner, *range(1, N + 1))


# ---- numbers of the source


def test_a_hole_is_told_once_it_is_old(service: Service, database: Database) -> None:
    owner = new_id()
    for seq, topic in ((1, "user-events"), (2, "task-events"), (5, "task-events")):
        deliver(service, topic, new_event(owner, seq=str(seq)))
    status, lines = verify(service)
    assert status == 0 and lines[-1].endswith("0 holes, 0 warnings; 2 numbers in flight"), lines
    status, lines = verify(service, "--patience", "0")
    assert status == 0, lines
    assert f"hole: owner {owner} entry 3: seq 3 to 4 have not arrived, seq 5 has" in lines
    for seq in (4, 3):  # they come after all, in another order
        deliver(service, "task-events", new_event(owner, seq=str(seq)))
    status, lines = verify(service, "--patience", "0")
    assert status == 0 and " 0 holes," in lines[-1], lines


@pytest.mark.parametrize(
    ("source", "topics"),
    [
        ("/todo/backend", ("task-events", "notifications", "user-events")),
        ("/todo/recurring-task", ("recurrences",) * 3),
        ("/todo/notification", ("reminders", "notifications", "reminders")),
    ],
)
def test_a_source_counts_over_all_of_its_topics(service: Service, source: str, topics: tuple[str, ...]) -> None:
    owner = new_id()
    numbered = list(zip(topics, ("1", "2", "4"), strict=True))
    for topic, seq in numbered:
        deliver(service, topic, new_event(owner, source=source, seq=seq))
    _, lines = verify(service, "--patience", "0")
    assert [line for line in lines if owner in line] == [
        f"hole: owner {owner} entry 3: seq 3 has not arrived, seq 4 has"
    ]
    deliver(service, topics[0], new_event(owner, source=source, seq="3"))
    _, lines = verify(service, "--patience", "0")
    assert " 0 holes," in lines[-1], lines


def test_a_number_that_came_twice_is_told(service: Service, database: Database) -> None:
    owner = new_id()
    for topic in ("user-events", "task-events"):
        deliver(service, topic, new_event(owner, seq="1"))
    status, lines = verify(service)
    assert status == 0
    assert f"hole: owner {owner} entry 2: seq 1 is also that of entry 1" in lines
    with tampering(database) as db:
        for table in ("entry", "chain_head", "payload_key"):
            db.execute(f"DELETE FROM {table} WHERE owner_id = %s", [owner])


# ---- exported heads


@pytest.fixture
def exporter(service_maker, database: Database, tmp_path: pathlib.Path) -> Iterator[Service]:
    """A replica that exports to tmp_path / "heads", often."""
    replica = service_maker(
        database, settings={"HEADS_DIR": str(tmp_path / "heads"), "HEADS_INTERVAL_MS": "100"}
    ).start()
    yield replica
    replica.stop()


def read_lines(directory: pathlib.Path) -> list[dict]:
    """All lines but one that is being written, or was cut off."""
    lines = []
    for path in sorted(directory.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            with contextlib.suppress(ValueError):
                lines.append(json.loads(line))
    return lines


def public_key(service: Service) -> str:
    done = run(service, "public-key")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def wait_exported(directory: pathlib.Path, owner: str, number: int) -> dict:
    def find() -> dict | None:
        lines = [line for line in read_lines(directory) if line["owner_id"] == owner and line["number"] == number]
        return lines[0] if lines else None

    return wait_for(f"head {number} of {owner} to be exported", find)


def check_heads(service: Service, *paths: pathlib.Path, key: str | None = None) -> tuple[int, list[str]]:
    argv = [word for path in paths for word in ("--heads", str(path))]
    return verify(service, *argv, "--public-key", key or public_key(service))


def test_heads_are_exported_and_signed(exporter: Service, owner: str, database: Database, tmp_path) -> None:
    line = wait_exported(tmp_path / "heads", owner, N)
    head = read_chain(database, owner)[-1]
    assert line["hash"] == head.hash.hex()
    path = tmp_path / "heads" / f"heads-{line['at'][:10]}.jsonl"
    assert line["signature"] in path.read_text(), "in the file of its day"
    from datetime import datetime

    at = round(datetime.fromisoformat(line["at"].replace("Z", "+00:00")).timestamp() * 1000)
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key(exporter)))
    signature = base64.b64decode(line["signature"])
    key.verify(signature, head_bytes(at, owner, N, head.hash))
    with pytest.raises(InvalidSignature):
        key.verify(signature, head_bytes(at, owner, N - 1, head.hash))


def test_a_head_is_exported_again_only_when_it_moved(exporter: Service, owner: str, tmp_path) -> None:
    heads = tmp_path / "heads"
    wait_exported(heads, owner, N)
    append_chain(exporter, owner, 1)
    wait_exported(heads, owner, N + 1)
    again = new_id()
    append_chain(exporter, again, 1)
    wait_exported(heads, again, 1)
    numbers = [line["number"] for line in read_lines(heads) if line["owner_id"] == owner]
    assert numbers[-2:] == [N, N + 1] and numbers == sorted(set(numbers))


def test_exported_heads_are_on_the_chain(exporter: Service, owner: str, tmp_path) -> None:
    wait_exported(tmp_path / "heads", owner, N)
    status, lines = check_heads(exporter, tmp_path / "heads")
    assert status == 0, lines
    assert int(re.search(r"(\d+) exported heads", lines[-1])[1]) >= 1


def test_a_tail_cut_with_its_head_is_found_by_the_export(exporter, owner, database, tmp_path) -> None:
    wait_exported(tmp_path / "heads", owner, N)
    with tampering(database) as db:
        db.execute("DELETE FROM entry WHERE owner_id = %s AND number > 4", [owner])
        db.execute(
            """UPDATE chain_head SET number = 4, hash = (SELECT hash FROM entry WHERE owner_id = %s AND number = 4)
               WHERE owner_id = %s""",
            [owner, owner],
        )
    assert verify(exporter)[0] == 0  # by itself the database shows nothing
    status, lines = check_heads(exporter, tmp_path / "heads")
    assert status == 1 and N in places(lines, owner) and min(places(lines, owner)) > 4, lines
    assert any("the chain now ends at 4" in line for line in lines)


def test_a_chain_deleted_with_its_head_is_found_by_the_export(exporter, owner, database, tmp_path) -> None:
    wait_exported(tmp_path / "heads", owner, N)
    with tampering(database) as db:
        for table in ("entry", "chain_head", "payload_key"):
            db.execute(f"DELETE FROM {table} WHERE owner_id = %s", [owner])
    assert verify(exporter)[0] == 0
    status, lines = check_heads(exporter, tmp_path / "heads")
    assert status == 1 and N in places(lines, owner), lines


def test_a_chain_written_anew_is_found_by_the_export(exporter, owner, database, tmp_path) -> None:
    wait_exported(tmp_path / "heads", owner, N)
    previous = GENESIS
    with tampering(database) as db:
        for entry in read_chain(database, owner):
            entry.payload, entry.occurred_at = None, 1
            entry.digest = entry.compute_digest()
            entry.hash = previous = entry.compute_hash(previous)
            db.execute(
                """UPDATE entry SET payload = NULL, occurred_at = 1, digest = %s, hash = %s
                   WHERE owner_id = %s AND number = %s""",
                [entry.digest, entry.hash, owner, entry.number],
            )
        db.execute("UPDATE chain_head SET hash = %s WHERE owner_id = %s", [previous, owner])
    assert verify(exporter)[0] == 0
    status, lines = check_heads(exporter, tmp_path / "heads")
    assert status == 1 and N in places(lines, owner), lines


def test_a_forged_head_line_is_found(exporter: Service, owner: str, tmp_path) -> None:
    line = wait_exported(tmp_path / "heads", owner, N)
    (tmp_path / "forged.jsonl").write_text(json.dumps({**line, "number": N - 1}) + "\n")
    status, lines = check_heads(exporter, tmp_path / "forged.jsonl")
    assert status == 1 and places(lines, owner) == [N - 1]
    assert any("line 1 is not signed with the given key" in line for line in lines)


def test_another_key_signs_nothing(exporter: Service, owner: str, tmp_path) -> None:
    wait_exported(tmp_path / "heads", owner, N)
    status, lines = check_heads(exporter, tmp_path / "heads", key=base64.b64encode(bytes(range(32))).decode())
    assert status == 1 and N in places(lines, owner)


def test_heads_of_a_rotated_key_are_checked_with_both(exporter: Service, owner: str, tmp_path) -> None:
    heads, old = tmp_path / "heads", public_key(exporter)
    wait_exported(heads, owner, N)
    exporter.sidecar.secrets["audit-keys"] = {"seed": base64.b64encode(b"n" * 32).decode()}
    wait_for("the new key", lambda: exporter.log_lines("secret_rotated"))
    append_chain(exporter, owner, 1)
    wait_exported(heads, owner, N + 1)
    new = public_key(exporter)
    assert new != old
    assert verify(exporter, "--heads", str(heads), "--public-key", old)[0] == 1
    assert verify(exporter, "--heads", str(heads), "--public-key", old, "--public-key", new)[0] == 0


def test_a_line_cut_off_by_a_crash_is_a_warning_and_ends_there(exporter, owner, database, tmp_path) -> None:
    heads = tmp_path / "heads"
    wait_exported(heads, owner, N)
    while True:
        path = max(heads.iterdir())
        with path.open("a") as file:
            file.write('{"at":"2026-11-2')
        append_chain(exporter, owner, 1)
        number = len(read_chain(database, owner))
        line = wait_exported(heads, owner, number)
        if line["at"][:10] in path.name:  # no midnight between
            break
    assert '{"at":"2026-11-2\n' in path.read_text()
    status, lines = check_heads(exporter, heads)
    assert status == 0 and re.search(" [12] warnings;", lines[-1]), lines


def test_several_replicas_export_and_no_harm_is_done(exporter, service_maker, owner, database, tmp_path) -> None:
    other = service_maker(
        database, settings={"HEADS_DIR": str(tmp_path / "heads"), "HEADS_INTERVAL_MS": "100"}
    )
    other.sidecar.secrets["audit-keys"] = exporter.sidecar.secrets["audit-keys"]
    other.start()
    for i in range(20):
        deliver(exporter if i % 2 else other, "task-events", new_event(owner))
    wait_exported(tmp_path / "heads", owner, N + 20)
    assert check_heads(exporter, tmp_path / "heads")[0] == 0
    other.stop()


def test_the_age_of_the_export_is_measured(exporter: Service, owner: str, tmp_path) -> None:
    def gauge() -> str | None:
        import httpx

        found = re.search(r"^audit_chain_head_export_age_seconds (\S+)$", httpx.get(exporter.url + "/metrics").text, re.M)
        return found[1] if found else None

    wait_exported(tmp_path / "heads", owner, N)
    wait_for("a young export", lambda: gauge() is not None and float(gauge()) < LIMIT_S)


def test_a_directory_that_cannot_be_made_is_said_at_start(service_maker, database: Database, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    replica = service_maker(database, settings={"HEADS_DIR": str(tmp_path / "file" / "heads")})
    with pytest.raises(AssertionError, match="HEADS_DIR"):
        replica.start(wait_ready=False)


# ---- the command line


@pytest.mark.parametrize(
    "argv",
    [
        ["--heads", "/nowhere", "--public-key", base64.b64encode(bytes(32)).decode()],
        ["--heads", "/"],
        ["--public-key", base64.b64encode(bytes(32)).decode()],
        ["--public-key", "short"],
        ["--patience", "soon"],
        ["--unknown"],
        ["word"],
    ],
)
def test_a_wrong_command_line_is_refused(service: Service, argv: list[str]) -> None:
    done = run(service, "verify", *argv)
    assert done.returncode == 2 and "audit verify" in done.stderr and done.stdout == ""


def test_help_names_options_and_settings(service: Service) -> None:
    for command in ("verify", "dead-letters", "public-key"):
        done = run_binary("audit", command, "--help")
        assert done.returncode == 0 and "Usage: audit " + command in done.stdout and "DATABASE_URL" in done.stdout


def test_a_database_url_needs_no_sidecar(service: Service, owner: str, database: Database) -> None:
    done = run_binary("audit", "verify", env={"DATABASE_URL": database.url("audit_b")})
    assert done.returncode == 0, done.stderr


def test_what_cannot_be_reached_is_no_verdict(service: Service) -> None:
    done = run_binary("audit", "verify", env={"DATABASE_URL": "postgresql://127.0.0.1:1/x", "DB_LIMIT_MS": "300"})
    assert done.returncode == 2 and "not finished" in done.stderr and done.stdout == ""
    service.sidecar.fail("GET", "/v1.0/secrets", 500)
    try:
        done = run(service, "public-key")
    finally:
        service.sidecar.clear_failures()
    assert done.returncode == 2 and "did not give the secret" in done.stderr
