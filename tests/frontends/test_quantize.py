"""Post-training quantization: cases done by hand, properties, determinism, refusals."""

from dataclasses import replace
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hwgen.frontends.quantize import (
    FloatLayer,
    FloatModel,
    Settings,
    accuracy,
    parse_format,
    quantize,
    run,
)
from hwgen.frontends.quantize.bounds import bounds
from hwgen.frontends.quantize.builder import Builder, LayerPlan, WidthPlan
from hwgen.frontends.quantize.codebooks import DRAWN, best_table, cheap_table, weighted_error
from hwgen.frontends.quantize.costs import costs, fixed_costs
from hwgen.frontends.quantize.equalize import centred, equalized
from hwgen.frontends.quantize.grids import FormatGrid, TableGrid
from hwgen.frontends.quantize.rounding import aim, round_weights
from hwgen.frontends.quantize.scales import choose_fraction, holding_fraction, real, rounding_error
from hwgen.frontends.quantize.splitting import blended, split
from hwgen.rtl.digits import digit_counts
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.parallel.estimate import parts as parallel_parts
from hwgen.rtl.serial import Serial
from hwgen.rtl.serial.estimate import parts as serial_parts
from hwgen.spec import golden
from hwgen.spec.data import quantize as quantize_values
from hwgen.spec.formats import Format, signed_width
from hwgen.spec.network import Network

NEAREST = Settings(rounding="nearest", bias_correction=False, equalize=False)


def task(seed: int = 0, hidden: int = 8, samples: int = 240) -> tuple[FloatModel, Any, Any]:
    """Three blobs in five dimensions, and a network that a least squares fit makes of them."""
    rng = np.random.default_rng(seed)
    y = np.arange(samples) % 3
    centres = np.array([[1, 4, 2, 3, 1], [4, 1, 3, 1, 2], [2, 3, 0, 4, 4]]) / 5
    x = np.clip(centres[y] + rng.normal(0, 0.13, (samples, 5)), 0, 1)
    first = FloatLayer(
        weights=rng.normal(0, 1, (hidden, 5)),
        bias=rng.normal(0, 0.3, hidden),
        activation="relu",
        name="hidden",
    )
    values = np.column_stack([first.activate(x @ first.weights.T + first.bias), np.ones(samples)])
    solved = np.linalg.lstsq(values, np.eye(3)[y], rcond=None)[0].T
    last = FloatLayer(weights=solved[:, :-1], bias=solved[:, -1], name="out")
    return FloatModel(layers=(first, last), name="blobs"), x, y


def one_layer(weights: Any, bias: Any, output: Any = "values", activation: Any = "none") -> Any:
    layer = FloatLayer(weights=np.array(weights), bias=np.array(bias), activation=activation)
    return FloatModel(layers=(layer,), output=output)


def test_by_hand() -> None:
    x = np.array([[0.0, 0.5], [1.0, 1.75], [0.25, 1.5]])
    model = one_layer([[1.5, -0.75], [0.25, 1.0]], [0.5, -1.25])
    network = quantize(model, x, settings=replace(NEAREST, weight_bits=4, activation_bits=3))
    (layer,) = network.layers
    assert (network.input.bits, network.input.signed, network.input.fraction_bits) == (3, False, 2)
    assert layer.weights == [[6, -3], [1, 4]]
    assert layer.weight_fraction_bits == 2
    assert layer.bias == [8, -20]
    assert layer.output is None
    np.testing.assert_array_equal(
        golden.infer(network, quantize_values(x, network.input.format)) / 16, model.infer(x)
    )


def test_relu_hands_on_an_unsigned_format() -> None:
    model, x, y = task()
    network = quantize(model, x, y, Settings(weight_bits=4, activation_bits=4))
    output = network.layers[0].output
    assert output is not None
    assert (output.bits, output.signed) == (4, False)
    assert network.input.signed is False


def test_widths_per_layer() -> None:
    model, x, y = task()
    found = quantize(model, x, y, Settings(weight_bits=(3, 5), activation_bits=(6,), input_bits=7))
    assert [layer.weight_bits for layer in found.layers] == [3, 5]
    assert (found.input.bits, found.layers[0].output.bits) == (7, 6)  # type: ignore[union-attr]


def test_scale_per_output() -> None:
    weights = [[0.9, 0.4], [0.01, -0.012]]
    hidden = FloatLayer(weights=np.array(weights), bias=np.zeros(2), activation="relu")
    last = FloatLayer(weights=np.array(weights), bias=np.zeros(2))
    model = FloatModel(layers=(hidden, last), output="values")
    x = np.random.default_rng(0).random((20, 2))
    network = quantize(model, x, settings=replace(NEAREST, weight_bits=4, per_output=True))
    first, second = network.layers[0].weight_fraction_bits, network.layers[1].weight_fraction_bits
    assert isinstance(first, list)
    assert first[1] - first[0] == 6
    assert isinstance(second, int)


