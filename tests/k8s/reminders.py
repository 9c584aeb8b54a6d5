"""Reminders of one user, each at an instant of its own while something is done to the system: each comes once."""

import collections
import datetime
import time

from release import Failed, Release, smoke, wait_for


class Reminders:
    """`n` of them in the app, one every `every_s` seconds from `first_s` on."""

    def __init__(self, release: Release, n: int = 90, every_s: float = 2, first_s: float = 10):
        self.email = f"e2e-{time.time_ns()}@example.org"
        self.api = release.user(self.email)
        now = datetime.datetime.now(datetime.UTC)
        self.due: dict[str, datetime.datetime] = {}
        for i in range(n):
            at = first_s + i * every_s
            body = {"title": f"Rings {i}", "due_at": smoke.instant(at), "time_zone": "UTC", "reminders": [{"offset": "PT0S"}]}
            task = self.api.call("POST", "/tasks", 201, body)
            self.due[task["id"]] = now + datetime.timedelta(seconds=at)

    def shown(self) -> list[dict]:
        found, cursor = [], ""
        while True:
            page = self.api.call("GET", f"/notifications?limit=100{cursor}", 200)
            found += page["notifications"]
            if not page.get("next_cursor"):
                return found
            cursor = f"&cursor={page['next_cursor']}"

    def check(self, limit_s: float = 300) -> str:
        """Wait for all; fail when one is missing or came twice."""

        def all_there():
            return {one["task_id"] for one in self.shown()} >= set(self.due)

        wait_for(f"{len(self.due)} reminders", all_there, limit_s, pause_s=2)
        twice = [each for each, n in collections.Counter(one["task_id"] for one in self.shown()).items() if n > 1]
        if twice:
            raise Failed(f"{len(twice)} of {len(self.due)} reminders came more than once")
        return f"{len(self.due)} of {len(self.due)} reminders, each once"
