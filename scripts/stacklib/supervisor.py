"""supervisord: its configuration, and its XML-RPC interface on loopback."""

import http.client
import os
import shlex
import subprocess
import time
import xmlrpc.client

from . import MARK, StackError
from .layout import Layout, find_program, write_private

# stopped in this order; supervisord, ended by a signal, does the same by priority
GROUPS = ("ingress", "services", "sidecars", "sentry", "mail", "broker", "database")


def quote(value: str) -> str:
    return value.replace("%", "%%")


class Program:
    def __init__(self, group: str, name: str, command: list[str], environment: dict[str, str], **options):
        self.group, self.name, self.command = group, name, command
        self.environment, self.options = environment, options

    def text(self, layout: Layout) -> str:
        pairs = ",".join(f'{key}="{quote(value)}"' for key, value in self.environment.items())
        lines = {
            "command": quote(shlex.join(self.command)),
            "directory": quote(str(layout.dir)),
            "environment": pairs,
            "autostart": "false",
            "autorestart": "true",
            "startsecs": "1",
            "startretries": "100",
            "stopasgroup": "false",
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": quote(str(layout.logs / f"{self.name}.log")),
            "stdout_logfile_maxbytes": "20MB",
            "stdout_logfile_backups": "2",
            **{key: str(value) for key, value in self.options.items()},
        }
        return f"[program:{self.name}]\n" + "".join(f"{k}={v}\n" for k, v in lines.items()) + "\n"


class Transport(xmlrpc.client.Transport):
    """Stopping a group answers when it has stopped: the limit is that of the slowest one."""

    def make_connection(self, host):
        connection = super().make_connection(host)
        connection.timeout = 90
        return connection


class Supervisor:
    """One supervisord; reached by its XML-RPC interface."""

    def __init__(self, layout: Layout, port: int, password: str):
        self.layout, self.port, self.password = layout, port, password

    def configure(self, programs: list[Program]) -> None:
        user = "user=root\n" if os.geteuid() == 0 else ""  # asked to run as root: no warning
        text = (
            "; written by scripts/stack at every start\n"
            f"[supervisord]\nnodaemon=true\n{user}logfile={quote(str(self.layout.logs / 'supervisord.log'))}\n"
            f"pidfile={quote(str(self.layout.dir / 'supervisord.pid'))}\nlogfile_maxbytes=5MB\n"
            f"childlogdir={quote(str(self.layout.logs))}\nminfds=1024\n\n"
            f"[inet_http_server]\nport=127.0.0.1:{self.port}\nusername=stack\n"
            f"password={self.password}\n\n"
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n\n"
            f"[supervisorctl]\nserverurl=http://127.0.0.1:{self.port}\nusername=stack\n"
            f"password={self.password}\n\n"
        )
        for group in GROUPS:
            names = [p.name for p in programs if p.group == group]
            if names:
                priority = 900 - 100 * GROUPS.index(group)
                text += f"[group:{group}]\nprograms={','.join(names)}\npriority={priority}\n\n"
        text += "".join(p.text(self.layout) for p in programs)
        write_private(self.layout.supervisor, text)

    def launch(self) -> subprocess.Popen:
        """Start supervisord in a session of its own, so that Ctrl-C reaches only us."""
        program = find_program("supervisord", "/usr/bin/supervisord")
        keep = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME", "TMPDIR", "JAVA_HOME")
        environment = {key: os.environ[key] for key in keep if key in os.environ}
        environment[MARK] = str(self.layout.dir)
        with open(self.layout.logs / "supervisord.out", "wb") as out:
            process = subprocess.Popen(
                [program, "-c", str(self.layout.supervisor)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=self.layout.dir,
                env=environment,
                start_new_session=True,
            )
        until = time.monotonic() + 60
        while not self.is_up():
            if process.poll() is not None or time.monotonic() > until:
                said = (self.layout.logs / "supervisord.out").read_text()[-1000:]
                raise StackError(f"supervisord did not start: {said}")
            time.sleep(0.05)
        return process

    def _rpc(self):
        url = f"http://stack:{self.password}@127.0.0.1:{self.port}/RPC2"
        return xmlrpc.client.ServerProxy(url, transport=Transport()).supervisor

    def call(self, method: str, *arguments):
        try:
            return getattr(self._rpc(), method)(*arguments)
        except xmlrpc.client.Fault as fault:
            raise StackError(f"supervisord: {method}{arguments}: {fault.faultString}") from None
        except (OSError, xmlrpc.client.Error, http.client.HTTPException) as problem:
            raise StackError(f"supervisord does not answer: {problem}") from None

    def is_up(self) -> bool:
        try:
            return self.call("getState")["statename"] in ("RUNNING", "RESTARTING")
        except StackError:
            return False

    def pid(self) -> int:
        return self.call("getPID")

    def start_group(self, group: str) -> None:
        self.call("startProcessGroup", group, False)

    def processes(self) -> dict[str, dict]:
        return {info["name"]: info for info in self.call("getAllProcessInfo")}

    def is_whole(self) -> bool:
        """Whether everything has been started (what died since is supervisord's business)."""
        return all(info["statename"] != "STOPPED" for info in self.processes().values())

    def failed(self) -> list[str]:
        """The processes that supervisord has given up, or that keep dying at start."""
        return [n for n, info in self.processes().items() if info["statename"] == "FATAL"]

    def shutdown(self, say) -> None:
        """Stop group by group, what depends on others first, then supervisord itself."""
        running = {info["group"] for info in self.call("getAllProcessInfo") if info["state"] in (10, 20, 30)}
        for group in GROUPS:
            if group in running:
                say(f"stopping {group}")
                self.call("stopProcessGroup", group, True)
        pid = self.pid()
        self.call("shutdown")
        until = time.monotonic() + 20
        while os.path.exists(f"/proc/{pid}") and not is_zombie(pid) and time.monotonic() < until:
            time.sleep(0.05)


def is_zombie(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True
