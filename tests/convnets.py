"""Random networks of convolutions, pools and dense layers; small, and from every corner."""

import math
from typing import Any

import numpy as np

from hwgen.spec.network import Network, parse_network
from tests.networks import rescale

ROUNDINGS = ("floor", "half_up", "half_even")
ACTIVATIONS = ("none", "relu", "relu", "leaky_relu", "hard_tanh", "sigmoid", "tanh")
POOLS = ("max_pool", "average_pool", "global_average_pool")


def random_network(rng: np.random.Generator, *, most: int = 4, tables: bool = True) -> Network:
    """A network of up to ``most`` layers over a map of either number of dimensions.

    With ``tables`` some activations are looked up.
    """
    plane = bool(rng.integers(2))
    shape = [int(rng.integers(1, 4)), *(int(n) for n in rng.integers(3, 7, 1 + plane))]
    bits, signed = int(rng.integers(1, 9)), bool(rng.integers(2))
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    source = {
        "features": math.prod(shape),
        "bits": bits,
        "signed": signed,
        "fraction_bits": int(rng.integers(0, 5)),
        "shape": shape,
        "zero_point": int(rng.integers(low, high + 1)) if rng.integers(3) == 0 else 0,
    }
    layers: list[dict[str, Any]] = []
    count = int(rng.integers(1, most + 1))
    alike = True  # all channels have one format
    for index in range(count):
        last = index == count - 1
        kind = str(rng.choice(["conv", "conv", *POOLS, "dense"]))
        if kind == "dense":
            outputs, more = int(rng.integers(1, 5)), bool(rng.integers(2))
            sizes = [[outputs, math.prod(shape)], [2, outputs]][: 1 + more]
            for place, (rows, inputs) in enumerate(sizes):
                ends = place == len(sizes) - 1
                layers.append({"kind": "dense", **_weighted(rng, rows, [inputs], ends, tables)})
            break
        if kind == "conv":
            layer, shape = _convolution(rng, shape, last, tables)
        else:
            if kind == "max_pool" and last and not alike:
                kind = "global_average_pool"
            layer, shape = _pool(rng, kind, shape, last)
        layers.append(layer)
        if kind != "max_pool":
            output = layer["output"] or {}
            lists = (output.get("bits"), output.get("fraction_bits"))
            alike = not any(isinstance(one, list) for one in lists)
    return parse_network(
        {
            "format": "hwgen-network",
            "version": 2,
            "name": "random",
            "input": source,
            "layers": layers,
            "output": "argmax" if rng.integers(2) else "values",
        }
    )


def _slides(
    rng: np.random.Generator, sizes: list[int], padded: bool
) -> tuple[list[int], list[int], list[int], list[int]]:
    """Kernel, stride, padding, and how many windows there are in each direction."""
    kernel, stride, before, behind, counts = [], [], [], [], []
    for size in sizes:
        window = int(rng.integers(1, min(size, 3) + 1))
        step = int(rng.integers(1, 4))
        ends = [int(n) for n in rng.integers(0, window, 2)] if padded else [0, 0]
        kernel.append(window)
        stride.append(step)
        before.append(ends[0])
        behind.append(ends[1])
        counts.append((size + sum(ends) - window) // step + 1)
    return kernel, stride, [*before, *behind], counts


def _convolution(
    rng: np.random.Generator, shape: list[int], last: bool, tables: bool
) -> tuple[dict[str, Any], list[int]]:
    kernel, stride, padding, counts = _slides(rng, shape[1:], bool(rng.integers(2)))
    groups = int(rng.choice([n for n in range(1, shape[0] + 1) if shape[0] % n == 0]))
    outputs = groups * int(rng.integers(1, 3))
    layer = {
        "kind": "conv2d" if len(shape) == 3 else "conv1d",
        "stride": stride if len(shape) == 3 else stride[0],
        "padding": padding,
        "groups": groups,
        **_weighted(rng, outputs, [shape[0] // groups, *kernel], last, tables),
    }
    return layer, [outputs, *counts]


def _pool(
    rng: np.random.Generator, kind: str, shape: list[int], last: bool
) -> tuple[dict[str, Any], list[int]]:
    layer: dict[str, Any] = {"kind": kind, "name": kind}
    kernel, stride, padding, counts = _slides(rng, shape[1:], kind == "max_pool")
    if kind == "global_average_pool":
        kernel, counts = shape[1:], [1] * len(shape[1:])
    else:
        layer["kernel"] = kernel if len(shape) == 3 else kernel[0]
        layer["stride"] = stride if len(shape) == 3 else stride[0]
    if kind == "max_pool":
        layer["padding"] = padding
    else:
        layer["output"] = _output(rng, shape[0], last, math.prod(kernel) << 4, "none")
    return layer, [shape[0], *counts]


def _weighted(
    rng: np.random.Generator, outputs: int, sizes: list[int], last: bool, tables: bool
) -> dict[str, Any]:
    bits = int(rng.integers(1, 9))
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    activation = str(rng.choice(ACTIVATIONS[: 7 if tables else 5]))
    layer: dict[str, Any] = {
        "name": "sums",
        "weights": rng.integers(low, high + 1, [outputs, *sizes]).tolist(),
        "weight_bits": bits,
        "weight_fraction_bits": int(rng.integers(0, 5)),
        "bias": rng.integers(-200, 200, outputs).tolist(),
        "activation": activation,
    }
    if bits <= 3 and rng.integers(2):
        layer["codebook"] = rng.integers(-8, 8, 1 << bits).tolist()
        layer["codebook_bits"] = 4
    if rng.integers(4) == 0:
        layer["weight_fraction_bits"] = rng.integers(0, 5, outputs).tolist()
    if rng.integers(4) == 0:
        layer["weight_shift"] = int(rng.integers(1, 4))
    if rng.integers(5) == 0:
        layer |= {"accumulator_bits": int(rng.integers(9, 14)), "accumulator_overflow": "wrap"}
    if activation == "leaky_relu":
        layer["negative_shift"] = int(rng.integers(0, 5))
    reach = math.prod(sizes) << (bits + 2)
    layer["output"] = _output(rng, outputs, last, reach, activation)
    return layer


def _output(
    rng: np.random.Generator, outputs: int, last: bool, reach: int, activation: str
) -> dict[str, Any] | None:
    """An output format for sums that are ``reach`` about."""
    tabled = activation in ("sigmoid", "tanh")
    if last and not tabled and rng.integers(2):
        return None
    bits = int(rng.integers(1, 9))
    output = rescale(
        bits,
        bool(rng.integers(2)),
        int(rng.integers(0, 5)),
        rounding=str(rng.choice(ROUNDINGS)),
        overflow=str(rng.choice(["saturate", "saturate", "wrap"])),
    )
    way = int(rng.integers(5))
    if way == 0 and not last:
        output["bits"] = rng.integers(1, 9, outputs).tolist()
        output["fraction_bits"] = rng.integers(0, 4, outputs).tolist()
    elif way == 1 and not tabled:
        steps = [rng.integers(-reach, reach, min(6, (1 << bits) - 1)) for _ in range(outputs)]
        output["thresholds"] = [sorted(one.tolist()) for one in steps]
        return output
    elif way == 2:
        output["multiplier"] = rng.integers(1, 40, outputs).tolist()
        output["shift"] = rng.integers(2, 12, outputs).tolist()
    if not isinstance(output["bits"], list) and way != 2 and rng.integers(2):
        output["shift"] = max(0, reach.bit_length() - bits)
    return output
