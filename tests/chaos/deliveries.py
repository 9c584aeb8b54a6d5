"""Reminders, by count: none missing, none early, none to somebody else; and what came twice must be
explained by a process that was killed while it was sending.

Three books are held against each other: what people were promised (load.py), notification's ledger with
every attempt, and what the sinks took. A sink takes a message some time before it answers, so a sender
that dies in between has delivered without knowing it: that, and nothing else, may be sent again."""

from __future__ import annotations

import collections
import dataclasses
import re

from instants import seconds
from kills import Killed
from load import MAYBE, NEVER, WANTED, Player, Reminded
from support.stack import Stack
from verdict import Verdict

CLOCK_S = 0.002  # a row's instants are whole milliseconds
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
INSTANCE = re.compile(rf'"instance":"({UUID})"')


@dataclasses.dataclass
class Attempt:
    number: int
    process: str  # as scripts/stack names it: notification-1
    began_at: float
    ended_at: float | None  # None: it never said how it ended
    outcome: str


@dataclasses.dataclass
class Delivery:
    """A row of the ledger."""

    id: str
    owner_id: str
    reminder_id: str
    generation: int
    channel: str
    state: str
    remind_at: float
    attempts: list[Attempt]


@dataclasses.dataclass
class Receipt:
    """What a sink accepted: `id` is the delivery's stable id."""

    channel: str
    id: str
    owner_id: str
    came_at: float


def was_killed_in(attempt: Attempt, until: float, channel: str, killed: list[Killed]) -> Killed | None:
    """The kill of the sender, or of the sidecar that carries its mail, while the attempt was open."""
    names = {attempt.process} | ({f"daprd-{attempt.process}"} if channel == "email" else set())
    for kill in killed:
        if kill.name in names and kill.began_at <= until and kill.ended_at >= attempt.began_at - CLOCK_S:
            return kill
    return None


def judge_one(delivery: Delivery, receipts: list[Receipt], killed: list[Killed]) -> tuple[int, list[str]]:
    """Return how many of the extra receipts a kill explains, and what is wrong."""
    wrong = []
    what = f"{delivery.channel} {delivery.id}"
    for receipt in receipts:
        if receipt.owner_id != delivery.owner_id:
            wrong.append(f"{what} went to {receipt.owner_id}, it is {delivery.owner_id}'s")
        if receipt.came_at < delivery.remind_at - CLOCK_S:
            wrong.append(f"{what} came {delivery.remind_at - receipt.came_at:.3f} s early")
    if delivery.channel == "app":  # backend shows it once: it is the primary key
        return 0, wrong
    attempts = sorted(delivery.attempts, key=lambda a: a.began_at)
    came_in: dict[int, int] = collections.Counter()
    for receipt in receipts:
        began = [i for i, attempt in enumerate(attempts) if attempt.began_at <= receipt.came_at + CLOCK_S]
        if not began:
            wrong.append(f"{what} came before any attempt was written down")
            continue
        came_in[began[-1]] += 1
    wrong += [f"{what}: attempt {attempts[i].number} delivered {n} times" for i, n in came_in.items() if n > 1]
    explained = 0
    for i in sorted(came_in)[:-1]:
        attempt = attempts[i]
        until = attempt.ended_at if attempt.ended_at is not None else attempts[i + 1].began_at
        if was_killed_in(attempt, until, delivery.channel, killed):
            explained += 1
        else:
            wrong.append(
                f"{what} came again though nobody was killed in attempt {attempt.number} of {attempt.process} "
                f"({attempt.began_at:.3f} to {attempt.ended_at}, {attempt.outcome})"
            )
    return explained, wrong


CHANNELS = ("email", "push", "app", "webhook")  # everybody has all; "app" has no sink but the list in the app


def judge(reminded: list[Reminded], ledger: list[Delivery], receipts: list[Receipt], killed: list[Killed]) -> Verdict:
    """`reminded` is all that anybody asked for."""
    verdict = Verdict()
    rows = {(d.reminder_id, d.generation, d.channel): d for d in ledger}
    if len(rows) != len(ledger):
        verdict.wrong.append(f"{len(ledger) - len(rows)} rows of the ledger are there twice")
    came: dict[tuple[str, str], list[Receipt]] = collections.defaultdict(list)
    for receipt in receipts:
        came[(receipt.channel, receipt.id)].append(receipt)
    wanted = [r for r in reminded if r.fate == WANTED]
    for channel in CHANNELS:
        judge_channel(channel, wanted, rows, came, verdict)
    judge_extras(ledger, came, killed, verdict)
    judge_unwanted(reminded, ledger, came, verdict)
    return verdict


