"""Random networks that reach into every corner of the network file."""

import itertools
from typing import Any

import numpy as np
from hypothesis import strategies as st

from hwgen.spec.network import Network, parse_network

WEIGHT_BITS = (1, 2, 3, 4, 5, 6, 7, 8, 16)
ACTIVATION_BITS = (1, 2, 3, 4, 5, 6, 7, 8, 16)
ACTIVATIONS = ("none", "relu", "leaky_relu", "hard_tanh", "sigmoid", "tanh")


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
) -> Network:
    """A network of ``layers``; the input's features follow from the first."""
    return parse_network(
        {
            "format": "hwgen-network",
            "version": 1,
            "name": name,
            "input": {
                "features": len(layers[0]["weights"][0]),
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
    draw: st.DrawFn, inputs: int, outputs: int, last: bool, wide: bool = False
) -> dict[str, Any]:
    """A layer of any kind; ``wide`` reaches past int64."""
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
    allowed = [a for a in ACTIVATIONS if output or a not in ("sigmoid", "tanh")]
    settings["activation"] = activation = draw(st.sampled_from(allowed))
    if activation in ("sigmoid", "tanh") and output:
        output["fraction_bits"] = draw(st.integers(0, 6))
    if activation == "leaky_relu":
        settings["negative_shift"] = draw(st.integers(0, 64 if wide else 5))
    if draw(st.booleans()):
        settings["accumulator_bits"] = draw(st.integers(4, 128 if wide else 20))
        settings["accumulator_overflow"] = "wrap"
    rows = st.lists(codes, min_size=inputs, max_size=inputs)
    weights = draw(st.lists(rows, min_size=outputs, max_size=outputs))
    limit = 2 ** (min(settings.get("accumulator_bits", 64 if wide else 10), 64) - 1) - 1
    bias = draw(st.lists(st.integers(-limit - 1, limit), min_size=outputs, max_size=outputs))
    return dense(weights, bias, output=output, name=f"l{inputs}", **settings)


@st.composite
def networks(
    draw: st.DrawFn, max_width: int = 5, max_layers: int = 3, wide: bool = False
) -> Network:
    """A network of up to ``max_layers`` layers of up to ``max_width`` neurons."""
    depth = draw(st.integers(1, max_layers))
    widths = draw(st.lists(st.integers(1, max_width), min_size=depth + 1, max_size=depth + 1))
    stack = [
        draw(layers(inputs, outputs, last=index == depth - 1, wide=wide))
        for index, (inputs, outputs) in enumerate(itertools.pairwise(widths))
    ]
    return network(
        stack,
        output=draw(st.sampled_from(("values", "argmax"))),
        bits=draw(st.sampled_from((*ACTIVATION_BITS, 32) if wide else ACTIVATION_BITS)),
        signed=draw(st.booleans()),
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