@pytest.mark.parametrize(
    ("size", "bits", "signed", "fraction"),
    [(1.0, 8, True, 6), (0.99, 8, True, 7), (1.0, 4, False, 3), (15.4, 4, False, 0),
     (0, 4, True, 0), (100.0, 4, True, -4), (1e-30, 4, True, 40)],
)  # fmt: skip
def test_holding_fraction(size: float, bits: int, signed: bool, fraction: int) -> None:
    assert holding_fraction(size, bits, signed) == fraction


@given(
    st.lists(st.floats(-1e3, 1e3, allow_nan=False, width=32), min_size=1, max_size=30),
    st.integers(2, 10),
)
@settings(max_examples=60, deadline=None)
def test_within_half_a_step_where_nothing_is_clipped(values: list[float], bits: int) -> None:
    array = np.array(values)
    fraction = holding_fraction(float(np.abs(array).max()), bits, True)
    codes = quantize_values(array, Format(bits=bits, signed=True, fraction_bits=fraction))
    assert (np.abs(real(codes, fraction) - array) <= 2.0**-fraction / 2 + 1e-300).all()


@given(st.lists(st.floats(-8, 8), min_size=2, max_size=40), st.integers(2, 6), st.booleans())
@example([0.0, 2.0**-1040], 2, False)
@settings(max_examples=60, deadline=None)
def test_chosen_fraction_is_no_worse(values: list[float], bits: int, signed: bool) -> None:
    array = np.array(values)
    chosen = choose_fraction(array, bits, signed, "mse", 100)
    size = float(np.abs(array if signed else np.maximum(array, 0)).max())
    holding = holding_fraction(size, bits, signed)
    errors = [rounding_error(array, bits, signed, fraction) for fraction in (chosen, holding)]
    assert errors[0] <= errors[1]


def test_percentile_clips_the_rest() -> None:
    values = np.concatenate([np.linspace(0, 1, 999), [64.0]])
    assert choose_fraction(values, 8, False, "percentile", 99) == 8
    assert choose_fraction(values, 8, False, "percentile", 100) == 1


def test_bias_takes_up_the_mean_error() -> None:
    rng = np.random.default_rng(1)
    x = rng.random((200, 6))
    model = one_layer(rng.normal(0, 1, (3, 6)), [0.1, 0.2, 0.3])
    errors = []
    for correct in (False, True):
        chosen = replace(NEAREST, weight_bits=2, bias_correction=correct, validation_share=0.01)
        network = quantize(model, x, settings=chosen)
        outputs = golden.infer(network, quantize_values(x, network.input.format))
        fraction = network.output_range().fraction_bits
        errors.append(np.abs((real(outputs, fraction) - model.infer(x)).mean(axis=0)).max())
    assert errors[1] < 0.01 < errors[0]


def test_compensation_lowers_the_error_of_the_sums() -> None:
    rng = np.random.default_rng(2)
    x = rng.random((300, 12)) @ rng.random((12, 12))
    weights = rng.normal(0, 1, (8, 12))
    target = aim(weights, x[None], x[None], centred=True)
    fractions = np.full(8, 1)
    errors = {}
    for method in ("nearest", "compensated"):
        codes = round_weights(target, weights, fractions, FormatGrid(4), method)  # type: ignore[arg-type]
        errors[method] = target.errors(real(codes, 1)).sum()
    assert errors["compensated"] < 0.5 * errors["nearest"]


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_rounding_without_correlation_is_rounding_to_nearest(seed: int) -> None:
    weights = np.random.default_rng(seed).normal(0, 1, (3, 4))
    x = np.vstack([np.eye(4), -np.eye(4)])
    target = aim(weights, x[None], x[None], centred=True)
    wanted = np.full(3, 2)
    codes = round_weights(target, weights, wanted, FormatGrid(8), "compensated")
    np.testing.assert_array_equal(codes, np.rint(weights * 4))


def test_equalized_and_centred_models_decide_alike() -> None:
    model, x, _ = task()
    skewed = replace(
        model,
        layers=(replace(model.layers[0], weights=model.layers[0].weights * 16), model.layers[1]),
    )
    for form in (equalized(skewed), centred(skewed), equalized(centred(skewed))):
        np.testing.assert_array_equal(form.predict(x), skewed.predict(x))
    np.testing.assert_allclose(equalized(skewed).infer(x), skewed.infer(x))
    first, second = equalized(skewed).layers
    ratio = np.abs(second.weights).max(axis=0) / np.abs(first.weights).max(axis=1)
    assert ((ratio > 1 / 2.01) & (ratio < 2.01)).all()