def judge_unwanted(reminded: list[Reminded], ledger: list[Delivery], came: dict, verdict: Verdict) -> None:
    fates = {(r.reminder_id, r.generation): r for r in reminded}
    n_back = n_came = 0
    for row in ledger:
        asked = fates.get((row.reminder_id, row.generation))
        did_come = bool(came.get((row.channel, row.id)))
        if asked and abs(asked.at - row.remind_at) > CLOCK_S:
            verdict.missing.append(f"{row.channel} {row.id} is for {row.remind_at:.3f}, asked for was {asked.at:.3f}")
        if asked and asked.fate == MAYBE:
            n_back += 1
            n_came += did_come
        elif did_come and not asked:
            verdict.wrong.append(f"{row.channel} {row.id} came, though nobody asked for it")
        elif did_come and asked.fate == NEVER:
            verdict.wrong.append(f"{row.channel} {row.id} came though its instant was over when it was asked for")
    verdict.note(f"{n_back} deliveries were taken back when near or due, of which {n_came} had come")


def judge_channel(channel: str, wanted: list[Reminded], rows: dict, came: dict, verdict: Verdict) -> None:
    found = 0
    late_ms = []
    for reminded in wanted:
        row = rows.get((reminded.reminder_id, reminded.generation, channel))
        got = came[(channel, row.id)] if row else []
        found += bool(got)
        if got:
            late_ms.append((min(r.came_at for r in got) - reminded.at) * 1000)
        elif len(verdict.missing) < 10:
            state = f"its row is {row.state}, {len(row.attempts)} attempts" if row else "it has no row"
            verdict.missing.append(f"{channel}, reminder {reminded.reminder_id} of {reminded.title!r}: {state}")
    late_ms.sort()
    note = f"median {late_ms[len(late_ms) // 2]:.0f} ms, last {late_ms[-1]:.0f} ms after the instant" if late_ms else ""
    verdict.count(f"reminders by {channel}", len(wanted), found, note)


def judge_extras(ledger: list[Delivery], came: dict, killed: list[Killed], verdict: Verdict) -> None:
    extra = explained = 0
    known = {(d.channel, d.id): d for d in ledger}
    for key, receipts in came.items():
        if not receipts:
            continue
        if key not in known:
            verdict.wrong.append(f"{key[0]} {key[1]} came, but no row of the ledger knows it")
            continue
        extra += len(receipts) - 1
        n_explained, wrong = judge_one(known[key], receipts, killed)
        explained += n_explained
        verdict.wrong += wrong
    verdict.count("extra deliveries, by a kill in mid-attempt", explained, extra)


# ---------------------------------------------------------------------------- the three books
STATES = ("scheduled", "claimed", "retrying", "sent", "failed", "cancelled", "expired")
LEDGER_SQL = """
SELECT id::text, owner_id::text, reminder_id::text, generation, channel, state, extract(epoch FROM remind_at)::float8
FROM notification.delivery WHERE kind = 0 AND owner_id::text = ANY(%s)"""
ATTEMPTS_SQL = """
SELECT delivery_id::text, number, instance::text, extract(epoch FROM began_at)::float8,
       extract(epoch FROM ended_at)::float8, coalesce(outcome, 'open')
FROM notification.attempt ORDER BY number"""


def read_ledger(stack: Stack, players: list[Player]) -> list[Delivery]:
    processes = read_instances(stack)
    attempts = collections.defaultdict(list)
    for delivery, number, instance, *rest in stack.query(ATTEMPTS_SQL):
        attempts[delivery].append(Attempt(number, processes.get(instance, instance), *rest))
    return [
        Delivery(id, owner, reminder, generation, CHANNELS[channel], STATES[state], at, attempts[id])
        for id, owner, reminder, generation, channel, state, at in stack.query(LEDGER_SQL, [p.id for p in players])
    ]


def read_app(players: list[Player]) -> list[Receipt]:
    """What the app shows; its id is the delivery's."""
    return [
        Receipt("app", shown["id"], player.id, seconds(shown["created_at"]))
        for player in players
        for shown in player.notifications()
    ]


def read_instances(stack: Stack) -> dict[str, str]:
    """Which process an instance of the ledger was: each says so in its log when it begins."""
    found = {}
    for path in (stack.dir / "logs").glob("notification*.log*"):
        for match in INSTANCE.finditer(path.read_text(errors="replace")):
            found[match[1]] = path.name.split(".")[0]
    return found
