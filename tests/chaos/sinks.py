"""Where mail, webhooks and push messages end: sinks that take a message, wait a little, then answer, and that
refuse now and then. The wait is what makes it matter when a sender is killed: its message is taken already."""

from __future__ import annotations

import json
import random
import re
import socket
import threading
from collections.abc import Callable
from typing import Any

from deliveries import UUID, Receipt
from load import Player
from support import push, webhook
from support.mail_sink import Mail, MailSink
from support.web_sink import Received, WebSink

SLOW_SHARE, SLOW_S = 0.4, (0.05, 0.4)
REFUSED_SHARE = 0.04
DAY_S = 86400


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
        self.push_key = ""
        self.ids: dict[int, str] = {}  # of requests that were read

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

    def receipts(self, players: list[Player], app: list[Receipt]) -> list[Receipt]:
        """All that was accepted so far; a message without a stable id shows as one of no delivery."""
        owners = {player.person.email: player.id for player in players}
        mails = [
            Receipt("email", stable_id(mail), owners.get(recipient, recipient), mail.at)
            for mail in list(self.mail.mails)
            for recipient in mail.recipients
        ]
        return self.web_receipts(players) + mails + app

    def web_receipts(self, players: list[Player]) -> list[Receipt]:
        by_hook = {f"/hooks/{player.number}": player for player in players}
        by_push = {f"/push/{player.number}": player for player in players}
        found = []
        for request in self.web.received():
            if not request.accepted:
                continue
            if request.path in by_hook:
                player = by_hook[request.path]
                found.append(Receipt("webhook", self.read(request, read_hook, player), player.id, request.came_at))
            else:
                player = by_push[request.path]
                found.append(Receipt("push", self.read(request, self.read_push, player), player.id, request.came_at))
        return found

    def read(self, request: Received, reader: Callable[[Received, Player], str], player: Player) -> str:
        """The stable id of a message that is what it must be; read once."""
        if id(request) not in self.ids:
            try:
                self.ids[id(request)] = reader(request, player)
            except Exception as problem:  # noqa: BLE001  # shows in the verdict: no delivery has this id
                self.ids[id(request)] = f"unreadable ({problem!r})"
        return self.ids[id(request)]

    def read_push(self, request: Received, player: Player) -> str:
        """As the browser does, for which it was sealed; and as its push service, who sent it."""
        if not self.push_key:
            self.push_key = player.person.call("GET", "/push-key", 200)["public_key"]
        push.verify_sender(request.headers["authorization"], self.push_key, self.web.url)
        return json.loads(player.push.decrypt(request.body))["id"]


def read_hook(request: Received, player: Player) -> str:
    return webhook.verify(request, player.hook_secret, tolerance_s=DAY_S)


STABLE_ID = re.compile(rf"Delivery ({UUID})")


def stable_id(mail: Mail) -> str:
    found = STABLE_ID.search(mail.html)
    return found[1] if found else ""
