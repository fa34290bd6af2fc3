"""Models of any scale compute what their own executors compute, integer by integer."""

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator

from hwgen.frontends.onnx import final
from hwgen.frontends.onnx.convert import import_model
from hwgen.frontends.onnx.finish import Imported, ImportOptions
from hwgen.spec import golden
from hwgen.spec.data import quantize
from tests.fixtures import scaled
from tests.fixtures.graphs import Chain

FOLDER = Path(__file__).parents[1] / "fixtures" / "onnx" / "scaled"
MODELS = sorted(path.stem for path in FOLDER.glob("*.onnx"))
GRID = 16


def results(imported: Imported, x: Any) -> Any:
    """Classes, or real values of the golden outputs, for real inputs."""
    entry = imported.network.input
    real = x.reshape(len(x), -1)
    codes = quantize(real, entry.format, scale=entry.scale, zero_point=entry.zero_point)
    outputs = golden.predict(imported.network, np.clip(codes, *imported.codes or (None, None)))
    if imported.network.output == "argmax":
        return outputs
    return imported.scale * (outputs + imported.offset)


def quantized(imported: Imported) -> bool:
    """Whether the model's last values are codes, and not sums."""
    output = imported.network.layers[-1].output
    return output is not None and output.bits != 32


def check(imported: Imported, x: Any, y: Any) -> None:
    """Codes and classes are the same; sums have the same order, and nearly the same values."""
    given = results(imported, x)
    if imported.network.output == "argmax":
        assert np.array_equal(given, y)
    elif quantized(imported):
        assert np.abs(given - y).max() < 0.01 * imported.scale
    else:
        assert_same_class(given, y)
        assert np.abs(given - y).max() <= 0.13 * _step(imported)


def assert_same_class(given: Any, y: Any) -> None:
    """The largest is the same; what 32-bit floats cannot tell apart is equal."""
    chosen = np.take_along_axis(y, given.argmax(axis=1)[:, None], axis=1)[:, 0]
    assert (chosen >= y.max(axis=1) - 1e-6 * np.abs(y).max()).all()


def _step(imported: Imported) -> float:
    """What one step of a sum is worth, at its own scale."""
    layer = imported.network.layers[-1]
    factor: Any = 1 if layer.output is None else layer.output.multiplier
    shift = 0 if layer.output is None else layer.output.shift
    size = float(np.max(factor)) * 2.0 ** -(shift if isinstance(shift, int) else 0)
    return imported.scale * size * 2.0**layer.weight_shift


@pytest.mark.parametrize("name", MODELS)
def test_equals_the_models_executor(name: str) -> None:
    with np.load(FOLDER / f"{name}.npz") as archive:
        x, y = archive["x"].astype(np.float32) / GRID, archive["y"]
    assert len(x) >= 1_500
    imported = import_model(FOLDER / f"{name}.onnx")
    if name.endswith(("softmax", "jet")):  # a Softmax, left out
        assert_same_class(results(imported, x), y)
        assert any("left out" in note for note in imported.notes)
    else:
        check(imported, x, y)


def test_there_are_models() -> None:
    assert len(MODELS) >= 8


@pytest.mark.parametrize("seed", range(40))
def test_random_qdq(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    chain = scaled.random_qdq(rng)
    index = chain.nodes[-1].op_type == "ArgMax"
    path = chain.save(
        tmp_path / "m.onnx",
        output=TensorProto.INT64 if index else TensorProto.FLOAT,
        rank=1 if index else 2,
    )
    x = (rng.normal(0, 32, (1_500, 6)).round() / GRID).astype(np.float32)
    run: Any = ReferenceEvaluator(str(path)).run(None, {"x": x})
    y = run[0]
    check(import_model(path), x, y)


def test_decisions_alone_need_fewer_bits(tmp_path: Path) -> None:
    chain = scaled.random_qdq(np.random.default_rng(12))
    path = chain.save(tmp_path / "m.onnx")
    values = import_model(path).network.layers[-1].output
    classes = import_model(path, ImportOptions(output="argmax")).network.layers[-1].output
    assert values is not None
    assert classes is not None
    assert np.max(classes.multiplier) <= np.max(values.multiplier)


def wide_layer(path: Path) -> Imported:
    """A last layer of sums of 20 bits, a scale each."""
    rng, chain = np.random.default_rng(2), Chain((1, 24)).then_quant(np.float32(0.031), 8)
    own = (2.0 ** rng.uniform(-8, -6, (10, 1))).astype(np.float32)
    weights = chain.quant(chain.constant(rng.integers(-127, 128, (10, 24)) * own), own, 8)
    chain.then("Gemm", weights, chain.constant(rng.normal(0, 1, 10)), transB=1)
    return import_model(chain.save(path))


def test_comparisons_that_end_otherwise_are_counted(tmp_path: Path) -> None:
    """More pairs of sums than are gone through: those of some sums are, and none is passed over."""
    (note,) = (one for one in wide_layer(tmp_path / "m.onnx").notes if "several scales" in one)
    found = re.search(
        r"; ([\d,]+) of ([\d,]+) comparisons of sums end otherwise, all of them", note
    )
    assert found is not None, note
    wrong, of = (int(count.replace(",", "")) for count in found.groups())
    assert 0 < wrong < of / 100
    assert of > 1_000_000


@pytest.mark.parametrize("seed", range(20))
def test_ranks_of_biases_keep_every_comparison(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count, relu = int(rng.integers(1, 9)), bool(seed % 2)
    real = [Fraction(int(v), 1 << 12) for v in rng.integers(-30_000, 30_000, count)]
    real += [real[0] + 3] * int(rng.integers(2))  # a tie, where sums are 3 apart
    finer, bias = final._ranked_biases(real, relu)
    assert 1 << finer < 2 * (len(real) + relu)
    integers = rng.integers(-20, 20, (400, len(real)))
    exact = [[Fraction(int(a)) + b for a, b in zip(row, real, strict=True)] for row in integers]
    given = (integers << finer) + np.array(bias)
    if relu:
        exact = [[max(value, Fraction(0)) for value in row] for row in exact]
        given = np.maximum(given, 0)
    for own, row in zip(exact, given, strict=True):
        for i in range(len(real)):
            if relu:
                assert [value > own[i] for value in own] == (row > row[i]).tolist()
                assert [value == own[i] for value in own] == (row == row[i]).tolist()
            else:  # of equal ones the lower neuron wins
                assert [own[i] >= value for value in own[i:]] == (row[i] >= row[i:]).tolist()
