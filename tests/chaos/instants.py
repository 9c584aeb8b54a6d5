"""Instants as the API writes them, and as seconds since 1970."""

from __future__ import annotations

import datetime

UTC = datetime.timezone.utc


def instant(at_s: float) -> str:
    return datetime.datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds(text: str) -> float:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