@given(
    st.lists(st.integers(-7, 7), min_size=3, max_size=8),
    st.lists(st.floats(0.1, 4), min_size=8, max_size=8),
)
@settings(max_examples=40, deadline=None)
def test_codebook_is_the_best_one(points: list[int], importance: list[float]) -> None:
    values = np.array(points) + 0.25
    weight = np.array(importance[: len(points)])
    found = weighted_error(best_table(values, weight, 2, 4), values, weight)
    every = [
        weighted_error(TableGrid(np.unique(pair)), values, weight)
        for pair in combinations_with_replacement(range(-8, 8), 2)
    ]
    assert found == pytest.approx(min(every))


def test_cheap_codebook_has_fewer_digits() -> None:
    rng = np.random.default_rng(3)
    points = np.clip(rng.normal(0, 40, 400), -127, 127)
    weight = np.ones(400)
    best, cheap = best_table(points, weight, 16, 8), cheap_table(points, weight, 16, 8)
    assert weighted_error(cheap, points, weight) <= DRAWN * weighted_error(best, points, weight)
    digits = [int(digit_counts(table.snap(points)).sum()) for table in (best, cheap)]
    assert digits[1] < 0.9 * digits[0]


@pytest.mark.parametrize("kind", ["kmeans", "csd"])
def test_codebook_network(kind: Any) -> None:
    model, x, y = task()
    network = quantize(model, x, y, Settings(codebook=kind, activation_bits=6))
    for layer in network.layers:
        assert (layer.weight_bits, layer.codebook_bits) == (4, 8)
        assert len(layer.codebook or []) == 16
    assert accuracy(network, model, x, y).quantized > accuracy(network, model, x, y).float - 0.02


@pytest.mark.parametrize("bits", [7, 8, 10, 14])
@pytest.mark.parametrize("extra", [{}, {"per_output": True}, {"codebook": "kmeans"}])
def test_accumulators_stay_within_the_limit(bits: int, extra: dict[str, Any]) -> None:
    model, x, y = task()
    limit = Settings(accumulator_bits=bits, activation_bits=4, **extra)
    network = quantize(model, x, y, limit)
    assert_within(network, bits)


def assert_within(network: Network, bits: int) -> None:
    """Inputs that drive each neuron to both ends give accumulators that are reached and held."""
    layers = network.layers
    for index, layer in enumerate(layers):
        source = network.input_format(index)
        assert layer.accumulator_bits == bits
        weights = layer.weight_values
        ends = network.accumulator_intervals(index)
        high = np.where(weights > 0, source.maximum, source.minimum)
        low = np.where(weights > 0, source.minimum, source.maximum)
        for inputs, end in ((high, 1), (low, 0)):
            reached = np.diag(layer.accumulate(inputs)).tolist()
            assert reached == [interval[end] for interval in ends]
            assert max(signed_width(value, value) for value in reached) <= bits


def test_wider_accumulators_lose_less() -> None:
    model, x, y = task()
    errors = [
        run(model, x, y, Settings(accumulator_bits=bits, activation_bits=5)).score.error
        for bits in (7, 9, 12)
    ]
    assert errors[0] > errors[1] > errors[2]


def test_bounds_by_hand() -> None:
    x = np.array([[0, 0], [3, 3]])
    model = one_layer([[3.0, -2.0], [1.0, 1.0]], [1.0, 0.0])
    chosen = replace(NEAREST, accumulator_bits=8, weight_bits=3, input_format=parse_format("u2.0"))
    (found,) = bounds(quantize(model, x, settings=chosen))
    # 2^a = 2 * 2^(2+3-1-0) = 32: 6 bits hold 33 - 1, and a sign; 5 * 4 = 20; [-6 + 1, 9 + 1]
    assert (found.data_type, found.a2q, found.exact, found.slack) == (7, 6, 5, 3)


def test_costs_by_hand() -> None:
    model, x, y = task(hidden=4)
    network = quantize(model, x, y, Settings(weight_bits=(3, 5), activation_bits=6, input_bits=2))
    own = costs(network)
    assert own.weight_bits == 5 * 4 * 3 + 4 * 3 * 5
    assert own.activation_bits == 5 * 2 + 4 * 6
    assert own.multiplications == 5 * 4 * 3 * 2 + 4 * 3 * 5 * 6
    fixed = fixed_costs(network)
    assert (fixed.memory_bits, fixed.multiplications) == ((20 + 12 + 5 + 4) * 8, 32 * 64)
    assert own.saving(fixed)["memory"] == pytest.approx(1 - own.memory_bits / fixed.memory_bits)


