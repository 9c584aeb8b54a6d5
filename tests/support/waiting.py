"""Waiting for a condition; nothing here sleeps for a fixed time."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

# sanitizers and two busy cores make everything slower; a limit is only ever reached by a failure
LIMIT_S = float(os.environ.get("TEST_LIMIT_S", "20"))


def wait_for(what: str, condition: Callable[[], Any], limit_s: float = LIMIT_S) -> Any:
    """Ask `condition` until it is true; return its value, or fail saying what was waited for."""
    deadline = time.monotonic() + limit_s
    pause = threading.Event()
    while True:
        last = condition()
        if last:
            return last
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {limit_s} s in vain for {what}; last seen: {last!r}")
        pause.wait(0.01)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
