"""TensorFlow Lite models compute the integers of its reference kernels."""

import contextlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hwgen
from hwgen.flows.cli.main import run
from hwgen.frontends.importing import import_file
from hwgen.frontends.onnx.finish import Imported, ImportOptions
from hwgen.frontends.tflite import kernels
from hwgen.spec import golden
from hwgen.spec.data import quantize
from hwgen.support.errors import HwgenError

FOLDER = Path(__file__).parents[1] / "fixtures" / "tflite"
MODELS = sorted(path.stem for path in FOLDER.glob("*.npz"))


def codes_of(imported: Imported, x: Any) -> Any:
    """The network's input for that of the model."""
    entry = imported.network.input
    if x.ndim > 2 and entry.shape:  # channels last, and here first
        channels, *places = entry.shape
        x = np.moveaxis(x.reshape(len(x), *places, channels), -1, 1)
    x = x.reshape(len(x), -1)
    if x.dtype.kind == "f":
        return quantize(x, entry.format, scale=entry.scale, zero_point=entry.zero_point)
    low, _ = imported.codes or (0, 0)
    return x.astype(np.int64) - np.iinfo(x.dtype).min + low


@pytest.mark.parametrize("name", MODELS)
def test_equals_the_reference_kernels(name: str) -> None:
    with np.load(FOLDER / f"{name}.npz") as data:
        x, y = data["x"], data["y"]
    assert len(x) >= 1_500
    imported = import_file(FOLDER / f"{name}.tflite")
    given = golden.predict(imported.network, codes_of(imported, x))
    if name in ("softmax", "signal"):
        chosen = np.take_along_axis(y, given.argmax(axis=1)[:, None], axis=1)[:, 0]
        assert (chosen == y.max(axis=1)).all()
        assert any("left out" in note for note in imported.notes)
    elif y.dtype.kind == "f":
        assert np.abs(imported.scale * (given + imported.offset) - y).max() < 0.01 * imported.scale
    else:
        moved = given - y  # the same codes, which may be counted from elsewhere
        assert (moved == moved[0, 0]).all()


def test_there_are_models() -> None:
    assert len(MODELS) == 9


def doubled(value: int, factor: Fraction) -> int:
    """A product as gemmlowp defines it: rounded to its high half, then by the shift, half away."""
    multiplier, shift = kernels.multiplier_of(float(factor))
    exact = Fraction((value << max(shift, 0)) * multiplier, 1 << 31)
    high = int(exact + Fraction(1, 2)) if exact >= 0 else -int(-exact + Fraction(1, 2))
    if exact < 0 and (-exact + Fraction(1, 2)).denominator == 1:
        high += 1  # the nudge of negative products takes ties towards zero
    low = Fraction(high, 1 << max(-shift, 0))
    return int(abs(low) + Fraction(1, 2)) * (1 if low >= 0 else -1)


@pytest.mark.parametrize("factor", [0.75, 1.0, 1.5, 0.0021, 0.0371, 0.3, 5.3e-5, 2.0**-20])
def test_both_roundings(factor: float) -> None:
    rng = np.random.default_rng(1)
    values = np.concatenate([np.arange(-300, 300), rng.integers(-(1 << 20), 1 << 20, 300)])
    given = kernels.multiplied(values, factor)
    assert given.tolist() == [doubled(int(value), Fraction(factor)) for value in values]
    once = kernels.multiplied(values, factor, single=True)
    assert np.abs(once - given).max() <= 1
    multiplier, shift = kernels.multiplier_of(factor)
    exact = [Fraction(int(v) * multiplier) * Fraction(2) ** (shift - 31) for v in values]
    assert once.tolist() == [(value + Fraction(1, 2)).__floor__() for value in exact]


def test_single_rounding_is_a_multiplication() -> None:
    path = FOLDER / "relu.tflite"
    both = [import_file(path, ImportOptions(single_rounding=one)) for one in (False, True)]
    last = [imported.network.layers[-1].output for imported in both]
    assert [one is not None and one.thresholds is None for one in last] == [False, True]
    assert any("--single-rounding" in note for note in both[0].notes)
    with np.load(FOLDER / "relu.npz") as data:
        codes = codes_of(both[0], data["x"])
    real = [
        one.scale * (golden.predict(one.network, codes) + one.offset) / one.scale for one in both
    ]
    assert np.abs(real[0] - real[1]).max() < 2.5
    assert (np.abs(real[0] - real[1]) < 0.5).mean() > 0.95


def test_python_and_command_line_give_the_same(tmp_path: Path) -> None:
    path, out = FOLDER / "softmax.tflite", tmp_path / "n.json"
    net = hwgen.from_tflite(path, name="n", single_rounding=True)
    assert run(["import", str(path), "-o", str(out), "--name", "n", "--single-rounding"]) == 0
    assert hwgen.load(out).sha256() == net.sha256()


@pytest.mark.parametrize("name", ["float", "dynamic"])
def test_what_is_no_integer_model(name: str) -> None:
    with pytest.raises(HwgenError, match=r"FULLY_CONNECTED .*representative_dataset"):
        import_file(FOLDER / f"{name}.tflite")


@pytest.mark.parametrize("seed", range(30))
def test_damaged_files(seed: int, tmp_path: Path) -> None:
    rng, path = np.random.default_rng(seed), tmp_path / "m.tflite"
    content = bytearray((FOLDER / "relu.tflite").read_bytes())
    for place in rng.integers(8, len(content), 12):
        content[place] = int(rng.integers(256))
    path.write_bytes(bytes(content[: len(content) - int(rng.integers(0, 300))]))
    with contextlib.suppress(HwgenError):
        import_file(path)


@pytest.mark.parametrize("content", [b"", b"TFL3TFL3", b"\x1c\0\0\0TFL3" + bytes(40)])
def test_other_files(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(content)
    with pytest.raises(HwgenError, match=r"m\.tflite: "):
        import_file(path)
