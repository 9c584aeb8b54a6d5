"""Waiting for a condition; nothing here sleeps for a fixed time.

A limit of waiting costs nothing while all is well, so it is far above what the slowest machine takes."""

from __future__ import annotations

import inspect
import os
import random
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx

# sanitizers and two busy cores make everything slower; a limit is only ever reached by a failure
LIMIT_S = float(os.environ.get("TEST_LIMIT_S", "90"))

# httpx gives up after 5 s where a call does not say otherwise: all such calls share this object
PATIENCE = inspect.signature(httpx.get).parameters["timeout"].default
PATIENCE.connect = PATIENCE.read = PATIENCE.write = PATIENCE.pool = LIMIT_S


def wait_for(what: str, condition: Callable[[], Any], limit_s: float = LIMIT_S, pause_s: float = 0.01) -> Any:
    """Ask `condition` until it is true, every `pause_s`; return its value, or fail saying what was waited for."""
    deadline = time.monotonic() + limit_s
    pause = threading.Event()
    while True:
        last = condition()
        if last:
            return last
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {limit_s} s in vain for {what}; last seen: {last!r}")
        pause.wait(pause_s)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now, below those that outgoing connections are given
    (Linux: 32768 on) and those of scripts/stack."""
    while True:
        port = random.randint(10000, 19999)
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
