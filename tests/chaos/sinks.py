"""Where mail and webhooks end: sinks that take a message, wait a little, then answer, and that refuse now
and then. The wait is what makes it matter when a sender is killed: its message is taken already."""

from __future__ import annotations

import random
import re
import socket
import threading
from typing import Any

from support.mail_sink import Mail, MailSink
from support.web_sink import WebSink

from deliveries import UUID, Receipt
from load import Player

SLOW_SHARE, SLOW_S = 0.4, (0.05, 0.4)
REFUSED_SHARE = 0.04


class Whims:
    """What a sink does with its next message, drawn from the seed."""

    def __init__(self, seed: int, name: str) -> None:
        self.rng = random.Random(f"{seed}:{name}")
        self.lock = threading.Lock()

    def next(self) -> tuple[bool, float]:
        """Whether it is refused for now, and how long the answer takes."""
        with self.lock:
            slow = self.rng.uniform(*SLOW_S) if self.rng.random() < SLOW_SHARE else 0.0
            return self.rng.random() < REFUSED_SHARE, slow


class SlowMailSink(MailSink):
    """Refuses a recipient now and then; what it has kept it may take its time to answer."""

    def __init__(self, whims: Whims) -> None:
        self.whims = whims
        self.pause = threading.Event()
        super().__init__()

    def _say(self, connection: socket.socket, stage: str, reply: str) -> bool:
        if stage == "rcpt" and self.whims.next()[0]:
            connection.sendall(b"450 4.2.1 not now\r\n")
            return False
        if stage == "body":
            self.pause.wait(self.whims.next()[1])
        return super()._say(connection, stage, reply)


class Sinks:
    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __enter__(self) -> "Sinks":
        whims = Whims(self.seed, "web")

        def choose(_request: Any) -> tuple[int, float]:
            refused, slow = whims.next()
            return 503 if refused else 204, slow

        self.web = WebSink(choose)
        self.mail = SlowMailSink(Whims(self.seed, "mail"))
        return self

    def __exit__(self, *_rest: Any) -> None:
        self.web.close()
        self.mail.close()

    def hook_url(self, number: int) -> str:
        return f"{self.web.url}/hooks/{number}"

    def receipts(self, players: list[Player], app: list[Receipt]) -> list[Receipt]:
        """All that was accepted so far; a message without a stable id shows as one of no delivery."""
        owners = {f"/hooks/{number}": player.id for number, player in enumerate(players)}
        hooks = [
            Receipt("webhook", request.headers.get("webhook-id", ""), owners[request.path], request.came_at)
            for request in self.web.received("/hooks/")
            if request.accepted
        ]
        owners = {player.person.email: player.id for player in players}
        mails = [
            Receipt("email", stable_id(mail), owners.get(recipient, recipient), mail.at)
            for mail in list(self.mail.mails)
            for recipient in mail.recipients
        ]
        return hooks + mails + app


STABLE_ID = re.compile(rf"Delivery ({UUID})")


def stable_id(mail: Mail) -> str:
    found = STABLE_ID.search(mail.html)
    return found[1] if found else ""
