"""A Service or pod of the cluster on a free port of this machine, for as long as it is needed."""

import contextlib
import re
import subprocess

from . import Cluster, ClusterError


@contextlib.contextmanager
def forward(cluster: Cluster, target: str, port: int):
    """Give the address of `target` (service/NAME, pod/NAME), 127.0.0.1:N."""
    argv = cluster.kubectl("port-forward", "--address", "127.0.0.1", target, f":{port}")
    child = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )  # fmt: skip
    try:
        line = child.stdout.readline()
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        if not found:
            child.wait(10)
            raise ClusterError(
                f"{target} cannot be reached: {child.stderr.read().strip()[-300:] or line}",
                "scripts/check-health",
            )
        yield f"127.0.0.1:{found[1]}"
    finally:
        child.terminate()
        child.wait()
        child.stdout.close()
        child.stderr.close()
