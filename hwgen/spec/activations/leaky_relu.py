"""``leaky_relu``: a slope of a power of two below zero."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hwgen.spec.activations.base import Activation, Floats, Formula, Setting
from hwgen.spec.arithmetic import Integers, Interval
from hwgen.spec.formats import signed_width

_DEFAULT_SLOPE = 0.01


class LeakyRelu(Activation):
    """``acc`` where ``acc >= 0``, else ``acc >> negative_shift`` (towards minus infinity)."""

    name = "leaky_relu"
    shifts = True
    homogeneous = True
    onnx = ("LeakyRelu",)

    def compute(self, accumulators: Integers, at: Setting) -> Integers:
        """As above."""
        shifted = accumulators >> (at.negative_shift or 0)
        return np.where(accumulators < 0, shifted, accumulators)

    def describe(self, formula: Formula, at: Setting) -> None:
        """A choice by the sign."""
        value = formula.value
        shifted = f"{value} >>> {at.negative_shift}"
        formula.wire("active", f"{value} < 0 ? {shifted} : {value}", formula.width)

    def build(self, m: Any, name: str, value: Any, interval: Interval, at: Setting) -> Any:
        """A choice by the sign bit, where there can be one."""
        from amaranth.hdl import Mux, Shape, Signal

        if interval[0] >= 0:
            return value
        width = signed_width(*self.interval(interval, at))
        leaky = Signal(Shape(width, True), name=f"{name}_leaky")
        m.d.comb += leaky.eq(Mux(value[-1], value.shift_right(at.negative_shift or 0), value))
        return leaky

    def real(self, values: Floats, negative_shift: int | None = None) -> Floats:
        """``x * 2^-negative_shift`` below zero."""
        return np.where(values < 0, np.ldexp(values, -(negative_shift or 0)), values)

    def from_onnx(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """``alpha`` must be a power of two, 1 at most."""
        slope = float(attributes.get("alpha", _DEFAULT_SLOPE))
        mantissa, exponent = np.frexp(slope)
        if mantissa != 0.5 or not 0 <= 1 - exponent <= 64:
            raise ValueError(f"slope {slope:.4g}, a power of two is needed")
        return {"negative_shift": int(1 - exponent)}
