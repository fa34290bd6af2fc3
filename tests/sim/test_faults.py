"""A regression is worth what it catches: every kind of fault, and the sound designs pass."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hwgen.rtl.parallel import Parallel
from hwgen.rtl.serial import Serial
from hwgen.sim.result import SimulationResult
from hwgen.sim.runner import Simulation
from hwgen.sim.vectors import make_vectors
from hwgen.support.errors import HwgenError
from tests import sim_designs

VECTORS = make_vectors(sim_designs.NETWORK, count=40, seed=5)
PARALLEL = sim_designs.manifest(Parallel(pipeline=1), 2, 1)
SERIAL = sim_designs.manifest(Serial(), 4, 10)

HAS_ICARUS = shutil.which("iverilog") is not None
needs_icarus = pytest.mark.skipif(not HAS_ICARUS, reason="iverilog is not installed")


@pytest.fixture(scope="module")
def parallel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulation]:
    verilog = sim_designs.write(tmp_path_factory.mktemp("parallel"), sim_designs.PARALLEL)
    with Simulation(verilog, PARALLEL) as simulation:
        yield simulation


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulation]:
    verilog = sim_designs.write(tmp_path_factory.mktemp("serial"), sim_designs.SERIAL)
    with Simulation(verilog, SERIAL) as simulation:
        yield simulation


def run(simulation: Simulation, fault: int = 0) -> SimulationResult:
    return simulation.run(VECTORS, seed=3, plusargs=[f"+fault={fault}"])


def test_parallel_sound(parallel: Simulation) -> None:
    result = run(parallel)
    assert result.failure is None
    assert result.passed
    assert result.vectors == 40
    assert result.mismatches == 0
    assert [phase.name for phase in result.phases] == ["full speed", "stalls", "reset"]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        pytest.param(1, r"full speed: vector 5: .* \(as if this result was lost\)$", id="dropped"),
        pytest.param(
            2, r"full speed: vector 6: .* \(as if the result before it came twice\)$", id="twice"
        ),
        pytest.param(
            3,
            r"full speed: vector 5: .* \(as if this result and the next were swapped\)$",
            id="swap",
        ),
        pytest.param(
            5, r"stalls: cycle \d+: m_axis_tvalid fell before m_axis_tready took", id="valid-falls"
        ),
        pytest.param(
            6, r"stalls: cycle \d+: m_axis_tdata changed from 0x\w+ to 0x\w+ while", id="unstable"
        ),
        pytest.param(7, r"reset: after a reset in cycle \d+ a result came too many", id="stale"),
        pytest.param(
            8, r"full speed: cycle \d+: stuck, 21 of 40 results came .*s_axis_tready 0", id="stuck"
        ),
        pytest.param(
            9,
            r"full speed: vector 1: expected \[30, 30, 0\], got \[31, 30, 0\] in cycle 7$",
            id="value",
        ),
        pytest.param(10, r"stalls: cycle \d+: m_axis_(tdata changed|tvalid fell)", id="overrun"),
        pytest.param(11, r"stalls: m_axis_tvalid does not rise until m_axis_tready", id="waits"),
        pytest.param(12, r"full speed: vector 0: .* \(padding bits are not zero\)$", id="padding"),
    ],
)
def test_parallel_fault(parallel: Simulation, fault: int, message: str) -> None:
    result = run(parallel, fault)
    assert not result.passed
    assert result.failure is not None
    assert re.match(message, result.failure), result.failure


def test_first_mismatch(parallel: Simulation) -> None:
    result = run(parallel, 9)
    assert result.first_mismatch == {
        "phase": "full speed",
        "input": [15, 15, 15, 15],
        "vector": 1,
        "cycle": 7,
        "expected": [30, 30, 0],
        "got": [31, 30, 0],
    }
    assert result.mismatches >= 1


def test_serial_sound(serial: Simulation) -> None:
    result = run(serial)
    assert result.failure is None
    assert result.passed
    assert result.vectors == 40


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        pytest.param(1, r"full speed: transfer 0: tlast on beat 2, a vector has 3$", id="early"),
        pytest.param(2, r"full speed: cycle \d+: stuck, 0 of 40 results came", id="no-tlast"),
        pytest.param(
            3, r"full speed: vector 7: latency 5 cycles, the manifest states 4$", id="latency"
        ),
        pytest.param(4, r"full speed: vector 8: .* came twice\)$", id="twice"),
        pytest.param(5, r"reset: after a reset in cycle \d+ a result came too many", id="stale"),
        pytest.param(
            6, r"full speed: vector 8: interval 11 cycles, the manifest states 10$", id="interval"
        ),
        pytest.param(7, r"stalls: cycle \d+: m_axis_tdata changed from", id="overrun"),
        pytest.param(8, r"reset: vector \d+: expected", id="load-not-reset"),
    ],
)
def test_serial_fault(serial: Simulation, fault: int, message: str) -> None:
    result = run(serial, fault)
    assert not result.passed
    assert result.failure is not None
    assert re.match(message, result.failure), result.failure


@needs_icarus
def test_icarus(tmp_path: Path) -> None:
    verilog = sim_designs.write(tmp_path, sim_designs.PARALLEL)
    with Simulation(verilog, PARALLEL, simulator="icarus") as simulation:
        sound, unknown, unready = run(simulation), run(simulation, 15), run(simulation, 16)
    assert sound.failure is None
    assert sound.simulator.startswith("icarus verilog ")
    assert unknown.failure is not None
    assert re.match(
        r"full speed: cycle \d+: m_axis_tdata is 0+[01]+X while m_axis_tvalid is high$",
        unknown.failure,
    )
    assert unready.failure is not None
    assert re.match(r"full speed: cycle \d+: m_axis_tvalid is X$", unready.failure)


@pytest.mark.parametrize(
    ("latency", "message"),
    [(2, None), (1, r"bare: vector 0: "), (3, r"bare: vector 0: .* \(as if this")],
)
@needs_icarus
def test_bare_pipelined(tmp_path: Path, latency: int, message: str | None) -> None:
    architecture = Parallel(pipeline=1, bare=True)
    verilog = sim_designs.write(tmp_path, sim_designs.BARE)
    manifest = sim_designs.manifest(architecture, latency, 1)
    with Simulation(verilog, manifest, simulator="icarus") as simulation:
        result = run(simulation)
    if message is None:
        assert result.failure is None
    else:
        assert result.failure is not None
        assert re.match(message, result.failure), result.failure


def test_bare_combinational(tmp_path: Path) -> None:
    architecture = Parallel(bare=True)
    verilog = sim_designs.write(tmp_path, sim_designs.COMBINATIONAL)
    with Simulation(verilog, sim_designs.manifest(architecture, 0, 1)) as simulation:
        assert run(simulation).failure is None


def test_simulator_exits_early(parallel: Simulation) -> None:
    with pytest.raises(HwgenError, match=r"^the simulation with verilator: \d of 3 tests ran, "):
        run(parallel, 13)


def test_time_limit(tmp_path: Path) -> None:
    verilog = sim_designs.write(tmp_path, sim_designs.PARALLEL)
    with (
        pytest.raises(HwgenError, match=r": still running after 6 s and killed, "),
        Simulation(
            verilog, PARALLEL, simulator="icarus" if HAS_ICARUS else "verilator", timeout=6
        ) as simulation,
    ):
        run(simulation, 14)
