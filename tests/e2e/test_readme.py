"""The README's tour, typed as it stands there: what it shows is what comes."""

from __future__ import annotations

import pathlib
import re
import subprocess

from support.stack import ROOT

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def tour() -> tuple[list[str], list[str]]:
    """The lines that are typed, and those that are printed."""
    block = re.search(r"```console\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert block, "README.md has no console block"
    lines = block[1].splitlines()
    return [line[2:] for line in lines if line.startswith("$ ")], [line for line in lines if not line.startswith("$ ")]


def test_the_readmes_tour_prints_what_it_says(stack, tmp_path: pathlib.Path):
    typed, printed = tour()
    (tmp_path / ".run").mkdir()
    script = "\n".join(typed).replace("http://localhost:8080", stack.url).replace("ada@", f"ada-{stack.broker}@")
    # whoever types needs longer than a script, but a busy machine longer still
    for typed_limit, patient in (("curl -sNm 5 ", "curl -sNm 15 "), ("-ud '3 seconds'", "-ud '10 seconds'")):
        assert typed_limit in script
        script = script.replace(typed_limit, patient)
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [UUID.sub("ID", line) for line in done.stdout.splitlines()] == [UUID.sub("ID", line) for line in printed]
