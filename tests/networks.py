"""Random networks that reach into every corner of the network file."""

import itertools
import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

from hwgen.spec.activations import Tabled, activations
from hwgen.spec.network import Network, parse_network

WEIGHT_BITS = (1, 2, 3, 4, 5, 6, 7, 8, 16)
ACTIVATION_BITS = (1, 2, 3, 4, 5, 6, 7, 8, 16)
ACTIVATIONS = tuple(activation.name for activation in activations())
TABLES = tuple(one.name for one in activations() if isinstance(one, Tabled))


def dense(
    weights: list[list[int]],
    bias: list[int] | None = None,
    *,
    output: dict[str, Any] | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """A layer as it stands in a file, 8-bit weights without fraction unless ``settings`` differ."""
    return {
        "kind": "dense",
        "name": "layer",
        "weights": weights,
        "weight_bits": 8,
        "weight_fraction_bits": 0,
        "bias": [0] * len(weights) if bias is None else bias,
        "output": output,
        **settings,
    }


def rescale(bits: int, signed: bool, fraction_bits: int, **settings: Any) -> dict[str, Any]:
    """An output format as it stands in a file; half_up and saturate unless ``settings`` differ."""
    return {
        "bits": bits,
        "signed": signed,
        "fraction_bits": fraction_bits,
        "rounding": "half_up",
        "overflow": "saturate",
        **settings,
    }


def network(
    layers: list[dict[str, Any]],
    *,
    output: str = "values",
    bits: int = 4,
    signed: bool = False,
    fraction_bits: int = 0,
    name: str = "net",
    shape: list[int] | None = None,
) -> Network:
    """A network of ``layers``; the input's features follow from its ``shape``, or the first."""
    first = layers[0]["weights"][0]
    return parse_network(
        {
            "format": "hwgen-network",
            "version": 2,  # becomes 1 where nothing of version 2 is used
            "name": name,
            "input": {
                "features": math.prod(shape) if shape else len(first),
                **({"shape": shape} if shape else {}),
                "bits": bits,
                "signed": signed,
                "fraction_bits": fraction_bits,
            },
            "layers": layers,
            "output": output,
        }
    )


@st.composite
def layers(
    draw: st.DrawFn,
    inputs: int,
    outputs: int,
    last: bool,
    wide: bool = False,
    most_dropped: list[int] | None = None,
) -> dict[str, Any]:
    """A layer of any kind; ``wide`` reaches past int64.

    ``most_dropped`` are bits that can be dropped of each input; with None nothing is of version 2.
    """
    bits = draw(st.sampled_from((*WEIGHT_BITS, 32) if wide else WEIGHT_BITS))
    codebook = draw(st.booleans()) if bits <= 4 else False
    codes = (
        st.integers(0, 2**bits - 1)
        if codebook
        else st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    )
    codes |= st.just(0)
    settings: dict[str, Any] = {"weight_bits": bits}
    if codebook:
        values = st.integers(-128, 127)
        settings["codebook"] = draw(st.lists(values, min_size=2**bits, max_size=2**bits))
        settings["codebook_bits"] = 8
    fractions = st.integers(-64, 64) if wide else st.integers(-2, 6)
    per_output = st.lists(fractions, min_size=outputs, max_size=outputs)
    settings["weight_fraction_bits"] = draw(fractions | per_output)
    output = None
    if not last or draw(st.booleans()):
        output = rescale(
            draw(st.sampled_from((*ACTIVATION_BITS, 32) if wide else ACTIVATION_BITS)),
            draw(st.booleans()),
            draw(fractions),
            rounding=draw(st.sampled_from(("floor", "half_up", "half_even"))),
            overflow=draw(st.sampled_from(("saturate", "wrap"))),
        )
    allowed = [a for a in ACTIVATIONS if output or a not in TABLES]
    settings["activation"] = activation = draw(st.sampled_from(allowed))
    if activation in TABLES and output:
        output["fraction_bits"] = draw(st.integers(0, 6))
    if activation == "leaky_relu":
        settings["negative_shift"] = draw(st.integers(0, 64 if wide else 5))
    if draw(st.booleans()):
        settings["accumulator_bits"] = draw(st.integers(4, 128 if wide else 20))
        settings["accumulator_overflow"] = "wrap"
    if most_dropped is not None:
        settings |= draw(sums_of_version_2(outputs, most_dropped))
        if output:
            output |= draw(outputs_of_version_2(outputs, last, output, activation in TABLES))
    rows = st.lists(codes, min_size=inputs, max_size=inputs)
    weights = draw(st.lists(rows, min_size=outputs, max_size=outputs))
    limit = 2 ** (min(settings.get("accumulator_bits", 64 if wide else 10), 64) - 1) - 1
    bias = draw(st.lists(st.integers(-limit - 1, limit), min_size=outputs, max_size=outputs))
    return dense(weights, bias, output=output, name=f"l{inputs}", **settings)


@st.composite
def sums_of_version_2(draw: st.DrawFn, outputs: int, most_dropped: list[int]) -> dict[str, Any]:
    """Keys of a layer's sums that came with version 2."""
    settings: dict[str, Any] = {}
    if draw(st.booleans()):
        settings["weight_shift"] = draw(st.integers(0, 4))
    if draw(st.booleans()):
        row = st.tuples(*(st.integers(0, most) for most in most_dropped)).map(list)
        rows = st.lists(row, min_size=outputs, max_size=outputs)
        settings["dropped_bits"] = draw(row | rows)
    return settings


@st.composite
def outputs_of_version_2(
    draw: st.DrawFn, outputs: int, last: bool, output: dict[str, Any], table: bool
) -> dict[str, Any]:
    """Keys of an output format that came with version 2, or may be lists since."""

    def every(one: st.SearchStrategy[int]) -> st.SearchStrategy[list[int]]:
        return st.lists(one, min_size=outputs, max_size=outputs)

    settings: dict[str, Any] = {}
    if not last and draw(st.booleans()):
        settings["bits"] = draw(every(st.integers(1, min(8, output["bits"]))))
    if not last and draw(st.booleans()):
        settings["fraction_bits"] = draw(every(st.integers(0, 6) if table else st.integers(-2, 4)))
    if draw(st.booleans()):
        settings["scale"] = draw(st.floats(0.001, 1000))
    if not table and draw(st.integers(0, 3)) == 0:
        bits = settings.get("bits", output["bits"])
        steps = st.integers(-300, 300) | st.integers(-(2**20), 2**20)
        settings["thresholds"] = [
            sorted(draw(st.lists(steps, max_size=min(12, 2 ** (bits[j] if isinstance(bits, list)
                else bits) - 1)))) for j in range(outputs)
        ]  # fmt: skip
        return settings
    factors = st.integers(1, 40) | st.integers(1, 2**24)
    if draw(st.booleans()):
        settings["multiplier"] = draw(factors | every(factors))
    if draw(st.booleans()):
        shifts = st.integers(-2, 12) | st.integers(8, 30)
        settings["shift"] = draw(shifts | every(shifts))
    return settings


@st.composite
def networks(
    draw: st.DrawFn, max_width: int = 5, max_layers: int = 3, wide: bool = False
) -> Network:
    """A network of up to ``max_layers`` layers of up to ``max_width`` neurons.

    About half of them use what came with version 2 of the network file.
    """
    depth = draw(st.integers(1, max_layers))
    widths = draw(st.lists(st.integers(1, max_width), min_size=depth + 1, max_size=depth + 1))
    bits = draw(st.sampled_from((*ACTIVATION_BITS, 32) if wide else ACTIVATION_BITS))
    signed, newer = draw(st.booleans()), draw(st.booleans())
    most = [bits - signed] * widths[0]
    stack = []
    for index, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
        last = index == depth - 1
        layer = draw(layers(inputs, outputs, last, wide, most if newer else None))
        stack.append(layer)
        if not last:
            own = layer["output"]["bits"]
            own = own if isinstance(own, list) else [own] * outputs
            most = [one - layer["output"]["signed"] for one in own]
    return network(
        stack,
        output=draw(st.sampled_from(("values", "argmax"))),
        bits=bits,
        signed=signed,
        fraction_bits=draw(st.integers(-64, 64) if wide else st.integers(-2, 6)),
    )


def corner_and_random(net: Network, samples: int, seed: int) -> Any:
    """Input codes [samples, features]: all-min, all-max, then uniform and extreme mixtures."""
    rng = np.random.default_rng(seed)
    low, high = net.input.format.minimum, net.input.format.maximum
    shape = (samples, net.input.features)
    x = rng.integers(low, high + 1, shape)
    extremes = rng.choice([low, high], shape)
    x[samples // 2 :] = extremes[samples // 2 :]
    x[0], x[1] = low, high
    return x
