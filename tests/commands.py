"""Commands run in tests, and what they print."""

import json
import os
import subprocess
import sys
from typing import IO, Any

import pytest

from hwgen.flows.cli.main import run


def json_of(
    capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0
) -> dict[str, Any]:
    """The JSON object that a command prints, and nothing else on stdout."""
    assert run([*map(str, arguments), "--json"]) == code
    return json.loads(capsys.readouterr().out)


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line that a command refuses with."""
    assert run([*map(str, arguments)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = [line for line in captured.err.splitlines() if line.startswith("hwgen: error: ")]
    assert len(lines) == 1, captured.err
    assert "Traceback" not in captured.err
    return lines[0].removeprefix("hwgen: error: ")


def process(
    *arguments: object, stdout: int | IO[bytes] = subprocess.PIPE, **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """Run the command line in a process of its own, its output buffered as it is by default."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from hwgen.flows.cli.main import main; main()",
            *map(str, arguments),
        ],
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
        env=environment | variables,
        timeout=60,
    )
