"""The arithmetic contract a second time: real numbers as exact fractions, one value at a time.

Written from the formulas alone, and slow on purpose; it shares no code with :mod:`hwgen`.
"""

import itertools
import math
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any


def predict(network: dict[str, Any], x: list[int]) -> int | list[int]:
    """The result of one sample for a network as it stands in its file."""
    outputs = infer(network, x)
    return outputs.index(max(outputs)) if network["output"] == "argmax" else outputs


def infer(network: dict[str, Any], x: list[int]) -> list[int]:
    """The last layer's integers for one sample."""
    fractions = [network["input"]["fraction_bits"]] * len(x)
    shape = network["input"].get("shape")
    zero = network["input"].get("zero_point", 0)
    for layer in network["layers"]:
        if layer["kind"] == "dense":
            x = [neuron(layer, j, x, fractions) for j in range(len(layer["weights"]))]
            fractions = [one_of(layer["output"] or {}, "fraction_bits", j) for j in range(len(x))]
        else:
            x, fractions, shape = slid(layer, x, fractions, shape, zero)
        zero = 0
    return x


def slid(
    layer: dict[str, Any], x: list[int], fractions: list[int], shape: list[int], zero: int
) -> tuple[list[int], list[int], list[int]]:
    """What a layer with windows hands on: values, fractions, shape.

    Each window becomes the input of a dense layer of one neuron.
    """
    channels, *sizes = shape
    kernel, stride, padding = window(layer, sizes)
    half = len(padding) // 2
    counts = [
        (size + padding[axis] + padding[axis + half] - kernel[axis]) // stride[axis] + 1
        for axis, size in enumerate(sizes)
    ]
    outputs = len(layer["weights"]) if "weights" in layer else channels
    results, finer = [], []
    for output in range(outputs):
        for place in itertools.product(*map(range, counts)):
            corner = [p * s - b for p, s, b in zip(place, stride, padding)]  # noqa: B905
            values, own = [], []
            for channel in seen_channels(layer, output, channels, outputs):
                for offset in itertools.product(*map(range, kernel)):
                    at = [a + b for a, b in zip(corner, offset, strict=True)]
                    inside = all(0 <= a < n for a, n in zip(at, sizes, strict=True))
                    flat = channel
                    for a, n in zip(at, sizes, strict=True):
                        flat = flat * n + a
                    values.append(x[flat] if inside else None)
                    own.append(fractions[channel * math.prod(sizes)])
            value, fraction = windowed(layer, output, values, own, zero, max(fractions))
            results.append(value)
            finer.append(fraction)
    return results, finer, [outputs, *counts]


def window(layer: dict[str, Any], sizes: list[int]) -> tuple[list[int], list[int], list[int]]:
    none = [0] * 2 * len(sizes)
    if layer["kind"] == "global_average_pool":
        return sizes, [1] * len(sizes), none
    if "weights" in layer:
        kernel, inner = [], layer["weights"][0][0]
        while isinstance(inner, list):
            kernel.append(len(inner))
            inner = inner[0]
    else:
        kernel = listed(layer["kernel"])
    stride = layer["stride"]
    return kernel, kernel if stride is None else listed(stride), layer.get("padding") or none


def listed(value: Any) -> list[int]:
    return value if isinstance(value, list) else [value]


def seen_channels(layer: dict[str, Any], output: int, channels: int, outputs: int) -> list[int]:
    if "weights" not in layer:
        return [output]
    group = output * layer["groups"] // outputs
    own = channels // layer["groups"]
    return list(range(group * own, (group + 1) * own))


def windowed(
    layer: dict[str, Any],
    output: int,
    values: list[Any],
    fractions: list[int],
    zero: int,
    finest: int,
) -> tuple[int, int]:
    """The value of one window, and its fraction; what is padded is None."""
    if layer["kind"] == "max_pool":
        return max(value for value in values if value is not None), fractions[0]
    filled = [zero if value is None else value for value in values]
    one = {"dropped_bits": None, **layer}
    if "weights" in layer:
        codes = layer["weights"][output]
        while isinstance(codes[0], list):
            codes = [code for row in codes for code in row]
    else:
        codes = [1] * len(values)
        one |= {"weight_fraction_bits": math.floor(math.log2(len(values))), "codebook": None}
        one |= {"accumulator_overflow": "error", "activation": "none"}
        one["bias"] = [0] * (output + 1)
    one["weights"] = [*[None] * output, codes]
    # the finest of all channels counts, whether the window sees it or not
    value = neuron(one, output, [*filled, 0], [*fractions, finest], [*codes, 0])
    return value, one_of(layer["output"] or {}, "fraction_bits", output)


