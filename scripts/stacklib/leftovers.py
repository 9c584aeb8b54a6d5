"""Processes that an earlier run of the same stack left behind (its supervisord was killed)."""

import os
import pathlib
import signal
import time

from . import MARK
from .layout import Layout

# these overwrite their environment with a title, so they are known by where they run
TITLED = {"postgres", "redis-server", "nginx", "redis-check-rdb"}


def belongs(pid: str, layout: Layout, data: pathlib.Path) -> bool:
    """Whether process `pid` was started by the stack in `layout.dir`."""
    try:
        environ = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        if f"{MARK}={layout.dir}".encode() in environ:
            return True
        where = os.readlink(f"/proc/{pid}/cwd")
        program = os.path.basename(os.readlink(f"/proc/{pid}/exe")).removesuffix(" (deleted)")
    except OSError:
        return False
    places = (str(layout.dir), str(data))
    return program in TITLED and any(where == p or where.startswith(p + "/") for p in places)


def find(layout: Layout, data: pathlib.Path) -> list[int]:
    """Its processes, but for this one and those above it."""
    ours = set()
    pid = os.getpid()
    while pid > 1:
        ours.add(pid)
        try:
            pid = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, ValueError):
            break
    pids = [p for p in os.listdir("/proc") if p.isdigit() and int(p) not in ours]
    return [int(p) for p in pids if belongs(p, layout, data)]


def end(layout: Layout, data: pathlib.Path) -> int:
    """End them: asked first (PostgreSQL closes at once on SIGINT alone), then killed. Return how
    many there were."""
    found = find(layout, data)
    for sig, patience_s in ((signal.SIGTERM, 3), (signal.SIGINT, 8), (signal.SIGKILL, 5)):
        rest = find(layout, data)
        if not rest:
            break
        for pid in rest:
            try:
                os.kill(pid, sig)
            except OSError:
                pass
        until = time.monotonic() + patience_s
        while time.monotonic() < until and find(layout, data):
            time.sleep(0.05)
    return len(found)
