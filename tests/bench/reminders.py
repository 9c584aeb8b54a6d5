"""Reminders that fall due all through a minute: how long after its instant each is handed to its channel.

In the app it is handed over when the ledger says so (backend shows it one event later); mail when the
mail server has the whole of it, so the way through the sidecar and its SMTP binding is part of it."""

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
MOST_PER_S = 400  # created, at the least: how far ahead the first one lies
TITLE = re.compile(r"Reminder (\d{6})")
SETTLED = "SELECT count(*) FROM notification.delivery WHERE state IN (0, 1, 2) AND title LIKE 'Reminder %'"
IN_APP = """
SELECT extract(epoch FROM sent_at - remind_at)::float8 * 1000 FROM notification.delivery
WHERE channel = 2 AND state = 3 AND title LIKE 'Reminder %'"""


def instant(at_s: float) -> str:
    return datetime.datetime.fromtimestamp(at_s, datetime.timezone.utc).isoformat(timespec="milliseconds")[:-6] + "Z"


class Reminders:
    def __init__(self, system: System, count: int, span_s: float) -> None:
        self.system, self.count, self.span_s = system, count, span_s
        self.instants: list[float] = []

    def create(self) -> None:
        """`count` tasks with a reminder each, in batches, owner after owner."""
        begin = time.time() + 5 + self.count / MOST_PER_S
        rng = random.Random(1)
        # what the wire carries is whole milliseconds
        self.instants = [round(begin + rng.uniform(0, self.span_s), 3) for _ in range(self.count)]
        batches = list(range(0, self.count, BATCH))
        tokens = self.system.tokens

        def send(sender: int) -> None:
            for at in range(sender, len(batches), SENDERS):
                client = Client(self.system.stack.port("backend", "http"), tokens[at % len(tokens)])
                operations = [self.operation(number) for number in range(batches[at], batches[at] + BATCH)]
                results = client.call("POST", "/tasks/batch", {"operations": operations})["results"]
                client.close()
                bad = [result for result in results if result["status"] != 201]
                if bad:
                    raise RuntimeError(f"a batch's task was not made: {bad[0]}")

        with concurrent.futures.ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(send, range(SENDERS)))
        if time.time() > begin:
            raise RuntimeError(f"creating the tasks took {time.time() - begin:.1f} s too long")

    def operation(self, number: int) -> dict:
        reminders = [{"at": instant(self.instants[number])}]
        return {"op": "create", "task": {"title": f"Reminder {number:06}", "reminders": reminders}}

    def left(self) -> int:
        return self.system.stack.query(SETTLED.replace("%", "%%"))[0][0]

    def measure(self) -> tuple[list[float], list[float]]:
        """Milliseconds after the instant: in the app, and by mail."""
        wait_for("the last instant", lambda: time.time() > max(self.instants), self.span_s + self.count / 100 + 60)
        wait_for("all to be sent", lambda: self.left() == 0, 120)
        app = [row[0] for row in self.system.stack.query(IN_APP.replace("%", "%%"))]
        mail = {}
        for one in list(self.system.stack.mail.mails):
            found = TITLE.search(one.html)
            if found:
                number = int(found[1])
                mail[number] = (one.at - self.instants[number]) * 1000
        for name, found in (("in the app", len(app)), ("by mail", len(mail))):
            if found != self.count:
                raise RuntimeError(f"{found} of {self.count} came {name}")
        return app, list(mail.values())