def one_of(part: dict[str, Any], key: str, j: int, default: Any = None) -> Any:
    """The value of ``key`` for output j, where it may be a list."""
    value = part.get(key, default)
    return value[j] if isinstance(value, list) else value


def neuron(
    layer: dict[str, Any],
    j: int,
    x: list[int],
    fractions: list[int],
    codes: list[int] | None = None,
) -> int:
    weight_unit = two_to(-one_of(layer, "weight_fraction_bits", j))
    unit = weight_unit * two_to(-max(fractions) - layer.get("weight_shift", 0))
    total = layer["bias"][j] * unit
    for i, (code, value) in enumerate(zip(codes or layer["weights"][j], x, strict=True)):
        kept = without_low_bits(value, layer.get("dropped_bits"), j, i)
        total += weight(layer, code) * weight_unit * (kept * two_to(-fractions[i]))
    if layer["accumulator_overflow"] == "wrap":
        total = wrapped(integer(total / unit), layer["accumulator_bits"], True) * unit
    total = activated(layer, total, unit)
    output = layer["output"]
    if output is None:
        return integer(total / unit)
    bits, fraction = one_of(output, "bits", j), one_of(output, "fraction_bits", j)
    low = -(2 ** (bits - 1)) if output["signed"] else 0
    if "thresholds" in output:
        return low + sum(total >= t * unit for t in output["thresholds"][j])
    scaled = total / two_to(-fraction)
    if one_of(output, "shift", j) is not None:
        scaled = total / unit * two_to(-one_of(output, "shift", j))
    scaled *= one_of(output, "multiplier", j, 1)
    rounded = {
        "floor": lambda: math.floor(scaled),
        "half_up": lambda: math.floor(scaled + Fraction(1, 2)),
        "half_even": lambda: round(scaled),
    }[output["rounding"]]()
    if layer["activation"] in ("sigmoid", "tanh"):
        rounded = curve(layer["activation"], rounded, fraction)
    elif output["overflow"] == "wrap":
        return wrapped(rounded, bits, output["signed"])
    return min(max(rounded, low), low + 2**bits - 1)


def without_low_bits(value: int, dropped: Any, j: int, i: int) -> int:
    """``value`` rounded down to a multiple of 2^d."""
    if dropped is None:
        return value
    step = 2 ** (dropped[j][i] if isinstance(dropped[0], list) else dropped[i])
    return math.floor(Fraction(value, step)) * step


def weight(layer: dict[str, Any], code: int) -> int:
    book = layer["codebook"]
    return code if book is None else book[code % len(book)]


def activated(layer: dict[str, Any], total: Fraction, unit: Fraction) -> Fraction:
    if layer["activation"] == "relu":
        return max(total, Fraction(0))
    if layer["activation"] == "leaky_relu" and total < 0:
        return math.floor(total / unit / 2 ** layer["negative_shift"]) * unit
    if layer["activation"] == "hard_tanh" and abs(total) > 1:
        one = math.floor(1 / unit) * unit  # the largest multiple of the unit that is at most 1
        return one if total > 0 else -one
    return total


def curve(function: str, t: int, fraction: int) -> int:
    """f(t * 2**-fraction) * 2**fraction, half to even, to 60 digits."""
    with localcontext() as context:
        context.prec = 60
        x = max(Decimal(-100), min(Decimal(100), Decimal(t) / 2**fraction))
        y = 1 / (1 + (-x).exp()) if function == "sigmoid" else 1 - 2 / ((2 * x).exp() + 1)
        return round(Fraction(y) * 2**fraction)


def wrapped(value: int, bits: int, signed: bool) -> int:
    value %= 2**bits
    return value - 2**bits if signed and value >= 2 ** (bits - 1) else value


def integer(value: Fraction) -> int:
    assert value.denominator == 1
    return value.numerator


def two_to(exponent: int) -> Fraction:
    return Fraction(2) ** exponent
