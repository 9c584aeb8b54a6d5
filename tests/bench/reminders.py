"""Reminders that fall due all through a minute, by one channel: how long after its instant each is handed
to it. They were set a while before, as people do: all are in the ledger when the minute begins.

In the app it is handed over when its attempt is closed (backend shows it one event later); mail when the
mail server has the whole of it, so the way through the sidecar and its SMTP bindings is part of it."""

from __future__ import annotations

import concurrent.futures
import datetime
import random
import re
import time

from client import Client
from system import System
from support.waiting import wait_for

BATCH = 10
SENDERS = 4
PLANNED_PER_S = 80  # at the least: how far ahead the first one lies
CHANNELS = {"in the app": "app", "by mail": "email"}
# in the minute; mail has its server, each mail a connection, and its sidecar on the two cores as well
COUNTS = {"in the app": 10_000, "by mail": 3_000}
PLANNED = "SELECT count(*) FROM notification.delivery WHERE title LIKE %s"
UNSENT = "SELECT count(*) FROM notification.delivery WHERE state IN (0, 1, 2) AND title LIKE %s"
LATENESS = """
SELECT extract(epoch FROM sent_at - remind_at)::float8 * 1000 FROM notification.delivery
WHERE channel = 2 AND state = 3 AND title LIKE %s"""


def instant(at_s: float) -> str:
    return datetime.datetime.fromtimestamp(at_s, datetime.timezone.utc).isoformat(timespec="milliseconds")[:-6] + "Z"


class Reminders:
    def __init__(self, system: System, name: str, count: int, span_s: float) -> None:
        self.system, self.count, self.span_s = system, count, span_s
        self.setting = CHANNELS[name]
        self.title = f"Reminder {name}"
        self.instants: list[float] = []

    def open(self) -> "Reminders":
        """Every owner has this channel alone; then `count` tasks with a reminder each, in batches, owner after owner."""
        self.for_each(self.system.tokens, self.choose_channel)
        begin = time.time() + 5 + self.count / PLANNED_PER_S
        rng = random.Random(1)
        # what the wire carries is whole milliseconds
        self.instants = [round(begin + rng.uniform(0, self.span_s), 3) for _ in range(self.count)]
        self.for_each(list(range(0, self.count, BATCH)), self.create)
        wait_for("every reminder to be planned", lambda: self.ask(PLANNED) == self.count, self.count / PLANNED_PER_S)
        if time.time() > begin:
            raise RuntimeError(f"setting the reminders took {time.time() - begin:.1f} s too long")
        return self

    def for_each(self, items: list, work) -> None:
        """`work(client, item)` for each, by several at once, as the item's owner."""
        tokens = self.system.tokens

        def walk(sender: int) -> None:
            for at in range(sender, len(items), SENDERS):
                client = Client(self.system.stack.port("backend", "http"), tokens[at % len(tokens)])
                work(client, items[at])
                client.close()

        with concurrent.futures.ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(walk, range(SENDERS)))

    def choose_channel(self, client: Client, _token: str) -> None:
        client.call("PATCH", "/reminder-settings", {setting: setting == self.setting for setting in CHANNELS.values()})

    def create(self, client: Client, first: int) -> None:
        operations = [self.operation(number) for number in range(first, first + BATCH)]
        results = client.call("POST", "/tasks/batch", {"operations": operations})["results"]
        bad = [result for result in results if result["status"] != 201]
        if bad:
            raise RuntimeError(f"a batch's task was not made: {bad[0]}")

    def operation(self, number: int) -> dict:
        reminders = [{"at": instant(self.instants[number])}]
        return {"op": "create", "task": {"title": f"{self.title} {number:06}", "reminders": reminders}}

    def ask(self, statement: str) -> int:
        return self.system.stack.query(statement, f"{self.title} %")[0][0]

    def measure(self) -> list[float]:
        """Milliseconds after the instant of each, the least first."""
        wait_for("the last instant", lambda: time.time() > max(self.instants), self.span_s + self.count / PLANNED_PER_S + 60)
        wait_for("all to be sent", lambda: self.ask(UNSENT) == 0, 120)
        late = self.mails() if self.setting == "email" else self.in_app()
        if len(late) != self.count:
            raise RuntimeError(f"{len(late)} of {self.count} came")
        return sorted(late)

    def in_app(self) -> list[float]:
        return [row[0] for row in self.system.stack.query(LATENESS, f"{self.title} %")]

    def mails(self) -> list[float]:
        titles = re.compile(rf"{self.title} (\d{{6}})")
        late = []
        for mail in list(self.system.stack.mail.mails):
            found = titles.search(mail.html)
            if found:
                late.append((mail.at - self.instants[int(found[1])]) * 1000)
        return late
