"""The arithmetic contract a second time: real numbers as exact fractions, one value at a time.

Written from the formulas alone, and slow on purpose; it shares no code with :mod:`hwgen`.
"""

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
    fraction = network["input"]["fraction_bits"]
    for layer in network["layers"]:
        x = [neuron(layer, j, x, fraction) for j in range(len(layer["weights"]))]
        fraction = layer["output"] and layer["output"]["fraction_bits"]
    return x


def neuron(layer: dict[str, Any], j: int, x: list[int], fraction: int) -> int:
    own = layer["weight_fraction_bits"]
    weight_unit = two_to(-(own[j] if isinstance(own, list) else own))
    unit = weight_unit * two_to(-fraction)
    total = layer["bias"][j] * unit
    for code, value in zip(layer["weights"][j], x, strict=True):
        total += weight(layer, code) * weight_unit * (value * two_to(-fraction))
    if layer["accumulator_overflow"] == "wrap":
        total = wrapped(integer(total / unit), layer["accumulator_bits"], True) * unit
    total = activated(layer, total, unit)
    output = layer["output"]
    if output is None:
        return integer(total / unit)
    scaled = total / two_to(-output["fraction_bits"])
    rounded = {
        "floor": lambda: math.floor(scaled),
        "half_up": lambda: math.floor(scaled + Fraction(1, 2)),
        "half_even": lambda: round(scaled),
    }[output["rounding"]]()
    if layer["activation"] in ("sigmoid", "tanh"):
        rounded = curve(layer["activation"], rounded, output["fraction_bits"])
    elif output["overflow"] == "wrap":
        return wrapped(rounded, output["bits"], output["signed"])
    low = -(2 ** (output["bits"] - 1)) if output["signed"] else 0
    high = low + 2 ** output["bits"] - 1
    return min(max(rounded, low), high)


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
