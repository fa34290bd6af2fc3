"""Chains of dense layers, ReLUs and fixed-point quantizers, compiled into layers of integers.

Every number is an integer times a power of two, so nothing is approximated: intervals say which
formats hold what, and a quantizer becomes a rescale of every neuron by itself.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from hwgen.frontends import exact
from hwgen.frontends.keras.fixedpoint import Quantizer
from hwgen.frontends.keras.formats import Code, Lane, Target, targets_of
from hwgen.frontends.onnx.problems import Report
from hwgen.spec.formats import signed_width
from hwgen.support.errors import HwgenError

_MOST_LEVELS = 1 << 12
_FLOAT_BITS = 24
_FAR = 1 << 200
_NATIVE = {"floor": "floor", "half_up": "half_up", "nearest": "half_even"}


@dataclass(frozen=True, kw_only=True)
class Dense:
    """``weights @ x + bias``.

    Parameters
    ----------
    weights
        [outputs][inputs], each an integer and its fraction bits.
    bias
        Exact values, one for each output.
    identity
        Only hands on what it reads.
    """

    name: str
    weights: list[list[Code]]
    bias: list[Fraction]
    identity: bool = False


@dataclass(frozen=True)
class Relu:
    """``max(x, 0)``."""


Step = Dense | Relu | Quantizer


@dataclass(frozen=True, kw_only=True)
class _Sum:
    """A dense layer whose sums are not yet quantized; accumulators are ``value * 2^fraction``."""

    name: str
    rows: list[list[int]]
    weight_fractions: list[int]
    finer: int
    fractions: list[int]
    bias: list[int]
    low: list[int]
    high: list[int]
    relu: bool = False
    identity: bool = False

    @property
    def ends(self) -> list[tuple[int, int]]:
        """Smallest and largest sum of each neuron, behind a ReLU."""
        pairs = zip(self.low, self.high, strict=True)
        return [(max(lo, 0), max(hi, 0)) if self.relu else (lo, hi) for lo, hi in pairs]


class Compiler:
    """Takes steps one by one.

    Parameters
    ----------
    lanes
        The network's inputs.

    Attributes
    ----------
    layers
        Of the network file.
    """

    def __init__(self, lanes: list[Lane], report: Report):
        self.layers: list[dict[str, Any]] = []
        self._lanes = lanes
        self._report = report
        self._sum: _Sum | None = None

    def add(self, step: Step) -> None:
        """Take one step.

        Raises
        ------
        HwgenError
            No layer can hold it.
        """
        if isinstance(step, Dense):
            if self._sum is not None:
                allowed = "an input quantizer (enable_iq) of each layer"
                raise HwgenError(step.name, "reads sums that are not quantized", allowed)
            self._sum = self._summed(step)
        elif isinstance(step, Relu):
            if self._sum is not None:
                self._sum = replace(self._sum, relu=True)
            elif any(lane.real_low < 0 for lane in self._lanes):
                self._sum = replace(self._summed(self._identity("relu")), relu=True)
        else:
            self._quantized(step)

    def finish(self) -> int:
        """End the network; its outputs' fraction bits."""
        if self._sum is None:
            out = self.layers[-1]["output"]
            lists = any(isinstance(out[key], list) for key in ("bits", "fraction_bits"))
            if not lists and not any(lane.offset for lane in self._lanes):
                return int(out["fraction_bits"])
            self._sum = self._summed(self._identity("outputs"))
        return self._last(self._sum)

    def _identity(self, name: str) -> Dense:
        size = len(self._lanes)
        rows = [[Code(int(i == j), 0) for i in range(size)] for j in range(size)]
        return Dense(name=name, weights=rows, bias=[Fraction(0)] * size, identity=True)

    def _summed(self, dense: Dense) -> _Sum:
        """Integer weights, at one step for each neuron, and biases."""
        lanes = self._lanes
        if len(dense.weights[0]) != len(lanes):
            found = f"{len(dense.weights[0])} inputs"
            raise HwgenError(dense.name, found, f"{len(lanes)}, as come in")
        rows, own, biases, most = [], [], [], 0
        finest = max(lane.fraction for lane in lanes)
        for codes, bias in zip(dense.weights, dense.bias, strict=True):
            read = [
                Code(0, 0) if lane.dead else code.reduced()
                for code, lane in zip(codes, lanes, strict=True)
            ]
            fraction = max((code.fraction for code in read if code.value), default=0)
            rows.append([code.at(fraction) for code in read])
            own.append(fraction)
            biases.append(bias + _offsets(rows[-1], fraction, lanes))
            most = max(most, biases[-1].denominator.bit_length() - 1 - fraction - finest)
        fractions = [fraction + finest + most for fraction in own]
        whole = [int(b * Fraction(2) ** f) for b, f in zip(biases, fractions, strict=True)]
        low, high = [], []
        for row, b in zip(rows, whole, strict=True):
            ends = [
                sorted(
                    (w << (finest - lane.fraction + most)) * end for end in (lane.low, lane.high)
                )
                for w, lane in zip(row, lanes, strict=True)
            ]
            low.append(b + sum(pair[0] for pair in ends))
            high.append(b + sum(pair[1] for pair in ends))
        self._say_floats(dense.name, max(map(abs, (*low, *high))), most)
        return _Sum(
            name=dense.name,
            rows=rows,
            weight_fractions=own,
            finer=most,
            fractions=fractions,
            bias=whole,
            low=low,
            high=high,
            identity=dense.identity,
        )

    def _say_floats(self, name: str, size: int, finer: int) -> None:
        if (size >> finer).bit_length() > _FLOAT_BITS:
            self._report.note(
                name,
                f"sums need up to {size.bit_length()} bits: 32-bit floats, of {_FLOAT_BITS}, may "
                "round those of the model; here they are exact",
            )

    def _quantized(self, by: Quantizer) -> None:
        if self._sum is None:
            if self._changes_nothing(by):
                return
            self._sum = self._summed(self._identity(by.who))
        total = self._sum
        targets = targets_of(by, total.ends, total.fractions, total.relu)
        if targets is None:  # wraps behind a ReLU: first without, then by a layer of its own
            wide = replace(
                by, wraps=False, low=by.low * 0 - (1 << 61), high=by.high * 0 + (1 << 61)
            )
            self._quantized(wide)
            self._quantized(by)
            return
        total = _adjusted(total, by, targets)
        layer = self._body(total)
        layer["output"] = _output(by, targets)
        if not all(target.native for target in targets) or by.mode not in _NATIVE:
            layer["output"]["thresholds"] = [
                _thresholds(by, total, target, j) for j, target in enumerate(targets)
            ]
            layer["output"] |= {"rounding": "floor", "overflow": "saturate"}
        self._lanes = [target.lane() for target in targets]
        self.layers.append(layer)
        self._sum = None

    def _changes_nothing(self, by: Quantizer) -> bool:
        """Whether codes as they come are those of ``by`` too."""
        own = by.spread((len(self._lanes),))
        for lane, low, high, fraction in zip(
            self._lanes, own.low.tolist(), own.high.tolist(), own.fraction.tolist(), strict=True
        ):
            step = Fraction(2) ** -fraction
            inside = low * step <= lane.real_low and lane.real_high <= high * step
            if not inside or (lane.fraction > fraction and lane.real_low != lane.real_high):
                return False
        return True

    def _body(self, total: _Sum) -> dict[str, Any]:
        flat = [w for row in total.rows for w in row]
        bits = signed_width(min(flat), max(flat))
        if bits > 32:
            allowed = "at most 32; fewer bits or places of the point nearer to each other"
            raise HwgenError(total.name, f"weights of {bits} bits at one step", allowed)
        if total.identity:
            size = len(total.rows)
            self._report.note(total.name, f"a layer of its own, of {size} x {size} weights")
        return {
            "kind": "dense",
            "name": total.name,
            "weights": total.rows,
            "weight_bits": bits if bits <= 16 else 32,
            "weight_fraction_bits": _one(total.weight_fractions),
            "weight_shift": total.finer,
            "bias": total.bias,
            "activation": "relu" if total.relu else "none",
        }

    def _last(self, total: _Sum) -> int:
        layer = self._body(total)
        finest = max(total.fractions)
        layer["output"] = None
        if len(set(total.fractions)) > 1:
            ends = [
                end << (finest - f)
                for pair, f in zip(total.ends, total.fractions, strict=True)
                for end in pair
            ]
            bits = signed_width(min(ends), max(ends))
            if bits > 32:
                raise HwgenError(total.name, f"sums of {bits} bits at one step", "at most 32")
            layer["output"] = {
                "bits": bits if bits <= 16 else 32,
                "signed": True,
                "fraction_bits": finest,
                "rounding": "floor",
                "overflow": "saturate",
            }
        self.layers.append(layer)
        return finest


