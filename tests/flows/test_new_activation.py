"""A new activation is one class: everything else takes it from the contract."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.rtl.generate import generate
from hwgen.rtl.parallel.family import Parallel
from hwgen.rtl.serial.family import Serial
from hwgen.sim.runner import run
from hwgen.sim.vectors import make_vectors
from hwgen.spec import activations, golden
from hwgen.spec.activations import Activation, Clip, Formula, Setting, Tabled, register
from hwgen.spec.arithmetic import Integers, Interval
from hwgen.spec.network import Network, json_schema, parse_network
from hwgen.support.errors import HwgenError
from hwgen.synth import open_library
from hwgen.synth.mapping.flow import synthesize
from hwgen.synth.prove.arithmetic import ArithmeticProof
from hwgen.synth.prove.decide import Decider
from tests.networks import dense, network, rescale


class Relu6(Clip):
    """A clip to 0..6."""

    name = "relu6"
    nonnegative = True
    low, high = 0.0, 6.0

    def describe(self, formula: Formula, at: Setting) -> None:
        formula.clip("active", 0, int(6 * 2**at.fraction))


class Softsign(Tabled):
    """``x / (1 + |x|)``."""

    name = "softsign"

    def function(self, x: float) -> float:
        return x / (1 + abs(x))

    def reach(self, fraction_bits: int) -> int:
        return 1 << (fraction_bits + 2)


class Shrink(Activation):
    """Towards 0 by 4 below -4, 0 in -4..0: it never falls, and is no clip."""

    name = "shrink"

    def compute(self, accumulators: Integers, at: Setting) -> Integers:
        return np.where(accumulators < 0, np.minimum(accumulators + 4, 0), accumulators)

    def describe(self, formula: Formula, at: Setting) -> None:
        value = formula.wire("wider", formula.value, formula.width + 4)
        less = f"({value} + {formula.constant(4)})"
        formula.wire("active", f"{value} >= 0 ? {value} : {less} > 0 ? 0 : {less}", formula.width)

    def real(self, values: Any, negative_shift: int | None = None) -> Any:
        return np.where(values < 0, np.minimum(values + 4, 0), values)

    def build(self, m: Any, name: str, value: Any, interval: Interval, at: Setting) -> Any:
        from amaranth.hdl import Mux, Signal

        if interval[0] >= 0:
            return value
        less = Signal(value.shape(), name=f"{name}_less")
        m.d.comb += less.eq(value + 4)
        return Mux(value[-1], Mux(less[-1], less, 0), value)


@pytest.fixture(params=[Relu6, Softsign, Shrink])
def toy(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Activation]:
    with monkeypatch.context() as patch:
        patch.setattr(activations, "_REGISTERED", dict(activations._REGISTERED))
        added = request.param()
        register(added)
        yield added


def with_it(name: str, **output: Any) -> Network:
    hidden = dense(
        [[3, -2, 1], [-4, 5, 2], [1, 1, -7]],
        [4, -3, -9],
        output=rescale(5, True, 3, **output),
        activation=name,
        weight_fraction_bits=4,
    )
    return network([hidden, dense([[1, -2, 3], [2, 1, -1]])], bits=6, signed=True)


@pytest.mark.parametrize("output", [{}, {"multiplier": [3, 5, 1], "rounding": "half_even"}])
def test_all_the_way(toy: Activation, output: dict[str, Any], tmp_path: Path) -> None:
    net = with_it(toy.name, **output)
    assert parse_network(net.model_dump()) == net
    assert f'"{toy.name}"' in json_schema()
    x = np.array([[v, 0, 0] for v in range(-32, 32)])
    (hidden, _) = golden.trace(net, x)
    assert len(set(hidden.outputs[:, 0].tolist())) > 4
    manifest = generate(net, Parallel(), tmp_path)
    vectors = make_vectors(net, count=60, seed=5)
    assert run(Path(manifest.verilog), manifest, vectors, seed=5).passed
    proof = ArithmeticProof(manifest=manifest, network=net, vectors=[])
    assert proof.run(Decider(time.monotonic() + 60), lambda _: None).status == "proved"
    if not output:
        library = open_library("ihp-sg13g2")
        report = synthesize(Path(manifest.verilog), manifest.top, library=library, out_dir=tmp_path)
        assert report.area_um2 > 0


def test_serial(toy: Activation, tmp_path: Path) -> None:
    net = with_it(toy.name)
    manifest = generate(net, Serial(macs=2), tmp_path)
    vectors = make_vectors(net, count=40, seed=5)
    assert run(Path(manifest.verilog), manifest, vectors, seed=5).passed


def test_wrong_formula_is_refuted(
    toy: Activation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checker says what it should be: a fault in the golden model does not pass with it."""
    net = with_it(toy.name)

    def wrong(self: Any, accumulators: Integers, at: Setting) -> Integers:
        return np.minimum(accumulators, 9)

    monkeypatch.setattr(type(toy), "compute", wrong)
    if isinstance(toy, Clip):
        monkeypatch.setattr(type(toy), "high", 0.5)
    elif isinstance(toy, Tabled):
        monkeypatch.setattr(
            type(toy), "describe", lambda self, formula, at: formula.clip("active", -3, 3)
        )
    manifest = generate(net, Parallel(), tmp_path)
    x = np.random.default_rng(1).integers(-32, 32, (200, 3)).tolist()
    proof = ArithmeticProof(manifest=manifest, network=net, vectors=x)
    assert proof.run(Decider(time.monotonic() + 30), lambda _: None).status != "proved"


def test_unknown_activation_is_refused() -> None:
    with pytest.raises(HwgenError, match=r"^activation: found 'gelu', there are none, relu, "):
        activations.activation("gelu")
    with pytest.raises(
        HwgenError, match=r'^layers\[0\]\.activation: found "gelu", must be "none", '
    ):
        with_it("gelu")


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(
        HwgenError, match=r"^activation 'relu': registered twice, names are unique$"
    ):
        register(activations.activation("relu"))


def test_no_hardware_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(activations, "_REGISTERED", dict(activations._REGISTERED))
    monkeypatch.delattr(Shrink, "build")
    register(Shrink())
    with pytest.raises(
        HwgenError, match=r"^layers\[0\]\.activation: 'shrink' has no hardware, a build is needed$"
    ):
        generate(with_it("shrink"), Parallel(), tmp_path)
