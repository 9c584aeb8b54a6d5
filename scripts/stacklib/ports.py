"""Free ports, and who holds a taken one."""

import os
import pathlib
import random
import socket

# below the range that outgoing connections draw from (Linux: 32768 on)
FIRST, LAST = 20000, 32000


class Ports:
    """Ports by name. Each stays bound until `release`, so that nobody else chooses it meanwhile."""

    def __init__(self, kept: dict[str, int]):
        self.by_name: dict[str, int] = {}
        self._kept = kept
        self._held: dict[str, socket.socket] = {}

    def choose(self, name: str) -> int:
        """The port kept from an earlier run while it is still free, else a new one."""
        wanted = self._kept.get(name)
        while True:
            port = wanted or random.randint(FIRST, LAST)
            wanted = None
            held = hold(port) if port not in self.by_name.values() else None
            if held:
                self._held[name] = held
                self.by_name[name] = port
                return port

    def release(self, *names: str) -> None:
        """Give the ports to the process that is about to listen on them."""
        for name in names:
            if name in self._held:
                self._held.pop(name).close()

    def release_all(self) -> None:
        self.release(*list(self._held))


def hold(port: int) -> socket.socket | None:
    """Bind 127.0.0.1:port; None when it is taken."""
    sock = socket.socket()
    # as the servers do, so that connections in TIME_WAIT do not count
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", port))
        sock.listen(1)
    except OSError:
        sock.close()
        return None
    return sock


def has_ipv6(port: int) -> bool:
    """Whether [::1]:port can be listened on."""
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("::1", port))
        return True
    except OSError:
        return False


def holder(port: int) -> str:
    """Say which process listens on `port`, as far as this user may know."""
    inodes = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = pathlib.Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:
                inodes[f"socket:[{fields[9]}]"] = int(fields[7])
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{fd}") in inodes:
                    return f"{process_name(pid)} (process {pid})"
        except OSError:
            continue
    if inodes:
        return f"a process of the user with id {next(iter(inodes.values()))}"
    return "another process"


def process_name(pid: str) -> str:
    try:
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except (OSError, UnicodeDecodeError):
        words = ""
    return f"'{words[:80]}'" if words else "a process"
