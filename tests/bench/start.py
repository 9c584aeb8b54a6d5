"""From exec to the first 200 of /health."""

from __future__ import annotations

import os
import pathlib
import socket
import subprocess
import time

from support.waiting import free_port


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as s:
            s.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return s.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def measure(binary: pathlib.Path, n_times: int) -> list[float]:
    """Milliseconds of each start. No sidecar is there: /health is about the process alone."""
    times = []
    for _ in range(n_times):
        port = free_port()
        env = {
            "PATH": os.environ["PATH"],
            "HTTP_PORT": str(port),
            "APP_PORT": "0",
            "DAPR_HTTP_PORT": "1",
            "DAPR_API_TOKEN": "a token of the bench",
            "APP_API_TOKEN": "a token of the bench",
            "REPLICA_NAME": "bench-0",
            "LOG_LEVEL": "error",
        }
        began = time.perf_counter()
        process = subprocess.Popen([str(binary)], env=env, stderr=subprocess.DEVNULL)
        try:
            while not answers(port):
                if process.poll() is not None:
                    raise RuntimeError(f"{binary.name} ended with {process.returncode}")
                if time.perf_counter() - began > 10:
                    raise RuntimeError(f"{binary.name} does not answer /health")
                time.sleep(0.0005)
            times.append((time.perf_counter() - began) * 1000)
        finally:
            process.kill()
            process.wait()
    return times
