"""pgbench with the statements of the backend: they are taken from PostgreSQL's own log of one request,
so that what is compared is what runs."""

from __future__ import annotations

import pathlib
import re
import subprocess

import httpx

from world import FIRST, ID_PREFIX, NEW_TASK, OWNERS, TASKS_EACH, World

EXECUTED = re.compile(
    r"LOG:  duration: [^\n]*? ms  execute (?P<name>\w+): (?P<sql>[^\n]*)\n[^\n]*DETAIL:  [Pp]arameters: (?P<values>.*)"
)
VALUE = re.compile(r"\$(\d+) = (NULL|'(?:[^']|'')*')")


class Statement:
    """One statement as the backend sent it, with the parameters it sent."""

    def __init__(self, match: re.Match) -> None:
        self.sql = match["sql"]
        self.values = {
            int(number): None if value == "NULL" else value[1:-1].replace("''", "'")
            for number, value in VALUE.findall(match["values"])
        }

    def script(self, instead: dict[int, str]) -> tuple[str, dict[str, str]]:
        """For pgbench: `instead` of some parameters expressions of its own; the others keep their
        value and stay parameters."""
        variables: dict[str, str] = {}

        def put(found: re.Match) -> str:
            number = int(found[1])
            if number in instead:
                return instead[number]
            if self.values[number] is None:
                return "NULL"
            variables[f"p{number}"] = self.values[number]
            return f":p{number}"

        # a cast of two colons must not read as the beginning of a variable behind ours
        return re.sub(r"\$(\d+)", put, self.sql), variables


def capture(world: World) -> dict[str, Statement]:
    """Have one task read and one created while PostgreSQL logs what it executes."""
    world.set_role("log_min_duration_statement = 0")
    token = world.token(0)
    client = httpx.Client(base_url=world.service.url, headers={"Authorization": f"Bearer {token}"})
    read = client.get(f"/api/v1/tasks/{ID_PREFIX}{FIRST}")
    created = client.post("/api/v1/tasks", json=NEW_TASK)
    assert (read.status_code, created.status_code) == (200, 201), (read.text, created.text)
    world.set_role("log_min_duration_statement = -1")
    found = {m["name"]: Statement(m) for m in EXECUTED.finditer(world.cluster.log.read_text())}
    return {"read": found["task_get"], "create": found["task_add"]}


class Pgbench:
    """One script, run again and again."""

    def __init__(self, world: World, name: str, lines: list[str], variables: dict[str, str]) -> None:
        self.world = world
        self.path = world.directory / f"{name}.sql"
        self.path.write_text("\n".join(lines) + "\n")
        self.variables = variables
        self.n_runs = 0

    def run(self, connections: int, seconds: float) -> float:
        """Transactions per second."""
        self.n_runs += 1
        argv = [
            str(self.world.cluster.binaries / "pgbench"),
            *("-n", "-M", "prepared", "-c", str(connections), "-j", "2"),
            *("-T", str(max(1, round(seconds))), "-f", str(self.path)),
            *("-D", f"run={self.n_runs + 1000}", "-D", f"i={FIRST}"),
        ]
        for name, value in self.variables.items():
            argv += ["-D", f"{name}={value}"]
        argv.append(self.world.database.url("backend_a"))
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        tps = re.search(r"^tps = ([\d.]+) \(without initial", done.stdout, re.M)
        failed = re.search(r"number of failed transactions: 0 ", done.stdout)
        if done.returncode != 0 or not tps or not failed:
            raise RuntimeError(f"pgbench:\n{done.stdout}{done.stderr}")
        return float(tps[1])


def id_of(number: str) -> str:
    return f"('{ID_PREFIX}' || {number})::uuid"


def read_bench(world: World, statement: Statement) -> Pgbench:
    sql, variables = statement.script({1: id_of(":owner"), 2: id_of(":task")})
    lines = [
        f"\\set task random({FIRST}, {FIRST + OWNERS * TASKS_EACH - 1})",
        f"\\set owner {FIRST} + (:task - {FIRST}) / {TASKS_EACH}",
        f"{sql};",
    ]
    return Pgbench(world, "read", lines, variables)


def create_bench(world: World, statement: Statement) -> Pgbench:
    """New ids go up within each connection, as version 7 does."""

    def new_id(kind: int) -> str:
        return f"('019bd00{kind}-' || :run || '-7000-' || :c || '-' || :i)::uuid"

    new = {2: new_id(1), 7: new_id(2), 8: new_id(3)}
    sql, variables = statement.script({1: id_of(":owner"), **new})
    lines = [
        "\\set i :i + 1",
        "\\set c :client_id + 8000",
        f"\\set owner random({FIRST}, {FIRST + OWNERS - 1})",
        f"{sql};",
    ]
    return Pgbench(world, "create", lines, variables)