def test_area_parts_by_hand() -> None:
    """Of 2-bit words x + 2 x - 2 y, three bits in each of two columns; four codes of 2 bits."""
    x = np.array([[0, 0], [3, 3]])
    model = one_layer([[3.0, -2.0], [1.0, 0.0]], [0.0, 0.0])
    chosen = replace(NEAREST, weight_bits=3, input_format=parse_format("u2.0"))
    network = quantize(model, x, settings=chosen)
    source = network.input.format
    assert parallel_parts(network.layers, source) == (2, 0, 5 + 3, 0)
    assert serial_parts(network.layers, source) == (4 * 2 + 2 * 1, 4 + 5, 6, 1)
    serial, parallel = (
        one.estimated_area(network.layers, source) for one in (Serial(), Parallel())
    )
    assert serial > parallel > 0


def test_search_keeps_the_budget() -> None:
    model, x, y = task()
    found = run(model, x, y, Settings(budget=0.02))
    assert found.score.loss <= 0.02
    saved = costs(found.network).saving(fixed_costs(found.network))
    assert saved["multiplications"] > 0.5
    assert saved["memory"] > 0.4


@pytest.mark.parametrize("goal", ["memory", "area"])
def test_search_for_other_costs(goal: Any) -> None:
    model, x, y = task(hidden=5)
    found = run(model, x, y, Settings(budget=0.03, minimize=goal, accumulator_bits=11))
    assert found.score.loss <= 0.03
    assert_within(found.network, 11)


def test_search_stays_below_given_widths() -> None:
    model, x, y = task()
    network = quantize(
        model, x, y, Settings(budget=0.05, weight_bits=5, activation_bits=5, input_bits=4)
    )
    assert all(layer.weight_bits <= 5 for layer in network.layers)
    assert network.input.bits <= 4


def test_builder_computes_the_golden_outputs() -> None:
    model, x, _ = task()
    for chosen in (Settings(per_output=True), Settings(codebook="csd")):
        builder = Builder(model, x, np.arange(100), chosen, tight=False)
        layers = tuple(LayerPlan(weight_bits=4, output_bits=5) for _ in model.layers)
        plan = WidthPlan(input_bits=4, layers=layers)
        network = builder.network(plan)
        codes = quantize_values(x, network.input.format)
        np.testing.assert_array_equal(builder.stages(plan)[-1].codes, golden.infer(network, codes))


@pytest.mark.parametrize(
    "chosen",
    [Settings(), Settings(budget=0.05), Settings(accumulator_bits=9, activation_bits=4),
     Settings(codebook="csd")],
    ids=["fixed", "search", "accumulator", "codebook"],
)  # fmt: skip
def test_same_seed_same_file(chosen: Settings) -> None:
    first, second = (quantize(*task(), chosen).to_json() for _ in range(2))
    assert first == second


def test_activations() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(0, 1, (100, 4))
    for activation in ("sigmoid", "tanh", "hard_tanh", "leaky_relu"):
        shift = 3 if activation == "leaky_relu" else None
        first = FloatLayer(
            weights=rng.normal(0, 1, (6, 4)),
            bias=np.zeros(6),
            activation=activation,  # type: ignore[arg-type]
            negative_shift=shift,
        )
        last = FloatLayer(
            weights=rng.normal(0, 1, (2, 6)), bias=np.ones(2), activation="sigmoid", name="out"
        )
        model = FloatModel(layers=(first, last), output="values")
        network = quantize(model, x, settings=Settings(weight_bits=10, activation_bits=10))
        outputs = golden.infer(network, quantize_values(x, network.input.format))
        fraction = network.output_range().fraction_bits
        assert np.abs(real(outputs, fraction) - model.infer(x)).max() < 0.02


def test_one_sigmoid_decides_between_two_classes() -> None:
    rng = np.random.default_rng(5)
    x = rng.random((100, 3))
    model = one_layer([[3.0, -2.0, 1.0]], [-0.9], output="argmax", activation="sigmoid")
    y = (model.infer(x)[:, 0] > 0.5).astype(int)
    network = quantize(model, x, y)
    assert network.layers[0].outputs == 2
    assert accuracy(network, model.as_classifier(), x, y).quantized > 0.97


def test_split_holds_out_of_each_class() -> None:
    y = np.repeat([0, 1, 2], [10, 20, 30])
    parts = split(y, 60, 0.3, seed=1)
    assert np.bincount(y[parts.validation]).tolist() == [3, 6, 9]
    assert not set(parts.calibration) & set(parts.validation)
    assert len(split(None, 2, 0.3, 0).calibration) >= 1


def test_blended_samples_lie_between() -> None:
    x = np.random.default_rng(0).random((50, 3))
    mixed = blended(x, 0)
    assert len(mixed) % 50 == 0
    assert (np.abs(mixed - np.tile(x, (len(mixed) // 50, 1))) <= 0.2).all()
