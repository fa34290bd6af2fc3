"""Results on stdout, whatever it can hold."""

import io
import json
import sys

import pytest

from hwgen.flows.cli.console import Progress, emit_json, emit_line, emit_note, emit_table
from hwgen.flows.cli.state import STATE
from hwgen.support.progress import under

NAME = "é数\x1b[31m\r\n\u2028x"


def printed(monkeypatch: pytest.MonkeyPatch, encoding: str) -> list[str]:
    """The lines that each way to print writes to a stdout of ``encoding``."""
    stdout = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")
    monkeypatch.setattr(sys, "stdout", stdout)
    emit_line(f"name: {NAME}")
    emit_table(NAME, ["layer", NAME], [[NAME, 1]])
    emit_json({"name": NAME})
    stdout.flush()
    return stdout.buffer.getvalue().decode(encoding).split("\n")


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-8", r"é数\x1b[31m\r\n\u2028x"),
        ("latin-1", r"é\u6570\x1b[31m\r\n\u2028x"),
        ("ascii", r"\xe9\u6570\x1b[31m\r\n\u2028x"),
    ],
)
def test_encodings(monkeypatch: pytest.MonkeyPatch, encoding: str, name: str) -> None:
    line, title, header, row, *rest = printed(monkeypatch, encoding)
    assert (line, title.strip()) == (f"name: {name}", name)
    assert header.split() == ["layer", name]
    assert row.split() == [name, "1"]
    assert json.loads("".join(rest)) == {"name": NAME}


def test_lone_surrogate(monkeypatch: pytest.MonkeyPatch) -> None:
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", stdout)
    emit_line("results in \udcff.npz")
    assert stdout.buffer.getvalue() == b"results in \\udcff.npz\n"


def test_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    emit_line("line")
    emit_table("title", ["a"], [["b"]])
    emit_json({})


def test_cells(capsys: pytest.CaptureFixture[str]) -> None:
    emit_table("title", ["a", "b"], [["x", 1234], [None, 0.12345], [True, 1234.56]])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["title"], ["a", "b"], ["x", "1,234"], ["0.1235"], ["True", "1,234.6"]]


def test_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(quiet=False) as progress:
        progress("one")
        under(progress, "a\x1b[31m")("two")
        progress("three")
    with Progress(quiet=True) as progress:
        progress("nothing")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == ["one", r"a\x1b[31m: two", "three"]


def test_progress_counts_only_at_the_end_of_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    for verbose, lines in ((False, ["mapping", "mapped 32 of 32", "done"]), (True, None)):
        STATE.verbose = verbose
        with Progress(quiet=False) as progress:
            progress("mapping")
            for done in range(1, 33):
                progress(f"mapped {done} of 32")
            progress("done")
        told = capsys.readouterr().err.splitlines()
        assert told == lines or len(told) == 34
    STATE.reset()


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    STATE.quiet = True
    with Progress(quiet=False) as progress:
        progress("one")
    emit_note("two")
    STATE.reset()
    assert capsys.readouterr().err == ""