def _offsets(row: list[int], fraction: int, lanes: list[Lane]) -> Fraction:
    """What constants behind codes add to a sum."""
    return sum(
        (w * Fraction(2) ** -(fraction + lane.fraction) * lane.offset)
        for w, lane in zip(row, lanes, strict=True)
    ) + Fraction(0)


def _adjusted(total: _Sum, by: Quantizer, targets: list[Target]) -> _Sum:
    """Sums that are 0 where codes always are, and less what is added behind their codes."""
    finer = 0
    for fraction, target in zip(total.fractions, targets, strict=True):
        if target.offset:
            finer = max(finer, target.fraction - fraction)
            if target.bits == 1 and by.mode == "nearest":
                raise HwgenError(by.who, "wraps one bit around", "SAT, or another rounding")
    bias, rows, low, high = [], [], [], []
    for j, target in enumerate(targets):
        fraction = total.fractions[j] + finer
        less = target.offset << max(0, fraction - target.fraction)
        bias.append(0 if target.dead else (total.bias[j] << finer) - less)
        rows.append([0] * len(total.rows[j]) if target.dead else total.rows[j])
        low.append(0 if target.dead else (total.low[j] << finer) - less)
        high.append(0 if target.dead else (total.high[j] << finer) - less)
    return replace(
        total,
        rows=rows,
        bias=bias,
        low=low,
        high=high,
        finer=total.finer + finer,
        fractions=[fraction + finer for fraction in total.fractions],
    )


