"""Child processes that die with us, stopped by their pid alone."""

from __future__ import annotations

import ctypes
import os
import pathlib
import pwd
import signal
import subprocess

from .waiting import LIMIT_S

PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root: the user to run it as instead."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise RuntimeError("running as root, and there is neither a user postgres nor nobody")


def spawn(
    argv: list[str], output: pathlib.Path, env: dict[str, str] | None = None, user: str | None = None
) -> subprocess.Popen:
    """Start `argv`, stdout and stderr appended to `output`; it is killed when we are."""
    who = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
    with output.open("ab") as out:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=env,
            cwd="/",
            preexec_fn=_die_with_parent,
            **who,
        )


def stop(process: subprocess.Popen, sign: int = signal.SIGTERM, limit_s: float = LIMIT_S) -> int:
    """Send `sign`, wait, kill what does not end; return the exit status."""
    if process.poll() is None:
        process.send_signal(sign)
        try:
            return process.wait(limit_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"process {process.pid} did not end {limit_s} s after signal {sign}") from None
    return process.returncode
