"""The private PostgreSQL cluster: made, configured, its roles and schemas kept as they should be."""

import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

from . import StackError
from .layout import ROOT, Layout, find_postgres, postgres_user, run
from .secrets_file import Secrets

CONFIG = """\
# written by scripts/stack at every start
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
max_connections = 200
shared_buffers = '256MB'
fsync = on
synchronous_commit = on
wal_compression = on
max_wal_size = '1GB'
log_min_messages = warning
log_line_prefix = '%m [%p] %u '
log_parameter_max_length_on_error = 0
timezone = 'UTC'
log_timezone = 'UTC'
"""
ACCESS = "host all all 127.0.0.1/32 scram-sha-256\n"


class Database:
    def __init__(self, layout: Layout, secrets: Secrets):
        self.secrets = secrets
        self.data = layout.postgres()
        self.bin = find_postgres(self.data)
        self.user = postgres_user()

    def as_user(self, argv: list[str]) -> list[str]:
        """The command as PostgreSQL's own user, where we are root."""
        if not self.user:
            return argv
        entry = pwd.getpwnam(self.user)
        ids = [f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
        return ["setpriv", *ids, "--", *argv]

    def give(self, path: pathlib.Path) -> None:
        if self.user:
            shutil.chown(path, self.user, pwd.getpwnam(self.user).pw_gid)

    def make(self, port: int) -> None:
        """Create the cluster when there is none, and write its configuration."""
        if not (self.data / "PG_VERSION").exists():
            self._create()
        for name, text in (
            ("postgresql.auto.conf", ""),
            ("postgresql.conf", f"{CONFIG}port = {port}\n"),
            ("pg_hba.conf", ACCESS),
        ):
            path = self.data / name
            path.write_text(text)
            path.chmod(0o600)
            self.give(path)
        self._forget_stale_pid()

    def _create(self) -> None:
        """By initdb into a neighbour, then renamed: an interrupted attempt leaves nothing half."""
        self.data.parent.mkdir(parents=True, exist_ok=True)
        new = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        self.give(new)
        with tempfile.NamedTemporaryFile("w", prefix="todo-pw-") as password:
            password.write(self.secrets.admin["superuser"])
            password.flush()
            self.give(pathlib.Path(password.name))
            argv = [str(self.bin / "initdb"), "-D", str(new), "-U", "postgres", "-E", "UTF8"]
            argv += ["--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={password.name}"]
            run(self.as_user(argv), "initdb", cwd="/")
        new.rename(self.data)

    def _forget_stale_pid(self) -> None:
        """After `kill -9` postmaster.pid names a process that may by now be someone else's."""
        pid_file = self.data / "postmaster.pid"
        try:
            pid = pid_file.read_text().split()[0]
            if os.readlink(f"/proc/{pid}/cwd") == str(self.data):
                raise StackError(f"PostgreSQL of {self.data} still runs (process {pid})")
        except (OSError, IndexError):
            pass
        pid_file.unlink(missing_ok=True)

    def command(self) -> list[str]:
        return [str(self.bin / "postgres"), "-D", str(self.data)]

    def sql(self, text: str, database: str = "todo", *files: pathlib.Path) -> str:
        """Run statements, then files, as the superuser."""
        admin = self.secrets.admin
        place = f"host=127.0.0.1 port={admin['port']} user=postgres dbname={database} connect_timeout=30"
        argv = [str(self.bin / "psql"), "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", place]
        for file in ("-", *files):
            argv += ["-f", str(file)]
        done = subprocess.run(
            argv,
            input=text,
            env={**os.environ, "PGPASSWORD": admin["superuser"], "PGOPTIONS": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise StackError(f"PostgreSQL said:\n{done.stderr.strip()[-2000:]}")
        return done.stdout

    def is_up(self) -> bool:
        try:
            return self.sql("SELECT 1", "postgres").strip() == "1"
        except StackError:
            return False

    def prepare(self) -> None:
        """Database, roles and schemas; running it again changes nothing but passwords."""
        passwords = self.secrets.admin["passwords"]
        variables = "".join(f"\\set {login} '{password}'\n" for login, password in passwords.items())
        self.sql(variables, "postgres", ROOT / "database" / "setup.sql")

    def set_password(self, login: str) -> None:
        self.sql(f"ALTER ROLE {login} PASSWORD '{self.secrets.admin['passwords'][login]}'")