def _output(by: Quantizer, targets: list[Target]) -> dict[str, Any]:
    return {
        "bits": _one([target.bits for target in targets]),
        "signed": targets[0].signed,
        "fraction_bits": _one([target.fraction for target in targets]),
        "rounding": _NATIVE.get(by.mode, "floor"),
        "overflow": "wrap" if by.wraps else "saturate",
    }


def _thresholds(by: Quantizer, total: _Sum, target: Target, j: int) -> list[int]:
    """The sums from which on each code is reached."""
    if by.wraps and not target.free:
        raise HwgenError(
            by.who, "wraps around with this rounding", "SAT, or one of RND, RND_CONV, TRN"
        )
    shift = Fraction(2) ** (total.fractions[j] - target.fraction)

    def reach(code: int) -> int:
        value, strict = exact.rounding_step(code, by.mode)
        if total.relu and (value < 0 or (value == 0 and not strict)):
            return -_FAR
        return exact.first_reaching(value * shift, strict)

    low, high = total.low[j], total.high[j]
    if target.high - target.low > _MOST_LEVELS:
        raise HwgenError(
            by.who,
            f"{target.high - target.low + 1:,} codes with such rounding or clipping",
            f"at most {_MOST_LEVELS:,}, or SAT with RND, RND_CONV or TRN",
        )
    steps = exact.steps_between(low, high, (target.low, target.high), reach)
    return [low] * (steps.first - target.minimum) + steps.at


def _one(values: list[int]) -> int | list[int]:
    return values[0] if len(set(values)) == 1 else values
