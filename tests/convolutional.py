"""Random convolutional networks: shapes, strides, padding, groups, pools, widths, roundings."""

from typing import Any

import numpy as np

from hwgen.spec.activations import Tabled, activations
from hwgen.spec.network import Network, parse_network

TABLES = {one.name for one in activations() if isinstance(one, Tabled)}
NAMES = [one.name for one in activations()]
Rng = np.random.Generator


def convolutional(seed: int, *, most: int = 6) -> Network:
    """A network over a map of at most ``most`` rows and columns; the same for the same seed."""
    rng = np.random.default_rng(seed)
    while True:
        shape = [int(rng.integers(1, 4)), *rng.integers(1, most + 1, rng.integers(1, 3)).tolist()]
        bits, signed = int(rng.integers(1, 9)), bool(rng.random() < 0.4)
        source: dict[str, Any] = {
            "features": int(np.prod(shape)),
            "bits": bits,
            "signed": signed,
            "fraction_bits": int(rng.integers(0, 4)),
            "shape": shape,
        }
        if rng.random() < 0.2:
            low = -(1 << bits - 1) if signed else 0
            source["zero_point"] = int(rng.integers(low, low + (1 << bits)))
        stack: list[dict[str, Any]] = []
        for _ in range(int(rng.integers(1, 4))):
            layer, after = _windowed(rng, shape, len(stack))
            if after is None:
                break
            stack.append(layer)
            shape = after
        for _ in range(int(rng.integers(0, 3)) if stack else 1):
            outputs = int(rng.integers(1, 5))
            stack.append(_weighted(rng, [outputs, int(np.prod(shape))], "dense", len(stack)))
            shape = [outputs]
        if rng.random() < 0.3 and stack[-1]["kind"] != "max_pool":
            stack[-1]["output"] = None
            if stack[-1].get("activation") in TABLES:
                stack[-1]["activation"] = "none"
        one = len(shape) == 1 or np.prod(shape[1:]) == 1
        kinds = [layer["kind"] for layer in stack]
        if any(name in ("max_pool",) for name in kinds[-1:]) and len(stack) > 1:
            stack[-2]["output"] = {**_output(rng, shape[0]), "bits": 4, "fraction_bits": 1}
        if stack[-1]["output"] if "output" in stack[-1] else None:
            for key in ("bits", "fraction_bits"):
                if isinstance(stack[-1]["output"][key], list):
                    stack[-1]["output"][key] = stack[-1]["output"][key][0]
        return parse_network(
            {
                "format": "hwgen-network",
                "version": 2,
                "name": f"random {seed}",
                "input": source,
                "layers": stack,
                "output": "argmax" if one and rng.random() < 0.5 else "values",
            }
        )


def _sizes(rng: Rng, shape: list[int]) -> tuple[list[int], list[int], list[int], list[int]] | None:
    """Kernel, stride, padding before and behind each dimension of a map; with room for them."""
    kernel = [int(rng.integers(1, 4)) for _ in shape[1:]]
    stride = [int(rng.choice([1, 1, 2, 3])) for _ in shape[1:]]
    before = [int(rng.integers(0, k)) for k in kernel]
    behind = [int(rng.integers(0, k - b)) for k, b in zip(kernel, before, strict=True)]
    sizes = [
        (size + b + a - k) // s + 1
        for size, k, s, b, a in zip(shape[1:], kernel, stride, before, behind, strict=True)
    ]
    return (kernel, stride, before, behind) if min(sizes) > 0 else None


def _after(shape: list[int], sizes: tuple[list[int], ...]) -> list[int]:
    return [
        (size + b + a - k) // s + 1
        for size, k, s, b, a in zip(shape[1:], *sizes, strict=True)
    ]


def _windowed(rng: Rng, shape: list[int], index: int) -> tuple[dict[str, Any], list[int] | None]:
    """A layer that slides over a map, and the map that it makes of it."""
    plane, sizes = len(shape) == 3, None
    for _ in range(20):
        sizes = sizes or _sizes(rng, shape)
    kind = rng.choice(["conv", "conv", "max_pool", "average_pool", "global_average_pool"])
    if sizes is None or (kind == "global_average_pool" and index == 0):
        return {}, None
    kernel, stride, before, behind = sizes
    if kind == "conv":
        groups = int(rng.choice([g for g in (1, 1, shape[0]) if shape[0] % g == 0]))
        outputs = groups * int(rng.integers(1, 4))
        weights = [outputs, shape[0] // groups, *kernel]
        layer = _weighted(rng, weights, "conv2d" if plane else "conv1d", index)
        layer["groups"] = groups
        layer["stride"] = stride if plane else stride[0]
        layer["padding"] = [*before, *behind]
        return layer, [outputs, *_after(shape, sizes)]
    layer = {"kind": str(kind), "name": f"pool{index}"}
    if kind == "global_average_pool":
        return {**layer, "output": _output(rng, shape[0])}, [shape[0], *([1] * len(shape[1:]))]
    layer["kernel"] = kernel if plane else kernel[0]
    if rng.random() < 0.5:
        layer["stride"] = stride if plane else stride[0]
    else:
        sizes = kernel, kernel, before, behind
    if kind == "max_pool" and rng.random() < 0.5:
        layer["padding"] = [*before, *behind]
    else:
        none = [0] * len(kernel)
        sizes = sizes[0], sizes[1], none, none
    if kind == "average_pool":
        layer["output"] = _output(rng, shape[0])
    after = _after(shape, sizes)
    return layer, [shape[0], *after] if min(after) > 0 else None


def _weighted(rng: Rng, shape: list[int], kind: str, index: int) -> dict[str, Any]:
    bits = int(rng.integers(1, 9))
    codes = rng.integers(-(1 << bits - 1), 1 << bits - 1, shape) * (rng.random(shape) < 0.8)
    layer: dict[str, Any] = {
        "kind": kind,
        "name": f"layer{index}",
        "weights": codes.tolist(),
        "weight_bits": bits,
        "weight_fraction_bits": int(rng.integers(0, 4)),
        "bias": rng.integers(-20, 21, shape[0]).tolist(),
        "activation": str(rng.choice(NAMES)),
        "output": _output(rng, shape[0]),
    }
    if bits <= 3 and rng.random() < 0.3:
        layer["codebook"], layer["codebook_bits"] = rng.integers(-32, 32, 1 << bits).tolist(), 6
        layer["weights"] = (codes & ((1 << bits) - 1)).tolist()
    if layer["activation"] == "leaky_relu":
        layer["negative_shift"] = int(rng.integers(0, 4))
    if rng.random() < 0.15:
        layer["accumulator_bits"], layer["accumulator_overflow"] = int(rng.integers(7, 12)), "wrap"
    if kind == "dense" and rng.random() < 0.2:
        layer["dropped_bits"] = rng.integers(0, 2, shape[1]).tolist()
    return layer


def _output(rng: Rng, channels: int) -> dict[str, Any]:
    own = rng.random() < 0.2
    output: dict[str, Any] = {
        "bits": rng.integers(1, 7, channels).tolist() if own else int(rng.integers(1, 9)),
        "signed": bool(rng.random() < 0.4),
        "fraction_bits": int(rng.integers(0, 4)),
        "rounding": str(rng.choice(["floor", "half_up", "half_even"])),
        "overflow": str(rng.choice(["saturate", "wrap"])),
    }
    if rng.random() < 0.3:
        output["multiplier"] = int(rng.integers(1, 40))
        output["shift"] = int(rng.integers(0, 8))
    return output
