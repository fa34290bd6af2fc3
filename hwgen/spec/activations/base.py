"""What an activation has to say for itself: one class says it to every part of hwgen.

The three kinds are told apart by what hardware makes of them:

============================ ======================================================
:class:`Clip`                one clip, which merges with that of the output format
:class:`~.table.Tabled`      a table from the rescaled value to the output format
:class:`Activation` itself   anything else on the accumulator; it builds its own logic
============================ ======================================================
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from hwgen.spec.arithmetic import Integers, Interval
from hwgen.spec.formats import Format

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Where an activation stands.

    Parameters
    ----------
    fraction
        Fraction bits of the accumulator.
    negative_shift
        As in the network file; None but for activations with :attr:`Activation.shifts`.
    target
        The output format, or None where raw accumulators are handed on.
    """

    fraction: int
    negative_shift: int | None = None
    target: Format | None = None


class Formula(Protocol):
    """Verilog of one neuron in the checker, line by line; every wire is signed, and wide enough.

    ``value`` is the name of the last wire, ``width`` its bits.
    """

    value: str
    width: int

    def wire(self, name: str, expression: str, width: int) -> str:
        """A new wire of the signed ``expression``; its name, made unique in the layer."""

    def constant(self, value: int) -> str:
        """``value`` as a literal of the present width, which must hold it."""

    def clip(self, name: str, low: int, high: int) -> None:
        """A new wire: the present value clipped to ``low..high``; widens where that needs it."""


class Activation(ABC):
    """One activation: a function that never falls, from accumulators to accumulators.

    Members that are None, False or empty say that there is no such thing.

    Attributes
    ----------
    name
        In the network file.
    shifts
        It has the key ``negative_shift``.
    homogeneous
        ``f(2^k v) = 2^k f(v)``: powers of two move through it.
    nonnegative
        Its values are never negative.
    onnx
        Operators of ONNX that are this activation, with the attributes that
        :meth:`from_onnx` takes.
    """

    name: ClassVar[str]
    shifts: ClassVar[bool] = False
    homogeneous: ClassVar[bool] = False
    nonnegative: ClassVar[bool] = False
    onnx: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def compute(self, accumulators: Integers, at: Setting) -> Integers:
        """The golden model: integers at the accumulator's scale, in the shape of the argument."""

    @abstractmethod
    def describe(self, formula: Formula, at: Setting) -> None:
        """The checker: the same in Verilog, written from docs/arithmetic.md and nothing else.

        It must share no code with :meth:`compute`, which it is there to check.
        """

    @abstractmethod
    def real(self, values: Floats, negative_shift: int | None = None) -> Floats:
        """The function of real numbers that a float network computes; elementwise."""

    def build(self, m: Any, name: str, value: Any, interval: Interval, at: Setting) -> Any:
        """Hardware: an Amaranth value for ``value``, which lies in ``interval``.

        ``m`` is the module it goes into, ``name`` begins the names of its signals. The result's
        shape must hold :meth:`interval`. Amaranth is imported here, not by the file: a network is
        read and computed without it. Clips and tables need none.
        """
        raise NotImplementedError(self.name)

    def interval(self, accumulator: Interval, at: Setting) -> Interval:
        """Exact interval of the values for accumulators in ``accumulator``.

        The values at its ends, for the function never falls.
        """
        low, high = self.compute(np.array(accumulator, object), at).tolist()
        return low, high

    def from_onnx(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """Further keys of a layer (``negative_shift``) for an operator of :attr:`onnx`.

        Raises
        ------
        ValueError
            These attributes make another function of it; says what is there and what is needed.
        """
        return {}


class Clip(Activation):
    """An activation that clips: it commutes with every rounding and merges with saturation.

    Attributes
    ----------
    low, high
        Real values that it clips to; infinite where there is no such end.
    """

    low: ClassVar[float] = -math.inf
    high: ClassVar[float] = math.inf

    def bounds(self, at: Setting) -> tuple[int | None, int | None]:
        """The outermost integers within ``low..high`` at the accumulator's scale; None: no end."""
        one = Fraction(2) ** at.fraction
        bottom = None if math.isinf(self.low) else math.ceil(Fraction(self.low) * one)
        top = None if math.isinf(self.high) else math.floor(Fraction(self.high) * one)
        return bottom, top

    def compute(self, accumulators: Integers, at: Setting) -> Integers:
        """``min(max(acc, low), high)``."""
        low, high = self.bounds(at)
        clipped = accumulators if low is None else np.maximum(accumulators, low)
        return clipped if high is None else np.minimum(clipped, high)

    def real(self, values: Floats, negative_shift: int | None = None) -> Floats:
        """``min(max(x, low), high)``."""
        return np.clip(values, self.low, self.high)
