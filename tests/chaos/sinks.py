"""Where mail and webhooks end: sinks that take a message, wait a little, then answer, and that refuse now
and then. The wait is what makes it matter when a sender is killed: its message is taken already."""

from __future__ import annotations

import random
import threading
from typing import Any

from support.web_sink import WebSink

from deliveries import Receipt
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


class Sinks:
    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __enter__(self) -> "Sinks":
        whims = Whims(self.seed, "web")

        def choose(_request: Any) -> tuple[int, float]:
            refused, slow = whims.next()
            return 503 if refused else 204, slow

        self.web = WebSink(choose)
        return self

    def __exit__(self, *_rest: Any) -> None:
        self.web.close()

    def settings(self) -> dict[str, str]:
        return {}

    def hook_url(self, number: int) -> str:
        return f"{self.web.url}/hooks/{number}"

    def receipts(self, players: list[Player]) -> list[Receipt]:
        """All that was accepted so far."""
        owners = {f"/hooks/{number}": player.id for number, player in enumerate(players)}
        return [
            Receipt("webhook", request.headers.get("webhook-id", ""), owners[request.path], request.came_at)
            for request in self.web.received("/hooks/")
            if request.accepted
        ]
