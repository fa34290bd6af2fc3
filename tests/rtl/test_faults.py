"""The regression catches a fault of every kind in a generated design.

The design of a network with one thing changed is held to the vectors of the network as it is.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from amaranth.hdl import Module, Value

from hwgen.rtl.architecture import Architecture
from hwgen.rtl.bitserial import BitSerial
from hwgen.rtl.generate import generate
from hwgen.rtl.manifest import Manifest
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.serial import Serial
from hwgen.rtl.serial.argmax import SerialArgmax
from hwgen.rtl.serial.schedule import Schedule
from hwgen.sim.result import SimulationResult
from hwgen.sim.runner import run
from hwgen.sim.vectors import make_vectors
from hwgen.spec.network import Network, parse_network
from tests.networks import dense, network, rescale

ARCHITECTURES = [Parallel(), Serial(macs=2), BitSerial()]
DESIGNS = pytest.mark.parametrize(
    ("architecture", "inputs"),
    [
        pytest.param(ARCHITECTURES[0], 3, id="parallel"),
        pytest.param(ARCHITECTURES[1], 3, id="serial, loading"),
        pytest.param(ARCHITECTURES[1], 11, id="serial, accumulating"),
        pytest.param(ARCHITECTURES[2], 3, id="bit-serial"),
        pytest.param(BitSerial(digit=3, stages=1), 3, id="bit-serial, in turns"),
    ],
)


def small(output: str = "values", inputs: int = 3) -> Network:
    rows = [[3, -2, 1], [-4, 5, 2], [1, 1, -7]]
    hidden = dense(
        [[row[i % 3] for i in range(inputs)] for row in rows],
        [4, -3, 9],
        output=rescale(4, False, 0),
        activation="relu",
        weight_fraction_bits=2,
        name="hidden",
    )
    # Twice the same row: every largest value is a tie.
    rows = [[1, -2, 3], [2, 1, -1]] if output == "values" else [[1, -2, 3], [1, -2, 3]]
    return network([hidden, dense(rows, name="out")], output=output)


def changed(net: Network, change: Callable[[dict[str, Any]], None]) -> Network:
    content = net.model_dump()
    change(content["layers"][0])
    return parse_network(content)


def check(built: Network, meant: Network, architecture: Architecture, folder: Path) -> Any:
    """The regression of the design of ``built`` against the vectors of ``meant``."""
    manifest = generate(built, architecture, folder)
    return simulate(manifest, meant)


def simulate(manifest: Manifest, meant: Network) -> SimulationResult:
    vectors = make_vectors(meant, count=60, seed=11)
    return run(Path(manifest.verilog), manifest, vectors, seed=11)


def weight(layer: dict[str, Any]) -> None:
    layer["weights"][2][1] += 1


def bias(layer: dict[str, Any]) -> None:
    layer["bias"][0] += 1


def shift(layer: dict[str, Any]) -> None:
    layer["weight_fraction_bits"] += 1


def rounding(layer: dict[str, Any]) -> None:
    layer["output"]["rounding"] = "half_even"


def saturation(layer: dict[str, Any]) -> None:
    layer["output"]["overflow"] = "wrap"


def test_designs_are_of_both_kinds() -> None:
    kinds = [Schedule.of(small(inputs=inputs), 2).accumulating for inputs in (3, 11)]
    assert kinds == [False, True]


@DESIGNS
def test_right_design_passes(architecture: Architecture, inputs: int, tmp_path: Path) -> None:
    meant = small(inputs=inputs)
    assert check(meant, meant, architecture, tmp_path).passed


@DESIGNS
@pytest.mark.parametrize("fault", [weight, bias, shift, rounding, saturation])
def test_arithmetic_fault(
    fault: Callable[[dict[str, Any]], None],
    architecture: Architecture,
    inputs: int,
    tmp_path: Path,
) -> None:
    meant = small(inputs=inputs)
    result = check(changed(meant, fault), meant, architecture, tmp_path)
    assert not result.passed
    assert result.mismatches > 0
    assert result.first_mismatch is not None


def newer(inputs: int) -> Network:
    """:func:`small` with a key of version 2 of every kind."""
    content = small(inputs=inputs).model_dump()
    hidden = content["layers"][0]
    hidden |= {"weight_shift": 1, "dropped_bits": [i % 2 for i in range(inputs)]}
    hidden["output"] |= {"multiplier": [5, 11, 7], "shift": 7, "bits": [4, 5, 3]}
    content["layers"][1]["output"] = rescale(
        3, True, 0, thresholds=[[-40, -9, 3, 8], [-5, 0, 5, 60]]
    )
    return parse_network({**content, "version": 2})


def weight_shift(layers: list[dict[str, Any]]) -> None:
    layers[0]["weight_shift"] = 0


def dropped_bit(layers: list[dict[str, Any]]) -> None:
    layers[0]["dropped_bits"][1] = 0


def multiplier(layers: list[dict[str, Any]]) -> None:
    layers[0]["output"]["multiplier"][1] += 1


def own_shift(layers: list[dict[str, Any]]) -> None:
    layers[0]["output"]["shift"] += 1


def own_bits(layers: list[dict[str, Any]]) -> None:
    layers[0]["output"]["bits"][2] -= 1


def threshold(layers: list[dict[str, Any]]) -> None:
    layers[1]["output"]["thresholds"][0][2] += 1


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
@pytest.mark.parametrize(
    "fault", [weight_shift, dropped_bit, multiplier, own_shift, own_bits, threshold]
)
def test_fault_of_version_2(
    fault: Callable[[list[dict[str, Any]]], None], architecture: Architecture, tmp_path: Path
) -> None:
    meant = newer(3)
    content = meant.model_dump()
    fault(content["layers"])
    result = check(parse_network(content), meant, architecture, tmp_path)
    assert not result.passed
    assert result.mismatches > 0


@DESIGNS
def test_right_design_of_version_2_passes(
    architecture: Architecture, inputs: int, tmp_path: Path
) -> None:
    assert check(newer(inputs), newer(inputs), architecture, tmp_path).passed


class TheFirstWins(SerialArgmax):
    """Equals go before the one that should go before them."""

    def elaborate(self, platform: object) -> Module:
        self.wins = ~self.wins
        return super().elaborate(platform)


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
def test_argmax_tie(
    architecture: Architecture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meant = small("argmax")
    monkeypatch.setattr(Value, "__gt__", Value.__ge__)
    monkeypatch.setattr("hwgen.rtl.serial.top.SerialArgmax", TheFirstWins)
    manifest = generate(meant, architecture, tmp_path)
    monkeypatch.undo()
    result = simulate(manifest, meant)
    assert not result.passed
    assert result.mismatches > 0


@DESIGNS
def test_dropped_beat(architecture: Architecture, inputs: int, tmp_path: Path) -> None:
    meant = small(inputs=inputs)
    manifest = generate(meant, architecture, tmp_path)
    path = Path(manifest.verilog)
    lines = path.read_text().splitlines()
    [ready] = [i for i, line in enumerate(lines) if "assign s_axis_tready = " in line]
    lines[ready] = "  assign s_axis_tready = 1'h1;"
    path.write_text("\n".join(lines) + "\n")
    assert not simulate(manifest, meant).passed


@pytest.mark.parametrize("inputs", [3, 11])
@pytest.mark.parametrize("key", ["latency_cycles", "interval_cycles"])
def test_wrong_cycles(key: str, inputs: int, tmp_path: Path) -> None:
    meant = small(inputs=inputs)
    manifest = generate(meant, ARCHITECTURES[1], tmp_path)
    result = simulate(replace(manifest, **{key: getattr(manifest, key) + 1}), meant)
    assert not result.passed
    assert key.partition("_")[0] in (result.failure or "")
